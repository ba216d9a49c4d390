//! TLS to a broker.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::SinkError;

/// What the system trusts, by the one provider of cryptography: rskafka brings another one into rustls, which then
/// cannot choose by itself.
pub(super) fn config() -> Result<ClientConfig, SinkError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(SinkError::setup)?;
    Ok(builder.with_platform_verifier().map_err(SinkError::setup)?.with_no_client_auth())
}
