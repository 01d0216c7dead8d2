//! The steps of getting to a server before there is a session, each timed: name, port, TLS.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgSslMode;

use crate::checks::check::{Check, Status};
use crate::postgres::connect_error::ConnectError;
use crate::postgres::database::Database;

/// How long the steps took that opening a session repeats.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) tcp: Duration,
    pub(crate) tls: Option<Duration>,
}

/// Looks the name up, connects to the port, and sees how far TLS gets.
pub(crate) async fn reach(
    target: &Database,
    deadline: Instant,
    checks: &mut Vec<Check>,
) -> Result<Reached, ConnectError> {
    let (host, port) = (target.options.get_host().to_owned(), target.options.get_port());
    let seconds = target.timeout.as_secs();
    let until = tokio::time::Instant::from_std(deadline);
    let timeout = || ConnectError::Timeout { place: target.place(), seconds };
    if target.options.get_socket().is_some() {
        return reach_socket(target, until, checks).await;
    }
    let since = Instant::now();
    let looked_up = tokio::net::lookup_host((host.as_str(), port));
    let addresses = tokio::time::timeout_at(until, looked_up).await.map_err(|_| timeout())?;
    let addresses: Vec<SocketAddr> = addresses.map_err(|error| target.connect_error(sqlx::Error::Io(error)))?.collect();
    let named: BTreeSet<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
    let named = named.into_iter().collect::<Vec<_>>().join(" and ");
    checks.push(if named == host {
        Check::new("name", Status::Pass, format!("{host} is an address"))
    } else {
        Check::new("name", Status::Pass, format!("{host} resolves to {named}")).took(since.elapsed())
    });
    let since = Instant::now();
    let opened = tokio::time::timeout_at(until, tokio::net::TcpStream::connect(&*addresses)).await;
    let stream = opened.map_err(|_| timeout())?.map_err(|error| target.connect_error(sqlx::Error::Io(error)))?;
    let tcp = since.elapsed();
    let address = stream.peer_addr().map_or_else(|_| host.clone(), |it| it.to_string());
    checks.push(Check::new("port", Status::Pass, format!("{address} accepts connections")).took(tcp));
    if matches!(target.options.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow) {
        checks.push(Check::new("tls", Status::Skip, "not used"));
        return Ok(Reached { tcp, tls: None });
    }
    reach_tls(target, stream, tcp, deadline, checks).await
}

/// Connects to the socket.
async fn reach_socket(
    target: &Database,
    until: tokio::time::Instant,
    checks: &mut Vec<Check>,
) -> Result<Reached, ConnectError> {
    checks.push(Check::new("name", Status::Skip, "not needed for a local socket"));
    let since = Instant::now();
    let timeout = |_| ConnectError::Timeout { place: target.place(), seconds: target.timeout.as_secs() };
    let accepted = tokio::time::timeout_at(until, target.clone().probe()).await.map_err(timeout)?;
    accepted.map_err(|error| target.connect_error(sqlx::Error::Io(error)))?;
    checks.push(Check::new("port", Status::Pass, "the socket accepts connections").took(since.elapsed()));
    Ok(Reached { tcp: since.elapsed(), tls: None })
}

/// Sees how far TLS gets on a connection.
async fn reach_tls(
    target: &Database,
    stream: tokio::net::TcpStream,
    tcp: Duration,
    deadline: Instant,
    checks: &mut Vec<Check>,
) -> Result<Reached, ConnectError> {
    let host = target.options.get_host().to_owned();
    let until = tokio::time::Instant::from_std(deadline);
    let silent = || ConnectError::Silent { place: target.place(), seconds: target.timeout.as_secs() };
    let left = deadline.saturating_duration_since(Instant::now());
    let stream = stream.into_std().and_then(|it| it.set_nonblocking(false).map(|()| it));
    let handle = stream.as_ref().ok().and_then(|it| it.try_clone().ok());
    let probe = tokio::task::spawn_blocking(move || probe_tls(stream?, &host, left));
    let Ok(probed) = tokio::time::timeout_at(until, probe).await else {
        // Its timeout is for each read, and a server may send a byte at a time.
        let _ = handle.map(|it| it.shutdown(std::net::Shutdown::Both));
        return Err(silent());
    };
    match probed.expect("the probe doesn't panic") {
        Ok(None) => Ok(Reached { tcp, tls: None }),
        Ok(Some(tls)) => {
            checks.push(Check::new("tls", Status::Pass, "the server supports TLS").took(tls));
            Ok(Reached { tcp, tls: Some(tls) })
        }
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
            Err(silent())
        }
        // The driver will meet the same error, and report it.
        Err(_) => Ok(Reached { tcp, tls: None }),
    }
}

/// How long the server takes to agree to TLS and to send its certificate; none if it declines (documentation, Message
/// Flow, SSL Session Encryption). No certificate is trusted, so that the handshake ends there and nothing is sent.
fn probe_tls(mut stream: TcpStream, host: &str, timeout: Duration) -> std::io::Result<Option<Duration>> {
    let timeout = Some(timeout.max(Duration::from_millis(1)));
    stream.set_read_timeout(timeout)?;
    stream.set_write_timeout(timeout)?;
    let since = Instant::now();
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    let Ok(name) = rustls::pki_types::ServerName::try_from(host.to_owned()) else { return Ok(None) };
    if answer != *b"S" {
        return Ok(None);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    match session.complete_io(&mut stream) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
            Err(error)
        }
        _ => Ok(Some(since.elapsed())),
    }
}
