//! Why a call is allowed or refused, worked out without making it: by the functions that judge real calls, from the same
//! state, none of which is changed.

mod limits;
pub mod live;
pub mod request;
pub mod rules;
mod steps;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde::Serialize;
use tollgate_core::access;
use tollgate_core::authn::{self, Accept, Identity, Memory, hawk, jwt};
use tollgate_core::consumer::{Consumer, Name};
use tollgate_core::credential::{Credential, Digest, Proof};
use tollgate_core::denial::{Denial, Unauthenticated};
use tollgate_core::directory::{Directory, Known, Loaded, Question};
use tollgate_core::limit::{Limiter, Limits as Bounds, Subject};
use tollgate_core::matrix;
use tollgate_core::route::Route;
use tollgate_core::snapshot::Snapshot;
use tollgate_core::{Head, Now};

use self::limits::{Judged, Limits};
pub use self::request::{BadRequest, Request};
use self::steps::Steps;
use crate::decisions::{Counter, Mode, Outcome};

/// What calls are judged from at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The configuration.
    pub snapshot: &'a Snapshot,
    /// What was looked up of other credentials, where there is a store.
    pub directory: Option<&'a Directory>,
    /// What was used of every limit; it is only read.
    pub limiter: &'a Limiter,
    /// The moment.
    pub now: Now,
}

/// Why a call is allowed or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What becomes of the call.
    pub outcome: Outcome,
    /// Whether refusals of this caller are in force on the route.
    pub mode: Mode,
    /// What an enforcing route does.
    pub would: Outcome,
    /// The refusal's stable word, also where it is not in force.
    pub denial: Option<&'static str>,
    /// The refusal's status.
    pub status: Option<u16>,
    /// Where the rule stands that refuses.
    pub rule: Option<String>,
    /// The route, once found.
    pub route: Option<String>,
    /// Who calls, once identified.
    pub consumer: Option<String>,
    /// With which credential: its id.
    pub credential: Option<String>,
    /// What the call's limits have left.
    pub counters: Vec<Counter>,
    /// Seconds after which the call might pass, where time is all that it needs.
    pub retry_after: Option<u64>,
    /// What was judged, in order, up to the first refusal.
    pub steps: Vec<Step>,
}

/// One thing that was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `route`, `identity`, `access`, `limits`, or `mode` where that is what decides.
    pub step: &'static str,
    /// What it says.
    pub outcome: Outcome,
    /// Where the rule stands.
    pub rule: Option<String>,
    /// In words.
    pub detail: String,
}

/// An explanation, or what must be looked up first.
#[derive(Debug)]
pub enum Explained {
    /// It is whole.
    Done(Box<Explanation>),
    /// The credential must be asked for where credentials are kept; then the question is put anew with the answer.
    Ask(Question),
}

/// There is no such thing to ask about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{name}`")]
pub struct Unknown {
    /// `consumer` or `route`.
    pub what: &'static str,
    /// What was asked for.
    pub name: String,
}

/// Explains a call of a consumer whom the configuration declares, with the credential that gets furthest.
///
/// # Errors
/// Where there is no such consumer or route.
pub fn declared(scene: &Scene<'_>, consumer: &str, route: &str) -> Result<Explanation, Unknown> {
    let consumers = &scene.snapshot.consumers;
    let known = consumers.get(consumer).ok_or_else(|| unknown("consumer", consumer))?;
    let route = route_named(scene.snapshot, route)?;
    Ok(pair(scene, Some(&known.name), &credentials_of(scene.snapshot, &known.name), route, None))
}

/// Explains a call of a consumer of whom the file knows the name alone, as its routes have it: as if that consumer had a
/// credential of a scheme that the route accepts, with every scope that the route wants.
pub fn named(scene: &Scene<'_>, consumer: &Name, route: &Arc<Route>) -> Explanation {
    let mut steps = Steps::on(route);
    let caller = match route.accept.schemes.is_empty() {
        true => None,
        false => {
            steps.note("the store has its credentials and scopes, which are taken for granted".to_owned());
            named_credential(consumer, route)
        }
    };
    let caller = caller.map(|credential| Identity { credential, hawk: None });
    judge(steps, route, Ok(caller), Ipv4Addr::UNSPECIFIED.into()).locally(scene)
}

fn named_credential(consumer: &Name, route: &Route) -> Option<Arc<Credential>> {
    let owner = Consumer {
        name: consumer.clone(),
        account: consumer.clone(),
        tier: None,
        scopes: route.access.scopes.clone(),
        limits: Bounds::default(),
        subject: Subject::consumer(consumer),
    };
    let proof = Proof::ApiKey(Digest::of(&[]));
    Credential::new("of-the-store", Arc::new(owner), None, proof).ok().map(Arc::new)
}

/// Consumers of the store whom routes name.
pub fn names_of_store(snapshot: &Snapshot) -> BTreeSet<&Name> {
    let named = snapshot
        .routes
        .iter()
        .flat_map(|route| route.access.allow.iter().flatten().chain(&route.access.deny));
    named.filter(|name| !snapshot.consumers.contains_key(*name)).collect()
}

/// The route of this name.
///
/// # Errors
/// Where there is none.
pub fn route_named<'s>(snapshot: &'s Snapshot, name: &str) -> Result<&'s Arc<Route>, Unknown> {
    snapshot.routes.iter().find(|route| route.name.as_str() == name).ok_or_else(|| unknown("route", name))
}

/// A consumer's credentials in the configuration, in an order of their own.
pub fn credentials_of(snapshot: &Snapshot, consumer: &Name) -> Vec<Arc<Credential>> {
    let all = snapshot.credentials.iter();
    let mut own: Vec<_> = all.filter(|credential| credential.consumer.name == *consumer).cloned().collect();
    own.sort_by(|one, other| (one.proof.kind(), &one.id).cmp(&(other.proof.kind(), &other.id)));
    own
}

/// Explains a call on a route with the one of these credentials that gets furthest, or a stranger's without a consumer.
/// Without a `client`, the caller's address has called nobody yet and is in every network.
pub fn pair(
    scene: &Scene<'_>,
    consumer: Option<&Name>,
    credentials: &[Arc<Credential>],
    route: &Arc<Route>,
    client: Option<IpAddr>,
) -> Explanation {
    judge_pair(scene, consumer, credentials, route, client).locally(scene)
}

/// The same up to the limits.
fn judge_pair(
    scene: &Scene<'_>,
    consumer: Option<&Name>,
    credentials: &[Arc<Credential>],
    route: &Arc<Route>,
    client: Option<IpAddr>,
) -> Judged {
    let mut steps = Steps::on(route);
    let (mut best, mut over) = (None, None);
    for credential in credentials.iter().filter(|credential| matrix::is_accepted(route, credential)) {
        if !is_in_force(credential, client, scene.now) {
            over = Some(credential);
        } else if access::judge(route, credential).is_ok() {
            best = Some(credential);
            break;
        } else {
            best = best.or(Some(credential));
        }
    }
    let caller = match (best, over) {
        (Some(credential), _) => Ok(Some(Identity { credential: credential.clone(), hawk: None })),
        (None, Some(over)) => Err(is_over(&route.accept, over)),
        (None, None) => Ok(None),
    };
    if let (Some(consumer), Ok(None)) = (consumer, &caller) {
        steps.note(format!("`{consumer}` has no credential of a scheme that the route accepts"));
    }
    judge(steps, route, caller, client.unwrap_or(Ipv4Addr::UNSPECIFIED.into()))
}

/// Explains a request. `loaded` answers an earlier [`Explained::Ask`].
///
/// # Errors
/// [`BadRequest`] for what could not be sent as a request.
pub fn request(scene: &Scene<'_>, asked: &Request, loaded: Option<&Loaded>) -> Result<Explained, BadRequest> {
    Ok(match judge_request(scene, asked, loaded)? {
        Ok(judged) => Explained::Done(Box::new(judged.locally(scene))),
        Err(question) => Explained::Ask(question),
    })
}

/// The same up to the limits, or what must be looked up first.
fn judge_request(
    scene: &Scene<'_>,
    asked: &Request,
    loaded: Option<&Loaded>,
) -> Result<Result<Judged, Question>, BadRequest> {
    let found = asked.head()?.and_then(|head| Ok((scene.snapshot.routes.find(&head)?, head)));
    let (route, head) = match found {
        Ok(found) => found,
        Err(denial) => return Ok(Ok(Judged::Whole(Box::new(Explanation::nowhere(&denial))))),
    };
    let known = Known::new(&scene.snapshot.credentials, scene.directory, head.client, scene.now);
    let known = match loaded {
        Some(loaded) => known.with(loaded),
        None => known,
    };
    let mut steps = Steps::on(route);
    let caller = match authn::identify(&head, &route.accept, &known, &no_memory(), scene.now) {
        authn::Answer::Absent => Ok(None),
        authn::Answer::Identified(identity) => Ok(Some(identity)),
        authn::Answer::Rejected(denial) => Err(denial),
        authn::Answer::Ask(question) => return Ok(Err(question)),
        authn::Answer::Unproven(unproven) => prove(unproven, asked, &head, &route.accept, &mut steps),
    };
    Ok(Ok(judge(steps, route, caller, head.client)))
}

/// Identity, access and mode, as real calls meet them.
fn judge(
    mut steps: Steps,
    route: &Arc<Route>,
    caller: Result<Option<Identity>, Denial>,
    client: IpAddr,
) -> Judged {
    steps.identity(route, &caller);
    let identity = caller.as_ref().ok().and_then(Option::as_ref);
    let credential = identity.map(|identity| identity.credential.clone());
    let permit = match caller {
        Ok(identity) => access::decide(route, identity),
        Err(denial) => access::refuse(route, None, denial),
    };
    let denial = match &permit {
        Ok(permit) => permit.softened().map(|softened| softened.denial.clone()),
        Err(denial) => Some(denial.clone()),
    };
    if let Some(denial) = denial {
        return Judged::Whole(Box::new(steps.refused(route, credential.as_deref(), &denial, permit.is_ok())));
    }
    steps.access(route, credential.as_deref());
    Judged::Limits(Box::new(Limits { steps, route: route.clone(), credential, client }))
}

/// Compares the body with what was signed, where a body is given.
fn prove(
    unproven: hawk::Unproven,
    asked: &Request,
    head: &Head,
    accept: &Accept,
    steps: &mut Steps,
) -> Result<Option<Identity>, Denial> {
    let Some(body) = &asked.body else {
        steps.note("the body is not given, so its signed hash is not compared".to_owned());
        return Ok(Some(Identity { credential: unproven.credential().clone(), hawk: None }));
    };
    let content_type = head.headers.get(http::header::CONTENT_TYPE);
    unproven.prove(accept, content_type, body.as_bytes()).map(Some)
}

/// Remembers nothing between explanations, so that asking about a signed request does not use up its nonce.
fn no_memory() -> Memory {
    Memory { proofs: jwt::Proofs::new(1), nonces: hawk::Nonces::new(1) }
}

fn is_in_force(credential: &Credential, client: Option<IpAddr>, now: Now) -> bool {
    match client {
        Some(client) => credential.holds(client, now),
        None => !credential.is_revoked() && credential.life.ends.is_none_or(|end| now.unix_seconds() < end),
    }
}

/// What a caller with a credential meets that is not in force any more, or not from there.
fn is_over(accept: &Accept, credential: &Credential) -> Denial {
    accept.refuse_ours(match credential.proof {
        Proof::ApiKey(_) => Unauthenticated::ApiKey,
        Proof::Jwt(_) => Unauthenticated::Jwt(jwt::Refusal::UnknownKey),
        Proof::Hawk(_) => Unauthenticated::Hawk(hawk::Refusal::UnknownCredentials),
    })
}

fn unknown(what: &'static str, name: &str) -> Unknown {
    Unknown { what, name: name.to_owned() }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
