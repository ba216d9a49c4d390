//! What a request presents to be found by.

use std::fmt;

use quick_cache::Equivalent;

use crate::credential::Digest;

/// What finds a credential: (kind, key), unique over configuration and store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// The digest of an API key.
    ApiKey(Digest),
    /// The value of a token's key claim.
    Jwt(Box<str>),
    /// A Hawk id.
    Hawk(Box<str>),
}

/// The same, borrowed from a request. Variants stand in the same order, so that both hash alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LookupRef<'a> {
    /// The digest of an API key.
    ApiKey(&'a Digest),
    /// The value of a token's key claim.
    Jwt(&'a str),
    /// A Hawk id.
    Hawk(&'a str),
}

/// What must be asked where credentials are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// What finds the answer.
    pub lookup: Lookup,
    key: Option<Box<[u8]>>,
}

impl Question {
    /// Who has this id or digest.
    pub fn about(lookup: Lookup) -> Self {
        Self { lookup, key: None }
    }

    /// Who has this API key, which is known here as it was presented.
    pub fn about_key(lookup: Lookup, key: &[u8]) -> Self {
        Self { lookup, key: Some(key.into()) }
    }

    /// The API key in the clear, for a source that must see it. The name makes each use easy to find.
    pub fn expose_key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }
}

impl fmt::Debug for Question {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Question").field(&self.lookup).finish()
    }
}

impl LookupRef<'_> {
    /// For a question.
    pub fn to_owned(self) -> Lookup {
        match self {
            Self::ApiKey(digest) => Lookup::ApiKey(*digest),
            Self::Jwt(name) => Lookup::Jwt(name.into()),
            Self::Hawk(id) => Lookup::Hawk(id.into()),
        }
    }
}

impl Lookup {
    /// As a request would present it.
    pub fn borrow(&self) -> LookupRef<'_> {
        match self {
            Self::ApiKey(digest) => LookupRef::ApiKey(digest),
            Self::Jwt(name) => LookupRef::Jwt(name),
            Self::Hawk(id) => LookupRef::Hawk(id),
        }
    }
}

impl Equivalent<Lookup> for LookupRef<'_> {
    fn equivalent(&self, lookup: &Lookup) -> bool {
        *self == lookup.borrow()
    }
}
