//! Everybody who is known at one moment.

use core::net::IpAddr;
use std::sync::Arc;

use super::{Directory, Lookup, LookupRef};
use crate::credential::{Credential, Credentials, Digest};
use crate::time::Now;

/// The answer to a question, for the request that asked it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What was asked.
    pub lookup: Lookup,
    /// What is kept under it.
    pub kept: Kept,
}

/// What a source keeps under a lookup.
#[derive(Debug, Clone)]
pub enum Kept {
    /// A credential that may count.
    Credential(Arc<Credential>),
    /// One that counts for nobody now: revoked, disabled, or at its end.
    Gone,
    /// Nothing, now or before.
    Nothing,
}

/// Who is behind a credential.
#[derive(Debug, Clone)]
pub enum Found {
    /// This one, in force now and from the caller's address.
    Credential(Arc<Credential>),
    /// Nobody now, but it is a credential of this gate: not in force, or not from the caller's address.
    Gone,
    /// Nobody.
    Nobody,
    /// That must be asked where credentials are kept.
    Ask(Lookup),
}

/// Where a request looks credentials up: the configuration's own first, then the directory.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    file: &'a Credentials,
    directory: Option<&'a Directory>,
    loaded: Option<&'a Loaded>,
    client: IpAddr,
    now: Now,
}

impl<'a> Known<'a> {
    /// For one request: from this address, at this moment.
    pub fn new(file: &'a Credentials, directory: Option<&'a Directory>, client: IpAddr, now: Now) -> Self {
        Self { file, directory, loaded: None, client, now }
    }

    /// The same, with the answer to a question that the request asked before.
    #[must_use]
    pub fn with(self, loaded: &'a Loaded) -> Self {
        Self { loaded: Some(loaded), ..self }
    }

    /// Who has the API key of this digest.
    pub fn api_key(&self, digest: &Digest) -> Found {
        self.find(self.file.api_key(digest), LookupRef::ApiKey(digest))
    }

    /// Whose tokens name this in their key claim.
    pub fn jwt(&self, name: &str) -> Found {
        self.find(self.file.jwt(name), LookupRef::Jwt(name))
    }

    /// Who has this Hawk id.
    pub fn hawk(&self, id: &str) -> Found {
        self.find(self.file.hawk(id), LookupRef::Hawk(id))
    }

    /// Whether somebody is known to have the API key of this digest, in force or not; nobody is asked.
    pub fn has_api_key(&self, digest: &Digest) -> bool {
        self.file.api_key(digest).is_some() || self.remembers(LookupRef::ApiKey(digest))
    }

    /// Whether tokens that name this in their key claim are known, in force or not; nobody is asked.
    pub fn has_jwt(&self, name: &str) -> bool {
        self.file.jwt(name).is_some() || self.remembers(LookupRef::Jwt(name))
    }

    /// Whether somebody is known to have this Hawk id, in force or not; nobody is asked.
    pub fn has_hawk(&self, id: &str) -> bool {
        self.file.hawk(id).is_some() || self.remembers(LookupRef::Hawk(id))
    }

    fn find(&self, file: Option<&Arc<Credential>>, lookup: LookupRef<'_>) -> Found {
        let found = match (file, self.loaded, self.directory) {
            (Some(credential), _, _) => Found::Credential(credential.clone()),
            (None, Some(loaded), _) if loaded.lookup.borrow() == lookup => loaded.kept.clone().into(),
            (None, _, Some(directory)) => directory.find(lookup, self.now),
            (None, _, None) => Found::Nobody,
        };
        match found {
            // State, end and networks are judged on every hit: what is remembered outlives them.
            Found::Credential(credential) if !credential.holds(self.client, self.now) => Found::Gone,
            found => found,
        }
    }

    fn remembers(&self, lookup: LookupRef<'_>) -> bool {
        self.loaded.is_some_and(|loaded| loaded.lookup.borrow() == lookup && loaded.kept.is_ours())
            || self.directory.is_some_and(|directory| directory.keeps(lookup))
    }
}

impl Kept {
    /// Whether it is or was a credential of this gate.
    fn is_ours(&self) -> bool {
        match self {
            Self::Credential(_) | Self::Gone => true,
            Self::Nothing => false,
        }
    }
}

impl From<Kept> for Found {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Credential(credential) => Self::Credential(credential),
            Kept::Gone => Self::Gone,
            Kept::Nothing => Self::Nobody,
        }
    }
}
