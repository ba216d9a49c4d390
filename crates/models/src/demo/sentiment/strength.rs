//! How strongly a text speaks for or against: what stands before a word changes what the word counts.

use std::collections::HashMap;

use serde::Deserialize;

use super::tokens::{Token, tokens};

/// The constants of the sum, fixed by the training script together with the weights.
#[derive(Debug, Deserialize)]
pub(super) struct Rules {
    roles: HashMap<String, Role>,
    /// What a negated word is multiplied by.
    negation: f64,
    /// How many words after a negator are negated.
    negation_reach: u32,
    /// What the word after an intensifier is multiplied by.
    intensifier: f64,
    /// What the word after a dampener is multiplied by.
    dampener: f64,
    /// What is left of a sentence's first half once it says `but`.
    before_contrast: f64,
    /// How much each exclamation mark adds to the whole.
    exclamation: f64,
    exclamations_max: u32,
    /// The number of words at which the sum counts as it is; of a longer text each word counts less.
    typical_words: u32,
    words_offset: u32,
}

/// What a word does to the words around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Negator,
    Intensifier,
    Dampener,
    Contrast,
}

/// The sum so far, and what the words read so far do to the next one.
struct Reading<'m, 't> {
    rules: &'m Rules,
    terms: &'m HashMap<String, f64>,
    /// Sentences that ended.
    total: f64,
    /// The sentence that is being read.
    sentence: f64,
    words: u32,
    /// How many of the next words are negated.
    negated: u32,
    /// What the next word is multiplied by, apart from negation.
    emphasis: f64,
    /// The word before in the same clause, and what it was multiplied by.
    before: Option<(&'t str, f64)>,
    /// Holds a pair of words while it is looked up.
    pair: String,
}

impl Rules {
    /// The strength of a text: negative where it complains, zero where it says nothing, positive where it praises.
    pub fn strength(&self, terms: &HashMap<String, f64>, text: &str) -> f64 {
        let lower = text.replace('\u{2019}', "'").to_lowercase();
        let mut reading = Reading {
            rules: self,
            terms,
            total: 0.0,
            sentence: 0.0,
            words: 0,
            negated: 0,
            emphasis: 1.0,
            before: None,
            pair: String::new(),
        };
        for token in tokens(&lower, |chunk| terms.contains_key(chunk)) {
            match token {
                Token::Term(term) => reading.term(term),
                Token::ClauseEnd => reading.end_clause(),
                Token::SentenceEnd => reading.end_sentence(),
            }
        }
        reading.end_sentence();
        reading.total * self.loudness(text) * self.length_factor(reading.words)
    }

    fn role(&self, word: &str) -> Option<Role> {
        if word.ends_with("n't") {
            Some(Role::Negator)
        } else {
            self.roles.get(word).copied()
        }
    }

    fn loudness(&self, text: &str) -> f64 {
        let marks = (0..self.exclamations_max).zip(text.matches('!')).count();
        1.0 + self.exclamation * marks as f64
    }

    /// A long text has more weighted words by chance, in proportion to the root of its length.
    fn length_factor(&self, words: u32) -> f64 {
        let offset = f64::from(self.words_offset);
        ((f64::from(self.typical_words) + offset) / (f64::from(words) + offset)).sqrt()
    }
}

impl<'t> Reading<'_, 't> {
    fn term(&mut self, term: &'t str) {
        let negation = if self.negated > 0 {
            self.rules.negation
        } else {
            1.0
        };
        let factor = self.emphasis * negation;
        self.sentence += factor * self.weight(term);
        if let Some((before, factor)) = self.before.replace((term, factor)) {
            self.sentence += factor * self.pair_weight(before, term);
        }
        self.words += 1;
        self.negated = self.negated.saturating_sub(1);
        self.emphasis = 1.0;
        match self.rules.role(term) {
            None => {}
            Some(Role::Negator) => self.negated = self.rules.negation_reach,
            Some(Role::Intensifier) => self.emphasis = self.rules.intensifier,
            Some(Role::Dampener) => self.emphasis = self.rules.dampener,
            Some(Role::Contrast) => {
                self.sentence *= self.rules.before_contrast;
                self.negated = 0;
            }
        }
    }

    fn end_clause(&mut self) {
        self.negated = 0;
        self.emphasis = 1.0;
        self.before = None;
    }

    fn end_sentence(&mut self) {
        self.end_clause();
        self.total += std::mem::take(&mut self.sentence);
    }

    fn weight(&self, term: &str) -> f64 {
        self.terms.get(term).copied().unwrap_or_default()
    }

    fn pair_weight(&mut self, first: &str, second: &str) -> f64 {
        self.pair.clear();
        self.pair.extend([first, " ", second]);
        self.weight(&self.pair)
    }
}
