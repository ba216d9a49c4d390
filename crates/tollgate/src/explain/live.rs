//! Questions to a running gate: who is not known at the moment is looked up in its store.

use std::net::Ipv4Addr;

use tollgate_core::consumer::Name;
use tollgate_core::denial::{Denial, DirectoryFailure};
use tollgate_store::Scope;

use super::request::{BadRequest, Request};
use super::{Explanation, Scene, Unknown, credentials_of, judge_pair, judge_request, route_named, unknown};
use crate::gateway::problem::message;
use crate::state::Gate;

/// Why there is no explanation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// There is no such consumer or route, or whoever asks may not see it.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The request could not be sent as one.
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
    /// Nobody can say at the moment whose the credential is, or whoever keeps it refuses it.
    #[error("{}", message(.0))]
    Denied(Denial),
}

/// Explains a call of a consumer of the file or the store. Who asks for one account sees its consumers of the store alone.
///
/// # Errors
/// [`Failure::Unknown`], [`Failure::Denied`].
pub async fn of_pair(gate: &Gate, scope: Scope, consumer: &str, route: &str) -> Result<Explanation, Failure> {
    let live = gate.live();
    let scene = scene(gate, &live.snapshot);
    let route = route_named(&live.snapshot, route)?;
    if let (Scope::All, Some((name, _))) = (scope, live.snapshot.consumers.get_key_value(consumer)) {
        let credentials = credentials_of(&live.snapshot, name);
        let judged = judge_pair(&scene, Some(name), &credentials, route, None);
        return Ok(judged.of_gate(gate, scene.now).await);
    }
    let name = Name::new(consumer).map_err(|_| unknown("consumer", consumer))?;
    let credentials = gate.directory.of_consumer(scope, &name).await.map_err(Denial::Directory);
    let credentials = credentials.map_err(Failure::Denied)?;
    let credentials = credentials.ok_or_else(|| unknown("consumer", consumer))?;
    let judged = judge_pair(&scene, Some(&name), &credentials, route, None);
    Ok(judged.of_gate(gate, scene.now).await)
}

/// Explains a request. It tells whose the presented credential is, so that only those may ask who may see everybody.
///
/// # Errors
/// [`Failure::BadRequest`], [`Failure::Denied`].
pub async fn of_request(gate: &Gate, asked: &Request) -> Result<Explanation, Failure> {
    let live = gate.live();
    let scene = scene(gate, &live.snapshot);
    let question = match judge_request(&scene, asked, None)? {
        Ok(judged) => return Ok(judged.of_gate(gate, scene.now).await),
        Err(question) => question,
    };
    let client = asked.client.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let loaded = gate.directory.find(question, client).await.map_err(Failure::Denied)?;
    match judge_request(&scene, asked, Some(&loaded))? {
        Ok(judged) => Ok(judged.of_gate(gate, scene.now).await),
        // One question has one answer.
        Err(_) => Err(Failure::Denied(Denial::Directory(DirectoryFailure::Failed))),
    }
}

fn scene<'a>(gate: &'a Gate, snapshot: &'a tollgate_core::snapshot::Snapshot) -> Scene<'a> {
    Scene { snapshot, directory: Some(&gate.directory.known), limiter: &gate.limiter, now: gate.clock.now() }
}
