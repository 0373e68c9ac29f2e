//! The page: one object, because one read of it must never mix old and new.

use nixcast_schema::{Theme, option_path};
use serde_json::{Value, json};

use super::change::{Change, Fields};
use super::{Desired, DesiredLogo, Picture, Plan};
use crate::control::{Action, ObjectId, Observed, Page, Phase};

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let had = observed.page.as_ref();
    let mut want = desired.page.clone();
    let mut logo_base64 = None;
    match &desired.logo {
        DesiredLogo::BuiltIn => (),
        DesiredLogo::Picture(picture) | DesiredLogo::Held { last_good: Some(picture), .. } => {
            let Picture { logo, base64 } = picture;
            want.logo = Some(logo.clone());
            logo_base64 = Some(base64.clone());
        }
        // Without its bytes the shown picture can only be kept by leaving the whole page as it is.
        DesiredLogo::Held { last_good: None, .. } => {
            let shown = had.and_then(|had| had.logo.clone());
            let with_shown = Page { logo: shown, ..want.clone() };
            if had == Some(&with_shown) {
                want = with_shown;
            }
        }
    }
    if let DesiredLogo::Held { reason, .. } = &desired.logo {
        plan.hold(ObjectId::Page, reason.clone());
    }
    if let Some(change) = Change::between(ObjectId::Page, had.map(fields), Some(fields(&want))) {
        plan.push(Phase::Switch, Action::PutPage { page: want, logo_base64 }, change);
    }
}

fn fields(page: &Page) -> Fields {
    let Page {
        name,
        summary,
        tags,
        social_handles,
        offline_message,
        theme,
        logo,
        page_content,
        custom_css,
        custom_javascript,
        external_actions,
        search_indexing,
        show_viewer_count,
        autoplay,
        nsfw,
        public_url,
    } = page;
    let Theme { background, surface, text, muted_text, accent, accent_text, corner_radius } = theme;
    let logo = logo.as_ref().map(|logo| format!("{} {}", logo.media_type, logo.digest));
    let handles: Vec<Value> =
        social_handles.iter().map(|handle| json!(format!("{} {}", handle.platform, handle.url))).collect();
    let own = [
        ("name", json!(name)),
        ("summary", json!(summary)),
        ("logo", json!(logo)),
        ("tags", json!(tags)),
        ("socialHandles", Value::from(handles)),
        ("offlineMessage", json!(offline_message)),
        ("theme.background", json!(background)),
        ("theme.surface", json!(surface)),
        ("theme.text", json!(text)),
        ("theme.mutedText", json!(muted_text)),
        ("theme.accent", json!(accent)),
        ("theme.accentText", json!(accent_text)),
        ("theme.cornerRadius", json!(corner_radius)),
        ("pageContent", json!(page_content)),
        ("customCss", json!(custom_css)),
        ("customJavascript", json!(custom_javascript)),
        ("externalActions", json!(external_actions)),
        ("searchIndexing", json!(search_indexing)),
        ("showViewerCount", json!(show_viewer_count)),
        ("autoplay", json!(autoplay)),
        ("nsfw", json!(nsfw)),
    ]
    .map(|(leaf, value)| (format!("{}.{leaf}", ObjectId::Page), value));
    // The page's own address is drawn with the page, though the option stands beside it.
    own.into_iter().chain([(option_path(&["publicUrl"]), json!(public_url))]).collect()
}
