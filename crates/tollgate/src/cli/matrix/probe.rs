//! Real requests for every cell of the matrix.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use serde_json::json;
use tollgate_core::authn::api_key::Place;
use tollgate_core::authn::hawk::{self, SignedHost};
use tollgate_core::authn::{Scheme, jwt};
use tollgate_core::denial::Dialect;
use tollgate_core::matrix::Cell;
use tollgate_core::route::{PathPattern, Route};
use tollgate_core::snapshot::Snapshot;

use super::Probed;
use crate::config::presentable::{Material, Presentable};
use crate::config::process::Process;
use crate::keys::random;
use crate::probe::{Question, ask};

const BODY: &[u8] = b"{}";

/// Where the file says that the gate listens.
pub(super) fn own_url(process: &Process) -> String {
    process.listen.first().map_or_else(String::new, |listener| {
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", listener.address)
    })
}

/// Asks the gate once for each cell, one after the other.
///
/// # Errors
/// Where the URL is none.
pub(super) async fn all(
    cells: &[Cell],
    snapshot: &Snapshot,
    known: &[Presentable],
    url: &str,
    keys: Option<&Path>,
) -> anyhow::Result<Vec<Probed>> {
    let base: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    let mut probed = Vec::with_capacity(cells.len());
    for cell in cells {
        let route = snapshot.routes.iter().find(|route| route.name == cell.route).map(AsRef::as_ref);
        let asked = match route {
            Some(route) => one(cell, route, known, &base, keys).await,
            None => Err(anyhow::anyhow!("the route is gone")),
        };
        probed.push(match asked {
            Ok(status) => Probed::Status(status, !refuses(route, status)),
            Err(error) => Probed::Unknown(format!("{error:#}")),
        });
    }
    Ok(probed)
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
    base: &Uri,
    keys: Option<&Path>,
) -> anyhow::Result<u16> {
    let path = match &route.matching.path {
        PathPattern::Exact(path) => path.to_string(),
        PathPattern::Below(prefix) => format!("{prefix}/"),
    };
    let url: Uri = format!("{}{path}", base.to_string().trim_end_matches('/')).parse()?;
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
    Ok(ask(Question { url, method, headers, body }).await?.as_u16())
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
            let own = (url.host().unwrap_or_default(), url.port_u16().unwrap_or(80));
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
