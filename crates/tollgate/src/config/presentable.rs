//! The credentials of a file that can be shown to a gate: those whose secret the file leads to.

use std::path::Path;

use tollgate_core::authn::{hawk, jwt};
use tollgate_secrets::{Secret, resolve};

use super::file::consumer::{Credential, Given};
use super::file::read::{Outcome, read};
use super::source::Source;

/// A credential with its secret in clear, for a probe; nothing that serves requests holds one.
#[derive(Debug)]
pub struct Presentable {
    /// Whose it is.
    pub consumer: String,
    /// The secret, by scheme.
    pub material: Material,
}

/// What a caller of each scheme holds.
#[derive(Debug)]
pub enum Material {
    /// The key itself.
    ApiKey(Secret),
    /// A shared secret and the value of the claim that names it.
    Jwt {
        /// The claim's value.
        key: String,
        /// How tokens are signed.
        algorithm: jwt::Algorithm,
        /// The shared secret, or nothing where the file holds only the public half.
        secret: Option<Secret>,
    },
    /// A Hawk key.
    Hawk {
        /// The `id` attribute.
        id: String,
        /// The key.
        key: Secret,
        /// What the MAC is made with.
        algorithm: hawk::Algorithm,
    },
}

/// All credentials of a file that compiles; those that cannot be shown are left out.
pub fn presentable(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Vec<Presentable> {
    let Ok(source) = Source::read(path) else { return Vec::new() };
    let Outcome { file, .. } = read(&source.text);
    let mut found = Vec::new();
    for consumer in file.iter().flat_map(|file| &file.consumers.items) {
        for credential in consumer.value.credentials.iter().flat_map(|list| &list.value) {
            if let Some(material) = material(&credential.value, &source.base, env) {
                found.push(Presentable { consumer: consumer.name.value.clone(), material });
            }
        }
    }
    found
}

fn material(credential: &Credential, base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Option<Material> {
    match credential {
        Credential::ApiKey(key) => match key.given() {
            Given::Text(secret) => Some(Material::ApiKey(resolve(&secret.reference(), base, env).ok()?)),
            Given::Sha256(_) => None,
        },
        Credential::Jwt(options) => {
            let algorithm = options.algorithm.as_ref().map_or("HS256", |algorithm| algorithm.value.as_str());
            let secret =
                options.secret.as_ref().and_then(|secret| resolve(&secret.value.reference(), base, env).ok());
            Some(Material::Jwt {
                key: options.key.as_ref()?.value.clone(),
                algorithm: algorithm.parse().ok()?,
                secret,
            })
        }
        Credential::Hawk(options) => {
            let algorithm = options.algorithm.as_ref().map_or("sha256", |algorithm| algorithm.value.as_str());
            Some(Material::Hawk {
                id: options.id.value.clone(),
                key: resolve(&options.key.value.reference(), base, env).ok()?,
                algorithm: algorithm.parse().ok()?,
            })
        }
        Credential::ServiceToken(_) | Credential::Basic(_) | Credential::Hmac(_) | Credential::Mtls(_) => {
            None
        }
    }
}
