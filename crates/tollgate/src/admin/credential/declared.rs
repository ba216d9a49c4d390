//! Credentials that the configuration file declares: they are shown and never written.

use std::sync::Arc;

use tollgate_core::credential::Credential;
use tollgate_store::Kind;

use super::CredentialView;
use crate::admin::Control;
use crate::admin::caller::Caller;
use crate::admin::list::{Items, PageOf};
use crate::admin::problem::{Problem, Result};

impl Control {
    /// One page of the credentials of a consumer of the file, of one kind or of all; nothing where the consumer is not of
    /// the file, or not for this caller.
    pub async fn declared_page(
        &self,
        caller: &Caller,
        consumer: &str,
        kind: Option<Kind>,
        page: &PageOf,
    ) -> Result<Option<Items<CredentialView>>> {
        let live = self.gate.live();
        let declared = live.snapshot.consumers.get(consumer);
        if !declared.is_some_and(|consumer| caller.sees(&consumer.account)) {
            return Ok(None);
        }
        let of_kind = |one: &Credential| kind.is_none_or(|kind| one.proof.kind() == kind.as_str());
        let own = live.snapshot.credentials.iter().filter(|one| one.consumer.name.as_str() == consumer);
        let mut own: Vec<&Credential> = own.map(|one| &**one).filter(|one| of_kind(one)).collect();
        own.sort_by(|a, b| a.id.cmp(&b.id));
        let last_used = self.gate.directory.last_use(&own).await;
        let views = own.iter().zip(last_used);
        let views = views.map(|(one, at)| (one.id.to_string(), CredentialView::of_file(one, at)));
        Ok(Some(page.clone().start(views)?.full()))
    }

    /// A credential of the file that the caller may see.
    pub async fn declared_view(
        &self,
        caller: &Caller,
        id: &str,
        fits: impl Fn(&Credential) -> bool,
    ) -> Option<CredentialView> {
        let credential = self.declared(caller, id, fits)?;
        let last_used = self.gate.directory.last_use(&[&credential]).await;
        Some(CredentialView::of_file(&credential, last_used.into_iter().next().flatten()))
    }

    /// That a credential which is to be changed is not one of the file.
    ///
    /// # Errors
    /// 409 where it is.
    pub fn not_declared(&self, caller: &Caller, id: &str, fits: impl Fn(&Credential) -> bool) -> Result<()> {
        match self.declared(caller, id, fits) {
            Some(_) => Err(Problem::declared("credential", id)),
            None => Ok(()),
        }
    }

    fn declared(
        &self,
        caller: &Caller,
        id: &str,
        fits: impl Fn(&Credential) -> bool,
    ) -> Option<Arc<Credential>> {
        let live = self.gate.live();
        let visible = |one: &&Arc<Credential>| caller.sees(&one.consumer.account) && fits(one);
        live.snapshot.credentials.iter().filter(|one| &*one.id == id).find(visible).cloned()
    }
}
