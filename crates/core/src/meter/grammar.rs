//! Where in an answer its text and its usage stand: of OpenAI's chat, completions, responses and embeddings, of Anthropic's
//! messages, and of what vLLM, llama-server and Ollama add to them.
//!
//! The places form a tree whose edges are names of members; whatever is not named here is skipped without a look. No two
//! interfaces use one name for different things at one place, so that one tree serves all of them and nobody must say
//! which interface a route speaks.

use super::reported::Member;

/// A place in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing below matters.
    Skip,
    /// The whole text, or one event.
    Root,
    /// `response` of an event of OpenAI's responses; a text in Ollama's own interface.
    Response,
    /// `message` of Anthropic's `message_start` and of Ollama's own interface.
    Message,
    /// `usage`.
    Usage,
    /// `prompt_tokens_details` and its kin.
    InDetails,
    /// `completion_tokens_details` and its kin.
    OutDetails,
    /// `timings` of llama-server.
    Timings,
    /// `choices`.
    Choices,
    /// One of them.
    Choice,
    /// What is said: `delta` or `message` of a choice, `delta` of an event.
    Said,
    /// A list of parts of what is said.
    Parts,
    /// One of them.
    Part,
    /// `tool_calls`.
    ToolCalls,
    /// One of them.
    ToolCall,
    /// `function` of a tool call.
    Function,
    /// `output` of OpenAI's responses.
    Output,
    /// One item of it.
    OutputItem,
    /// `data` of embeddings.
    Data,
    /// One item of it.
    DataItem,
    /// A vector.
    Embedding,
    /// `error`.
    Error,
    /// A text that the model wrote.
    Text,
    /// A number of tokens.
    Number(Member),
}

impl Place {
    /// Where the value of a member stands.
    pub fn member(self, name: &[u8]) -> Self {
        match self {
            Self::Root => root(name),
            Self::Response => match name {
                b"usage" => Self::Usage,
                _ => Self::Skip,
            },
            Self::Message => match name {
                b"usage" => Self::Usage,
                b"content" | b"thinking" => Self::Text,
                _ => Self::Skip,
            },
            Self::Usage => usage(name),
            Self::InDetails => match name {
                b"cached_tokens" => Self::Number(Member::Cached),
                _ => Self::Skip,
            },
            Self::OutDetails => match name {
                b"reasoning_tokens" => Self::Number(Member::Reasoning),
                _ => Self::Skip,
            },
            Self::Timings => match name {
                b"cache_n" => Self::Number(Member::TimedCached),
                b"prompt_n" => Self::Number(Member::TimedPrompt),
                b"predicted_n" => Self::Number(Member::TimedOut),
                _ => Self::Skip,
            },
            Self::Choice => match name {
                b"delta" | b"message" => Self::Said,
                b"text" => Self::Text,
                _ => Self::Skip,
            },
            Self::Said => said(name),
            Self::Part => match name {
                b"text" | b"refusal" | b"thinking" => Self::Text,
                _ => Self::Skip,
            },
            Self::ToolCall => match name {
                b"function" => Self::Function,
                _ => Self::Skip,
            },
            Self::Function => match name {
                b"name" | b"arguments" => Self::Text,
                _ => Self::Skip,
            },
            Self::OutputItem => match name {
                b"content" | b"summary" => Self::Parts,
                b"name" | b"arguments" => Self::Text,
                _ => Self::Skip,
            },
            Self::DataItem => match name {
                b"embedding" => Self::Embedding,
                _ => Self::Skip,
            },
            Self::Skip
            | Self::Choices
            | Self::Parts
            | Self::ToolCalls
            | Self::Output
            | Self::Data
            | Self::Embedding
            | Self::Error
            | Self::Text
            | Self::Number(_) => Self::Skip,
        }
    }

    /// Where the items of a list stand.
    pub fn item(self) -> Self {
        match self {
            Self::Choices => Self::Choice,
            Self::Parts => Self::Part,
            Self::ToolCalls => Self::ToolCall,
            Self::Output => Self::OutputItem,
            Self::Data => Self::DataItem,
            // A text that is given in parts.
            Self::Text => Self::Part,
            Self::Skip
            | Self::Root
            | Self::Response
            | Self::Message
            | Self::Usage
            | Self::InDetails
            | Self::OutDetails
            | Self::Timings
            | Self::Choice
            | Self::Said
            | Self::Part
            | Self::ToolCall
            | Self::Function
            | Self::OutputItem
            | Self::DataItem
            | Self::Embedding
            | Self::Error
            | Self::Number(_) => Self::Skip,
        }
    }

    /// Whether a list, or an object, here is the mark of an interface that the grammar knows.
    pub fn is_known_by(self, list: bool) -> bool {
        match self {
            Self::Choices | Self::Output | Self::Text => list,
            Self::Said | Self::Response | Self::Message => !list,
            _ => false,
        }
    }

    /// Whether a text here is the model's.
    pub fn is_text(self) -> bool {
        // An event of OpenAI's responses has its piece of text where other interfaces have an object.
        matches!(self, Self::Text | Self::Said | Self::Response)
    }
}

fn root(name: &[u8]) -> Place {
    match name {
        b"usage" => Place::Usage,
        b"choices" => Place::Choices,
        b"delta" => Place::Said,
        b"message" => Place::Message,
        b"response" => Place::Response,
        b"timings" => Place::Timings,
        // A text with llama-server, parts with Anthropic.
        b"content" | b"thinking" => Place::Text,
        b"output" => Place::Output,
        b"data" => Place::Data,
        b"embedding" | b"embeddings" => Place::Embedding,
        b"error" => Place::Error,
        b"prompt_eval_count" | b"tokens_evaluated" => Place::Number(Member::EvaluatedIn),
        b"eval_count" | b"tokens_predicted" => Place::Number(Member::EvaluatedOut),
        _ => Place::Skip,
    }
}

fn usage(name: &[u8]) -> Place {
    match name {
        b"prompt_tokens" => Place::Number(Member::Prompt),
        b"completion_tokens" => Place::Number(Member::Completion),
        b"input_tokens" => Place::Number(Member::Input),
        b"output_tokens" => Place::Number(Member::Output),
        b"total_tokens" => Place::Number(Member::Total),
        b"cache_read_input_tokens" => Place::Number(Member::CacheRead),
        b"cache_creation_input_tokens" => Place::Number(Member::CacheCreation),
        b"prompt_tokens_details" | b"input_tokens_details" => Place::InDetails,
        b"completion_tokens_details" | b"output_tokens_details" => Place::OutDetails,
        _ => Place::Skip,
    }
}

fn said(name: &[u8]) -> Place {
    match name {
        b"content" | b"reasoning_content" | b"reasoning" | b"refusal" | b"text" | b"thinking"
        | b"partial_json" => Place::Text,
        b"tool_calls" => Place::ToolCalls,
        b"function_call" => Place::Function,
        _ => Place::Skip,
    }
}
