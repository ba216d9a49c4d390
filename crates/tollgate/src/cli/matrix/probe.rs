//! Real requests for every cell of the matrix.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use rustls::pki_types::CertificateDer;
use serde_json::json;
use tollgate_core::authn::api_key::Place;
use tollgate_core::authn::hawk::{self, SignedHost};
use tollgate_core::authn::{Scheme, jwt};
use tollgate_core::denial::Dialect;
use tollgate_core::matrix::Cell;
use tollgate_core::route::{HostPattern, Matching, PathPattern, Route};
use tollgate_core::snapshot::Snapshot;

use super::Probed;
use crate::config::presentable::{Material, Presentable};
use crate::config::process::Process;
use crate::keys::random;
use crate::probe::trust::own_or_system;
use crate::probe::{Listening, Question, ask};
use crate::tls::certificates;

const BODY: &[u8] = b"{}";

/// The gate that is asked.
#[derive(Debug)]
pub(super) struct Gate {
    /// What its URLs begin with.
    base: Uri,
    at: Listening,
}

/// Finds the gate at the URL, or where the file says that it listens. Over TLS it is believed with a certificate of the
/// file or one that the system trusts.
///
/// # Errors
/// Where the URL is none, or a certificate of the file cannot be read.
pub(super) fn gate(url: Option<&str>, process: &Process) -> anyhow::Result<Gate> {
    let url = url.map_or_else(|| own_url(process), str::to_owned);
    let base: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    let authority = base.authority().with_context(|| format!("`{url}` names no host"))?.clone();
    let at = match base.scheme_str() {
        Some("http") => Listening::plain(authority),
        Some("https") => Listening::tls(authority, own_or_system(own_certificates(process)?)?),
        _ => anyhow::bail!("`{url}` is neither `http` nor `https`"),
    };
    Ok(Gate { base, at })
}

/// The first listener of the file; one on every address is asked on loopback.
pub(super) fn own_url(process: &Process) -> String {
    process.listen.first().map_or_else(String::new, |listener| {
        let mut address = listener.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    })
}

/// What the listeners of the file show: of each chain the leaf, which stands first.
fn own_certificates(process: &Process) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut leaves = Vec::new();
    for tls in process.listen.iter().filter_map(|listener| listener.tls.as_ref()) {
        leaves.extend(certificates(&tls.cert)?.into_iter().next());
    }
    Ok(leaves)
}

/// Asks the gate once for each cell, one after the other.
pub(super) async fn all(
    cells: &[Cell],
    snapshot: &Snapshot,
    known: &[Presentable],
    gate: &Gate,
    keys: Option<&Path>,
) -> Vec<Probed> {
    let mut probed = Vec::with_capacity(cells.len());
    for cell in cells {
        let route = snapshot.routes.iter().find(|route| route.name == cell.route).map(AsRef::as_ref);
        let asked = match route {
            Some(route) => one(cell, route, known, gate, keys).await,
            None => Err(anyhow::anyhow!("the route is gone")),
        };
        probed.push(match asked {
            Ok(status) => Probed::Status(status, !refuses(route, status)),
            Err(error) => Probed::Unknown(format!("{error:#}")),
        });
    }
    probed
}

/// Whether the status is the gate's refusal in the route's dialect; Alpa's clients know only 400.
fn refuses(route: Option<&Route>, status: u16) -> bool {
    let alpa = route.is_some_and(|route| route.errors == Dialect::Alpa);
    matches!(status, 401 | 403) || (alpa && status == 400)
}

async fn one(
    cell: &Cell,
    route: &Route,
    known: &[Presentable],
    gate: &Gate,
    keys: Option<&Path>,
) -> anyhow::Result<u16> {
    let url = url_of(&gate.base, &route.matching)?;
    let method = route.matching.methods.iter().flatten().next().cloned().unwrap_or(Method::POST);
    let mine = || known.iter().filter(|have| have.consumer == cell.consumer.as_str());
    let mut headers = Vec::new();
    if !route.accept.schemes.is_empty() {
        let presented = route.accept.schemes.iter().find_map(|scheme| {
            mine().find_map(|have| {
                present(scheme, &have.material, &url, &method, cell.consumer.as_str(), keys).transpose()
            })
        });
        match presented {
            Some(header) => headers.push(header?),
            // A consumer without any credential for the route is refused as a stranger is.
            None if mine().next().is_some() && cell.outcome.passes() => {
                anyhow::bail!(
                    "none of the consumer's credentials can be read here (`--keys DIR` names private keys)"
                )
            }
            None => {}
        }
    }
    let body = if method == Method::GET { Bytes::new() } else { Bytes::from_static(BODY) };
    Ok(ask(Question { at: gate.at.clone(), url, method, headers, body }).await?.as_u16())
}

/// A URL that the route takes, at one of its hosts where the gate's own name is none of them.
pub(super) fn url_of(base: &Uri, matching: &Matching) -> anyhow::Result<Uri> {
    let own = base.host().unwrap_or_default().to_ascii_lowercase();
    let host = match matching.hosts.first() {
        None => own,
        Some(_) if matching.hosts.iter().any(|host| host.matches(&own)) => own,
        Some(HostPattern::Exact(name)) => name.to_string(),
        Some(HostPattern::Below(suffix)) => format!("probe{suffix}"),
    };
    let path = match &matching.path {
        PathPattern::Exact(path) => path.to_string(),
        PathPattern::Below(prefix) => format!("{prefix}/"),
    };
    let scheme = base.scheme_str().unwrap_or("http");
    let port = base.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let before = base.path().trim_end_matches('/');
    Ok(format!("{scheme}://{host}{port}{before}{path}").parse()?)
}

type Header = (HeaderName, HeaderValue);

/// The header that shows this material to this scheme; nothing where they do not belong together.
fn present(
    scheme: &Scheme,
    material: &Material,
    url: &Uri,
    method: &Method,
    consumer: &str,
    keys: Option<&Path>,
) -> anyhow::Result<Option<Header>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(match (scheme, material) {
        (Scheme::ApiKey(options), Material::ApiKey(key)) => {
            let header = options.from.iter().find_map(|place| match place {
                Place::Header(name) => Some((name.clone(), key.expose().to_vec())),
                Place::Bearer => Some((header::AUTHORIZATION, [b"Bearer ", key.expose()].concat())),
                Place::ApiKeyScheme => Some((header::AUTHORIZATION, [b"ApiKey ", key.expose()].concat())),
                Place::Query(_) => None,
            });
            header.map(|(name, value)| anyhow::Ok((name, HeaderValue::from_bytes(&value)?))).transpose()?
        }
        (Scheme::Jwt(options), Material::Jwt { key, algorithm, secret }) => {
            let private = keys.map(|keys| std::fs::read(keys.join(format!("{consumer}-private.pem"))));
            let signing = match (secret, private) {
                (Some(secret), _) => secret.expose().to_vec(),
                (None, Some(private)) => private.context("the private key of the consumer")?,
                (None, None) => return Ok(None),
            };
            let claims = json!({ &*options.claim: key, "exp": (now + Duration::from_secs(60)).as_secs() });
            let token = jwt::sign(*algorithm, &signing, &claims)?;
            Some((header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?))
        }
        (Scheme::Hawk(options), Material::Hawk { id, key, algorithm }) => {
            let key = hawk::Key::new(id, *algorithm, key.expose())?;
            let port = if url.scheme_str() == Some("https") { 443 } else { 80 };
            let own = (url.host().unwrap_or_default(), url.port_u16().unwrap_or(port));
            let value = hawk::sign(&hawk::Request {
                key: &key,
                ts: now.as_secs(),
                nonce: &hex::encode(random::<8>()?),
                method,
                resource: url.path(),
                host: match &options.host {
                    SignedHost::Header => Some(own),
                    SignedHost::Fixed { host, port } => Some((host, *port)),
                    SignedHost::BarePath => None,
                },
                payload: (*method != Method::GET).then_some(("application/json", BODY)),
                ext: None,
                app: None,
                dlg: None,
            })?;
            Some((header::AUTHORIZATION, HeaderValue::try_from(value)?))
        }
        _ => None,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
