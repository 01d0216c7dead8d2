//! Certificates for a server and its clients: a chain of a root, an authority below it, and what that has signed.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// A root, and an authority that it has signed.
pub(crate) struct Authority {
    /// The root's certificate, PEM.
    pub(crate) root: String,
    below: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with those between it and the root, and its key; PEM.
pub(crate) struct Certificate {
    pub(crate) chain: String,
    pub(crate) key: String,
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key is made")
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("there are no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let root = CertifiedIssuer::self_signed(authority(name), key()).expect("a root is made");
        let below = CertifiedIssuer::signed_by(authority(&format!("below {name}")), key(), &root)
            .expect("an authority is signed");
        Self { root: root.pem(), below }
    }

    /// For a server of this name, or address; valid until the end of a year.
    pub(crate) fn server(&self, name: &str, until: i32) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("the name is right");
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// For a client that logs in as this role.
    pub(crate) fn client(&self, role: &str) -> Certificate {
        let mut params = CertificateParams::new(Vec::new()).expect("there are no names");
        params.distinguished_name.push(DnType::CommonName, role);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Certificate {
        let key = key();
        let signed = params.signed_by(&key, &self.below).expect("a certificate is signed");
        Certificate { chain: format!("{}{}", signed.pem(), self.below.pem()), key: key.serialize_pem() }
    }
}
