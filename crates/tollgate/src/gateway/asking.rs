//! Where the walk waits for whoever keeps a credential that nobody here knows.

use std::rc::Rc;

use tollgate_core::denial::Denial;
use tollgate_core::directory::Question;

use super::body::{Source, Stream};
use super::call::Call;
use super::framing::Checked;
use super::wire::timer::Timer;
use super::worker::Worker;
use super::{Step, admit, identify};
use crate::state::Live;

/// A request whose credential nobody here knows.
pub struct Asking {
    pub question: Question,
    pub checked: Checked,
    pub body: Option<Source>,
}

/// Waits until it is known whose credential it is; then the walk goes on.
pub async fn ask(
    worker: &Rc<Worker>,
    timer: &Rc<Timer>,
    live: &Live,
    asking: Asking,
    call: &mut Call,
) -> Result<Step, Denial> {
    let Asking { question, checked, body } = asking;
    let loaded = match worker.gate.directory.find(question, checked.head.client).await {
        Ok(loaded) => loaded,
        // The verdict on a key that somebody else keeps, or none at all: the route's mode has a say.
        Err(denial) => {
            let route = call.route.clone().ok_or(Denial::NoRoute)?;
            let (bounds, max) = (&worker.gate.process.bounds, route.body_max);
            let bytes = call.request_bytes.clone();
            let stream = body.map(|body| Stream::new(body, max, bounds, bytes, timer.clone()));
            return admit(worker, live, route, Err(denial), checked, stream.into(), call);
        }
    };
    identify(worker, timer, live, Some(&loaded), checked, body, call)
}
