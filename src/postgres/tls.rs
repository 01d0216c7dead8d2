//! Which check of TLS failed, in words.

use std::path::Path;

use rustls::CertificateError;

/// Which check of TLS failed, and what to do.
pub(crate) fn problem(error: &rustls::Error, host: &str, root_cert: Option<&Path>) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired, or this machine's clock is wrong; have the certificate renewed"
                    .to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate isn't valid yet, or this machine's clock is wrong; check the clock".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let presented = match why {
                    CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                        // DnsName("db.example.com"), as rustls has it.
                        let names: Vec<&str> = presented.iter().map(|it| it.split('"').nth(1).unwrap_or(it)).collect();
                        format!(" but for {}", names.join(" and "))
                    }
                    _ => String::new(),
                };
                format!(
                    "the server's certificate is not for {host}{presented}; connect by a name in the certificate, \
                     or skip the name check with DB_SSLMODE=verify-ca"
                )
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => match root_cert {
                None => "this machine doesn't trust the authority that signed the server's certificate; \
                         set DB_SSLROOTCERT to a file with that authority's certificate"
                    .to_owned(),
                Some(path) => format!(
                    "neither this machine nor {} (DB_SSLROOTCERT) has the authority that signed the server's \
                     certificate; set DB_SSLROOTCERT to a file with that authority's certificate",
                    path.display()
                ),
            },
            other => format!("the server's certificate is not accepted: {other}"),
        },
        rustls::Error::InconsistentKeys(_) => {
            "the key in DB_SSLKEY doesn't belong to the certificate in DB_SSLCERT; set the matching key".to_owned()
        }
        rustls::Error::AlertReceived(alert) => format!(
            "the server rejected the TLS handshake ({alert:?}); check the client certificate in DB_SSLCERT and \
             DB_SSLKEY"
        ),
        other => other.to_string(),
    }
}

/// The error of TLS in an error of the connection, which the driver wraps in several ways.
pub(crate) fn as_tls(error: &sqlx::Error) -> Option<&rustls::Error> {
    match error {
        sqlx::Error::Io(error) => error.get_ref()?.downcast_ref(),
        sqlx::Error::Tls(error) => error.downcast_ref(),
        _ => None,
    }
}
