//! What a server must prove over TLS, by rustls.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{Roots, TlsMode};

/// Why TLS was not set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of `sslrootcert` cannot be read as PEM.
    #[error("the certificates of authorities in {path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// There is no authority to trust.
    #[error("there are no certificates of authorities in {0}")]
    NoRoots(String),
    /// rustls refuses the settings.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// What makes TLS of a connection, asking as much of the server as is wanted.
pub(super) fn connector(mode: TlsMode, roots: &Roots) -> Result<MakeRustlsConnect, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let config = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let config = match mode {
        TlsMode::VerifyFull => config.with_root_certificates(load(roots)?),
        TlsMode::VerifyCa => {
            let chain = Lenient {
                roots: Some(load(roots)?),
                algorithms,
            };
            config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(chain))
        }
        TlsMode::Disable | TlsMode::Prefer | TlsMode::Require => {
            let anybody = Lenient {
                roots: None,
                algorithms,
            };
            config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(anybody))
        }
    };
    let mut config = config.with_no_client_auth();
    // Asked for by servers that TLS reaches without PostgreSQL's own greeting.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(MakeRustlsConnect::new(config))
}

fn load(roots: &Roots) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    let place = match roots {
        Roots::System => {
            // Whatever of them cannot be read, the others can.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            "this system".to_owned()
        }
        Roots::File(path) => {
            let failed = |source| TlsError::File {
                path: path.clone(),
                source,
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(failed)? {
                store.add(certificate.map_err(failed)?)?;
            }
            path.display().to_string()
        }
    };
    if store.is_empty() {
        return Err(TlsError::NoRoots(place));
    }
    Ok(store)
}

/// Asks less than whose certificate it is: by whom it was signed, or nothing but that the server holds its key.
#[derive(Debug)]
struct Lenient {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
