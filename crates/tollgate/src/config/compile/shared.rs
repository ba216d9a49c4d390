//! The Redis of a fleet.

use tollgate_secrets::Secret;

use super::context::Context;
use super::pem;
use crate::config::file::File;
use crate::config::file::secret::{self, Place};
use crate::config::file::services::{AuthService, Shared, SharedStore};
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;
use crate::config::process::StorePlace;
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

/// Warns of what gates seem to share and do not.
pub(super) fn gaps(cx: &mut Context<'_>, file: &File, shared: Option<&Settings>, place: &StorePlace) {
    let Some(shared) = shared else { return };
    let span = file.shared.as_ref().map_or(Span::default(), |shared| shared.span);
    let asks = file.auth_service.as_ref().filter(|service| matches!(service.value, AuthService::External(_)));
    if let Some(service) = asks.filter(|_| shared.key.is_none()) {
        let finding = Finding::at(
            service.span,
            "each gate asks the auth service by itself, because `shared` has no `key`",
        );
        cx.warn(
            finding.hint("give all gates the same: `shared: { env: REDIS_URL, key: { env: FLEET_KEY } }`"),
        );
    }
    let counts = file.tiers.items.iter().find_map(|tier| tier.value.quota.as_ref());
    if let (Some(quota), StorePlace::Sqlite(_)) = (counts, place) {
        let finding = Finding::at(
            quota.span,
            "each gate of the fleet grants this quota by itself, because each has a SQLite of its own",
        );
        let hint = "give all gates one `store: postgres://…`; `shared` counts rates together, and quotas are counted in the store";
        cx.warn(finding.beside(span, "these gates share rates").hint(hint));
    }
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
