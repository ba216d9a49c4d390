//! Callers who leave routes that bill what the model generated: the model goes on to its end, and the gate with it.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use tollgate_core::denial::Denial;

use super::answer;
use super::call::Call;
use super::forward::outgoing::Outgoing;
use super::forward::{self, Answered};
use super::metered::Flow;
use super::worker::Worker;

/// The most bytes of an answer that are read for nobody.
const READ_ON_MAX: u64 = 64 * 1024 * 1024;

/// Does what [`forward::forward`] does in a task of its own, which outlives a caller who leaves before the answer. Its body
/// was read whole, so that nothing of the caller is needed for it.
pub async fn forward(
    worker: &Rc<Worker>,
    outgoing: Outgoing,
    mut call: Box<Call>,
) -> (Box<Call>, Result<Answered, Denial>) {
    let (tell, told) = oneshot::channel();
    let own = worker.clone();
    worker.spawn(async move {
        // Each task has its timer.
        let timer = Rc::default();
        let answered = forward::forward(&own, &timer, outgoing, &mut call).await;
        match tell.send((call, answered)) {
            Ok(()) => {}
            // Nobody takes the body, which reads on by itself then.
            Err((call, Ok(answered))) => drop(answer::meter(&own, &timer, answered, call)),
            // The model's failure is not the caller's, who would have been told.
            Err((mut call, Err(denial))) => {
                call.deny(&denial);
                call.status = Some(denial.status());
            }
        }
    });
    match told.await {
        Ok(both) => both,
        // The task went with its runtime, and so does this one.
        Err(_) => std::future::pending().await,
    }
}

/// Reads the rest of an answer for the bill: at most as long as the upstream may take in all, without a pause longer than
/// `idle`, and until the caller's credential is revoked. The call keeps what it holds of its limits meanwhile.
pub async fn read_on(worker: Rc<Worker>, mut flow: Flow, idle: Duration) {
    let total = flow.call.route.as_ref().map(|route| route.upstream.timeout.total).unwrap_or_default();
    let (end, mut left, mut progress) = (Instant::now() + total, READ_ON_MAX, worker.progress.get());
    while !flow.call.is_revoked() {
        let next = timeout(idle, poll_fn(|cx| flow.exchange.poll_data(cx)));
        let data = match timeout_at(end, next).await {
            Ok(Ok(Some(Ok(data)))) => data,
            Ok(Ok(None)) => break,
            Ok(Ok(Some(Err(_))) | Err(_)) | Err(_) => return,
        };
        flow.call.pass_nowhere(&data);
        if progress != worker.progress.get() {
            progress = worker.progress.get();
            flow.call.progress();
        }
        match left.checked_sub(data.len() as u64) {
            Some(rest) => left = rest,
            None => return,
        }
    }
    if let Some(exchange) = flow.exchange.recycle() {
        worker.pool.borrow_mut().put(exchange);
    }
}
