//! Throw-away certificates for servers that speak TLS.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

/// A certificate authority and a server's certificate that it signed, as PEM files removed when this is dropped.
#[derive(Debug)]
pub struct TlsFiles {
    folder: TempDir,
}

impl TlsFiles {
    /// Makes a certificate for `localhost` and 127.0.0.1.
    pub fn create() -> Result<Self> {
        Self::for_names(&["localhost", "127.0.0.1"])
    }

    /// Makes a certificate for these names and addresses, such as one that does not fit the server.
    pub fn for_names(names: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("parlance-tls-").tempdir()?;
        let files = Self { folder };
        let ca_key = KeyPair::generate()?;
        let ca = authority()?;
        let ca_certificate = ca.self_signed(&ca_key)?;
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let certificate = CertificateParams::new(names)?.signed_by(&key, &Issuer::new(ca, ca_key))?;
        write(&files.ca(), &ca_certificate.pem())?;
        write(&files.certificate(), &certificate.pem())?;
        write(&files.key(), &key.serialize_pem())?;
        Ok(files)
    }

    /// The certificate of the authority, which clients are to trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The certificate of the server.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The private key of the server.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

fn authority() -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
        .distinguished_name
        .push(DnType::CommonName, "authority of a test");
    Ok(parameters)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
