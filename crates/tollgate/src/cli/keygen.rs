//! `tollgate keygen`: secrets from the operating system's random source, in the forms that clients and config read.

mod layout;

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use tollgate_core::consumer::Name;
use tollgate_core::credential::api_key_text;

use super::Outcome;
use super::files::{self, Existing, NewFile};
use super::output::Output;
use crate::keys::{HawkKey, JwtAlgorithm, KeyPair, random};
use layout::EnvFile;

/// Make keys for consumers
#[derive(Debug, Args)]
pub struct Keygen {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Key pairs for signing tokens: the service keeps the private key, the gate reads the public one
    Jwt {
        /// What the key signs with
        #[arg(long, value_enum, default_value_t = JwtAlgorithm::Rs256)]
        algorithm: JwtAlgorithm,
        #[command(flatten)]
        to: Destination,
    },
    /// Shared keys for signing requests, 256 bits as 64 hexadecimal digits
    Hawk {
        #[command(flatten)]
        to: Destination,
    },
    /// Opaque keys with a checksum
    ApiKey {
        /// Which deployment the key is for; stands in its prefix
        #[arg(long, value_enum, default_value_t = Environment::Live)]
        environment: Environment,
        #[command(flatten)]
        to: Destination,
    },
    /// Key pairs and Hawk keys for a set of services, with the `.env` that the gate's config reads them from
    All {
        /// What the key pairs sign with
        #[arg(long, value_enum, default_value_t = JwtAlgorithm::Rs256)]
        algorithm: JwtAlgorithm,
        /// Where the files go
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        /// Replace files that are already there
        #[arg(long)]
        force: bool,
        /// Names of the services
        #[arg(value_name = "NAME", value_parser = name, default_values = ["service_a", "service_b", "service_c"])]
        names: Vec<Name>,
    },
}

/// Where secrets go: printed, or into files.
#[derive(Debug, Args)]
struct Destination {
    /// Write files there instead of printing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace files that are already there
    #[arg(long, requires = "out")]
    force: bool,
    /// Names of the services; one unnamed secret without any
    #[arg(value_name = "NAME", value_parser = name)]
    names: Vec<Name>,
}

/// The environments of API keys, as arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Environment {
    Live,
    Test,
    Dev,
}

impl From<Environment> for api_key_text::Environment {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Live => Self::Live,
            Environment::Test => Self::Test,
            Environment::Dev => Self::Dev,
        }
    }
}

impl Keygen {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self.kind {
            Kind::Jwt { algorithm, to } => jwt(algorithm, &to, output)?,
            Kind::Hawk { to } => hawk(&to, output)?,
            Kind::ApiKey { environment, to } => api_key(environment.into(), &to, output)?,
            Kind::All { algorithm, out, force, names } => {
                refuse_repeated(&names)?;
                write(layout::all(algorithm, &out, &names)?, existing(force), output)?;
            }
        }
        Ok(Outcome::Done)
    }
}

impl Destination {
    /// The names to make secrets for: those given, or one stand-in.
    fn names_or(&self, stand_in: &str) -> anyhow::Result<Vec<Name>> {
        refuse_repeated(&self.names)?;
        if self.names.is_empty() { Ok(vec![Name::new(stand_in)?]) } else { Ok(self.names.clone()) }
    }
}

fn jwt(algorithm: JwtAlgorithm, to: &Destination, output: &Output) -> anyhow::Result<()> {
    let names = to.names_or("jwt")?;
    if let Some(out) = &to.out {
        let mut new = Vec::new();
        for name in &names {
            new.extend(layout::pair(out, name, &KeyPair::generate(algorithm)?));
        }
        return write(new, existing(to.force), output);
    }
    for name in &names {
        let pair = KeyPair::generate(algorithm)?;
        let value = json!({
            "name": name.as_str(),
            "algorithm": algorithm.to_possible_value().map(|value| value.get_name().to_owned()),
            "private_key": pair.private_pem,
            "public_key": pair.public_pem,
        });
        output.result(&value, &format!("{}{}", pair.private_pem, pair.public_pem))?;
    }
    Ok(())
}

fn hawk(to: &Destination, output: &Output) -> anyhow::Result<()> {
    let names = to.names_or("hawk")?;
    if let Some(out) = &to.out {
        let mut env = EnvFile::default();
        for name in &names {
            env.set(name, "HAWK_KEY", &HawkKey::generate(name)?.key)?;
        }
        return write(vec![env.file(out)], existing(to.force), output);
    }
    for name in &names {
        let HawkKey { id, key } = HawkKey::generate(name)?;
        output.result(
            &json!({ "id": id, "key": key, "algorithm": "sha256" }),
            &format!("id   {id}\nkey  {key}"),
        )?;
    }
    Ok(())
}

fn api_key(environment: api_key_text::Environment, to: &Destination, output: &Output) -> anyhow::Result<()> {
    let make = || -> anyhow::Result<String> { Ok(api_key_text::make(environment, random()?)) };
    let names = to.names_or("service")?;
    if let Some(out) = &to.out {
        let mut env = EnvFile::default();
        for name in &names {
            env.set(name, "API_KEY", &make()?)?;
        }
        return write(vec![env.file(out)], existing(to.force), output);
    }
    if to.names.is_empty() {
        let key = make()?;
        output.result(&json!({ "api_key": key, "environment": environment.to_string() }), &key)?;
    }
    for name in &to.names {
        let key = make()?;
        let value = json!({ "name": name.as_str(), "api_key": key, "environment": environment.to_string() });
        output.result(&value, &format!("{name}  {key}"))?;
    }
    Ok(())
}

fn write(new: Vec<NewFile>, existing: Existing, output: &Output) -> anyhow::Result<()> {
    files::write_all(&new, existing)?;
    let paths: Vec<String> = new.iter().map(|file| display(&file.path)).collect();
    output.result(&json!({ "files": paths }), &paths.join("\n"))?;
    Ok(())
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

fn existing(force: bool) -> Existing {
    if force { Existing::Replace } else { Existing::Keep }
}

fn name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|error| error.to_string())
}

fn refuse_repeated(names: &[Name]) -> anyhow::Result<()> {
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, name)) => bail!("`{name}` is named twice"),
        None => Ok(()),
    }
}

/// A fresh private key, for tests of what signs with it.
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn private_pem(algorithm: &str) -> String {
    KeyPair::generate(JwtAlgorithm::from_str(algorithm, false).unwrap()).unwrap().private_pem
}
