//! References to secrets.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_secrets::Reference;

/// A secret: `{ env: NAME }`, `{ file: PATH }`, or, with a warning, the text itself.
#[derive(Deserialize, JsonSchema)]
#[serde(rename = "by kind")]
#[schemars(untagged, rename = "Secret")]
pub(in crate::config) enum Secret {
    #[serde(rename = "text")]
    Inline(String),
    #[serde(rename = "mapping")]
    Kept(Place),
}

/// Where a secret is kept.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Place {
    /// An environment variable.
    Env(String),
    /// A file; a relative path starts at the configuration file's directory.
    File(PathBuf),
    /// `PATH#FIELD` in Vault or OpenBao.
    Vault(String),
    /// `ID#FIELD` in AWS Secrets Manager.
    Aws(String),
    /// A name in Azure Key Vault.
    Azure(String),
}

impl Secret {
    /// The same in the words of the secrets crate.
    pub fn reference(&self) -> Reference {
        match self {
            Self::Inline(text) => Reference::Inline(tollgate_secrets::Secret::new(text.as_bytes())),
            Self::Kept(Place::Env(name)) => Reference::Env(name.clone()),
            Self::Kept(Place::File(path)) => Reference::File(path.clone()),
            Self::Kept(Place::Vault(id)) => Reference::Vault(id.clone()),
            Self::Kept(Place::Aws(id)) => Reference::Aws(id.clone()),
            Self::Kept(Place::Azure(id)) => Reference::Azure(id.clone()),
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("Inline(…)"),
            Self::Kept(place) => place.fmt(f),
        }
    }
}
