//! The Redis of a fleet.

use tollgate_secrets::Secret;

use super::context::Context;
use super::pem;
use crate::config::file::File;
use crate::config::file::secret::{self, Place};
use crate::config::file::services::{Shared, SharedStore};
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;
use crate::config::source::Span;
use crate::shared::{Settings, SettingsError};

/// What the file says about its fleet; nothing where there is none or its URL cannot be had.
pub(super) fn shared(cx: &mut Context<'_>, file: &File) -> Option<Settings> {
    let Spanned { span, value } = file.shared.as_ref()?;
    let settings = match value {
        Shared::Url(word) if word == "none" => return None,
        Shared::Url(url) => inline(cx, url, *span)?,
        Shared::Detailed(store) => detailed(cx, store, *span)?,
    };
    match settings.check() {
        Ok(()) => {}
        Err(error @ SettingsError::Url) => {
            let finding = Finding::at(*span, "`shared` is no URL of a Redis");
            cx.error(finding.hint(error.to_string()));
        }
        Err(error @ SettingsError::Roots) => {
            let finding = Finding::at(*span, error.to_string());
            cx.error(finding.hint("write `rediss://` in the URL, or leave `roots` out"));
        }
        Err(error @ SettingsError::Key) => {
            let finding = Finding::at(*span, error.to_string());
            cx.error(finding.hint("make one with `openssl rand -hex 32`, the same for all nodes"));
        }
    }
    Some(settings)
}

/// A URL in the file: where it has a password that is a secret, and otherwise none.
fn inline(cx: &mut Context<'_>, url: &str, span: Span) -> Option<Settings> {
    let settings = Settings { url: Secret::new(url), key: None, nodes: 1, roots: None };
    if settings.has_password() {
        let finding = Finding::at(span, "the password of the fleet's Redis is written into the file");
        cx.warn(finding.hint("keep the URL outside: `shared: { env: REDIS_URL }`"));
    }
    Some(settings)
}

fn detailed(cx: &mut Context<'_>, store: &SharedStore, span: Span) -> Option<Settings> {
    let SharedStore { url, env, file, key, nodes, roots } = store;
    let roots = match roots {
        Some(path) => Some(pem::certificates(cx, path)?),
        None => None,
    };
    let key = key.as_ref().and_then(|key| cx.secret(key));
    let nodes = cx.at_least_one(nodes.as_ref(), 1);
    let kept = |place, span| Spanned { value: secret::Secret::Kept(place), span };
    let url = match (url, env, file) {
        (Some(Spanned { value: secret::Secret::Inline(url), span }), None, None) => {
            inline(cx, url, *span)?.url
        }
        (Some(url), None, None) => cx.secret(url)?,
        (None, Some(env), None) => cx.secret(&kept(Place::Env(env.value.clone()), env.span))?,
        (None, None, Some(file)) => cx.secret(&kept(Place::File(file.value.clone()), file.span))?,
        _ => {
            let finding = Finding::at(span, "`shared` needs its URL once");
            cx.error(
                finding.hint("write one of `url`, `env` and `file`, such as `shared: { env: REDIS_URL }`"),
            );
            return None;
        }
    };
    Some(Settings { url, key, nodes, roots })
}
