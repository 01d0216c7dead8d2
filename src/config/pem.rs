//! Files of certificates and keys: whether they hold what their key names them for.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::base::file::reason;
use crate::base::input::read_within;

/// A system's own certificates have a quarter of this.
const LIMIT: usize = 1 << 20;

/// What a file of certificates or keys must hold.
#[derive(Clone, Copy)]
pub(crate) enum Pem {
    Certificate,
    Key,
}

impl Pem {
    /// Why a file can't be used for this.
    pub(crate) fn problem(self, path: &Path) -> Option<String> {
        match read_within(path, LIMIT) {
            Err(error) => Some(reason(&error, "the file doesn't exist")),
            Ok(text) => self.problem_in(&text),
        }
    }

    /// What is wrong with such content.
    fn problem_in(self, text: &[u8]) -> Option<String> {
        let found = match self {
            Self::Certificate => matches!(CertificateDer::pem_slice_iter(text).next(), Some(Ok(_))),
            Self::Key => PrivateKeyDer::from_pem_slice(text).is_ok(),
        };
        let encrypted = String::from_utf8_lossy(text).contains("ENCRYPTED");
        match (self, found) {
            (_, true) => None,
            (Self::Certificate, false) => Some("it holds no PEM certificate".to_owned()),
            (Self::Key, false) if encrypted => Some("its key is encrypted, and the driver can't decrypt it".to_owned()),
            (Self::Key, false) => Some("it holds no PEM private key".to_owned()),
        }
    }
}
