//! The TLS of publishers: one certificate for every connection, exchanged under way.
//!
//! What is shown is looked up at each handshake, so a renewed certificate needs no new listener and ends no session.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use nixcast_core::certificates::{CertificateChain, PrivateKey};
use nixcast_core::control::{Listener, ObjectId};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as RustlsError, InconsistentKeys};
use tokio_rustls::server::TlsStream;

/// First byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1).
pub(super) const FIRST_BYTE: u8 = 22;

/// Why a pair cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PairError {
    #[error("{}: is no certificate chain that can be read", ObjectId::Certificate)]
    Chain(#[source] pem::Error),
    #[error("{}.keyFile: is no private key that can be read", ObjectId::Listener(Listener::Rtmps))]
    Key(#[source] pem::Error),
    #[error(
        "{}: the certificate does not belong to the private key of keyFile; the pair before goes on until both are \
         replaced",
        ObjectId::Certificate
    )]
    Mismatch,
    #[error("{}: certificate and private key cannot be used", ObjectId::Certificate)]
    Unusable(#[source] RustlsError),
}

/// Accepts publishers with TLS. Clones show the same certificate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    shown: Arc<Shown>,
}

#[derive(Debug, Default)]
struct Shown(RwLock<Option<Arc<CertifiedKey>>>);

impl Tls {
    /// Shows this pair from the next handshake on, if it is one.
    pub(crate) fn show(&self, chain: &CertificateChain, key: &PrivateKey) -> Result<(), PairError> {
        let certified = certified(chain, key)?;
        self.shown.put(Some(certified));
        tracing::info!("the certificate of publishers with TLS is in force");
        Ok(())
    }

    pub(crate) fn hide(&self) {
        self.shown.put(None);
    }

    pub(crate) fn has_certificate(&self) -> bool {
        self.shown.get().is_some()
    }

    /// The handshake, as the server.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.shown) as Arc<dyn ResolvesServerCert>);
        // A publisher comes once; one that comes again is to see the certificate of that moment.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        TlsAcceptor::from(Arc::new(config)).accept(stream).await
    }
}

fn certified(chain: &CertificateChain, key: &PrivateKey) -> Result<Arc<CertifiedKey>, PairError> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(chain.pem().as_bytes()).collect::<Result<_, _>>().map_err(PairError::Chain)?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(PairError::Key)?;
    match CertifiedKey::from_der(chain, key, &ring::default_provider()) {
        Ok(certified) => Ok(Arc::new(certified)),
        Err(RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(PairError::Mismatch),
        Err(error) => Err(PairError::Unusable(error)),
    }
}

impl Shown {
    fn get(&self) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, certified: Option<Arc<CertifiedKey>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.get()
    }
}
