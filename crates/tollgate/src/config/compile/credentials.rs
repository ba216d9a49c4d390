//! Stored proofs of consumers.

use std::sync::Arc;

use tollgate_core::authn::{hawk, jwt};
use tollgate_core::consumer::Consumer;
use tollgate_core::credential::{Credential, Credentials, Digest, Proof, Unreadable};

use super::context::Context;
use crate::config::file::consumer as file;
use crate::config::file::secret::Secret;
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;
use crate::config::source::Span;

/// An id and what proves it.
type Made = (String, Proof);

/// Makes the consumer's credentials and adds them to the index of all.
pub(super) fn insert(
    cx: &mut Context<'_>,
    consumer: &Arc<Consumer>,
    list: &[Spanned<file::Credential>],
    index: &mut Credentials,
) {
    let mut api_keys = 0;
    for item in list {
        let (place, made) = match &item.value {
            file::Credential::Jwt(options) => {
                (options.key.as_ref().map_or(item.span, |key| key.span), jwt(cx, options, item.span))
            }
            file::Credential::Hawk(options) => (options.id.span, hawk(cx, options)),
            file::Credential::ApiKey(secret) => {
                api_keys += 1;
                (secret.span, api_key(cx, secret, format!("{}.api_key.{api_keys}", consumer.name)))
            }
            file::Credential::ServiceToken(_) => (item.span, unsupported(cx, "service_token", item.span)),
            file::Credential::Basic(_) => (item.span, unsupported(cx, "basic", item.span)),
            file::Credential::Hmac(_) => (item.span, unsupported(cx, "hmac", item.span)),
            file::Credential::Mtls(_) => (item.span, unsupported(cx, "mtls", item.span)),
        };
        let Some((id, proof)) = made else { continue };
        let credential = match Credential::new(id, consumer.clone(), None, proof) {
            Ok(credential) => credential,
            Err(Unreadable::Id) => {
                let finding =
                    Finding::at(place, "the credential's id may hold only printable ASCII characters");
                cx.error(finding.hint("upstreams read it in `X-Credential-Identifier`"));
                continue;
            }
            // Reported where the consumer or its tier says the scope.
            Err(Unreadable::Scope) => continue,
        };
        if let Err(duplicate) = index.insert(Arc::new(credential)) {
            cx.error(
                Finding::at(place, duplicate.to_string()).hint("a credential stands for one consumer, once"),
            );
        }
    }
}

fn api_key(cx: &mut Context<'_>, key: &Spanned<file::ApiKey>, id: String) -> Option<Made> {
    let secret = match key.given() {
        file::Given::Text(secret) => Spanned { value: secret, span: key.span },
        file::Given::Sha256(hex) => return Some((id, Proof::ApiKey(digest(cx, hex, key.span)?))),
    };
    let key = cx.secret(&secret)?;
    // A key is compared as bytes of a header or query; white space around it would never arrive.
    if key.expose().first().is_some_and(u8::is_ascii_whitespace)
        || key.expose().last().is_some_and(u8::is_ascii_whitespace)
    {
        cx.error(Finding::at(
            secret.span,
            "the API key begins or ends with white space, which callers cannot send",
        ));
    }
    Some((id, Proof::ApiKey(Digest::of(key.expose()))))
}

/// The digest of a key that nobody here has.
fn digest(cx: &mut Context<'_>, hex: &str, place: Span) -> Option<Digest> {
    let mut bytes = [0; 32];
    if hex::decode_to_slice(hex, &mut bytes).is_err() {
        // What stands there may be the key itself, by mistake, so it is not repeated.
        let finding = Finding::at(place, "`sha256` has 64 hexadecimal digits");
        cx.error(finding.hint("it is the digest of the key's text: `printf %s \"$KEY\" | sha256sum`"));
        return None;
    }
    if bytes == Digest::of(b"").0 {
        cx.error(Finding::at(place, "this is the digest of an empty key"));
        return None;
    }
    Some(Digest(bytes))
}

fn jwt(cx: &mut Context<'_>, options: &file::Jwt, place: Span) -> Option<Made> {
    if let Some(part) = options.issuer.as_ref().or(options.subject.as_ref()) {
        cx.unsupported("binding a consumer to an issuer", part.span);
        return None;
    }
    let algorithm = match &options.algorithm {
        None => Some(jwt::Algorithm::Hs256),
        Some(name) => parsed(cx, name),
    };
    let bytes = material(cx, options, algorithm, place);
    let Some(key) = &options.key else {
        cx.error(Finding::at(place, "`key` is missing").hint("it is what the tokens' key claim says"));
        return None;
    };
    let (source, bytes, is_pem) = bytes?;
    let material =
        if is_pem { jwt::Material::Pem(bytes.expose()) } else { jwt::Material::Secret(bytes.expose()) };
    match jwt::Key::new(key, algorithm?, material) {
        Ok(made) => {
            if made.has_short_secret() {
                let message =
                    format!("the secret has {} bytes, too few for {}", bytes.len(), made.algorithm());
                let finding = Finding::at(source.span, message);
                cx.warn(finding.hint("use a random secret as long as the hash (RFC 7518 §3.2)"));
            }
            Some((key.value.clone(), Proof::Jwt(Box::new(made))))
        }
        Err(jwt::KeyError::NoName) => {
            cx.error(Finding::at(key.span, "the key's name is empty"));
            None
        }
        Err(error) => {
            cx.error(Finding::at(source.span, error.to_string()));
            None
        }
    }
}

/// What verifies tokens, where it stands, and whether it is a public key.
fn material<'f>(
    cx: &mut Context<'_>,
    options: &'f file::Jwt,
    algorithm: Option<jwt::Algorithm>,
    place: Span,
) -> Option<(&'f Spanned<Secret>, tollgate_secrets::Secret, bool)> {
    match (&options.public_key, &options.secret) {
        (Some(public), None) => Some((public, public_key(cx, public)?, true)),
        (None, Some(secret)) => Some((secret, cx.secret(secret)?, false)),
        (Some(public), Some(secret)) => {
            let finding = Finding::at(secret.span, "`secret` and `public_key` exclude each other");
            cx.error(finding.beside(public.span, "the public key"));
            None
        }
        (None, None) => {
            let what = if algorithm?.is_symmetric() { "secret" } else { "public_key" };
            cx.error(
                Finding::at(place, format!("`{what}` is missing"))
                    .hint("no token can be verified without it"),
            );
            None
        }
    }
}

/// A public key is no secret, so it may stand in the file.
fn public_key(cx: &mut Context<'_>, key: &Spanned<Secret>) -> Option<tollgate_secrets::Secret> {
    match &key.value {
        Secret::Inline(text) if !text.is_empty() => Some(tollgate_secrets::Secret::new(text.as_bytes())),
        Secret::Inline(_) | Secret::Kept(_) => cx.secret(key),
    }
}

fn hawk(cx: &mut Context<'_>, options: &file::Hawk) -> Option<Made> {
    let algorithm = match &options.algorithm {
        None => Some(hawk::Algorithm::default()),
        Some(name) => parsed(cx, name),
    };
    let secret = cx.secret(&options.key);
    match hawk::Key::new(&options.id, algorithm?, secret?.expose()) {
        Ok(key) => Some((options.id.value.clone(), Proof::Hawk(key))),
        Err(error) => {
            cx.error(Finding::at(options.id.span, error.to_string()));
            None
        }
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    cx: &mut Context<'_>,
    text: &Spanned<String>,
) -> Option<T> {
    text.parse().map_err(|error: T::Err| cx.error(Finding::at(text.span, error.to_string()))).ok()
}

fn unsupported(cx: &mut Context<'_>, kind: &str, place: Span) -> Option<Made> {
    cx.unsupported(&format!("the credential `{kind}`"), place);
    None
}
