//! The grammar of a pair's name.

/// Whether a pair can be made with this name: 1 to 65 letters of ASCII, digits, Chinese characters, `-`, `_` and `/`, the
/// first one a letter.
pub fn is_name(text: &str) -> bool {
    has_form(text, is_in_a_name)
}

/// Whether a pair can be given this name later: the page on renaming has the dot, the others have not.
pub fn is_new_name(text: &str) -> bool {
    has_form(text, |c| c == '.' || is_in_a_name(c))
}

/// What a name is made of. Chinese: the unified ideographs of Unicode's first plane.
pub fn is_in_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}')
}

fn has_form(text: &str, fits: impl Fn(char) -> bool) -> bool {
    // Bytes first: counting the characters of a huge text is work for nothing.
    text.len() <= 4 * NAME
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().count() <= NAME
        && text.chars().all(fits)
}

/// How many characters a name has at most.
pub const NAME: usize = 65;
