//! Who may call what, as far as the configuration and credentials decide; limits and modes have no say.

use std::collections::BTreeMap;

use crate::access;
use crate::authn::Scheme;
use crate::consumer::Name;
use crate::credential::{Credential, Proof};
use crate::denial::Forbidden;
use crate::route::Route;
use crate::snapshot::Snapshot;

/// One consumer on one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The consumer.
    pub consumer: Name,
    /// The route.
    pub route: Name,
    /// What a request with the consumer's best credential meets.
    pub outcome: Outcome,
}

/// What a request meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It passes with the consumer's identity.
    Allowed,
    /// It passes without a credential.
    Public,
    /// The consumer has no credential of a scheme that the route accepts.
    NoCredential,
    /// The consumer is identified and refused.
    Forbidden(Forbidden),
}

impl Outcome {
    /// Whether the request passes.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Allowed | Self::Public)
    }

    /// Why, in words.
    pub fn reason(&self) -> String {
        match self {
            Self::Allowed => "allowed".into(),
            Self::Public => "the route is public".into(),
            Self::NoCredential => "no credential of a scheme that the route accepts".into(),
            Self::Forbidden(Forbidden::Consumer) => "not allowed by the route's `allow` and `deny`".into(),
            Self::Forbidden(Forbidden::Scope { required, .. }) => format!("lacks a scope of: {required}"),
        }
    }
}

/// Every consumer of the file on every route: consumers by name, routes in the order of the file.
pub fn cells(snapshot: &Snapshot) -> Vec<Cell> {
    let mut owned: BTreeMap<&Name, Vec<&Credential>> = BTreeMap::new();
    for credential in snapshot.credentials.iter() {
        owned.entry(&credential.consumer.name).or_default().push(credential);
    }
    let consumers = snapshot.consumers.keys();
    let of_consumer = |consumer| {
        let own = owned.get(consumer).map_or(&[][..], Vec::as_slice);
        snapshot.routes.iter().map(move |route| cell(consumer, route, own.iter().copied()))
    };
    consumers.flat_map(of_consumer).collect()
}

/// One consumer, who has these credentials, on one route.
pub fn cell<'c>(
    consumer: &Name,
    route: &Route,
    credentials: impl IntoIterator<Item = &'c Credential>,
) -> Cell {
    let mut outcome = match route.accept.public {
        true => Outcome::Public,
        false => Outcome::NoCredential,
    };
    for credential in credentials.into_iter().filter(|credential| is_accepted(route, credential)) {
        match access::judge(route, credential) {
            Ok(()) => {
                outcome = Outcome::Allowed;
                break;
            }
            Err(forbidden) => outcome = Outcome::Forbidden(forbidden),
        }
    }
    Cell { consumer: consumer.clone(), route: route.name.clone(), outcome }
}

/// Whether the route accepts a scheme that presents this credential.
pub fn is_accepted(route: &Route, credential: &Credential) -> bool {
    route.accept.schemes.iter().any(|scheme| {
        matches!(
            (scheme, &credential.proof),
            (Scheme::ApiKey(_), Proof::ApiKey(_))
                | (Scheme::Jwt(_), Proof::Jwt(_))
                | (Scheme::Hawk(_), Proof::Hawk(_))
        )
    })
}
