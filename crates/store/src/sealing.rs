//! Secrets that are kept because their scheme computes with them: sealed.
//!
//! AES-256-GCM with a random nonce of 96 bits. What a secret belongs to (account, credential, kind, sealing key) is
//! authenticated with it, so that a sealed secret that is moved to another row opens nothing. Random nonces are safe
//! for 2³² secrets under one key (NIST SP 800-38D §8.3); [`Store::add_sealing_key`] makes the next key long before.

mod file;
mod open;
mod reseal;

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use tollgate_core::credential::Digest;
use zeroize::Zeroizing;

pub(crate) use self::open::is_registered;
pub use self::reseal::Resealed;
use crate::credentials::{Credential, Kind, Secret};
use crate::error::{Error, Result};
use crate::id::{AccountId, CredentialId};
use crate::store::Store;

/// A secret in the open: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext(Zeroizing<Vec<u8>>);

/// The keys of one file. The first one seals; each opens what it sealed.
pub(crate) struct SealingKeys {
    keys: Vec<SealingKey>,
}

struct SealingKey {
    id: String,
    check: Vec<u8>,
    aead: RandomizedNonceKey,
}

/// What a sealed secret belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) account: AccountId,
    pub(crate) credential: CredentialId,
    pub(crate) kind: Kind,
}

impl Plaintext {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes. The name makes each use easy to find.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(…)")
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Store {
    /// The secret of a credential that is sealed.
    ///
    /// # Errors
    /// [`Error::Sealing`] where it is not sealed, its key is not in the file, or it was tampered with.
    pub fn unseal(&self, credential: &Credential) -> Result<Plaintext> {
        self.sealing_keys()?.open(Binding::of(credential), &credential.secret)
    }
}

impl SealingKeys {
    /// The key that seals.
    fn current(&self) -> Result<&SealingKey> {
        self.keys.first().ok_or_else(|| Error::Sealing("the sealing key file has no key".to_owned()))
    }

    pub(crate) fn seal(&self, binding: Binding, secret: &Plaintext) -> Result<Secret> {
        let key = self.current()?;
        let failed = |_| Error::Sealing("a secret could not be sealed".to_owned());
        let mut sealed = secret.expose().to_vec();
        let nonce = key.aead.seal_in_place_append_tag(binding.with(&key.id), &mut sealed).map_err(failed)?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut sealed);
        Ok(Secret::Sealed { key: key.id.clone(), bytes })
    }

    pub(crate) fn open(&self, binding: Binding, secret: &Secret) -> Result<Plaintext> {
        let credential = binding.credential;
        let refused = |why: &str| Error::Sealing(format!("the secret of credential {credential} {why}"));
        let Secret::Sealed { key: id, bytes } = secret else { return Err(refused("is not sealed")) };
        let key = self.keys.iter().find(|key| key.id == *id);
        let key =
            key.ok_or_else(|| refused(&format!("is under the sealing key `{id}`, which is not here")))?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(|| refused("is cut off"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused("is cut off"))?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let length = key
            .aead
            .open_in_place(nonce, binding.with(id), opened.as_mut_slice())
            .map_err(|_| refused("does not open: it was changed, or belongs to another credential"))?
            .len();
        opened.truncate(length);
        Ok(Plaintext(opened))
    }
}

impl SealingKey {
    fn new(id: &str, key: &[u8; 32]) -> Result<Self> {
        let aead = RandomizedNonceKey::new(&AES_256_GCM, key);
        let aead = aead.map_err(|_| Error::Sealing(format!("the sealing key `{id}` is unusable")))?;
        // Eight bytes tell keys apart and say nothing of a random one.
        let check = Digest::of_parts(&[b"tollgate sealing key 1", key]).0[..8].to_vec();
        Ok(Self { id: id.to_owned(), check, aead })
    }
}

impl Binding {
    pub(crate) fn of(credential: &Credential) -> Self {
        Self { account: credential.account, credential: credential.id, kind: credential.kind }
    }

    /// The associated data. Identifiers have one length and kinds hold no NUL, so no two bindings read the same.
    fn with(self, key: &str) -> Aad<Vec<u8>> {
        let Self { account, credential, kind } = self;
        Aad::from(format!("tollgate seal 1\0{account}{credential}{kind}\0{key}").into_bytes())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
