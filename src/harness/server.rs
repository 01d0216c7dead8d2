//! An ephemeral Postgres: started for one process, stopped with it.
//!
//! Tests and `rehearse` share this module. A provider knows one way to get a server; [`start`] takes the first that
//! works, or the requested one, and keeps the reasons why the others were not used. What a provider returns
//! is a URL and a lease: no connection is shared.

pub mod alive;
#[cfg(feature = "docker")]
mod docker;
#[cfg(feature = "download")]
pub mod download;
pub mod error;
mod given;
pub mod host;
pub mod lease;
pub mod local;
pub mod names;
pub mod request;

use crate::base::text::sentence;
use crate::base::version::{SUPPORTED, major};
use crate::harness::pg::databases as admin;
use crate::harness::pg::ephemeral::EphemeralDatabase;
use crate::harness::server::error::{Provider, ServerError};
use crate::harness::server::lease::{Server, Started, off_runtime};
use crate::harness::server::request::ServerRequest;

/// Gets an ephemeral server, and first removes what runs that were killed have left. Blocks.
pub fn start(request: &ServerRequest) -> Result<Server, ServerError> {
    local::sweep();
    if request.provider != Provider::Auto {
        return get(request.provider, request).map_err(|error| match error {
            ServerError::NotReady { .. } | ServerError::Io { .. } | ServerError::Unusable(_) => error,
            ServerError::OtherVersion { .. } | ServerError::UnknownDurability | ServerError::Stopping => error,
            lacking => ServerError::Only { reason: sentence(&lacking), remedy: request.provider.remedy() },
        });
    }
    let mut not_used = Vec::new();
    for provider in Provider::ORDER {
        match get(provider, request) {
            Ok(server) => return Ok(Server { not_used, ..server }),
            Err(error) => not_used.push((provider, sentence(&error))),
        }
    }
    Err(ServerError::Nothing(not_used))
}

fn get(provider: Provider, request: &ServerRequest) -> Result<Server, ServerError> {
    let started = match provider {
        Provider::Url => given::start(request),
        #[cfg(feature = "docker")]
        Provider::Docker => docker::start(request),
        #[cfg(not(feature = "docker"))]
        Provider::Docker => Err(ServerError::NoDocker),
        #[cfg(feature = "download")]
        Provider::Download => download::start(request),
        #[cfg(not(feature = "download"))]
        Provider::Download => Err(ServerError::NoDownload),
        Provider::Local | Provider::Auto => local::start(request),
    }?;
    let Started { url, description, connect, serve, stop, token, lease, alive } = started;
    let address = url.clone();
    let version = off_runtime(async move { admin::server_version(&EphemeralDatabase::at(&address)?).await });
    let version = version.map_err(ServerError::Unusable)?;
    // A tag of an image says what it likes; what the others took was chosen by its version.
    let wants = provider == Provider::Docker || request.wants(&version);
    if !wants || !SUPPORTED.contains(&major(&version)) {
        return Err(ServerError::OtherVersion { found: version, what: description, wanted: request.wanted() });
    }
    Ok(Server { url, version, description, not_used: Vec::new(), connect, serve, stop, token, lease, _alive: alive })
}
