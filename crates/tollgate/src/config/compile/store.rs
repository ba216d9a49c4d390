//! Where accounts, consumers and credentials are kept, and how much of it is remembered.

use std::path::Path;
use std::time::Duration;

use tollgate_secrets::Secret;

use super::context::Context;
use crate::config::file::File;
use crate::config::file::secret;
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;
use crate::config::process::{Directory, StorePlace};

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
