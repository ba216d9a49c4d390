//! The data plane: what happens to a request between the caller's socket and the model.

mod answer;
mod asking;
mod body;
mod call;
pub mod connection;
mod cors;
mod counted;
mod decision;
mod dress;
mod exchange;
mod fleet;
mod forward;
mod framing;
mod generated;
mod h1;
mod h2;
pub mod health;
mod insight;
mod ledger;
pub mod listener;
mod look;
mod metered;
mod pool;
pub mod problem;
mod prove;
mod rate_limit;
mod tunnel;
pub mod unpacked;
mod wire;
pub mod worker;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{Response, StatusCode};
use tollgate_core::access::{self, Permit};
use tollgate_core::admission::shared::Progress;
use tollgate_core::admission::{self, Admission, Refused};
use tollgate_core::authn::{self, Identity, hawk};
use tollgate_core::denial::{Bound, Denial, DirectoryFailure};
use tollgate_core::directory::Loaded;
use tollgate_core::route::Route;

use self::answer::body::ResponseBody;
use self::asking::Asking;
use self::body::{RequestBody, Source, Stream};
use self::call::{Call, Outcome};
use self::counted::Counting;
use self::dress::Dress;
use self::forward::outgoing::Outgoing;
use self::framing::{Checked, Unchecked};
use self::listener::Peer;
use self::look::Looking;
use self::prove::Signed;
use self::rate_limit::RateLimit;
use self::tunnel::Tunnel;
use self::wire::timer::Timer;
use self::worker::Worker;
use crate::state::Live;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Bodies that must be read whole (a payload proof) are at most this large where the route has no limit.
const BUFFER_MAX: u64 = 10 * 1024 * 1024;

/// A request as its protocol's side hands it over.
#[derive(Debug)]
struct Asked {
    head: Unchecked,
    /// Absent where there is no body.
    body: Option<Source>,
}

/// What the protocol's side writes to the caller.
#[derive(Debug)]
struct Answer {
    response: Response<ResponseBody>,
    /// What it tells of the call's limits, in place of whatever the response says of such.
    rate_limit: Option<RateLimit>,
    /// What the connection becomes after the head, where it changes its protocol.
    tunnel: Option<Box<Tunnel>>,
}

/// How far a request came without waiting for anything.
#[expect(clippy::large_enum_variant, reason = "it is moved once and never kept")]
enum Begun {
    /// To its answer.
    Answered(Answer),
    /// To the first step that waits.
    Waiting(Box<Waiting>),
}

/// A request that waits for its body or for the model. All that it needs is here: the future that waits is small.
struct Waiting {
    call: Box<Call>,
    live: Arc<Live>,
    step: Step,
}

/// What a request does next.
enum Step {
    /// It is answered here.
    Answer(Response<Bytes>),
    /// It is asked whose credential it carries.
    Ask(Box<Asking>),
    /// Its body is read, to prove what the caller signed.
    Prove(Box<Signed>),
    /// Its body is read, to count what it asks for.
    Look(Box<Looking>),
    /// The fleet is asked whether it has seen the request.
    Claim(Box<fleet::Claiming>),
    /// The store is asked what was used of its quotas.
    Count(Box<Counting>),
    /// The fleet is asked whether there is room for it.
    Reserve(Box<fleet::Reserving>),
    /// It goes to the model; the artifacts sign the answer where the scheme wants that.
    Forward(Outgoing, Option<Arc<hawk::Artifacts>>),
}

/// The walk up to the first step that waits. Never fails: whatever goes wrong is an answer too. `timer` is the calling
/// task's.
fn begin(worker: &Rc<Worker>, peer: &Peer, timer: &Rc<Timer>, asked: Asked) -> Begun {
    let now = worker.gate.clock.now();
    let id = worker.ids.borrow_mut().next(now);
    let live = worker.gate.live();
    let method = asked.head.method().clone();
    let mut call = Call::open(worker.gate.clone(), id, now, method, peer.address);
    match judge(worker, peer, timer, &live, asked, &mut call) {
        Ok(Step::Answer(response)) => Begun::Answered(own(call, response)),
        Ok(step) => Begun::Waiting(Box::new(Waiting { call, live, step })),
        Err(denial) => Begun::Answered(deny(call, &live, &denial)),
    }
}

/// The rest of the walk.
async fn finish(worker: &Rc<Worker>, timer: &Rc<Timer>, waiting: Box<Waiting>) -> Answer {
    let Waiting { mut call, live, mut step } = *waiting;
    let mut asked = false;
    let (outgoing, artifacts) = loop {
        // Boxed, as every rare and large future of the walk: its room would be moved with each request.
        let next = match step {
            // One question has one answer.
            Step::Ask(_) if asked => Err(Denial::Directory(DirectoryFailure::Failed)),
            Step::Ask(asking) => {
                asked = true;
                Box::pin(asking::ask(worker, timer, &live, *asking, &mut call)).await
            }
            Step::Answer(response) => return own(call, response),
            Step::Forward(outgoing, artifacts) => break (outgoing, artifacts),
            Step::Prove(signed) => Box::pin(prove::prove(worker, &live, *signed, &mut call)).await,
            Step::Look(looking) => Box::pin(look::look(worker, &live, *looking, &mut call)).await,
            Step::Claim(claiming) => Box::pin(fleet::claim(worker, &live, *claiming, &mut call)).await,
            Step::Count(counting) => Box::pin(counted::count(worker, &live, *counting, &mut call)).await,
            Step::Reserve(reserving) => Box::pin(fleet::reserve(worker, &live, *reserving, &mut call)).await,
        };
        match next {
            Ok(next) => step = next,
            Err(denial) => return deny(call, &live, &denial),
        }
    };
    if let Err(denial) = ledger::charge(worker, &mut call).await {
        return deny(call, &live, &denial);
    }
    if let Err(denial) = ledger::open(worker, &mut call).await {
        return deny(call, &live, &denial);
    }
    let (mut call, answered) = match call.reads_on() {
        false => {
            let answered = forward::forward(worker, timer, outgoing, &mut call).await;
            (call, answered)
        }
        true => Box::pin(generated::forward(worker, outgoing, call)).await,
    };
    let answered = match answered {
        Ok(answered) => answered,
        Err(denial) => return deny(call, &live, &denial),
    };
    call.answered(&answered.exchange);
    let (dress, rate_limit) = (Dress::of(&call), call.rate_limit.take());
    if answered.head.status == StatusCode::SWITCHING_PROTOCOLS {
        let (response, tunnel) = answer::switched(answered, call);
        return Answer { response: dress.put_on(response), rate_limit, tunnel: Some(tunnel) };
    }
    let response = match artifacts {
        None => answer::from_model(worker, timer, answered, call),
        Some(artifacts) => Box::pin(answer::signed(worker, timer, answered, call, artifacts)).await,
    };
    Answer { response: dress.put_on(response), rate_limit, tunnel: None }
}

/// Framing, route, identity, access, limits. Each step's answer is the next one's ticket.
fn judge(
    worker: &Worker,
    peer: &Peer,
    timer: &Rc<Timer>,
    live: &Live,
    asked: Asked,
    call: &mut Call,
) -> Result<Step, Denial> {
    let bounds = &worker.gate.process.bounds;
    let Asked { head, body } = asked;
    let checked = framing::check(head, body.is_some(), peer, bounds)?;
    call.path = Some(checked.head.path.as_str().into());
    call.client = checked.head.client;
    call.client_request_id = checked.client_request_id.clone();

    let route = live.snapshot.routes.find(&checked.head)?;
    call.route = Some(route.clone());
    if route.cors.is_some() {
        call.origin = checked.head.headers.get(header::ORIGIN).cloned();
    }
    if let Some(answer) = cors::preflight(route, &checked.head) {
        return Ok(Step::Answer(answer));
    }
    check_declared_size(route, body.as_ref())?;

    identify(worker, timer, live, None, checked, body, call)
}

/// Who calls, as far as it is known here; then whether they may.
fn identify(
    worker: &Worker,
    timer: &Rc<Timer>,
    live: &Live,
    loaded: Option<&Loaded>,
    checked: Checked,
    body: Option<Source>,
    call: &mut Call,
) -> Result<Step, Denial> {
    let route = call.route.clone().ok_or(Denial::NoRoute)?;
    let bounds = &worker.gate.process.bounds;
    let known = worker.gate.known(live, checked.head.client, call.now);
    let known = loaded.map_or(known, |loaded| known.with(loaded));
    let memory = &worker.gate.memory;
    let answer = authn::identify(&checked.head, &route.accept, &known, memory, call.now);
    if let authn::Answer::Ask(question) = answer {
        return Ok(Step::Ask(Box::new(Asking { question, checked, body })));
    }
    let stream =
        |max| body.map(|body| Stream::new(body, max, bounds, call.request_bytes.clone(), timer.clone()));
    let caller = match answer {
        authn::Answer::Ask(_) | authn::Answer::Absent => Ok(None),
        authn::Answer::Identified(identity) => Ok(Some(identity)),
        authn::Answer::Rejected(denial) => Err(denial),
        authn::Answer::Unproven(unproven) => {
            let body = stream(Some(route.body_max.unwrap_or(BUFFER_MAX)));
            return Ok(Step::Prove(Box::new(Signed { unproven, checked, body })));
        }
    };
    let body = RequestBody::from(stream(route.body_max));
    if worker.gate.shared.is_some()
        && let Ok(Some(Identity { hawk: Some(_), .. })) = &caller
    {
        return Ok(Step::Claim(Box::new(fleet::Claiming { route, caller, checked, body })));
    }
    admit(worker, live, route, caller, checked, body, call)
}

/// Who a caller is: somebody, nobody, or one whose credential identifies nobody, with the refusal for that.
type Caller = Result<Option<Identity>, Denial>;

/// Access, and what comes after it. What the route's mode softens is sent too, and remembered.
fn admit(
    worker: &Worker,
    live: &Live,
    route: Arc<Route>,
    caller: Caller,
    checked: Checked,
    body: RequestBody,
    call: &mut Call,
) -> Result<Step, Denial> {
    let (found, second) = (caller.as_ref().map(Option::as_ref), call.now.wall.as_secs());
    worker.gate.telemetry.auth.tell(found, &route, &checked.head, call.id.as_str(), second);
    let identity = found.ok().flatten();
    call.credential = identity.map(|identity| identity.credential.clone());
    if let Some(credential) = &call.credential {
        worker.gate.directory.used(credential, call.now);
    }
    let artifacts = identity.and_then(|identity| identity.hawk.clone());
    let permit = match caller {
        Ok(identity) => access::decide(&route, identity)?,
        Err(denial) => access::refuse(&route, None, denial)?,
    };
    tunnel::check(&permit, &checked)?;
    let body = match body {
        body if route.meters.needs_body().is_none() => body,
        RequestBody::Stream(body) => {
            return Ok(Step::Look(Box::new(Looking { permit, checked, body, artifacts })));
        }
        RequestBody::Whole(body) => look::read(&route, &checked, body, call)?,
    };
    limit(worker, live, permit, checked, body, artifacts, call)
}

/// Whether it is known what a permitted request has left: then it is judged, else the store is asked before.
fn limit(
    worker: &Worker,
    live: &Live,
    permit: Permit,
    checked: Checked,
    body: RequestBody,
    artifacts: Option<Arc<hawk::Artifacts>>,
    call: &mut Call,
) -> Result<Step, Denial> {
    let (client, cost) = (checked.head.client, call.estimate(permit.route(), &body));
    let uncounted = admission::uncounted(&worker.gate.limiter, &permit, client, &cost, call.now);
    if !uncounted.is_empty() {
        let counting = Counting { uncounted, permit, checked, body, artifacts };
        return Ok(Step::Count(Box::new(counting)));
    }
    send(worker, live, permit, checked, body, artifacts, call)
}

/// Whether there is room for a permitted request: one that may be sent, or that waits for its fleet.
fn send(
    worker: &Worker,
    live: &Live,
    permit: Permit,
    checked: Checked,
    body: RequestBody,
    artifacts: Option<Arc<hawk::Artifacts>>,
    call: &mut Call,
) -> Result<Step, Denial> {
    let (client, cost) = (checked.head.client, call.estimate(permit.route(), &body));
    let (limiter, now) = (&worker.gate.limiter, call.now);
    let reserved = match &worker.gate.shared {
        None => admission::reserve(limiter, permit, client, &cost, now),
        Some(shared) => match shared.begin(limiter, permit, client, cost, now) {
            Ok(Progress::Ask(asking)) => {
                return Ok(Step::Reserve(Box::new(fleet::Reserving { asking, checked, body, artifacts })));
            }
            Ok(Progress::Admitted(admission)) => Ok(admission),
            Err(refused) => Err(refused),
        },
    };
    let outgoing = Outgoing::new(tell(reserved, call)?, checked, body, live, worker, call)?;
    Ok(Step::Forward(outgoing, artifacts))
}

/// Keeps for the answer what the call's limits have left, and remembers what was softened.
fn tell(reserved: Result<Admission, Box<Refused>>, call: &mut Call) -> Result<Admission, Denial> {
    match reserved {
        Ok(admission) => {
            if let Some(reservation) = admission.reservation() {
                call.rate_limit = RateLimit::of(call, reservation.standing(), None);
            }
            if let Some(softened) = admission.softened() {
                decision::softened(call, softened);
            }
            Ok(admission)
        }
        Err(refused) => {
            call.rate_limit = RateLimit::of(call, refused.standing.iter().copied(), Some(refused.rule));
            call.standing = refused.standing;
            Err(refused.denial)
        }
    }
}

/// An answer of the gate's own.
fn own(mut call: Box<Call>, response: Response<Bytes>) -> Answer {
    call.status = Some(response.status());
    call.outcome = Outcome::Served;
    dressed(&mut call, response)
}

/// A denial in the dialect of its route.
fn deny(mut call: Box<Call>, live: &Live, denial: &Denial) -> Answer {
    let dialect = match (&call.route, denial) {
        (Some(route), _) => route.errors,
        (None, Denial::MethodNotAllowed { errors: Some(errors), .. }) => *errors,
        (None, _) => live.snapshot.errors,
    };
    let response = problem::response(denial, dialect, call.path.as_deref(), call.id.as_str());
    call.deny(denial);
    call.status = Some(response.status());
    decision::denied(&call, denial, response.status());
    dressed(&mut call, response)
}

fn dressed(call: &mut Call, response: Response<Bytes>) -> Answer {
    let response = Dress::of(call).put_on(response.map(ResponseBody::from));
    Answer { response, rate_limit: call.rate_limit.take(), tunnel: None }
}

/// A body that says itself that it is too large is refused before anything is read.
fn check_declared_size(route: &Route, body: Option<&Source>) -> Result<(), Denial> {
    match (route.body_max, body.and_then(Source::remaining)) {
        (Some(max), Some(size)) if size > max => Err(Denial::Bound(Bound::Body { max })),
        _ => Ok(()),
    }
}
