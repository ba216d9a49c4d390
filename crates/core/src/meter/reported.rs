//! What a model reports of its own use, and whether that can be true.

use super::TOKENS_MAX;
use super::reading::Doubt;

/// A number that a model may report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    /// `prompt_tokens`: the whole prompt.
    Prompt,
    /// `completion_tokens`.
    Completion,
    /// `input_tokens`: the whole prompt with OpenAI, less what was cached with Anthropic.
    Input,
    /// `output_tokens`.
    Output,
    /// `total_tokens`.
    Total,
    /// `cache_read_input_tokens` of Anthropic.
    CacheRead,
    /// `cache_creation_input_tokens` of Anthropic.
    CacheCreation,
    /// `cached_tokens` of OpenAI: a part of the prompt.
    Cached,
    /// `reasoning_tokens` of OpenAI: a part of the answer.
    Reasoning,
    /// `prompt_n` of llama-server: what of the prompt was not cached.
    TimedPrompt,
    /// `cache_n` of llama-server.
    TimedCached,
    /// `predicted_n` of llama-server.
    TimedOut,
    /// `prompt_eval_count` of Ollama, `tokens_evaluated` of llama-server: the whole prompt.
    EvaluatedIn,
    /// `eval_count` of Ollama, `tokens_predicted` of llama-server.
    EvaluatedOut,
}

/// How many members there are.
const MEMBERS: usize = Member::EvaluatedOut as usize + 1;

/// Those that only grow while a stream goes on.
const GROWING: [Member; 10] = [
    Member::Prompt,
    Member::Completion,
    Member::Input,
    Member::Output,
    Member::Total,
    Member::TimedPrompt,
    Member::TimedCached,
    Member::TimedOut,
    Member::EvaluatedIn,
    Member::EvaluatedOut,
];

/// All that was reported; of several reports the last of each member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reported {
    numbers: [Option<u64>; MEMBERS],
    doubt: Option<Doubt>,
}

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tokens {
    /// The whole prompt.
    pub prompt: Option<u64>,
    /// The answer.
    pub answer: Option<u64>,
    /// A part of the prompt.
    pub cached: Option<u64>,
    /// A part of the answer.
    pub reasoning: Option<u64>,
}

impl Reported {
    /// Takes a number down.
    pub fn put(&mut self, member: Member, number: u64) {
        self.numbers[member as usize] = Some(number);
        if number > TOKENS_MAX {
            self.doubt.get_or_insert(Doubt::TooLarge);
        }
    }

    /// Notes that something stands where a number should.
    pub fn spoil(&mut self) {
        self.doubt.get_or_insert(Doubt::NoCount);
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds a later report of the same answer.
    pub fn merge(&mut self, later: &Self) {
        let less = |member: &Member| {
            let at = *member as usize;
            matches!((self.numbers[at], later.numbers[at]), (Some(before), Some(after)) if after < before)
        };
        let went_down = GROWING.iter().any(less).then_some(Doubt::WentDown);
        self.doubt = self.doubt.or(later.doubt).or(went_down);
        // A total belongs to the numbers beside it.
        let renewed = [Member::Prompt, Member::Completion, Member::Input, Member::Output];
        if renewed.iter().any(|member| later.of(*member).is_some()) {
            self.numbers[Member::Total as usize] = None;
        }
        for (number, later) in self.numbers.iter_mut().zip(later.numbers) {
            *number = later.or(*number);
        }
    }

    /// The numbers, if they can be true. What is absent was not reported.
    ///
    /// # Errors
    /// [`Doubt`] where something is wrong with any of them: then none is believed.
    pub fn judge(&self) -> Result<Tokens, Doubt> {
        if let Some(doubt) = self.doubt {
            return Err(doubt);
        }
        let tokens = self.tokens()?;
        let within = |part: Option<u64>, whole: Option<u64>| part.zip(whole).is_none_or(|(p, w)| p <= w);
        let sound = within(tokens.cached, tokens.prompt) && within(tokens.reasoning, tokens.answer);
        let most = tokens.prompt.max(tokens.answer);
        match (sound, most.is_some_and(|most| most > TOKENS_MAX)) {
            (false, _) => Err(Doubt::Contradicting),
            (true, true) => Err(Doubt::TooLarge),
            (true, false) => Ok(tokens),
        }
    }

    fn of(&self, member: Member) -> Option<u64> {
        self.numbers[member as usize]
    }

    /// From `usage`; where there is none, from what servers tell besides.
    fn tokens(&self) -> Result<Tokens, Doubt> {
        let completion = same(self.of(Member::Completion), self.of(Member::Output))?;
        let (prompt, answer) = match self.of(Member::Total) {
            None => (self.prompt()?, completion),
            Some(total) => self.of_total(total, completion)?,
        };
        let usage = prompt.is_some() || answer.is_some();
        let cached = self.of(Member::Cached).or(self.of(Member::CacheRead));
        let timed = (self.of(Member::TimedPrompt), self.of(Member::TimedCached));
        Ok(match (usage, timed) {
            (true, _) => Tokens { prompt, answer, cached, reasoning: self.of(Member::Reasoning) },
            // `prompt_n` alone leaves out what was cached, so it tells nothing of the whole.
            (false, (Some(new), Some(cached))) => Tokens {
                prompt: Some(new.saturating_add(cached)),
                answer: self.of(Member::TimedOut),
                cached: Some(cached),
                reasoning: None,
            },
            (false, _) => Tokens {
                prompt: self.of(Member::EvaluatedIn),
                answer: self.of(Member::EvaluatedOut).or(self.of(Member::TimedOut)),
                ..Tokens::default()
            },
        })
    }

    /// What Anthropic counts beside `input_tokens`.
    fn beside(&self) -> u64 {
        let of = |member| self.of(member).unwrap_or_default();
        of(Member::CacheRead).saturating_add(of(Member::CacheCreation))
    }

    /// The whole prompt where no total says which way `input_tokens` is meant.
    fn prompt(&self) -> Result<Option<u64>, Doubt> {
        let Some(input) = self.of(Member::Input) else { return Ok(self.of(Member::Prompt)) };
        let whole = input.saturating_add(self.beside());
        match self.of(Member::Prompt) {
            None => Ok(Some(whole)),
            Some(prompt) if prompt == whole || prompt == input => Ok(Some(prompt)),
            Some(_) => Err(Doubt::Contradicting),
        }
    }

    /// Prompt and answer that add up to `total`, one way or another.
    fn of_total(&self, total: u64, answer: Option<u64>) -> Result<(Option<u64>, Option<u64>), Doubt> {
        let input = same(self.of(Member::Prompt), self.of(Member::Input)).or_else(|_| self.prompt())?;
        let Some(prompt) = input else { return Ok((None, answer)) };
        let Some(answer) = answer else {
            // Embeddings have no answer, and their total is the prompt.
            let rest = total.checked_sub(prompt).ok_or(Doubt::Contradicting)?;
            return Ok((Some(prompt), Some(rest)));
        };
        let whole = prompt.saturating_add(self.beside());
        // Some servers leave reasoning out of what they call the answer, and only there.
        let thought = answer.saturating_add(self.of(Member::Reasoning).unwrap_or_default());
        let adds_up = |prompt: &(u64, u64)| prompt.0.checked_add(prompt.1) == Some(total);
        let found = [(prompt, answer), (whole, answer), (prompt, thought)].into_iter().find(adds_up);
        let (prompt, answer) = found.ok_or(Doubt::Contradicting)?;
        Ok((Some(prompt), Some(answer)))
    }
}

/// One number that may be given by two names.
fn same(a: Option<u64>, b: Option<u64>) -> Result<Option<u64>, Doubt> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Err(Doubt::Contradicting),
        (a, b) => Ok(a.or(b)),
    }
}

#[cfg(test)]
mod tests;
