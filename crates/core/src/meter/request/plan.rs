//! What is taken from a body, and where.

/// A member or item of a body, what is taken there and below.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    name: Box<str>,
    takes: Vec<Take>,
    below: Vec<Plan>,
}

/// What is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// The model's name.
    Model,
    /// The number of rows.
    Rows,
    /// The most tokens of the answer.
    MaxTokens,
    /// How many answers to a prompt.
    Choices,
    /// The prompt, or several of them.
    Prompts,
    /// Whether the answer is streamed.
    Stream,
    /// What is asked of a stream.
    StreamOptions,
}

impl Plan {
    /// Adds what is taken at the end of a path.
    pub fn take<'a>(&mut self, mut path: impl Iterator<Item = &'a str>, take: Take) {
        let Some(name) = path.next() else {
            self.takes.push(take);
            return;
        };
        let known = self.below.iter().position(|below| *below.name == *name);
        let index = known.unwrap_or_else(|| {
            self.below.push(Self { name: name.into(), ..Self::default() });
            self.below.len() - 1
        });
        self.below[index].take(path, take);
    }

    /// Whether nothing is taken here or below.
    pub fn is_empty(&self) -> bool {
        self.takes.is_empty() && self.below.is_empty()
    }

    /// Which of what is below a member is.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.below.iter().position(|below| *below.name == *name)
    }

    /// Which of what is below an item of a list is: one whose name is its place, written as RFC 6901 §4 says.
    pub fn item(&self, index: u64) -> Option<&Self> {
        let is = |below: &&Self| {
            let canonical = *below.name == *"0" || !below.name.starts_with(['0', '+']);
            canonical && below.name.parse() == Ok(index)
        };
        self.below.iter().find(is)
    }

    /// The one of that index.
    pub fn below(&self, index: usize) -> &Self {
        &self.below[index]
    }

    /// What is taken here, or first below: a word for callers.
    pub fn what(&self) -> &'static str {
        match self.takes.first() {
            Some(Take::Model) => "model",
            Some(Take::Rows) => "rows",
            Some(Take::MaxTokens) => "max_tokens",
            Some(Take::Choices) => "n",
            Some(Take::Prompts) => "prompt",
            Some(Take::Stream) => "stream",
            Some(Take::StreamOptions) => "stream_options",
            None => self.below.first().map_or("a member", Self::what),
        }
    }

    /// What is taken here.
    pub fn takes(&self) -> &[Take] {
        &self.takes
    }
}
