//! What a call holds of rates that a fleet shares.

use std::fmt;
use std::sync::Arc;

use super::{Asked, Fleet, Standing, Until};
use crate::limit::Rate;
use crate::limit::key::Key;
use crate::limit::taken::End;
use crate::limit::{Cost, Unit};
use crate::time::Now;

/// Units of shared rates, each from a lease or from the store. Dropped without an end, all go back.
pub(crate) struct Hold {
    fleet: Arc<Fleet>,
    held: Vec<Held>,
    /// What every limit of the call has left, those that are not shared among them, in their order.
    pub standing: Vec<Standing>,
}

/// Units of one rate.
#[derive(Debug)]
pub(super) struct Held {
    pub key: Key,
    pub rate: Rate,
    pub units: u64,
    pub from: From,
}

/// Where units were taken, and until when the reservation reaches there.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    Store(Until),
    Lease { serial: u64, until: Until },
}

impl Hold {
    pub(super) fn new(fleet: Arc<Fleet>) -> Self {
        Self { fleet, held: Vec::new(), standing: Vec::new() }
    }

    pub(super) fn push(&mut self, held: Held) {
        self.held.push(held);
    }

    /// Whose it is.
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// Whether the call used something else.
    pub fn differs_from(&self, actual: &Cost) -> bool {
        let differs = |unit: Unit, units| actual.of(unit) != units;
        self.held.iter().any(|held| differs(held.rate.unit(), held.units))
    }

    /// Ends it once; a second end finds nothing.
    pub(in crate::limit) fn end(&mut self, end: End<'_>, now: Option<Now>) {
        for held in std::mem::take(&mut self.held) {
            self.fleet.end(&held, end, now);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.end(End::GiveBack, None);
    }
}

impl Held {
    pub fn new(asked: &Asked, from: From) -> Self {
        Self { key: asked.key, rate: asked.rate, units: asked.units, from }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("held", &self.held).finish_non_exhaustive()
    }
}
