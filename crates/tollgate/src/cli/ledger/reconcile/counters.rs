//! What model servers count of tokens, in the text format of Prometheus.

use serde::{Deserialize, Serialize};

/// The state of a server's counters at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When: seconds since 1970.
    pub at: i64,
    /// Of which model.
    pub model: String,
    /// What they said.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Of prompts.
    pub tokens_in: u64,
    /// Of answers.
    pub tokens_out: u64,
    /// Whether prompts are counted without what the server had cached.
    pub without_cached: bool,
}

/// A kind of server: the counters of prompts and of answers, and whether cached tokens are not in the first.
type Kind = (&'static str, &'static str, bool);

const KINDS: [Kind; 2] = [
    ("llamacpp:prompt_tokens_total", "llamacpp:tokens_predicted_total", true),
    ("vllm:prompt_tokens_total", "vllm:generation_tokens_total", false),
];

impl Counts {
    /// What was counted since an earlier state, and whether the server began anew in between.
    pub fn since(&self, before: &Self) -> (Self, bool) {
        if self.tokens_in < before.tokens_in || self.tokens_out < before.tokens_out {
            return (*self, true);
        }
        let counted = Self {
            tokens_in: self.tokens_in - before.tokens_in,
            tokens_out: self.tokens_out - before.tokens_out,
            ..*self
        };
        (counted, false)
    }
}

/// The counters of a model on a page; absent where the page has none that are known.
pub fn read(page: &str, model: &str) -> Option<Counts> {
    KINDS.into_iter().find_map(|(tokens_in, tokens_out, without_cached)| {
        Some(Counts {
            tokens_in: sum(page, tokens_in, model)?,
            tokens_out: sum(page, tokens_out, model)?,
            without_cached,
        })
    })
}

/// The sum of a counter's samples, but those that name another model; absent where there is none.
fn sum(page: &str, name: &str, model: &str) -> Option<u64> {
    let samples = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once('}')?,
            None => ("", rest.strip_prefix(' ')?),
        };
        let other = labels.contains("model_name=\"")
            && !labels.contains(&format!("model_name=\"{}\"", escaped(model)));
        // A time may follow the value.
        let value: f64 = value.split_whitespace().next()?.parse().ok()?;
        // Counters are whole numbers far below 2^53, whatever their form.
        (!other && (0.0..9.0e15).contains(&value)).then(|| value.round() as u64)
    });
    samples.fold(None, |sum: Option<u64>, value| Some(sum.unwrap_or(0).saturating_add(value)))
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
