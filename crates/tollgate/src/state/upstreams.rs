//! The running side of upstreams: health, load, TLS settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use anyhow::Context;
use http::HeaderValue;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tollgate_core::upstream::{Target, TlsClient, Upstream};

/// One upstream while the process runs.
#[derive(Debug)]
pub struct UpstreamState {
    /// Its settings.
    pub upstream: Arc<Upstream>,
    /// One per target, in the order of the settings.
    pub targets: Vec<Arc<TargetState>>,
}

/// One target while the process runs; kept over reloads as long as nothing of it changes.
#[derive(Debug)]
pub struct TargetState {
    /// Tells pools of idle connections apart.
    pub id: u64,
    /// The address.
    pub target: Target,
    /// `Host` for the target itself.
    pub host: HeaderValue,
    /// How to verify it; absent for plain targets.
    pub tls: Option<TlsSettings>,
    settings: TlsClient,
    healthy: AtomicBool,
    outstanding: AtomicUsize,
}

/// A ready TLS client.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// Roots, identity, versions.
    pub config: Arc<ClientConfig>,
    /// The name to verify and send.
    pub name: ServerName<'static>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl UpstreamState {
    /// Takes over from the running state every target that has not changed.
    ///
    /// # Errors
    /// Where roots, client certificate or server name cannot be used.
    pub fn new(upstream: &Arc<Upstream>, running: Option<&Self>) -> anyhow::Result<Self> {
        let mut config = None;
        let mut targets: Vec<Arc<TargetState>> = Vec::with_capacity(upstream.targets.len());
        for target in &upstream.targets {
            let kept = running.into_iter().flat_map(|state| &state.targets).find(|have| {
                have.target == *target
                    && have.settings == upstream.tls
                    && !targets.iter().any(|taken| taken.id == have.id)
            });
            targets.push(match kept {
                Some(kept) => kept.clone(),
                None => Arc::new(TargetState::new(target, upstream, &mut config)?),
            });
        }
        Ok(Self {
            upstream: upstream.clone(),
            targets,
        })
    }

    /// The healthy target with the fewest open requests for its weight; `turn` decides among equals.
    pub fn pick(&self, turn: usize, not: Option<&TargetState>) -> Option<&Arc<TargetState>> {
        if let ([only], None) = (self.targets.as_slice(), not) {
            return only.is_healthy().then_some(only);
        }
        let count = self.targets.len();
        (0..count)
            .map(|step| &self.targets[(turn + step) % count])
            .filter(|target| target.is_healthy() && not.is_none_or(|not| not.id != target.id))
            .min_by_key(|target| {
                let open = target.outstanding.load(Relaxed) as u64;
                (open + 1) * 1_000_000 / u64::from(target.target.weight.max(1))
            })
    }
}

impl TargetState {
    fn new(
        target: &Target,
        upstream: &Upstream,
        shared: &mut Option<Arc<ClientConfig>>,
    ) -> anyhow::Result<Self> {
        let tls = match target.secure {
            false => None,
            true => {
                let config = match shared {
                    Some(config) => config.clone(),
                    None => shared.insert(client_config(&upstream.tls)?).clone(),
                };
                let host = target
                    .authority
                    .host()
                    .trim_start_matches('[')
                    .trim_end_matches(']');
                let name = upstream.tls.server_name.as_deref().unwrap_or(host).to_owned();
                let name = ServerName::try_from(name).context("the target's name cannot be verified")?;
                Some(TlsSettings { config, name })
            }
        };
        Ok(Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            target: target.clone(),
            host: HeaderValue::from_str(target.authority.as_str()).context("the target's authority")?,
            tls,
            settings: upstream.tls.clone(),
            healthy: AtomicBool::new(true),
            outstanding: AtomicUsize::new(0),
        })
    }

    /// Whether the last checks went well; a target without checks always is.
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Relaxed)
    }

    /// Records what the last check found; true if that is news.
    pub fn set_healthy(&self, healthy: bool) -> bool {
        self.healthy.swap(healthy, Relaxed) != healthy
    }

    /// Counts one open request until the guard is dropped.
    pub fn occupy(self: &Arc<Self>) -> Occupied {
        self.outstanding.fetch_add(1, Relaxed);
        Occupied(self.clone())
    }
}

/// An open request at a target.
#[derive(Debug)]
pub struct Occupied(Arc<TargetState>);

impl Occupied {
    /// The target.
    pub fn target(&self) -> &Arc<TargetState> {
        &self.0
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.outstanding.fetch_sub(1, Relaxed);
    }
}

fn client_config(settings: &TlsClient) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match &settings.roots {
        Some(pem) => {
            let mut roots = rustls::RootCertStore::empty();
            for cert in CertificateDer::pem_slice_iter(pem) {
                roots.add(cert.context("`tls.roots` holds a broken certificate")?)?;
            }
            anyhow::ensure!(!roots.is_empty(), "`tls.roots` holds no certificate");
            builder.with_root_certificates(roots)
        }
        None => {
            let verifier = rustls_platform_verifier::Verifier::new(provider)?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(&identity.cert).collect::<Result<Vec<_>, _>>();
            let chain = chain.context("`tls.cert` holds a broken certificate")?;
            let key =
                PrivateKeyDer::from_pem_slice(&identity.key).context("`tls.key` holds no private key")?;
            builder.with_client_auth_cert(chain, key)?
        }
    };
    Ok(Arc::new(config))
}
