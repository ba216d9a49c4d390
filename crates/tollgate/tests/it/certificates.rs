//! Certificates of the listener and of the upstream `secure`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use rcgen::CertifiedKey;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The certificates of one test.
#[derive(Debug)]
pub struct Certificates {
    folder: tempfile::TempDir,
    /// What clients trust: the listener's certificate of today.
    pub current: CertificateDer<'static>,
    /// The one before.
    pub old: CertificateDer<'static>,
}

impl Certificates {
    /// Makes all of them in a folder that goes away with this.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let current = write(folder.path(), "listener", &["gate.test"])?;
        write(folder.path(), "secure", &["localhost", "127.0.0.1"])?;
        Ok(Self { folder, old: current.clone(), current })
    }

    /// Writes another certificate over the listener's.
    pub fn renew(&mut self) -> Result<()> {
        let next = write(self.folder.path(), "listener", &["gate.test"])?;
        self.old = std::mem::replace(&mut self.current, next);
        Ok(())
    }

    /// Writes something over the listener's certificate that is none.
    pub fn spoil(&self) -> Result<()> {
        Ok(std::fs::write(self.file("listener.crt"), "no certificate")?)
    }

    /// Where relative paths of configurations start.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of this folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A client that trusts nothing but `root`.
    pub fn client(&self, root: &CertificateDer<'static>, h2: bool) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![if h2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        Ok(Arc::new(config))
    }

    /// The upstream `secure`.
    pub fn server(&self) -> Result<Arc<ServerConfig>> {
        let chain = vec![CertificateDer::from_pem_file(self.file("secure.crt"))?];
        let key = PrivateKeyDer::from_pem_file(self.file("secure.key"))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Arc::new(config))
    }
}

fn write(folder: &Path, name: &str, hosts: &[&str]) -> Result<CertificateDer<'static>> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(hosts)?;
    std::fs::write(folder.join(format!("{name}.crt")), cert.pem())?;
    std::fs::write(folder.join(format!("{name}.key")), signing_key.serialize_pem())?;
    Ok(cert.der().clone())
}
