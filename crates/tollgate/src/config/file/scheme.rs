//! How callers are identified.

use schemars::JsonSchema;
use serde::Deserialize;

use super::amount::{TimeSpan, text_type};
use super::given;
use super::spanned::Spanned;

/// An accepted scheme: its word, or `{ word: { options } }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = super::bare_words(&["jwt", "hawk", "api_key", "basic", "service_token", "hmac", "mtls"]))]
pub(in crate::config) enum Accepted {
    /// Everybody passes, without credential and without identity.
    Public,
    /// JSON Web Tokens.
    Jwt(Jwt),
    /// Hawk request signatures.
    Hawk(Hawk),
    /// Opaque keys.
    ApiKey(ApiKey),
    /// User name and password.
    Basic(Basic),
    /// Client id and secret in two headers.
    ServiceToken(ServiceToken),
    /// HMAC request signatures.
    Hmac(NoOptions),
    /// Client certificates.
    Mtls(NoOptions),
    /// An external service decides.
    Remote(Remote),
}

/// Options of the `api_key` scheme.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ApiKey {
    /// Where keys are looked for, in this order.
    #[serde(default, deserialize_with = "given")]
    pub from: Option<Spanned<Vec<Spanned<KeyPlace>>>>,
    /// Whether the key is removed on the way upstream. Default true.
    #[serde(default)]
    pub hide: Option<bool>,
}

/// Options of the `jwt` scheme.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Jwt {
    /// Where tokens are looked for, in this order.
    #[serde(default, deserialize_with = "given")]
    pub from: Option<Spanned<Vec<TokenPlace>>>,
    /// The claim that names the credential. Default `key`.
    #[serde(default)]
    pub claim: Option<Spanned<String>>,
    /// By how much `exp` may lie behind and `nbf` ahead. Default `0s`.
    #[serde(default)]
    pub leeway: Option<TimeSpan>,
    /// Issuers whose tokens are taken, with their published keys.
    #[serde(default)]
    pub issuers: Option<Spanned<Vec<Issuer>>>,
}

/// An issuer of tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Issuer {
    /// What `iss` says.
    pub issuer: String,
    /// What `aud` must hold.
    #[serde(default)]
    pub audience: Option<String>,
    /// URL of its key set.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Accepted algorithms.
    #[serde(default)]
    pub algorithms: Option<Vec<String>>,
    /// How tokens become consumers: `by_claim`, or `{ from: CLAIM }`.
    #[serde(default)]
    pub consumers: Option<ConsumersFrom>,
}

/// How an issuer's tokens become consumers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ConsumersFrom {
    /// The claim names a credential of a known consumer.
    ByClaim,
    /// The named claim is the consumer's name.
    From(String),
}

/// Options of the `hawk` scheme.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Hawk {
    /// Whether a request with a body must sign it. Default `required`.
    #[serde(default)]
    pub payload: Option<Payload>,
    /// By how much `ts` may differ from the gate's clock. Default `60s`.
    #[serde(default)]
    pub skew: Option<Spanned<TimeSpan>>,
    /// Which host and port callers sign: `header`, `{ fixed: HOST:PORT }` or `bare_path`. Default `header`.
    #[serde(default)]
    pub host: Option<SignedHost>,
    /// Whether `GET` and `HEAD` may carry a bewit. Default false.
    #[serde(default)]
    pub bewit: Option<bool>,
}

/// Whether a request with a body must sign it.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Payload {
    /// It must.
    Required,
    /// It may.
    Optional,
}

/// Which host and port callers sign.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum SignedHost {
    /// Those of the `Host` header.
    Header,
    /// Always these.
    Fixed(HostPort),
    /// None, as mohawk signs a bare path.
    BarePath,
}

/// Options of the `basic` scheme.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Basic {
    /// What the browser's dialog shows.
    #[serde(default)]
    pub realm: Option<String>,
}

/// Options of the `service_token` scheme.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ServiceToken {
    /// One header that holds both parts.
    #[serde(default)]
    pub single_header: Option<String>,
}

/// A scheme without options.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct NoOptions {}

/// Options of the `remote` scheme.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Remote {
    /// Who is asked.
    pub url: String,
}

text_type! {
    /// Where an API key is looked for: `bearer`, `apikey_scheme`, `header:NAME`, `query:NAME` or `body:/POINTER`.
    KeyPlace(WhereKey), json = "string", pattern = "^(bearer|apikey_scheme|header:.+|query:.+|body:/.*)$", |text| {
        match text.split_once(':') {
            None if text == "bearer" => Ok(WhereKey::Bearer),
            None if text == "apikey_scheme" => Ok(WhereKey::ApiKeyScheme),
            Some(("header", name)) => name.parse().map(WhereKey::Header)
                .map_err(|_| format!("`{}` is no header name", name.escape_debug())),
            Some(("query", name)) if !name.is_empty() => Ok(WhereKey::Query(name.into())),
            Some(("body", pointer)) if pointer.starts_with('/') => Ok(WhereKey::Body),
            _ => Err(format!(
                "`{}` is no place for a key\nplaces are: bearer, apikey_scheme, header:NAME, query:NAME",
                text.escape_debug()
            )),
        }
    }
}

text_type! {
    /// Where a token is looked for: `authorization`, `query:NAME` or `cookie:NAME`.
    TokenPlace(tollgate_core::authn::jwt::Place), json = "string", pattern = "^(authorization|query:.+|cookie:.+)$", |text| {
        use tollgate_core::authn::jwt::Place;
        match text.split_once(':') {
            None if text == "authorization" => Ok(Place::Authorization),
            Some(("query", name)) if !name.is_empty() => Ok(Place::Query(name.into())),
            Some(("cookie", name)) if !name.is_empty() => Ok(Place::Cookie(name.into())),
            _ => Err(format!(
                "`{}` is no place for a token\nplaces are: authorization, query:NAME, cookie:NAME",
                text.escape_debug()
            )),
        }
    }
}

text_type! {
    /// A host with a port, `models.example.com:443`.
    HostPort((Box<str>, u16)), json = "string", pattern = ":[0-9]+$", |text| {
        let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() && port > 0 => Ok((host.to_ascii_lowercase().into(), port)),
            _ => Err(format!("`{}` is no host with port\nwrite `models.example.com:443`", text.escape_debug())),
        }
    }
}

/// A place that may hold an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum WhereKey {
    Bearer,
    ApiKeyScheme,
    Header(http::HeaderName),
    Query(Box<str>),
    Body,
}
