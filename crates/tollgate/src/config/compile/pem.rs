//! Certificate and key files.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::context::Context;
use crate::config::file::spanned::Spanned;
use crate::config::problem::Finding;

/// Reads a file of at least one certificate.
pub(super) fn certificates(cx: &mut Context<'_>, path: &Spanned<String>) -> Option<Vec<u8>> {
    let pem = cx.read(path)?;
    parse_certificates(cx, path, &pem)?;
    Some(pem)
}

/// Reads a certificate chain and its private key, and checks that they belong together.
pub(super) fn identity(
    cx: &mut Context<'_>,
    cert: &Spanned<String>,
    key: &Spanned<String>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let (cert_pem, key_pem) = (cx.read(cert), cx.read(key));
    let (cert_pem, key_pem) = (cert_pem?, key_pem?);
    let chain = parse_certificates(cx, cert, &cert_pem);
    let Ok(private) = PrivateKeyDer::from_pem_slice(&key_pem) else {
        let finding = Finding::at(key.span, "the file has no private key in PEM");
        cx.error(finding.hint("it must have a block such as `-----BEGIN PRIVATE KEY-----`"));
        return None;
    };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if let Err(error) = CertifiedKey::from_der(chain?, private, &provider) {
        let finding = Finding::at(
            key.span,
            format!("the key does not go with the certificate: {error}"),
        );
        cx.error(finding.beside(cert.span, "the certificate"));
        return None;
    }
    Some((cert_pem, key_pem))
}

fn parse_certificates(
    cx: &mut Context<'_>,
    path: &Spanned<String>,
    pem: &[u8],
) -> Option<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        _ => {
            let finding = Finding::at(path.span, "the file has no certificate in PEM");
            cx.error(finding.hint("it must have a block `-----BEGIN CERTIFICATE-----`"));
            None
        }
    }
}
