//! Who is answered.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::request::Parts;
use axum::http::uri::Uri;
use axum::http::{HeaderMap, Method, StatusCode, header};
use rustls::crypto::ring::default_provider;
use sha2::{Digest, Sha256};

use crate::base::hint::SERVE;
use crate::base::text::hex;

/// A longer address is refused.
pub(crate) const LONGEST_ADDRESS: usize = 2000;

/// Where the token of the start address is exchanged for the cookie.
pub(crate) const ENTER: &str = "/enter";

/// Why somebody is not answered: nothing of the environment is in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    pub(crate) sentence: String,
}

fn refuse<T>(status: StatusCode, title: &'static str, sentence: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { status, title, sentence: sentence.into() })
}

/// Whom the request is from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// The browser that opened the start address.
    Known,
    /// It opens it now: its cookie, as a header says it.
    Enters(String),
}

/// A secret's digest: comparing digests says nothing of the secret by the time that it takes.
#[derive(Clone, Copy)]
struct Secret([u8; 32]);

impl Secret {
    fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    fn is(&self, text: &str) -> bool {
        let other = Self::of(text);
        self.0.iter().zip(other.0).fold(0, |found, (one, other)| found | (one ^ other)) == 0
    }
}

/// 256 bits of the system's randomness.
fn random() -> Result<String, RandomError> {
    let mut bytes = [0; 32];
    default_provider().secure_random.fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(hex(&bytes))
}

/// The system has no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random numbers, without which nobody can be kept out")]
pub struct RandomError;

/// What is secret.
struct Secrets {
    /// Of the start address, until it is used.
    token: Option<Secret>,
    /// Of the cookie.
    session: Secret,
    /// The cookie's value, until the browser has it.
    value: Option<String>,
}

/// Decides who is answered.
pub(crate) struct Guard {
    /// As `Host` may be.
    hosts: Vec<String>,
    /// The cookie's name: two dashboards on one machine differ by their port, which a cookie doesn't tell apart.
    cookie: String,
    secrets: Mutex<Secrets>,
}

impl Guard {
    /// For an address, and the token of its start address.
    pub(crate) fn new(address: SocketAddr) -> Result<(Self, String), RandomError> {
        let port = address.port();
        let mut hosts = vec![address.to_string()];
        hosts.push(format!("localhost:{port}"));
        let (token, value) = (random()?, random()?);
        let (first, session) = (Secret::of(&token), Secret::of(&value));
        let secrets = Mutex::new(Secrets { token: Some(first), session, value: Some(value) });
        Ok((Self { hosts, cookie: format!("pad_migrate_{port}"), secrets }, token))
    }

    /// Whether a request is answered.
    pub(crate) fn admit(&self, request: &Parts) -> Result<Admitted, Refusal> {
        let Parts { method, uri, headers, .. } = request;
        if method != Method::GET && method != Method::HEAD {
            return refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                "Only reading is possible",
                "The dashboard answers GET and HEAD; it changes nothing.",
            );
        }
        if uri.path_and_query().is_some_and(|it| it.as_str().len() > LONGEST_ADDRESS) {
            return refuse(
                StatusCode::URI_TOO_LONG,
                "The address is too long",
                format!("An address has {LONGEST_ADDRESS} characters at most. Leave filters out."),
            );
        }
        self.check_host(uri, headers)?;
        self.check_origin(request)?;
        if uri.path() == ENTER {
            return self.enter(method, uri, headers);
        }
        match self.is_known(headers) {
            true => Ok(Admitted::Known),
            false => refuse(
                StatusCode::FORBIDDEN,
                "Open the start address first",
                format!(
                    "This browser has no session with this dashboard. Open the start address that `{SERVE}` printed; \
                     if it was used already, stop `{SERVE}` and start it again."
                ),
            ),
        }
    }

    /// A name that was made to resolve to this machine is not one of its own.
    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let is_own = |host: &str| self.hosts.iter().any(|it| it.eq_ignore_ascii_case(host));
        let mut named = headers.get_all(header::HOST).iter();
        let host = named.next().and_then(|it| it.to_str().ok());
        let is_good = host.is_some_and(is_own)
            && named.next().is_none()
            && uri.authority().is_none_or(|authority| is_own(authority.as_str()));
        match is_good {
            true => Ok(()),
            false => refuse(
                StatusCode::FORBIDDEN,
                "Not under this name",
                "The dashboard answers under the address that it printed, and under localhost with its port. Through a \
                 tunnel, use the same port on both sides.",
            ),
        }
    }

    /// Another site's page, a frame in one, a program of its own: what a browser says about where a request is from.
    fn check_origin(&self, request: &Parts) -> Result<(), Refusal> {
        let Parts { uri, headers, .. } = request;
        // The host has been checked.
        let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
        let is_own = |origin: &str| origin.strip_prefix("http://").is_some_and(|it| it.eq_ignore_ascii_case(host));
        let origins_are_own = headers.get_all(header::ORIGIN).iter().all(|it| it.to_str().is_ok_and(is_own));
        let is = |name: &str, words: &[&str]| {
            headers.get_all(name).iter().all(|it| it.to_str().is_ok_and(|it| words.contains(&it)))
        };
        // A start address may be opened from a terminal that is a page itself.
        let opens = uri.path() == ENTER
            && headers.contains_key("sec-fetch-mode")
            && is("sec-fetch-mode", &["navigate"])
            && is("sec-fetch-dest", &["document"]);
        match origins_are_own && (opens || is("sec-fetch-site", &["none", "same-origin"])) {
            true => Ok(()),
            false => refuse(
                StatusCode::FORBIDDEN,
                "Not from another site",
                "The request came from another site's page. Type the address of the dashboard, or use its own links.",
            ),
        }
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let session = self.secrets.lock().unwrap_or_else(PoisonError::into_inner).session;
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
        let mut values = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
        values.any(|(name, value)| name == self.cookie && session.is(value))
    }

    /// Exchanges the token for the cookie, once.
    fn enter(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Admitted, Refusal> {
        if self.is_known(headers) {
            return Ok(Admitted::Known);
        }
        let given = uri.query().and_then(|it| it.strip_prefix("token=")).unwrap_or_default();
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let is_right = secrets.token.is_some_and(|it| it.is(given));
        if !is_right && secrets.token.is_some() {
            return refuse(
                StatusCode::FORBIDDEN,
                "Not the start address",
                format!(
                    "It isn't the start address that `{SERVE}` printed. Copy the whole of it; it has not been used yet."
                ),
            );
        }
        // A program that looks at links before they are opened must not use it up.
        if is_right && method == Method::GET {
            secrets.token = None;
            if let Some(value) = secrets.value.take() {
                return Ok(Admitted::Enters(format!("{}={value}; Path=/; HttpOnly; SameSite=Strict", self.cookie)));
            }
        }
        refuse(
            StatusCode::FORBIDDEN,
            "The start address is used up",
            format!("A start address works once. Stop `{SERVE}` and start it again for a new one."),
        )
    }
}
