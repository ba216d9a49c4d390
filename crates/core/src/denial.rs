//! The caller's outcome when a request is refused, as data.
//!
//! A denial knows its status, its stable code and its headers; the wire form is made by the gateway in the dialect of
//! the route. Texts here are fit for the caller: no address, no secret, nothing of the inside.

use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::authn::{hawk, jwt};
use crate::consumer::Scopes;
use crate::limit::{Ends, Limit, Rule};
use crate::path::PathError;

/// The shape of error bodies, chosen per route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// RFC 9457 problem details.
    #[default]
    Problem,
    /// `{"detail": …}`, as FastAPI services answer.
    Detail,
    /// `{"message": …}`, as APISIX answers.
    Apisix,
    /// `{"error": {"message", "type", "param", "code"}}`.
    Openai,
    /// `{"type": "error", "message": …}`, always 400 for a wrong credential.
    Alpa,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Denial {
    /// The message's framing or syntax is ambiguous or wrong; the connection ends.
    Malformed(Malformed),
    /// The path could be read in two ways.
    Path(PathError),
    /// Credentials of two schemes, or one credential twice.
    Ambiguous,
    /// No route for this path and host.
    NoRoute,
    /// There are routes for the path, but not for the method.
    MethodNotAllowed {
        /// Methods that the path's routes take.
        allow: Vec<Method>,
        /// The dialect of the path's first route.
        errors: Option<Dialect>,
    },
    /// Nobody was identified.
    Unauthenticated {
        /// What was missing or wrong.
        reason: Unauthenticated,
        /// One challenge per accepted scheme.
        challenges: Vec<HeaderValue>,
        /// Whether what was presented is a credential of this gate all the same: expired, revoked, or wrongly used.
        ours: bool,
    },
    /// Somebody was identified who may not do this.
    Forbidden(Forbidden),
    /// A bound of the request's size or pace was crossed.
    Bound(Bound),
    /// `Expect` asks for something other than `100-continue`.
    ExpectationFailed,
    /// The credential has used too many nonces within the window.
    NonceLimit {
        /// Seconds until the oldest nonce ends.
        retry_after: u64,
    },
    /// A limit is used up.
    Limited {
        /// Which one.
        rule: Box<Rule>,
        /// When to come again.
        ends: Ends,
    },
    /// The room for bodies that are held whole is taken.
    Overloaded,
    /// The credential was revoked while its call was under way.
    Revoked,
    /// Nobody can say at the moment whose credential this is.
    Directory(DirectoryFailure),
    /// Nobody can say at the moment how much of a quota was used.
    Uncounted,
    /// The account behind the credential has no balance left.
    Balance(Balance),
    /// The gate could not get an answer from the model.
    Upstream(UpstreamFailure),
}

/// What is wrong with a message's framing or syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Both `Content-Length` and `Transfer-Encoding`.
    #[error("a request may not carry both `Content-Length` and `Transfer-Encoding`")]
    TwoFramings,
    /// `Content-Length` is repeated or no plain decimal number.
    #[error("`Content-Length` must be one decimal number")]
    ContentLength,
    /// `Transfer-Encoding` is anything but one `chunked` in HTTP/1.1.
    #[error("`Transfer-Encoding` must be exactly `chunked`, and HTTP/1.1")]
    TransferEncoding,
    /// No `Host`, two of them, or one that is no authority.
    #[error("exactly one valid `Host` is needed")]
    Host,
    /// The request target's authority and `Host` differ.
    #[error("the request target and `Host` name different hosts")]
    HostMismatch,
    /// The request line is wrong.
    #[error("the request line is malformed")]
    RequestLine,
    /// The target has a fragment or a form that is not served here.
    #[error("the request target is malformed")]
    Target,
    /// A header field is wrong.
    #[error("a header field is malformed")]
    Header,
    /// A line ends with a bare LF or holds a bare CR.
    #[error("header lines must end with CRLF")]
    LineEnd,
    /// A chunk of the body is wrong.
    #[error("the chunked body is malformed")]
    Chunk,
    /// The body ended before it was whole, as its caller left.
    #[error("the body ended before it was whole")]
    Incomplete,
    /// `Connection` names a field that frames the message.
    #[error("`Connection` may not name this field")]
    Connection,
    /// An `Upgrade` that the route does not allow, or that is incomplete.
    #[error("this upgrade is not allowed here")]
    Upgrade,
    /// A Hawk header that breaks its grammar.
    #[error("the Hawk header is malformed: {0}")]
    Hawk(&'static str),
    /// More requests were sent ahead than the limit.
    #[error("too many requests were sent ahead of their answers")]
    Pipeline,
    /// The version is none of HTTP/1.0, 1.1 and 2.
    #[error("this HTTP version is not served")]
    Version,
}

/// What was missing or wrong about a credential.
#[derive(Debug, Clone, PartialEq)]
pub enum Unauthenticated {
    /// The request carries no credential of an accepted scheme; names the first accepted scheme.
    Missing(Wanted),
    /// No such API key.
    ApiKey,
    /// The token was refused.
    Jwt(jwt::Refusal),
    /// The Hawk header was refused.
    Hawk(hawk::Refusal),
}

/// The scheme whose absence is reported: the first that the route accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// An API key.
    ApiKey,
    /// A JSON Web Token.
    Jwt,
    /// A Hawk header.
    Hawk,
}

/// Why an identified caller may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forbidden {
    /// The consumer is not on the route's `allow` list, or is on its `deny` list.
    Consumer,
    /// The scopes in force lack some that the route needs.
    Scope {
        /// All scopes that the route needs.
        required: Scopes,
        /// Those in force.
        current: Scopes,
    },
}

/// A bound that a request crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The body is larger than the route takes.
    Body {
        /// The route's limit in bytes.
        max: u64,
    },
    /// The request target is longer than the limit.
    Target,
    /// The header section, one field, or their number is over the limit.
    Headers,
    /// The head or body came too slowly.
    Slow,
}

/// Why there is no answer from the model; the address stays inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamFailure {
    /// No connection could be made, or it broke.
    Unreachable,
    /// The answer was no HTTP, or broke a bound.
    Invalid,
    /// The answer did not start in time.
    Timeout,
    /// Every target is marked unhealthy.
    NoHealthyTarget,
}

/// Why it is not known whose credential this is. The caller may come again with the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryFailure {
    /// The place where credentials are kept cannot be reached, or what it says cannot be used.
    Away,
    /// It did not answer in time.
    Timeout,
    /// It answered that it failed.
    Failed,
    /// Too many questions are open already.
    Busy,
    /// It refuses to be asked so often.
    Throttled {
        /// Seconds until it may be asked again.
        retry_after: u32,
    },
}

/// Why an account may not be charged for the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balance {
    /// It is known to be too low.
    Low,
    /// Whoever keeps it refused the charge, with these words.
    Refused {
        /// The reason.
        reason: Box<str>,
        /// A word for it, for programs.
        code: Box<str>,
    },
}

impl Denial {
    /// The status of every dialect that does not say otherwise.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(Malformed::Version) => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Malformed(Malformed::HostMismatch) => StatusCode::MISDIRECTED_REQUEST,
            Self::Malformed(_) | Self::Path(_) | Self::Ambiguous => StatusCode::BAD_REQUEST,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unauthenticated { .. } | Self::Revoked => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Bound(Bound::Body { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Bound(Bound::Target) => StatusCode::URI_TOO_LONG,
            Self::Bound(Bound::Headers) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Bound(Bound::Slow) => StatusCode::REQUEST_TIMEOUT,
            Self::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
            Self::NonceLimit { .. } | Self::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Upstream(UpstreamFailure::Unreachable | UpstreamFailure::Invalid) => {
                StatusCode::BAD_GATEWAY
            }
            Self::Upstream(UpstreamFailure::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            Self::Directory(DirectoryFailure::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Balance(_) => StatusCode::PAYMENT_REQUIRED,
            Self::Overloaded
            | Self::Directory(_)
            | Self::Uncounted
            | Self::Upstream(UpstreamFailure::NoHealthyTarget) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A stable word for programs: the last part of the problem type, `code` in problem bodies, a label in metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.code(),
            Self::Path(_) => "path_refused",
            Self::Ambiguous => "ambiguous_credentials",
            Self::NoRoute => "route_not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::Unauthenticated { reason: Unauthenticated::Missing(_), .. } => "credential_missing",
            Self::Unauthenticated { .. } => "credential_invalid",
            Self::Revoked => "credential_revoked",
            Self::Forbidden(Forbidden::Consumer) => "consumer_forbidden",
            Self::Forbidden(Forbidden::Scope { .. }) => "scope_missing",
            Self::Bound(Bound::Body { .. }) => "body_too_large",
            Self::Bound(Bound::Target) => "target_too_long",
            Self::Bound(Bound::Headers) => "headers_too_large",
            Self::Bound(Bound::Slow) => "request_too_slow",
            Self::ExpectationFailed => "expectation_failed",
            Self::NonceLimit { .. } => "nonce_limit",
            Self::Limited { rule, .. } => match rule.limit() {
                Limit::Rate(_) => "rate_limited",
                Limit::Concurrent(_) => "concurrency_limited",
                Limit::Quota(_) => "quota_used_up",
            },
            Self::Overloaded => "overloaded",
            Self::Directory(DirectoryFailure::Throttled { .. }) => "credential_checks_limited",
            Self::Directory(_) => "directory_unavailable",
            Self::Uncounted => "quota_unavailable",
            Self::Balance(Balance::Low) => "insufficient_balance",
            Self::Balance(Balance::Refused { .. }) => "charge_refused",
            Self::Upstream(UpstreamFailure::Unreachable) => "upstream_unreachable",
            Self::Upstream(UpstreamFailure::Invalid) => "upstream_invalid",
            Self::Upstream(UpstreamFailure::Timeout) => "upstream_timeout",
            Self::Upstream(UpstreamFailure::NoHealthyTarget) => "upstream_unhealthy",
        }
    }

    /// Header fields that belong to the outcome in every dialect.
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            Self::MethodNotAllowed { allow, .. } => {
                let list = allow.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
                HeaderValue::from_str(&list).map(|value| vec![(header::ALLOW, value)]).unwrap_or_default()
            }
            Self::Unauthenticated { challenges, .. } => {
                challenges.iter().map(|challenge| (header::WWW_AUTHENTICATE, challenge.clone())).collect()
            }
            Self::Forbidden(Forbidden::Scope { required, .. }) => {
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{required}\"");
                HeaderValue::from_str(&challenge)
                    .map(|value| vec![(header::WWW_AUTHENTICATE, value)])
                    .unwrap_or_default()
            }
            Self::NonceLimit { retry_after } => vec![(header::RETRY_AFTER, HeaderValue::from(*retry_after))],
            Self::Limited { ends, .. } => {
                let after = ends.retry_after().map(HeaderValue::from);
                after.map(|seconds| (header::RETRY_AFTER, seconds)).into_iter().collect()
            }
            Self::Directory(DirectoryFailure::Throttled { retry_after }) => {
                vec![(header::RETRY_AFTER, HeaderValue::from(*retry_after))]
            }
            Self::Overloaded
            | Self::Directory(_)
            | Self::Uncounted
            | Self::Upstream(UpstreamFailure::NoHealthyTarget) => {
                vec![(header::RETRY_AFTER, HeaderValue::from_static("1"))]
            }
            Self::Malformed(_)
            | Self::Path(_)
            | Self::Ambiguous
            | Self::NoRoute
            | Self::Forbidden(Forbidden::Consumer)
            | Self::Bound(_)
            | Self::ExpectationFailed
            | Self::Revoked
            | Self::Balance(_)
            | Self::Upstream(_) => Vec::new(),
        }
    }

    /// Whether the connection's framing is in doubt, so that nothing more may be read from it.
    pub fn ends_connection(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Bound(_))
    }
}

impl Malformed {
    fn code(self) -> &'static str {
        match self {
            Self::TwoFramings | Self::ContentLength | Self::TransferEncoding | Self::Chunk => {
                "framing_refused"
            }
            Self::Host | Self::HostMismatch => "host_refused",
            Self::Hawk(_) => "credential_malformed",
            Self::Incomplete => "body_incomplete",
            Self::Upgrade => "upgrade_refused",
            Self::Version => "version_not_supported",
            Self::RequestLine
            | Self::Target
            | Self::Header
            | Self::LineEnd
            | Self::Connection
            | Self::Pipeline => "request_malformed",
        }
    }
}

impl From<Malformed> for Denial {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
