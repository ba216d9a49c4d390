//! What the journal is told of a call.

use tollgate_core::denial::Denial;
use tollgate_core::meter::Booked;
use tollgate_core::usage::{self, Closing, Intent};
use tollgate_ledger::journal::Flushed;

use super::call::{Call, Outcome};
use super::decision;
use super::worker::Worker;

/// Has whoever keeps the credential's balance charge for the call, where somebody does.
///
/// # Errors
/// [`Denial::Balance`], unless the route's mode lets everything through, and [`Denial::Unmetered`].
pub async fn charge(worker: &Worker, call: &mut Call) -> Result<(), Denial> {
    let Some((credential, charge)) = call.to_charge() else { return Ok(()) };
    // Nobody pays for a call that is refused as it cannot be taken down.
    if call.route.as_ref().is_some_and(|route| !route.meters.off) && !worker.journal.takes() {
        return Err(Denial::Unmetered);
    }
    match Box::pin(worker.gate.directory.charge(&credential, charge)).await {
        Ok(()) => Ok(()),
        Err(balance) => decision::unless_softened(call, Denial::Balance(balance)),
    }
}

/// Takes down that the call is about to be sent, and waits until that is safe.
///
/// # Errors
/// [`Denial::Unmetered`] where it cannot be taken down: what nobody would pay for is not served.
pub async fn open(worker: &Worker, call: &mut Call) -> Result<(), Denial> {
    let Some(route) = call.route.as_ref().filter(|route| !route.meters.off) else { return Ok(()) };
    let credential = call.credential.as_deref();
    let consumer = credential.map(|credential| &*credential.consumer);
    let intent = Intent {
        id: call.id.ulid(),
        time_micros: u64::try_from(call.now.wall.as_micros()).unwrap_or(u64::MAX),
        node: &*worker.gate.ledger.node,
        account: consumer.map(|consumer| consumer.account.as_str()),
        account_id: credential.and_then(|credential| credential.origin.account_id()),
        consumer: consumer.map(|consumer| consumer.name.as_str()),
        credential: credential.map(|credential| &*credential.id),
        route: route.name.as_str(),
        model: call.model(),
        method: call.method.as_str(),
        path: call.path.as_deref().unwrap_or_default(),
        client_request_id: call.client_request_id.as_ref().and_then(|id| id.to_str().ok()),
        tier: consumer.and_then(|consumer| consumer.tier.as_ref()).map(|tier| tier.as_str()),
    };
    let opened = match worker.journal.open(&intent) {
        Ok(opening) => opening.await,
        Err(unavailable) => Err(unavailable),
    };
    match opened {
        Ok(entry) => {
            call.entry = Some(entry);
            Ok(())
        }
        Err(unavailable) => {
            tracing::debug!("a call is refused, as it cannot be taken down: {unavailable}");
            Err(Denial::Unmetered)
        }
    }
}

impl Call {
    /// Makes the call's usage event, where it becomes one; the caller may have the last byte when that is written.
    pub fn close(&mut self) -> Option<Flushed> {
        let entry = self.entry.take()?;
        Some(entry.close(&self.closing()))
    }

    /// Tells the journal how far the call is.
    pub fn progress(&self) {
        if let Some(entry) = &self.entry {
            entry.progress(&self.closing());
        }
    }

    /// How the call ended, or would if it ended now.
    fn closing(&self) -> Closing {
        let millis = |duration: core::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (duration, upstream) = self.spent();
        let (request_bytes, response_bytes) = (self.request_bytes.get(), self.response_bytes);
        let Booked { measures, quality } = self.booked();
        Closing {
            outcome: match self.outcome {
                Outcome::Served => usage::Outcome::Served,
                Outcome::UpstreamError => usage::Outcome::UpstreamError,
                // Refused midway: the caller's own doing, such as a body that is too long.
                Outcome::Cancelled | Outcome::Denied => usage::Outcome::Cancelled,
            },
            status: self.status.map(|status| status.as_u16()),
            duration_ms: millis(duration),
            upstream_ms: millis(upstream),
            queue_ms: 0,
            request_bytes,
            response_bytes,
            measures,
            quality,
        }
    }
}
