//! Makes names that look alike the same, so that nobody poses as somebody else by a changed letter.
//!
//! Not Unicode's tables of compatibility and confusables, which weigh hundreds of kilobytes: the styled alphabets are
//! ranges of code points, and of single look-alikes there is a list, of those that read as Latin letters at a
//! glance. A name that gets past it reads as another name.

/// Letters and digits of `text`, in one spelling. Empty when it has neither: then the text as it is, in lower case.
pub(super) fn fold(text: &str) -> String {
    let plain: String = text.chars().map(unstyled).flat_map(char::to_lowercase).collect();
    let folded: String = plain.chars().map(look_alike).filter(|char| char.is_alphanumeric()).collect();
    if folded.is_empty() { plain } else { folded.replace("rn", "m").replace("vv", "w") }
}

/// Letters and digits in another style: full width, mathematical, in circles and squares.
fn unstyled(char: char) -> char {
    const LETTERS: u32 = 26;
    let code = u32::from(char);
    let letter = |first: u32, base: char| char::from_u32(u32::from(base) + (code - first) % LETTERS).unwrap_or(char);
    match code {
        0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(char),
        // Fourteen styles, capitals and small letters in turn.
        0x1_D400..=0x1_D6A3 => letter(0x1_D400, 'a'),
        0x1_D7CE..=0x1_D7FF => char::from_u32(u32::from('0') + (code - 0x1_D7CE) % 10).unwrap_or(char),
        0x24B6..=0x24E9 => letter(0x24B6, 'a'),
        0x249C..=0x24B5 => letter(0x249C, 'a'),
        0x1_F110..=0x1_F129 => letter(0x1_F110, 'a'),
        0x1_F130..=0x1_F149 => letter(0x1_F130, 'a'),
        0x1_F150..=0x1_F169 => letter(0x1_F150, 'a'),
        0x1_F170..=0x1_F189 => letter(0x1_F170, 'a'),
        0x1_F1E6..=0x1_F1FF => letter(0x1_F1E6, 'a'),
        0x2460..=0x2468 => char::from_u32(u32::from('1') + (code - 0x2460)).unwrap_or(char),
        0xFB01 => 'i',
        _ => char,
    }
}

/// The Latin letter that a small letter, digit or sign is taken for. Marks above and below letters fall away: the loose
/// ones are no letters.
const fn look_alike(char: char) -> char {
    match char {
        // Digits and signs. l, I, 1 and | are one.
        '0' => 'o',
        '1' | 'l' | '|' | '!' | 'ǀ' | '¡' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        // Latin letters with marks, and odd ones.
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ɑ' | 'ᴀ' | 'ạ' | 'ả' => 'a',
        'ʙ' => 'b',
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' | 'ᴄ' => 'c',
        'ð' | 'ď' | 'đ' | 'ᴅ' | 'ɖ' | 'ɗ' => 'd',
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ᴇ' | 'ẹ' | 'ẻ' | 'ẽ' => 'e',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' | 'ɡ' => 'g',
        'ĥ' | 'ħ' | 'ʜ' => 'h',
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'ɩ' | 'ɪ' | 'ị' | 'ĺ' | 'ļ' | 'ľ' | 'ł' | 'ʟ' => 'i',
        'ĵ' | 'ȷ' | 'ᴊ' => 'j',
        'ķ' | 'ᴋ' => 'k',
        'ᴍ' => 'm',
        'ñ' | 'ń' | 'ņ' | 'ň' | 'ɴ' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'ᴏ' | 'ọ' | 'ỏ' => 'o',
        'ᴘ' => 'p',
        'ŕ' | 'ŗ' | 'ř' | 'ʀ' => 'r',
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' | 'ꜱ' => 's',
        'ţ' | 'ť' | 'ŧ' | 'ț' | 'ᴛ' => 't',
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'ᴜ' => 'u',
        'ᴠ' => 'v',
        'ŵ' | 'ᴡ' => 'w',
        'ý' | 'ÿ' | 'ŷ' | 'ʏ' => 'y',
        'ź' | 'ż' | 'ž' | 'ᴢ' => 'z',
        // Cyrillic.
        'а' => 'a',
        'в' | 'ь' => 'b',
        'с' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'є' => 'e',
        'һ' | 'н' => 'h',
        'і' | 'ї' | 'ӏ' => 'i',
        'ј' => 'j',
        'к' => 'k',
        'м' => 'm',
        'п' => 'n',
        'о' => 'o',
        'р' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' => 's',
        'т' => 't',
        'ѵ' => 'v',
        'ԝ' | 'ш' => 'w',
        'х' => 'x',
        'у' => 'y',
        // Greek and Armenian.
        'α' | 'ά' => 'a',
        'β' => 'b',
        'ε' | 'έ' => 'e',
        'η' | 'ո' => 'n',
        'ι' | 'ί' => 'i',
        'κ' => 'k',
        'ν' => 'v',
        'ο' | 'ό' | 'σ' | 'օ' => 'o',
        'ρ' => 'p',
        'τ' => 't',
        'υ' | 'ս' => 'u',
        'χ' => 'x',
        'γ' => 'y',
        'ω' => 'w',
        char => char,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_the_same() {
        for (text, same) in [
            ("Admin", "admin"),
            ("a d m i n", "admin"),
            ("ADM1N", "admin"),
            ("@dmin", "admin"),
            ("аdmіn", "admin"),
            ("ａｄｍｉｎ", "admin"),
            ("𝓐𝓭𝓶𝓲𝓷", "admin"),
            ("𝖠𝖽𝗆𝗂𝗇", "admin"),
            ("ⓐⓓⓜⓘⓝ", "admin"),
            ("🄰🄳🄼🄸🄽", "admin"),
            ("ÁDMÍN", "admin"),
            ("a\u{301}dmin", "admin"),
            ("adrnin", "admin"),
            ("0wnca5t", "owncast"),
            ("ovvncast", "owncast"),
            ("o_w-n.c'a\u{200d}s\u{ad}t", "owncast"),
            ("𝟎wncast", "owncast"),
            ("Ｓｙѕｔеｍ", "system"),
        ] {
            assert_eq!(fold(text), fold(same), "{text}");
        }
    }

    #[test]
    fn other_scripts_stay_apart() {
        assert_ne!(fold("日本"), fold("日光"));
        assert_ne!(fold("שלום"), fold("שבת"));
        assert_eq!(fold("🦊"), "🦊");
        assert_ne!(fold("🦊"), fold("🐺"));
    }
}
