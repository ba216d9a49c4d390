//! Credentials that calls under way may hold after the directory has forgotten them.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tollgate_core::credential::Credential;

/// Every credential that was looked up, for as long as somebody has it.
#[derive(Debug)]
pub(super) struct Held {
    by_id: Mutex<HashMap<Box<str>, Weak<Credential>>>,
    /// How many there may be before those that nobody has are left out.
    most: usize,
}

impl Held {
    pub(super) fn new(capacity: usize) -> Self {
        Self { by_id: Mutex::default(), most: capacity.saturating_mul(2).max(1024) }
    }

    pub(super) fn note(&self, credential: &Arc<Credential>) {
        let mut by_id = self.by_id.lock();
        if by_id.len() >= self.most {
            by_id.retain(|_, held| held.strong_count() > 0);
        }
        by_id.insert(credential.id.clone(), Arc::downgrade(credential));
    }

    /// Those that somebody has and of which `changed` is true.
    pub(super) fn changed(&self, changed: impl Fn(&Credential) -> bool) -> Vec<Arc<Credential>> {
        let by_id = self.by_id.lock();
        by_id.values().filter_map(Weak::upgrade).filter(|held| changed(held)).collect()
    }
}
