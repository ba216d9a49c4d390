//! What a new file says otherwise of the process, which stays as it was started.

use super::{Process, StorePlace};
use crate::shared::Settings;

impl Process {
    /// The members of the file that differ and act at the next start alone, in the order of the schema. What files hold that
    /// are read anew, such as certificates, does not count.
    pub fn changes(&self, new: &Self) -> Vec<&'static str> {
        // Taken apart, so that a new member is not forgotten here.
        let Self {
            // The command line says what it is, and stays as it was.
            role: _,
            listen,
            admin,
            probes,
            auth_api,
            callers,
            workers,
            drain,
            data_dir,
            store,
            directory,
            auth_service,
            shared,
            ledger,
            bounds,
        } = self;
        [
            ("listen", *listen != new.listen),
            ("workers", *workers != new.workers),
            ("drain", *drain != new.drain),
            ("admin", *admin != new.admin),
            ("probes", *probes != new.probes),
            ("auth_api", (auth_api, callers) != (&new.auth_api, &new.callers)),
            ("data_dir", *data_dir != new.data_dir),
            ("bounds", *bounds != new.bounds),
            ("store", !is_same_place(store, &new.store)),
            ("shared", !is_same_fleet(shared.as_ref(), new.shared.as_ref())),
            ("ledger", *ledger != new.ledger),
            ("directory", *directory != new.directory),
            ("auth_service", *auth_service != new.auth_service),
        ]
        .into_iter()
        .filter_map(|(member, differs)| differs.then_some(member))
        .collect()
    }
}

fn is_same_place(old: &StorePlace, new: &StorePlace) -> bool {
    old.url() == new.url()
}

fn is_same_fleet(old: Option<&Settings>, new: Option<&Settings>) -> bool {
    let parts = |settings: &Settings| {
        let Settings { url, key, nodes, roots } = settings.clone();
        (url.expose().to_vec(), key.map(|key| key.expose().to_vec()), nodes, roots)
    };
    old.map(parts) == new.map(parts)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
