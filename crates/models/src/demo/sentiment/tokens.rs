//! Words, emoticons and breaks of a text. The training script cuts texts by the same rules.

/// A part of a text that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word, an emoticon or an emoji.
    Term(&'a str),
    /// A comma, colon or semicolon.
    ClauseEnd,
    /// A full stop, exclamation mark or question mark.
    SentenceEnd,
}

/// Cuts a lower-case text into tokens.
///
/// What stands between two spaces is one term if `known` says so, as it does for `:-)`; otherwise words, breaks and
/// emoji are taken out of it, and all else is skipped.
pub(super) fn tokens<'a>(text: &'a str, known: impl Fn(&str) -> bool) -> impl Iterator<Item = Token<'a>> {
    text.split_whitespace().flat_map(move |chunk| {
        let (whole, parts) = if known(chunk) {
            (Some(Token::Term(chunk)), "")
        } else {
            (None, chunk)
        };
        whole.into_iter().chain(Parts(parts))
    })
}

/// The tokens of a text without spaces.
struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let first = self.0.chars().next()?;
            let end = if first.is_alphanumeric() {
                word_end(self.0)
            } else {
                first.len_utf8()
            };
            let (part, rest) = self.0.split_at(end);
            self.0 = rest;
            match first {
                '.' | '!' | '?' => return Some(Token::SentenceEnd),
                ',' | ';' | ':' => return Some(Token::ClauseEnd),
                _ if first.is_alphanumeric() || !first.is_ascii() => return Some(Token::Term(part)),
                _ => {}
            }
        }
    }
}

/// Where the word at the start of `text` ends: apostrophes belong to it, save those at its end.
fn word_end(text: &str) -> usize {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '\'')
        .unwrap_or(text.len());
    text[..end].trim_end_matches('\'').len()
}
