//! Making credentials, one or many.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::check;
use super::kind::{Kind, Lookup};
use super::new::NewCredential;
use super::record::Credential;
use crate::change::{Change, Record, Step};
use crate::consumers::{self, Consumer};
use crate::error::{Conflict, Error, Result};
use crate::id::{AccountId, ConsumerId, CredentialId};
use crate::reserved;
use crate::row::{Columns, Read};
use crate::scope::Scope;
use crate::sealing;
use crate::statement::Statement;
use crate::tables::CREDENTIALS;
use crate::text;
use crate::time::whole;

/// Lookup keys that one statement asks for.
const CHUNK: usize = 500;

/// What was found in a table of lookup keys.
struct Key {
    kind: Kind,
    lookup: Vec<u8>,
}

impl Read for Key {
    fn read(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self { kind: columns.parse()?, lookup: columns.next()? })
    }
}

impl Change<'_> {
    /// Makes a credential.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the consumer is not within the scope; [`Error::Reserved`] and [`Conflict::Lookup`]
    /// where the lookup key is taken, by whomever; [`Error::Invalid`] naming the field that is refused;
    /// [`Error::Sealing`] where there is a secret to seal and no key to do it.
    pub async fn create_credential(&mut self, scope: Scope, new: NewCredential) -> Result<Credential> {
        let made = self.create_credentials(scope, vec![new]).await?;
        made.into_iter().next().ok_or(Error::NotFound("credential"))
    }

    /// Makes many credentials, each with its own row of changes and audit, in few statements. All of them are checked
    /// before the first is written.
    ///
    /// # Errors
    /// As [`Change::create_credential`].
    pub async fn create_credentials(
        &mut self,
        scope: Scope,
        new: Vec<NewCredential>,
    ) -> Result<Vec<Credential>> {
        self.make_credentials(scope, new, None).await
    }

    /// Makes credentials; `rotated_from` is what they take the place of.
    pub(super) async fn make_credentials(
        &mut self,
        scope: Scope,
        new: Vec<NewCredential>,
        rotated_from: Option<CredentialId>,
    ) -> Result<Vec<Credential>> {
        let accounts = self.accounts_of(scope, new.iter().map(|new| new.consumer)).await?;
        let mut made = Vec::with_capacity(new.len());
        for new in new {
            let account = *accounts.get(&new.consumer).ok_or(Error::NotFound("consumer"))?;
            made.push(Credential { rotated_from, ..self.credential_of(account, new)? });
        }
        self.keys_are_free(&made).await?;
        for key in made.iter().filter_map(|made| made.secret.sealing_key()).collect::<BTreeSet<_>>() {
            sealing::is_registered(self, key).await?;
        }
        for (credential, number) in made.iter_mut().zip(self.next_rev()..) {
            credential.rev = number;
        }
        self.transaction.insert(&CREDENTIALS, made.iter().map(Record::row).collect()).await?;
        self.record(made.iter().map(|made| Step::of("create", None, Some(made))).collect()).await?;
        Ok(made)
    }

    async fn accounts_of(
        &mut self,
        scope: Scope,
        consumers: impl Iterator<Item = ConsumerId>,
    ) -> Result<BTreeMap<ConsumerId, AccountId>> {
        let mut accounts = BTreeMap::new();
        for id in consumers.collect::<BTreeSet<_>>() {
            let consumer: Consumer =
                consumers::found(self.transaction.one(consumers::by_id(scope, id)).await?)?;
            accounts.insert(id, consumer.account);
        }
        Ok(accounts)
    }

    fn credential_of(&self, account: AccountId, new: NewCredential) -> Result<Credential> {
        if let Some(service) = &new.service_id {
            text::check_shown("service_id", service, 100)?;
        }
        check::end(new.expires_at, self.now)?;
        let id = CredentialId::new(self.now)?;
        let stored = new.proof.store(account, id, || self.store.sealing_keys())?;
        let credential = Credential {
            id,
            account,
            consumer: new.consumer,
            kind: stored.kind,
            lookup: stored.lookup,
            secret: stored.secret,
            algorithm: stored.algorithm,
            name: new.name,
            display: stored.display,
            environment: stored.environment,
            service_id: new.service_id,
            scopes: new.scopes,
            tier: new.tier,
            rate_limit_per_hour: new.rate_limit_per_hour,
            networks: new.networks,
            created_at: self.now,
            created_by: self.actor.as_str().to_owned(),
            expires_at: new.expires_at.map(whole),
            disabled_at: None,
            revoked_at: None,
            valid_until: None,
            rotated_from: None,
            rotated_to: None,
            rev: 0,
            last_used_at: None,
        };
        check::limits(&credential)?;
        Ok(credential)
    }

    /// Nobody has these lookup keys: not the store, not a file, and no two of them are the same. Looking first tells
    /// which one it is and leaves the transaction whole; the unique index would do neither.
    async fn keys_are_free(&mut self, made: &[Credential]) -> Result<()> {
        let mut wanted: HashSet<(Kind, &Lookup)> = HashSet::with_capacity(made.len());
        for credential in made {
            if !wanted.insert((credential.kind, &credential.lookup)) {
                return Err(Conflict::Lookup(credential.kind.as_str()).into());
            }
        }
        for chunk in made.chunks(CHUNK) {
            let kinds = || Kind::ALL.map(|kind| kind.as_str().into());
            let lookups = || chunk.iter().map(|made| made.lookup.as_bytes().into());
            let files = Statement::new("SELECT kind, lookup FROM reserved WHERE kind IN ").list(kinds());
            for key in self.transaction.all::<Key>(files.push(" AND lookup IN ").list(lookups())).await? {
                if wanted.contains(&(key.kind, &Lookup::stored(key.lookup.clone()))) {
                    return Err(reserved::reserved(key.kind.as_str(), &key.lookup));
                }
            }
            let rows = Statement::new("SELECT kind, lookup FROM credentials WHERE kind IN ").list(kinds());
            for key in self.transaction.all::<Key>(rows.push(" AND lookup IN ").list(lookups())).await? {
                if wanted.contains(&(key.kind, &Lookup::stored(key.lookup))) {
                    return Err(Conflict::Lookup(key.kind.as_str()).into());
                }
            }
        }
        Ok(())
    }
}
