//! Trust in servers: a component's requests trust the system's public authorities, and those of the manifest's
//! `outgoing_ca`.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The certificates of authorities that a component trusts, besides the public ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities(Vec<CertificateDer<'static>>);

/// Why a file's authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// The file has no certificate.
    #[error("it has no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)")]
    None,
    /// The file's PEM is not well-formed.
    #[error("its PEM is not well-formed: {0}")]
    Pem(rustls::pki_types::pem::Error),
    /// One of the certificates is invalid.
    #[error("its certificate number {number} cannot be used: {error}")]
    Certificate {
        /// The position of the certificate, from 1.
        number: usize,
        /// The reason.
        error: rustls::Error,
    },
}

impl Authorities {
    /// Reads the certificates of a PEM file; other items in the file are skipped.
    pub fn from_pem(text: &[u8]) -> Result<Self, AuthoritiesError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
            .collect::<Result<_, _>>()
            .map_err(AuthoritiesError::Pem)?;
        if certificates.is_empty() {
            return Err(AuthoritiesError::None);
        }
        let authorities = Self(certificates);
        authorities.add_to(&mut RootCertStore::empty())?;
        Ok(authorities)
    }

    fn add_to(&self, roots: &mut RootCertStore) -> Result<(), AuthoritiesError> {
        for (index, certificate) in self.0.iter().enumerate() {
            roots
                .add(certificate.clone())
                .map_err(|error| AuthoritiesError::Certificate {
                    number: index + 1,
                    error,
                })?;
        }
        Ok(())
    }

    /// The TLS configuration that verifies servers. Without `is_used`, the system's authorities are not read.
    pub(super) fn client_config(&self, is_used: bool) -> Result<ClientConfig, rustls::Error> {
        let mut roots = RootCertStore::empty();
        if is_used {
            // Systems have authorities that rustls does not understand; the others are still used.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots.add_parsable_certificates(self.0.iter().cloned());
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused_with_the_reason() {
        let refusal = |text: &str| Authorities::from_pem(text.as_bytes()).map_err(|error| error.to_string());
        for (text, reason) in [
            ("", "it has no certificate"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "it has no certificate",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n",
                "its PEM is not well-formed",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "certificate number 1",
            ),
        ] {
            assert!(refusal(text).is_err_and(|error| error.contains(reason)), "{text}");
        }
    }
}
