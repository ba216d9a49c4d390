//! Where accounts, consumers and credentials are kept, how much of it is remembered, and who else may judge keys.

use std::path::Path;
use std::time::Duration;

use tollgate_secrets::Secret;

use super::context::Context;
use crate::config::file::File;
use crate::config::file::secret;
use crate::config::file::services::{self, Debit, ExternalAuth, Report};
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;
use crate::config::process::{AuthService, Directory, StorePlace};

/// The file of the embedded store within `data_dir`.
const EMBEDDED: &str = "tollgate.db";
const MAX: usize = 100_000;
const STALE: Duration = Duration::from_mins(10);
/// More entries than any machine has memory for are a mistake.
const MOST: u64 = 100_000_000;

pub(super) fn place(cx: &mut Context<'_>, file: &File, data_dir: &Path) -> StorePlace {
    let embedded = StorePlace::Sqlite(data_dir.join(EMBEDDED));
    let Some(given) = &file.store else { return embedded };
    let Some(url) = text(cx, given) else { return embedded };
    let Ok(words) = std::str::from_utf8(url.expose()) else {
        cx.error(Finding::at(given.span, "the store's URL is no text"));
        return embedded;
    };
    if words == "sqlite" {
        return embedded;
    }
    if let Some(path) = words.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.is_empty() && !path.starts_with(":memory:") {
            return StorePlace::Sqlite(cx.path(path));
        }
    }
    if words.starts_with("postgres://") || words.starts_with("postgresql://") {
        return StorePlace::Postgres(url);
    }
    let finding = Finding::at(given.span, "this is no store");
    cx.error(finding.hint("write `sqlite`, `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`"));
    embedded
}

/// The URL; one without a password is no secret and may stand in the file.
fn text(cx: &mut Context<'_>, given: &Spanned<secret::Secret>) -> Option<Secret> {
    match &given.value {
        secret::Secret::Inline(text) if !has_password(text) => Some(Secret::new(text.as_bytes())),
        secret::Secret::Inline(_) | secret::Secret::Kept(_) => cx.secret(given),
    }
}

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or(rest));
    let user = authority.and_then(|authority| authority.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':')) || url.contains("password=")
}

pub(super) fn directory(cx: &mut Context<'_>, file: &File) -> Directory {
    let given = file.directory.as_ref();
    let max = match given.and_then(|given| given.max.as_ref()) {
        None => MAX,
        Some(max) if (1..=MOST).contains(&max.value) => usize::try_from(max.value).unwrap_or(MAX),
        Some(max) => {
            cx.error(Finding::at(max.span, format!("expected a number from 1 to {MOST}")));
            MAX
        }
    };
    let stale = given.and_then(|given| given.stale.as_ref()).map_or(STALE, |stale| stale.0);
    Directory { max, stale }
}

pub(super) fn auth_service(cx: &mut Context<'_>, file: &File) -> Option<AuthService> {
    let services::AuthService::External(given) = &file.auth_service.as_ref()?.value else { return None };
    let ExternalAuth { url, timeout, cache, debit, report, service_id } = given;
    Some(AuthService {
        url: service_url(cx, url)?,
        timeout: cx.positive(timeout.as_ref(), Duration::from_secs(5)),
        cache: cx.positive(cache.as_ref(), Duration::from_mins(5)),
        debit: !matches!(debit, Some(Debit::Off)),
        report: !matches!(report, Some(Report::Off)),
        service_id: service_id.as_ref().map_or_else(|| "platform".to_owned(), |id| id.value.clone()),
    })
}

/// Keys are sent there in the clear, so plain HTTP must not leave the machine.
fn service_url(cx: &mut Context<'_>, given: &Spanned<String>) -> Option<String> {
    let parsed: Result<http::Uri, _> = given.parse();
    let uri = parsed.ok().filter(|uri| uri.authority().is_some() && uri.query().is_none());
    let Some((uri, host)) = uri.as_ref().and_then(|uri| Some((uri, uri.host()?))) else {
        let finding = Finding::at(given.span, "this is no URL of an auth service");
        cx.error(finding.hint("write `https://HOST`, or `http://127.0.0.1:PORT`"));
        return None;
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        cx.error(Finding::at(given.span, "the URL may hold no user and no password"));
        return None;
    }
    let address: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_local = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_local => {}
        Some("http") => {
            let finding = Finding::at(given.span, "API keys are sent to the auth service without TLS");
            cx.warn(finding.hint("write `https://…`, or make sure that nobody else can read that network"));
        }
        _ => {
            cx.error(Finding::at(given.span, "an auth service is spoken to by `https` or `http`"));
            return None;
        }
    }
    Some(given.value.clone())
}
