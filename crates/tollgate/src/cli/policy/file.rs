//! A policy file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::{Deserialize, Deserializer, de};

use crate::decisions;
use crate::explain::request::Values;
use crate::explain::{Explanation, Request};

/// What a configuration shall allow and refuse.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    /// In the order in which they are reported.
    pub expectations: Vec<Expectation>,
}

/// One call and its outcome.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    /// Who calls; a stranger where it is absent.
    #[serde(default)]
    pub consumer: Option<Caller>,
    /// What is called.
    pub request: Called,
    /// What the rules say to it.
    pub outcome: Expected,
}

/// A consumer: one that the configuration declares, or `{ store: NAME }` where a route names one of the store.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a consumer's name, or `{ store: NAME }` for one of the store")]
pub(super) enum Caller {
    Declared(String),
    Elsewhere(Elsewhere),
}

/// Where a consumer is that the configuration does not declare.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) struct Elsewhere {
    /// Its name there.
    pub store: String,
}

/// `METHOD PATH`, or the same with a host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Called {
    pub method: String,
    pub path: String,
    pub host: Option<String>,
}

/// `allowed`, `denied`, a refusal's stable word, or its status.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Allowed,
    Denied,
    Code(String),
    Status(u16),
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// Where there is none, or it is none; errors of the text name line and column.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("`{shown}` cannot be read"))?;
        let policy: Self = serde_saphyr::from_str(&text).with_context(|| format!("`{shown}`"))?;
        ensure!(!policy.expectations.is_empty(), "`{shown}` expects nothing, so nothing could be tested");
        Ok(policy)
    }
}

impl Caller {
    /// The consumer's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Declared(name) => name,
            Self::Elsewhere(Elsewhere { store }) => store,
        }
    }
}

impl Called {
    /// As a request that can be asked about.
    pub fn asked(&self) -> Request {
        let host = self.host.iter().map(|host| ("host".to_owned(), Values::One(host.clone())));
        let headers: BTreeMap<String, Values> = host.collect();
        Request { method: Some(self.method.clone()), path: self.path.clone(), headers, ..Request::default() }
    }

    fn parse(text: &str) -> Option<Self> {
        let (method, path) = text.trim().split_once(' ')?;
        let path = path.trim().to_owned();
        Some(Self { method: method.to_owned(), path, host: None })
    }
}

impl Expected {
    /// Whether the rules say so.
    pub fn holds(&self, explanation: &Explanation) -> bool {
        match self {
            Self::Allowed => explanation.would == decisions::Outcome::Allowed,
            Self::Denied => explanation.would == decisions::Outcome::Denied,
            Self::Code(code) => explanation.denial == Some(code.as_str()),
            Self::Status(status) => explanation.status == Some(*status),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.consumer.as_ref().map_or("a stranger", Caller::name);
        write!(f, "{name}: {}", self.request)
    }
}

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        self.host.as_ref().map_or(Ok(()), |host| write!(f, " at {host}"))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::Denied => f.write_str("denied"),
            Self::Code(code) => write!(f, "denied ({code})"),
            Self::Status(status) => write!(f, "denied ({status})"),
        }
    }
}

impl<'de> Deserialize<'de> for Called {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Long {
            method: String,
            path: String,
            #[serde(default)]
            host: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Short(String),
            Long(Long),
        }
        match Form::deserialize(deserializer)? {
            Form::Short(text) => Self::parse(&text)
                .ok_or_else(|| de::Error::custom(format!("`{text}` is no request; write `METHOD /path`"))),
            Form::Long(Long { method, path, host }) => Ok(Self { method, path, host }),
        }
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Status(u16),
            Word(String),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Status(status @ 400..=599) => Self::Status(status),
            Form::Status(status) => {
                return Err(de::Error::custom(format!(
                    "{status} is no status of a refusal; write `allowed`"
                )));
            }
            Form::Word(word) => match word.as_str() {
                "allowed" => Self::Allowed,
                "denied" => Self::Denied,
                _ => Self::Code(word),
            },
        })
    }
}
