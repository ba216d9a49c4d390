//! Fresh keys for the demonstration's services.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tollgate_core::consumer::Name;
use tollgate_core::credential::api_key_text::{self, Environment};

use super::SERVICES;
use crate::keys::{HawkKey, JwtAlgorithm, KeyPair, random};

/// What one service needs to call the gate by every scheme.
#[derive(Debug, Clone)]
pub struct ServiceKeys {
    /// The consumer's name.
    pub name: &'static str,
    /// An opaque key.
    pub api_key: String,
    /// The value of the claim that names the service's public key.
    pub jwt_key: String,
    /// The private key that signs tokens.
    pub private_key: PathBuf,
    /// The Hawk id.
    pub hawk_id: String,
    /// The Hawk key.
    pub hawk_key: String,
}

/// Makes the keys of all services and writes what the configuration reads.
///
/// # Errors
/// Where a key cannot be made or written.
pub fn generate(directory: &Path) -> anyhow::Result<Vec<ServiceKeys>> {
    SERVICES.iter().map(|(name, _)| service(name, directory)).collect()
}

fn service(name: &'static str, directory: &Path) -> anyhow::Result<ServiceKeys> {
    let pair = KeyPair::generate(JwtAlgorithm::Rs256)?;
    let hawk = HawkKey::generate(&Name::new(name)?)?;
    let api_key = api_key_text::make(Environment::Dev, random()?);
    let write = |suffix: &str, content: &str| -> anyhow::Result<PathBuf> {
        let path = directory.join(format!("{name}-{suffix}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(content.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    };
    write("public.pem", &pair.public_pem)?;
    write("hawk.key", &hawk.key)?;
    write("api.key", &api_key)?;
    Ok(ServiceKeys {
        name,
        api_key,
        jwt_key: format!("iss_{name}"),
        private_key: write("private.pem", &pair.private_pem)?,
        hawk_id: hawk.id,
        hawk_key: hawk.key,
    })
}
