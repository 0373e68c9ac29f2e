//! Buttons that lead elsewhere: their markup, and their colours as rules of the page's style sheet, because
//! no attribute may carry a style. An open page follows the same rules in `agent/web/src/theme.ts`.

use std::fmt::Write;

use maud::{Markup, html};

use super::icon;
use super::theme::readable_on;
use crate::web::view::ActionView;

/// A box with an arrow out of it; as `outside` in `shapes.ts`.
const OUTSIDE: &str = "M14 4h5a1 1 0 0 1 1 1v5a1 1 0 1 1-2 0V7.4l-7.3 7.3a1 1 0 0 1-1.4-1.4L16.6 6H14a1 1 0 1 1 0-2zM6 \
    6h4a1 1 0 1 1 0 2H6v10h10v-4a1 1 0 1 1 2 0v4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2z";

/// As `Actions.svelte`, though all of them links: it takes the script to show a site over the page.
pub(super) fn actions(actions: &[ActionView]) -> Markup {
    html! {
        @if !actions.is_empty() {
            ul class="actions" aria-label="Actions" {
                @for action in actions {
                    li {
                        a class="action" href=(action.url) target="_blank" rel="noopener noreferrer"
                            title=[Some(&action.description).filter(|text| !text.is_empty())] {
                            bdi { (action.title) }
                            @if action.frame.is_none() { (icon(OUTSIDE)) }
                        }
                    }
                }
            }
        }
    }
}

/// The colours of those buttons that have one of their own.
#[must_use]
pub(super) fn actions_css(actions: &[ActionView]) -> String {
    let mut css = String::new();
    for (place, action) in (1..).zip(actions) {
        let Some(colour) = &action.colour else { continue };
        let (ground, text) = (opaque(colour), readable_on(colour));
        // Writing to a string cannot fail.
        let _ = writeln!(css, ".actions > :nth-child({place}) {{ --action: {ground}; --action-text: {text} }}");
    }
    css
}

/// A colour that lets something through is mixed with what its text is not, so that the text is readable whatever the
/// page's background.
fn opaque(colour: &str) -> String {
    let channel = |at: usize| colour.get(at..at + 2).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let share = channel(7).unwrap_or(255);
    let under = if readable_on(colour) == "#000000" { 255 } else { 0 };
    let mixed = |at: usize| (channel(at).unwrap_or(0) * share + under * (255 - share) + 127) / 255;
    format!("#{:02x}{:02x}{:02x}", mixed(1), mixed(3), mixed(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(title: &str, colour: Option<&str>, frame: Option<&str>) -> ActionView {
        ActionView {
            title: title.to_owned(),
            url: "https://a.example/?\"><script>".to_owned(),
            description: String::new(),
            colour: colour.map(str::to_owned),
            open_externally: frame.is_none(),
            frame: frame.map(str::to_owned),
        }
    }

    #[test]
    fn each_is_a_link_before_the_script_takes_over() {
        let all = [action("<Ask>", None, Some("/action/0?v=1")), action("Donate", None, None)];
        let html = actions(&all).into_string();
        assert_eq!(html.matches("<a class=\"action\"").count(), 2);
        assert_eq!(html.matches("<svg").count(), 1, "a site over the page has no arrow");
        assert!(!html.contains("<script") && html.contains("&lt;Ask&gt;"), "{html}");
        assert!(!html.contains("title="), "nothing is said where nothing is declared: {html}");
        assert_eq!(actions(&[]).into_string(), "");
    }

    #[test]
    fn a_button_in_a_colour_of_its_own_is_readable() {
        // The same as in theme.test.ts.
        for (colour, ground, text) in [
            ("#FFCC00", "#ffcc00", "#000000"),
            ("#123456", "#123456", "#ffffff"),
            ("#ffcc0080", "#ffe57f", "#000000"),
            ("#12345680", "#091a2b", "#ffffff"),
            ("#ffffff00", "#ffffff", "#000000"),
        ] {
            let css = actions_css(&[action("a", None, None), action("b", Some(colour), None)]);
            let expected = format!(".actions > :nth-child(2) {{ --action: {ground}; --action-text: {text} }}\n");
            assert_eq!(css, expected, "{colour}");
        }
    }
}
