//! `tollgate init`: everything that a first start needs, once.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use tollgate_core::consumer::{Name, Scopes};
use tollgate_core::credential::api_key_text::{self, Environment};
use tollgate_store::{
    Account, Actor, Change, Conflict, Consumer, CredentialFilter, Error, Found, Kind, NewConsumer,
    NewCredential, NewProof, Paging, Scope, State, Store,
};

use super::Outcome;
use super::check::ConfigFile;
use super::files::{self, Existing, NewFile};
use super::offline::{self, Offline};
use super::output::Output;
use crate::keys::random;

/// Make what a gate needs: a configuration file, the data directory, the store, the first admin key
///
/// What is there already is kept, so that a second run changes nothing.
#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    file: ConfigFile,
    /// Make another admin key, where the first one is lost
    #[arg(long)]
    another_admin_key: bool,
    /// Write the admin key to a new file, for its owner alone, instead of printing it
    #[arg(long, value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
}

/// The account and the consumer of admin keys.
const ADMINISTRATORS: &str = "tollgate-admin";
/// How many names of consumers are tried.
const NAMES: usize = 20;
/// The scope that grants everything.
const ADMIN: &str = "admin";
const STARTER: &str = include_str!("init/starter.yaml");

/// A key that was made.
#[derive(Debug)]
struct Made {
    id: String,
    key: String,
}

impl Init {
    pub fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let path = &self.file.path;
        let written = write_starter(path)?;
        let compiled = match offline::load(path, output) {
            Ok(compiled) => compiled,
            Err(outcome) => return Ok(outcome),
        };
        if let Some(file) = &self.admin_key_file {
            anyhow::ensure!(!file.exists(), "`{}` is there already; name another file", file.display());
        }
        let offline = Offline::lock(&compiled.process)?;
        let sealing_keys = offline.data_dir()?.sealing_keys();
        let sealed_before = sealing_keys.exists();
        let store = offline.open(&compiled.process.store.url())?;
        let (actor, now) = offline::by("init")?;
        let made = offline.run(async {
            store.open_sealing_keys(&sealing_keys, &actor, now).await?;
            if !self.another_admin_key && has_admin_key(&store, now).await? {
                return Ok(None);
            }
            admin_key(&store, &actor, now).await.map(Some)
        })?;
        offline.run(store.close());
        let mut did = Vec::new();
        did.extend(written.then(|| format!("wrote `{}`", path.display())));
        did.extend(
            (!sealed_before)
                .then(|| format!("made the sealing key `{}`; keep a copy elsewhere", sealing_keys.display())),
        );
        self.tell(&did, made.as_ref(), offline.data_dir()?.path(), output)?;
        Ok(Outcome::Done)
    }

    fn tell(
        &self,
        did: &[String],
        made: Option<&Made>,
        data_dir: &Path,
        output: &Output,
    ) -> anyhow::Result<()> {
        let mut lines = did.to_vec();
        let mut value = json!({ "config": self.file.path, "data_dir": data_dir, "did": did });
        match (made, &self.admin_key_file) {
            (Some(made), Some(path)) => {
                let file = NewFile { path: path.clone(), content: format!("{}\n", made.key), private: true };
                files::write_all(&[file], Existing::Keep)?;
                value["key_id"] = json!(made.id);
                value["admin_key_file"] = json!(path);
                lines.push(format!(
                    "wrote the admin key to `{}`: `--admin-key-file` names it to commands",
                    path.display()
                ));
            }
            (Some(made), None) => {
                value["key_id"] = json!(made.id);
                value["admin_key"] = json!(made.key);
                lines.push(format!("the admin key is\n\n    export TOLLGATE_ADMIN_KEY={}\n", made.key));
            }
            (None, _) if did.is_empty() => {
                lines.push(
                    "everything is there already; `--another-admin-key` makes another admin key".to_owned(),
                );
            }
            (None, _) => {
                lines.push("the store has an admin key; `--another-admin-key` makes another".to_owned())
            }
        }
        output.result(&value, &lines.join("\n"))?;
        if made.is_some() && self.admin_key_file.is_none() {
            output.warning("the admin key is shown this once; keep it where secrets are kept");
        }
        Ok(())
    }
}

/// Writes the starter file where there is none. Says whether it did.
fn write_starter(path: &Path) -> anyhow::Result<bool> {
    if path.symlink_metadata().is_ok() {
        return Ok(false);
    }
    let file = NewFile { path: path.to_owned(), content: STARTER.to_owned(), private: false };
    files::write_all(&[file], Existing::Keep)?;
    Ok(true)
}

/// Names of consumers that are there for admin keys alone. A removed one keeps its name, and a disabled one may have keys
/// that nobody should get back, so there are several.
fn names() -> anyhow::Result<Vec<Name>> {
    let others = (2..=NAMES).map(|nth| format!("{ADMINISTRATORS}-{nth}"));
    let names = std::iter::once(ADMINISTRATORS.to_owned()).chain(others);
    Ok(names.map(|name| Name::new(&name)).collect::<Result<_, _>>()?)
}

/// Whether a live key with every right is there, made here or for the same consumers.
async fn has_admin_key(store: &Store, now: Timestamp) -> anyhow::Result<bool> {
    for name in names()? {
        let consumer = match store.consumer_named(Scope::All, &name).await {
            Ok(consumer) => consumer.id,
            Err(Error::NotFound(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let filter = CredentialFilter { consumer: Some(consumer), kind: Some(Kind::ApiKey), revoked: false };
        let mut paging = Paging::default();
        loop {
            let page = store.credentials(Scope::All, filter, &paging).await?;
            let ids: Vec<_> = page.items.iter().map(|credential| credential.id).collect();
            if store.load_credentials(Scope::All, &ids).await?.iter().any(|found| is_admin(found, now)) {
                return Ok(true);
            }
            match page.next {
                Some(next) => paging.cursor = Some(next),
                None => break,
            }
        }
    }
    Ok(false)
}

/// Whether a key of the store is accepted now and may do everything.
fn is_admin(found: &Found, now: Timestamp) -> bool {
    let scopes = found.credential.scopes.as_ref().or(found.consumer.scopes.as_ref());
    found.state(now) == State::Live && scopes.is_some_and(|scopes| scopes.contains(ADMIN))
}

/// Makes a key with every right, for a consumer that is there for such keys alone.
async fn admin_key(store: &Store, actor: &Actor, now: Timestamp) -> anyhow::Result<Made> {
    let key = api_key_text::make(Environment::Live, random()?);
    let mut change = store.change(actor, now).await?;
    let consumer = administrators(&mut change).await?;
    let mut new = NewCredential::new(consumer.id, "admin key", NewProof::api_key(&key));
    new.scopes = Some(Scopes::from_iter([ADMIN]));
    let credential = change.create_credential(Scope::All, new).await?;
    change.commit().await?;
    let found = store.load_credentials(Scope::All, &[credential.id]).await?;
    anyhow::ensure!(found.iter().any(|found| is_admin(found, now)), "the new admin key is not accepted");
    Ok(Made { id: credential.id.to_string(), key })
}

/// The first consumer of these names that can have a working key, made where its name is free. One that was disabled is
/// left as it is: to enable it would bring all of its keys back.
async fn administrators(change: &mut Change<'_>) -> anyhow::Result<Consumer> {
    let names = names()?;
    let account = administrating_account(change, &names).await?;
    for name in names {
        match change.consumer_named(Scope::All, &name).await {
            Ok(found) if found.account == account.id && found.disabled_at.is_none() => return Ok(found),
            Ok(_) => continue,
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let new = NewConsumer { account: account.id, name, tier: None, scopes: None };
        match change.create_consumer(Scope::All, new).await {
            Err(Error::Conflict(Conflict::Name(_)) | Error::Reserved(_)) => {}
            made => return Ok(made?),
        }
    }
    anyhow::bail!("{}", none_is_free("consumer"))
}

async fn administrating_account(change: &mut Change<'_>, names: &[Name]) -> anyhow::Result<Account> {
    for name in names {
        match change.account_named(Scope::All, name).await {
            Ok(found) if found.disabled_at.is_none() => return Ok(found),
            Ok(_) => continue,
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        match change.create_account(Scope::All, name.clone()).await {
            Err(Error::Conflict(Conflict::Name(_)) | Error::Reserved(_)) => {}
            made => return Ok(made?),
        }
    }
    anyhow::bail!("{}", none_is_free("account"))
}

fn none_is_free(what: &str) -> String {
    format!(
        "no admin key was made: each {what} `{ADMINISTRATORS}` to `{ADMINISTRATORS}-{NAMES}` is disabled, removed or \
         somebody else's; start `serve` with a new text of 16 characters or more in `TOLLGATE_ADMIN_KEY`, and make a \
         key with that"
    )
}
