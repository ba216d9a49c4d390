//! The steps of an explanation, in words.

use std::fmt::Write;

use tollgate_core::admission::{self, Refused};
use tollgate_core::authn::Identity;
use tollgate_core::credential::Credential;
use tollgate_core::denial::Denial;
use tollgate_core::limit::Standing;
use tollgate_core::mode::{self, Mode as RouteMode};
use tollgate_core::route::{PathPattern, Route};

use super::rules::{place, retry_after, rule};
use super::{Explanation, Step};
use crate::decisions::{Counter, Mode, Outcome};
use crate::gateway::problem::message;

/// What was judged so far.
#[derive(Debug)]
pub(super) struct Steps {
    steps: Vec<Step>,
    /// What is to be said beside the next step.
    note: Option<String>,
}

impl Steps {
    /// A request that a route takes.
    pub fn on(route: &Route) -> Self {
        let (path, more) = match &route.matching.path {
            PathPattern::Exact(path) => (path, ""),
            PathPattern::Below(path) => (path, "/**"),
        };
        let detail = format!("the route `{}` for `{path}{more}`", route.name);
        let mut steps = Self { steps: Vec::new(), note: None };
        steps.push("route", Outcome::Allowed, Some(place(route, "match")), detail);
        steps
    }

    /// Adds a word to what is said next.
    pub fn note(&mut self, note: String) {
        self.note = Some(note);
    }

    /// Who calls.
    pub fn identity(&mut self, route: &Route, caller: &Result<Option<Identity>, Denial>) {
        let (outcome, detail) = match caller {
            Ok(Some(Identity { credential, .. })) => {
                let (kind, consumer) = (credential.proof.kind(), &credential.consumer.name);
                (Outcome::Allowed, format!("`{consumer}` with the `{kind}` credential `{}`", credential.id))
            }
            Ok(None) if route.accept.public => {
                (Outcome::Allowed, "nobody is identified, and strangers pass".to_owned())
            }
            Ok(None) => (Outcome::Denied, "nobody is identified".to_owned()),
            Err(denial) => (Outcome::Denied, message(denial)),
        };
        let detail = self.noted(detail);
        self.push("identity", outcome, Some(place(route, "accept")), detail);
    }

    /// Whoever calls may pass.
    pub fn access(&mut self, route: &Route, credential: Option<&Credential>) {
        let Some(credential) = credential else { return };
        let consumer = &credential.consumer.name;
        let (part, mut detail) = match &route.access.allow {
            Some(_) => ("allow", format!("`{consumer}` is on `allow`")),
            None => ("allow", "every identified consumer passes".to_owned()),
        };
        if !route.access.scopes.is_empty() {
            let _ = write!(detail, "; has the needed scopes: {}", route.access.scopes);
        }
        self.push("access", Outcome::Allowed, Some(place(route, part)), detail);
    }

    /// Identity or access refuses; `passes` where that is not in force.
    pub fn refused(
        mut self,
        route: &Route,
        credential: Option<&Credential>,
        denial: &Denial,
        passes: bool,
    ) -> Explanation {
        let rule = rule(route, credential.map(|credential| &credential.consumer.name), denial);
        if credential.is_some() {
            self.push("access", Outcome::Denied, rule.clone(), message(denial));
        }
        if passes {
            self.mode(route);
        }
        self.denied(denial, rule).of(route, credential, passes)
    }

    /// A limit refuses.
    pub fn limited(
        mut self,
        route: &Route,
        credential: Option<&Credential>,
        refused: Refused,
    ) -> Explanation {
        let Refused { denial, standing, .. } = refused;
        let rule = rule(route, credential.map(|credential| &credential.consumer.name), &denial);
        let detail = self.noted(message(&denial));
        self.push("limits", Outcome::Denied, rule.clone(), detail);
        let passes = mode::lets_through(route, credential);
        if passes {
            self.mode(route);
        }
        let counters = Counter::all(admission::rules(route, credential), standing);
        Explanation { counters, ..self.denied(&denial, rule) }.of(route, credential, passes)
    }

    /// Nothing refuses.
    pub fn allowed(
        mut self,
        route: &Route,
        credential: Option<&Credential>,
        standing: Vec<Standing>,
    ) -> Explanation {
        let counters = Counter::all(admission::rules(route, credential), standing);
        let left =
            |counter: &Counter| format!("{}: {} of {} left", counter.name, counter.remaining, counter.limit);
        let detail = match counters.is_empty() {
            true => "nothing limits the call".to_owned(),
            false => counters.iter().map(left).collect::<Vec<_>>().join("; "),
        };
        let detail = self.noted(detail);
        self.push("limits", Outcome::Allowed, None, detail);
        let explanation = Explanation {
            outcome: Outcome::Allowed,
            mode: Mode::Enforce,
            would: Outcome::Allowed,
            denial: None,
            status: None,
            rule: None,
            route: None,
            consumer: None,
            credential: None,
            counters,
            retry_after: None,
            steps: self.steps,
        };
        explanation.of(route, credential, false)
    }

    fn mode(&mut self, route: &Route) {
        let detail = match route.mode {
            RouteMode::Enforce => return,
            RouteMode::Shadow => "`shadow`: the refusal is only recorded".to_owned(),
            RouteMode::Percent(percent) => {
                format!("the consumer is not among the {} percent whose refusals are in force", percent.get())
            }
        };
        self.push("mode", Outcome::Allowed, Some(place(route, "mode")), detail);
    }

    fn denied(self, denial: &Denial, rule: Option<String>) -> Explanation {
        Explanation {
            outcome: Outcome::Denied,
            mode: Mode::Enforce,
            would: Outcome::Denied,
            denial: Some(denial.code()),
            status: Some(denial.status().as_u16()),
            rule,
            route: None,
            consumer: None,
            credential: None,
            counters: Vec::new(),
            retry_after: retry_after(denial),
            steps: self.steps,
        }
    }

    fn noted(&mut self, mut detail: String) -> String {
        if let Some(note) = self.note.take() {
            let _ = write!(detail, "; {note}");
        }
        detail
    }

    fn push(&mut self, step: &'static str, outcome: Outcome, rule: Option<String>, detail: String) {
        self.steps.push(Step { step, outcome, rule, detail });
    }
}

impl Explanation {
    /// A request that no route takes.
    pub fn nowhere(denial: &Denial) -> Self {
        let mut steps = Steps { steps: Vec::new(), note: None };
        steps.push("route", Outcome::Denied, None, message(denial));
        steps.denied(denial, None)
    }

    /// Whose call it is, and whether it passes all the same.
    fn of(self, route: &Route, credential: Option<&Credential>, passes: bool) -> Self {
        let consumer = credential.map(|credential| &credential.consumer.name);
        let softens = mode::lets_through(route, credential);
        Self {
            outcome: if passes { Outcome::Allowed } else { self.outcome },
            mode: if softens { Mode::Shadow } else { Mode::Enforce },
            route: Some(route.name.to_string()),
            consumer: consumer.map(ToString::to_string),
            credential: credential.map(|credential| credential.id.to_string()),
            ..self
        }
    }
}
