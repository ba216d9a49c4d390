//! How a route identifies its callers.

use std::time::Duration;

use tollgate_core::authn::{Accept, Compat, Scheme, api_key, hawk, jwt};

use super::context::Context;
use crate::config::file::route::{self as file, Route};
use crate::config::file::scheme::{self, Accepted, KeyPlace, Payload, SignedHost, TokenPlace, WhereKey};
use crate::config::file::spanned::{Item, Spanned};
use crate::config::problem::Finding;
use crate::config::source::Span;

/// The route's schemes; nothing where it says none, for nobody may pass by forgetting.
pub(super) fn accept(cx: &mut Context<'_>, route: &Item<Route>) -> Option<Accept> {
    let hint =
        "name schemes, such as `accept: [jwt, api_key]`, or say `accept: [public]` to let everybody in";
    let given = match &route.value.accept {
        None => {
            let message =
                format!("the route `{}` does not say how callers are identified", route.name.escape_debug());
            cx.error_about(route.span, Finding::at(route.name.span, message).hint(hint));
            return None;
        }
        Some(given) if given.is_empty() => {
            cx.error(Finding::at(given.span, "`accept` is empty, so nobody could pass").hint(hint));
            return None;
        }
        Some(given) => given,
    };
    let mut seen: Vec<(&'static str, Span)> = Vec::new();
    let mut schemes = Vec::new();
    for item in &given.value {
        let word = item.word();
        if let Some((_, first)) = seen.iter().find(|(known, _)| *known == word) {
            cx.error(
                Finding::at(item.span, format!("`{word}` is accepted twice")).beside(*first, "first here"),
            );
        }
        seen.push((word, item.span));
        match &item.value {
            Accepted::Public => {}
            Accepted::Jwt(options) => schemes.push(Scheme::Jwt(jwt(cx, options))),
            Accepted::Hawk(options) => schemes.push(Scheme::Hawk(hawk(cx, options))),
            Accepted::ApiKey(options) => schemes.push(Scheme::ApiKey(api_key(cx, options))),
            Accepted::Basic(_)
            | Accepted::ServiceToken(_)
            | Accepted::Hmac(_)
            | Accepted::Mtls(_)
            | Accepted::Remote(_) => cx.unsupported(&format!("the scheme `{word}`"), item.span),
        }
    }
    let named_public = seen.iter().find(|(word, _)| *word == "public").map(|(_, span)| *span);
    if let (Some(public), [_]) = (named_public, seen.as_slice()) {
        refuse_rules_for_strangers(cx, &route.value, public);
    }
    Some(Accept {
        schemes,
        public: named_public.is_some()
            || route.value.anonymous.as_ref().is_some_and(|anonymous| anonymous.value),
        compat: match route.value.compat {
            None | Some(file::Compat::None) => Compat::None,
            Some(file::Compat::Apisix) => Compat::Apisix,
        },
    })
}

/// Nobody is identified on a route that is only public, so rules about consumers could never apply.
fn refuse_rules_for_strangers(cx: &mut Context<'_>, route: &Route, public: Span) {
    let span_of = |consumers: &Option<Spanned<_>>| consumers.as_ref().map(|rule| rule.span);
    let scopes = route.scopes.as_ref().map(|rule| rule.span);
    for (name, rule) in [("allow", span_of(&route.allow)), ("deny", span_of(&route.deny)), ("scopes", scopes)]
    {
        let Some(rule) = rule else { continue };
        let message = format!("`{name}` has no effect on a public route: nobody is identified there");
        let finding = Finding::at(rule, message).beside(public, "public here");
        cx.error(finding.hint(format!("accept a scheme instead of `public`, or remove `{name}`")));
    }
}

impl Accepted {
    fn word(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Jwt(_) => "jwt",
            Self::Hawk(_) => "hawk",
            Self::ApiKey(_) => "api_key",
            Self::Basic(_) => "basic",
            Self::ServiceToken(_) => "service_token",
            Self::Hmac(_) => "hmac",
            Self::Mtls(_) => "mtls",
            Self::Remote(_) => "remote",
        }
    }
}

fn jwt(cx: &mut Context<'_>, given: &scheme::Jwt) -> jwt::Options {
    let defaults = jwt::Options::default();
    if let Some(issuers) = &given.issuers {
        cx.unsupported("`issuers`", issuers.span);
    }
    if let Some(claim) = given.claim.as_ref().filter(|claim| claim.is_empty()) {
        cx.error(Finding::at(claim.span, "the claim's name is empty"));
    }
    if let Some(from) = &given.from {
        refuse_empty(cx, from);
    }
    jwt::Options {
        from: match &given.from {
            None => defaults.from,
            Some(from) => from.iter().map(|TokenPlace(place)| place.clone()).collect(),
        },
        claim: given.claim.as_ref().map_or(defaults.claim, |claim| claim.as_str().into()),
        leeway: given.leeway.as_ref().map_or(defaults.leeway, |leeway| whole_seconds(leeway.0)),
    }
}

fn hawk(cx: &mut Context<'_>, given: &scheme::Hawk) -> hawk::Options {
    let defaults = hawk::Options::default();
    hawk::Options {
        payload_required: given
            .payload
            .as_ref()
            .map_or(defaults.payload_required, |p| *p == Payload::Required),
        skew: whole_seconds(cx.positive(given.skew.as_ref(), Duration::from_secs(defaults.skew))),
        host: match given.host.clone() {
            None | Some(SignedHost::Header) => hawk::SignedHost::Header,
            Some(SignedHost::Fixed(scheme::HostPort((host, port)))) => hawk::SignedHost::Fixed { host, port },
            Some(SignedHost::BarePath) => hawk::SignedHost::BarePath,
        },
        bewit: given.bewit.unwrap_or(defaults.bewit),
    }
}

fn api_key(cx: &mut Context<'_>, given: &scheme::ApiKey) -> api_key::Options {
    let defaults = api_key::Options::default();
    let hide = given.hide.unwrap_or(defaults.hide);
    let Some(from) = &given.from else {
        return api_key::Options { hide, ..defaults };
    };
    refuse_empty(cx, from);
    let mut places = Vec::new();
    for Spanned { value: KeyPlace(place), span } in &from.value {
        places.push(match place {
            WhereKey::Bearer => api_key::Place::Bearer,
            WhereKey::ApiKeyScheme => api_key::Place::ApiKeyScheme,
            WhereKey::Header(name) => api_key::Place::Header(name.clone()),
            WhereKey::Query(name) => api_key::Place::Query(name.clone()),
            WhereKey::Body => {
                cx.unsupported("the place `body:` of an API key", *span);
                continue;
            }
        });
    }
    api_key::Options { from: places, hide }
}

fn refuse_empty<T>(cx: &mut Context<'_>, from: &Spanned<Vec<T>>) {
    if from.is_empty() {
        cx.error(Finding::at(from.span, "`from` is empty").hint("leave it out for the default places"));
    }
}

/// A tolerance in seconds, rounded up: the clocks that it is compared with have whole seconds.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}
