//! Bewits: a signature in the query that lets anyone `GET` one resource until a stated time.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::header::seconds;
use super::mac::{Kind, Signed};
use super::{BEWIT, Fail, Judged, MAX_LENGTH, Options, Refusal, credential, key_of};
use crate::authn::{Identity, percent_decode};
use crate::directory::Known;
use crate::head::Head;
use crate::time::Now;

/// The original writes no padding and mohawk always does, so both are read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The id in a bewit that can be read.
pub(super) fn id(bewit: &[u8]) -> Option<String> {
    let text = String::from_utf8(BASE64.decode(bewit).ok()?).ok()?;
    text.split_once('\\').map(|(id, _)| id.to_owned())
}

/// Judges `id\exp\mac\ext` in base64url. A bewit may be used any number of times until it ends, so there is no nonce,
/// and answers to it carry no server authorisation.
pub(super) fn judge(
    bewit: &[u8],
    head: &Head,
    options: &Options,
    known: &Known<'_>,
    now: Now,
) -> Result<Judged, Fail> {
    if head.target.as_str().len() > MAX_LENGTH {
        return Err(Fail::malformed("the target with the bewit is longer than 4096 bytes"));
    }
    if !(head.method == http::Method::GET || head.method == http::Method::HEAD) {
        return Err(Refusal::InvalidMethod.into());
    }
    if bewit.is_empty() {
        return Err(Refusal::EmptyBewit.into());
    }
    let text = BASE64.decode(bewit).map_err(|_| Fail::malformed("the bewit is no base64url"))?;
    let text = String::from_utf8(text).map_err(|_| Fail::malformed("the bewit is no text"))?;
    let mut parts = text.split('\\');
    let (Some(id), Some(exp), Some(mac), Some(ext), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fail::malformed("the bewit has not four parts"));
    };
    if id.is_empty() || exp.is_empty() || mac.is_empty() {
        return Err(Fail::malformed("a part of the bewit is missing"));
    }
    let ends = seconds(exp).ok_or_else(|| Fail::malformed("the bewit's end is no number of seconds"))?;
    let credential = credential(known, id)?;
    let key = key_of(&credential)?;
    let resource = without_bewit(head);
    let host = options.host.verify(key, mac, head, |host| Signed {
        kind: Kind::Bewit,
        ts: exp,
        nonce: "",
        method: "GET",
        resource: &resource,
        host,
        hash: None,
        ext: Some(ext),
        app: None,
        dlg: None,
    });
    host.ok_or(Refusal::BadMac)?;
    if ends <= now.unix_seconds() {
        return Err(Refusal::AccessExpired.into());
    }
    Ok(Judged::Identified(Identity { credential, hawk: None }))
}

/// The target as it was before the bewit was added.
fn without_bewit(head: &Head) -> String {
    let mut resource = head.target.path().to_owned();
    let mut before = '?';
    for pair in head.query().unwrap_or_default().split('&') {
        let name = pair.split_once('=').map(|(name, _)| percent_decode(name));
        if name.is_some_and(|name| *name == *BEWIT.as_bytes()) {
            continue;
        }
        resource.push(before);
        resource.push_str(pair);
        before = '&';
    }
    resource
}
