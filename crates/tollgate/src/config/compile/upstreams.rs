//! Model servers.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use tollgate_core::path::CanonicalPath;
use tollgate_core::upstream::{ClientIdentity, Health, HostSent, Target, Timeouts, TlsClient, Upstream};

use super::context::Context;
use super::{pem, process, target};
use crate::config::file::spanned::{Item, Spanned};
use crate::config::file::upstream as file;
use crate::config::file::{File, secret};
use crate::config::problem::Finding;
use crate::config::source::Span;

const HEALTH_EVERY: Duration = Duration::from_secs(5);

/// The upstreams that can be made.
pub(super) fn upstreams(cx: &mut Context<'_>, file: &File) -> Vec<Arc<Upstream>> {
    file.upstreams
        .items
        .iter()
        .filter_map(|item| upstream(cx, file, item))
        .map(Arc::new)
        .collect()
}

fn upstream(cx: &mut Context<'_>, file: &File, item: &Item<file::Upstream>) -> Option<Upstream> {
    let Item { name, value, .. } = item;
    let name = cx.name(name);
    let targets = targets(cx, file, value);
    let defaults = Timeouts::default();
    let timeout = value.timeout.as_ref().map_or(defaults, |given| Timeouts {
        connect: cx.positive(given.connect.as_ref(), defaults.connect),
        first_byte: cx.positive(given.first_byte.as_ref(), defaults.first_byte),
        total: cx.positive(given.total.as_ref(), defaults.total),
        idle: cx.positive(given.idle.as_ref(), defaults.idle),
    });
    let health = value.health.as_ref().map(|given| health(cx, given));
    let tls = value.tls.as_ref().map(|given| tls(cx, given, &targets));
    let credential = value.credential.as_ref().and_then(|given| credential(cx, given));
    cx.at_least_one(value.capacity.as_ref(), 1);
    Some(Upstream {
        name: name?,
        targets,
        health,
        timeout,
        tls: tls.unwrap_or_default(),
        host: match value.host {
            None | Some(file::Host::Target) => HostSent::Target,
            Some(file::Host::Preserve) => HostSent::Preserve,
        },
        credential,
    })
}

fn targets(cx: &mut Context<'_>, file: &File, upstream: &file::Upstream) -> Vec<Target> {
    if upstream.targets.is_empty() {
        let finding = Finding::at(upstream.targets.span, "`targets` is empty");
        cx.error(finding.hint("name at least one model server, such as `http://127.0.0.1:9001`"));
    }
    let own = process::addresses(file);
    let mut targets: Vec<(Target, Span)> = Vec::new();
    for given in &upstream.targets.value {
        let (url, weight) = match given {
            file::Target::Plain(url) => (url, 1),
            file::Target::Weighted(weighted) => (&weighted.url, cx.at_least_one(weighted.weight.as_ref(), 1)),
        };
        let made = match target::parse(url, weight) {
            Ok(made) => made,
            Err((message, hint)) => {
                cx.error(Finding::at(url.span, message).hint(hint));
                continue;
            }
        };
        if let Some((_, listener)) = own
            .iter()
            .find(|(address, _)| target::is_listener(&made, *address))
        {
            let message = "the target is a listener of this gate, which would call itself for ever";
            let finding = Finding::at(url.span, message).hint("name the model server's address");
            cx.error(finding.beside(*listener, "the listener"));
        }
        let unweighted = |target: &Target| Target {
            weight: 1,
            ..target.clone()
        };
        if let Some((_, first)) = targets
            .iter()
            .find(|(other, _)| unweighted(other) == unweighted(&made))
        {
            let finding = Finding::at(url.span, "the target is named twice").beside(*first, "first here");
            cx.warn(finding.hint("give it a `weight` instead"));
        }
        targets.push((made, url.span));
    }
    targets.into_iter().map(|(target, _)| target).collect()
}

fn health(cx: &mut Context<'_>, given: &file::Health) -> Health {
    let path = given.path.split('?').next().unwrap_or_default();
    if let Err(error) = CanonicalPath::parse(path) {
        cx.error(Finding::at(given.path.span, error.to_string()));
    } else if given.path.contains('#') || !given.path.chars().all(|c| c.is_ascii_graphic()) {
        cx.error(Finding::at(
            given.path.span,
            "a health check's path holds only printable ASCII and no fragment",
        ));
    }
    Health {
        path: given.path.as_str().into(),
        every: cx.positive(given.every.as_ref(), HEALTH_EVERY),
    }
}

fn tls(cx: &mut Context<'_>, given: &Spanned<file::Tls>, targets: &[Target]) -> TlsClient {
    let set = [&given.roots, &given.sni, &given.cert, &given.key]
        .into_iter()
        .any(Option::is_some);
    if set && !targets.is_empty() && targets.iter().all(|target| !target.secure) {
        let finding = Finding::at(given.span, "`tls` has no effect: no target is `https`");
        cx.warn(finding.hint("write the targets as `https://…`"));
    }
    if let Some(name) = &given.sni
        && rustls::pki_types::ServerName::try_from(name.as_str()).is_err()
    {
        cx.error(Finding::at(
            name.span,
            format!("`{}` is no host name", name.escape_debug()),
        ));
    }
    let identity = match (&given.cert, &given.key) {
        (Some(cert), Some(key)) => {
            pem::identity(cx, cert, key).map(|(cert, key)| ClientIdentity { cert, key })
        }
        (None, None) => None,
        (Some(alone), None) | (None, Some(alone)) => {
            cx.error_about(
                given.span,
                Finding::at(alone.span, "`cert` and `key` need each other"),
            );
            None
        }
    };
    TlsClient {
        roots: given
            .roots
            .as_ref()
            .and_then(|roots| pem::certificates(cx, roots)),
        server_name: given.sni.as_ref().map(|name| name.as_str().into()),
        identity,
    }
}

/// Headers that frame a message or a connection.
const FRAMING: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
];

fn credential(cx: &mut Context<'_>, given: &Spanned<file::Credential>) -> Option<(HeaderName, HeaderValue)> {
    match (&given.value.bearer, &given.value.header, &given.value.value) {
        (Some(bearer), None, None) => Some((header::AUTHORIZATION, header_value(cx, bearer, "Bearer ")?)),
        (None, Some(name), Some(secret)) => {
            let value = header_value(cx, secret, "");
            match HeaderName::try_from(name.as_str()) {
                Ok(header) if !FRAMING.contains(&header) => return Some((header, value?)),
                Ok(header) => {
                    let message = format!("`{header}` frames messages and cannot carry a credential");
                    cx.error(Finding::at(name.span, message));
                }
                Err(_) => cx.error(Finding::at(
                    name.span,
                    format!("`{}` is no header name", name.escape_debug()),
                )),
            }
            None
        }
        _ => {
            let finding = Finding::at(given.span, "the credential is incomplete or given twice");
            cx.error(finding.hint("write `{ bearer: SECRET }` or `{ header: NAME, value: SECRET }`"));
            None
        }
    }
}

fn header_value(cx: &mut Context<'_>, secret: &Spanned<secret::Secret>, before: &str) -> Option<HeaderValue> {
    let bytes = cx.secret(secret)?;
    let mut text = before.as_bytes().to_vec();
    text.extend_from_slice(bytes.expose());
    match HeaderValue::from_bytes(&text) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Some(value)
        }
        Err(_) => {
            let finding = Finding::at(
                secret.span,
                "the secret holds a character that cannot stand in a header",
            );
            cx.error(finding.hint("does it have more than one line?"));
            None
        }
    }
}
