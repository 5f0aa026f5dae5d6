//! Which free text is plain: what people see of it is all that it holds.
//!
//! It knows no field and no length.

#![forbid(unsafe_code)]

/// Whether the text holds no control character, and no invisible one: nothing that changes how it reads on a terminal or
/// in a page, or makes two texts look alike.
///
/// The joiners U+200C and U+200D are letters' business in Persian, in the scripts of India and in emoji, so they may
/// follow a character that is not ASCII; after ASCII and at the start they join nothing.
pub fn is_plain(text: &str) -> bool {
    let mut before = '\0';
    text.chars().all(|c| {
        let joins = matches!(c, '\u{200C}' | '\u{200D}') && !before.is_ascii() && !is_hidden(before);
        before = c;
        joins || !is_hidden(c)
    })
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}'                       // soft hyphen
            | '\u{200B}'..='\u{200F}'      // spaces and joiners of no width, marks of direction
            | '\u{2028}'..='\u{202E}'      // line and paragraph separators, overrides of direction
            | '\u{2060}'..='\u{2069}'      // word joiner, invisible operators, isolates of direction
            | '\u{FEFF}'                   // byte order mark
            | '\u{E0000}'..='\u{E007F}'    // tags: a whole alphabet that nobody sees
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_not_plain() {
        let hidden = ['\0', '\t', '\n', '\u{7f}', '\u{85}', '\u{ad}', '\u{200b}', '\u{200e}', '\u{200f}', '\u{2028}'];
        let more = ['\u{202a}', '\u{202e}', '\u{2060}', '\u{2064}', '\u{2066}', '\u{2069}', '\u{feff}', '\u{e0000}'];
        for c in hidden.into_iter().chain(more).chain(['\u{e0041}', '\u{e007f}']) {
            for text in [format!("a{c}b"), format!("é{c}é"), c.to_string()] {
                assert!(!is_plain(&text), "{text:?}");
            }
        }
        for text in ["", "web", "caf\u{e9} 1", "密钥", "a\u{a0}b", "e\u{301}", "🔑"] {
            assert!(is_plain(text), "{text:?}");
        }
    }

    #[test]
    fn joiners_are_plain_where_they_join() {
        // Persian "I want", Malayalam "n" as it was written before Unicode 5.1, a family of four.
        for text in ["می\u{200c}خواهم", "ന\u{d4d}\u{200d}", "👨\u{200d}👩\u{200d}👧\u{200d}👦"] {
            assert!(is_plain(text), "{text:?}");
        }
        for text in ["web\u{200c}", "pay\u{200d}roll", "\u{200c}می", "می\u{200c}\u{200c}خواهم", "\u{200d}"] {
            assert!(!is_plain(text), "{text:?}");
        }
    }
}
