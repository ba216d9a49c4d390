//! Opaque API keys.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, header};

use super::authorization::Form;
use super::{Accept, single, single_parameter};
use crate::credential::Digest;
use crate::denial::Denial;
use crate::directory::{Found, Known};
use crate::head::Head;

/// Where keys are looked for, and whether they are removed on the way upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Options {
    /// The first place that holds something decides.
    pub from: Vec<Place>,
    /// Whether every place is cleaned before the request goes upstream.
    pub hide: bool,
}

/// One place that may hold a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `Authorization: ApiKey KEY`.
    ApiKeyScheme,
    /// The whole value of a header.
    Header(HeaderName),
    /// A query parameter.
    Query(Box<str>),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            from: vec![
                Place::Bearer,
                Place::ApiKeyScheme,
                Place::Header(HeaderName::from_static("x-api-key")),
                Place::Header(HeaderName::from_static("apikey")),
                Place::Query("api_key".into()),
                Place::Query("apikey".into()),
            ],
            hide: true,
        }
    }
}

/// The key in the first place that holds one.
pub(super) fn find<'h>(
    head: &'h Head,
    options: &Options,
    accept: &Accept,
) -> Result<Option<Cow<'h, [u8]>>, Denial> {
    let mut found = None;
    for place in &options.from {
        let here = match place {
            Place::Bearer => {
                authorization(head, accept)?.and_then(|form| form.bearer_key(accept)).map(Cow::Borrowed)
            }
            Place::ApiKeyScheme => match authorization(head, accept)? {
                Some(Form::ApiKey(key)) => Some(Cow::Borrowed(key)),
                _ => None,
            },
            Place::Header(name) => {
                single(&head.headers, name, accept.compat)?.map(|value| Cow::Borrowed(value.as_bytes()))
            }
            Place::Query(name) => single_parameter(head, name, accept.compat)?,
        };
        // Later places are read all the same: a repeated header is refused wherever it stands.
        found = found.or(here);
    }
    Ok(found)
}

/// The credential of a presented key. Whether its check characters are right is not looked at: keys of our form that
/// came from elsewhere have none.
pub(super) fn judge(key: &[u8], known: &Known<'_>) -> Found {
    known.api_key(&Digest::of(key))
}

pub(super) fn challenge(options: &Options) -> HeaderValue {
    if options.from.contains(&Place::Bearer) {
        HeaderValue::from_static("Bearer realm=\"tollgate\"")
    } else {
        HeaderValue::from_static("ApiKey realm=\"tollgate\"")
    }
}

fn authorization<'h>(head: &'h Head, accept: &Accept) -> Result<Option<Form<'h>>, Denial> {
    let value = single(&head.headers, &header::AUTHORIZATION, accept.compat)?;
    Ok(value.map(|value| Form::of(value.as_bytes(), accept.compat)))
}
