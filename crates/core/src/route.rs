//! What is matched, and how a matched request is treated.

use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashMap, HashSet};
use http::{HeaderName, HeaderValue, Method};

use crate::authn::Accept;
use crate::consumer::{Name, Scopes};
use crate::denial::{Denial, Dialect};
use crate::head::Head;
use crate::limit::Limits;
use crate::meter::Meters;
use crate::mode::Mode;
use crate::upstream::Upstream;

/// One route of the configuration.
#[derive(Debug, Clone)]
pub struct Route {
    /// Unique in the file.
    pub name: Name,
    /// Which requests it takes.
    pub matching: Matching,
    /// Where they go.
    pub upstream: Arc<Upstream>,
    /// The path that the upstream sees.
    pub rewrite: Rewrite,
    /// How callers are identified; routes that do it alike share it, so that it stays at hand.
    pub accept: Arc<Accept>,
    /// Who of them may pass.
    pub access: Access,
    /// How much of it may be used at a time.
    pub limits: Limits,
    /// What is counted of its calls.
    pub meters: Meters,
    /// Whether its refusals are in force.
    pub mode: Mode,
    /// The largest request body in bytes; absent means unlimited.
    pub body_max: Option<u64>,
    /// Whether a WebSocket upgrade is passed on.
    pub websocket: bool,
    /// Shape of error bodies.
    pub errors: Dialect,
    /// Answers preflight requests, if set.
    pub cors: Option<Cors>,
}

/// Which requests a route takes.
#[derive(Debug, Clone)]
pub struct Matching {
    /// One path or all paths below one.
    pub path: PathPattern,
    /// Any method where absent.
    pub methods: Option<Vec<Method>>,
    /// Any host where empty.
    pub hosts: Vec<HostPattern>,
}

/// One path, or all below one. Never a prefix of text: `/health` does not match `/healthfoo`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathPattern {
    /// Exactly this canonical path.
    Exact(Box<str>),
    /// `/x/**`: whole segments below `/x`, which is kept without trailing slash; `/**` keeps the empty text.
    Below(Box<str>),
}

/// A host that a route serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// Exactly this name, lower case.
    Exact(Box<str>),
    /// `*.example.com`: any name below, kept with its leading dot.
    Below(Box<str>),
}

/// The path that the upstream sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewrite {
    /// The request's own canonical path.
    Keep,
    /// Always this path.
    Whole(Box<str>),
    /// This text in place of what stood before the `**` of the route's path.
    Prefix(Box<str>),
}

/// Who may pass: `deny` beats `allow`, and every scope is needed.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The only consumers that pass; absent means any that is identified.
    pub allow: Option<HashSet<Name>>,
    /// Consumers that never pass.
    pub deny: HashSet<Name>,
    /// All of these must be in force.
    pub scopes: Scopes,
}

/// Cross-origin rules of one route (Fetch standard, CORS protocol).
#[derive(Debug, Clone)]
pub struct Cors {
    /// Origins that may call, exact; absent means any.
    pub origins: Option<Vec<HeaderValue>>,
    /// Request headers that pages may send.
    pub headers: Vec<HeaderName>,
    /// Response headers that pages may read.
    pub expose: Vec<HeaderName>,
    /// Whether pages may send cookies and HTTP authentication.
    pub credentials: bool,
    /// How long a browser may keep the preflight's answer.
    pub max_age: Duration,
}

/// All routes, indexed by path.
#[derive(Debug, Default)]
pub struct Routes {
    all: Vec<Arc<Route>>,
    exact: HashMap<Box<str>, Vec<Arc<Route>>>,
    below: HashMap<Box<str>, Vec<Arc<Route>>>,
}

impl Routes {
    /// Indexes the routes. Among routes of one path, those that name a host are tried first, then file order counts.
    pub fn new(all: Vec<Arc<Route>>) -> Self {
        let mut routes = Self { all, ..Self::default() };
        let mut order: Vec<&Arc<Route>> = routes.all.iter().collect();
        order.sort_by_key(|route| route.matching.hosts.is_empty());
        for route in order {
            let (map, key) = match &route.matching.path {
                PathPattern::Exact(path) => (&mut routes.exact, path),
                PathPattern::Below(prefix) => (&mut routes.below, prefix),
            };
            map.entry(key.clone()).or_default().push(route.clone());
        }
        routes
    }

    /// Finds the route of a request.
    ///
    /// The most specific path that has a route for this host decides alone: a method that it does not take is refused
    /// and never falls through to a wider, perhaps more open, route.
    ///
    /// # Errors
    /// [`Denial::NoRoute`], or [`Denial::MethodNotAllowed`] with the methods that the path does take.
    pub fn find(&self, head: &Head) -> Result<&Arc<Route>, Denial> {
        let path = head.path.as_str();
        if let Some(found) = self.exact.get(path).and_then(|list| Self::among(list, head)) {
            return found;
        }
        let mut end = path.len();
        while let Some(slash) = path[..end].rfind('/') {
            if let Some(found) = self.below.get(&path[..slash]).and_then(|list| Self::among(list, head)) {
                return found;
            }
            end = slash;
        }
        Err(Denial::NoRoute)
    }

    /// Every route in file order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.all.iter()
    }

    /// Judges routes of one path; nothing where none of them serves this host.
    fn among<'l>(list: &'l [Arc<Route>], head: &Head) -> Option<Result<&'l Arc<Route>, Denial>> {
        let mut allow: Vec<Method> = Vec::new();
        let mut errors = None;
        for route in list {
            if !route.matching.serves_host(head) {
                continue;
            }
            errors.get_or_insert(route.errors);
            match &route.matching.methods {
                None => return Some(Ok(route)),
                Some(methods) if methods.contains(&head.method) => return Some(Ok(route)),
                // A preflight asks on behalf of another method; the route that takes that method answers it.
                Some(methods)
                    if route.cors.is_some() && preflight_for(head).is_some_and(|m| methods.contains(&m)) =>
                {
                    return Some(Ok(route));
                }
                Some(methods) => allow.extend(methods.iter().cloned()),
            }
        }
        errors.map(|errors| {
            allow.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            allow.dedup();
            Err(Denial::MethodNotAllowed { allow, errors: Some(errors) })
        })
    }
}

/// The method that a CORS preflight asks about, if the request is one.
pub fn preflight_for(head: &Head) -> Option<Method> {
    if head.method != Method::OPTIONS || !head.headers.contains_key(http::header::ORIGIN) {
        return None;
    }
    let asked = head.headers.get(http::header::ACCESS_CONTROL_REQUEST_METHOD)?;
    Method::from_bytes(asked.as_bytes()).ok()
}

impl Matching {
    fn serves_host(&self, head: &Head) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(&head.host.name))
    }
}

impl HostPattern {
    /// Whether the pattern covers this lower-case name.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(host) => **host == *name,
            Self::Below(suffix) => name.len() > suffix.len() && name.ends_with(&**suffix),
        }
    }
}

impl Route {
    /// The path to send upstream for this request.
    pub fn upstream_path<'a>(&'a self, head: &'a Head) -> std::borrow::Cow<'a, str> {
        let path = head.path.as_str();
        match (&self.rewrite, &self.matching.path) {
            (Rewrite::Keep, _) => path.into(),
            (Rewrite::Whole(whole), _) => (&**whole).into(),
            (Rewrite::Prefix(prefix), PathPattern::Below(matched)) => {
                format!("{prefix}{}", &path[matched.len()..]).into()
            }
            (Rewrite::Prefix(prefix), PathPattern::Exact(_)) => (&**prefix).into(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
