//! Answers, and the headers that each of them has.

use axum::body::Body;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, Response, StatusCode};
use maud::Markup;

use crate::base::hint::DRIFT;
use crate::base::text::sentence;
use crate::dashboard::http::guard::Refusal;
use crate::dashboard::page::frame::Site;
use crate::dashboard::page::problem::{problem, refusal};
use crate::dashboard::pg::pool::PoolError;
use crate::dashboard::query::BadQuery;
use crate::postgres::query_error::QueryError;
use crate::postgres::sqlstate;

/// What a page may load: its own styles and its icon. No script, no frame, no form to another place.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// The same answer with the headers that every answer has.
pub(crate) fn secured(mut answer: Response<Body>) -> Response<Body> {
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// A text of a type.
pub(crate) fn typed(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// What a page is.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// A page.
pub(crate) fn html(page: Markup) -> Response<Body> {
    typed(StatusCode::OK, HTML, page.into_string())
}

/// Leads to another page.
pub(crate) fn see(address: &str) -> Response<Body> {
    let mut answer = typed(StatusCode::SEE_OTHER, HTML, Body::empty());
    if let Ok(address) = HeaderValue::from_str(address) {
        answer.headers_mut().insert(header::LOCATION, address);
    }
    answer
}

impl Refusal {
    /// The page that says so.
    pub(crate) fn answer(&self) -> Response<Body> {
        let mut answer = typed(self.status, HTML, refusal(self.title, &self.sentence).into_string());
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        answer
    }
}

/// Why a page isn't shown.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    title: &'static str,
    sentence: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, title: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, title, sentence: sentence.into() }
    }

    pub(crate) fn not_found(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", sentence)
    }

    /// Too much is asked at once.
    pub(crate) fn busy(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Busy", sentence)
    }

    /// The page that says so.
    pub(crate) fn answer(&self, site: &Site) -> Response<Body> {
        let page = problem(site, self.title, &self.sentence, self.status.is_server_error());
        let mut answer = typed(self.status, HTML, page.into_string());
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        answer
    }
}

impl From<BadQuery> for Problem {
    fn from(BadQuery(why): BadQuery) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "The address can't be read", format!("The address can't be read: {why}."))
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error.sqlstate().as_deref() {
            Some(sqlstate::QUERY_CANCELED) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "That took too long",
                format!(
                    "The database needed more than a second ({}), and was stopped so that nothing else waits for this \
                     page. Add a filter, or try again when the database has less to do.",
                    error.what
                ),
            ),
            Some(sqlstate::LOCK_NOT_AVAILABLE) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Locked",
                "A table of this page is locked by another session, such as a migration or a change of the schema. Try \
                 again when it has finished.",
            ),
            Some(sqlstate::UNDEFINED_COLUMN | sqlstate::UNDEFINED_TABLE) => Self::new(
                StatusCode::BAD_GATEWAY,
                "The schema is another one",
                format!("{}. Run `{DRIFT}` to see what differs from the schema of this program.", sentence(&error)),
            ),
            Some(_) => Self::new(StatusCode::BAD_GATEWAY, "The database refused it", format!("{}.", sentence(&error))),
            None => Self::new(StatusCode::BAD_GATEWAY, "The database didn't answer", format!("{}.", sentence(&error))),
        }
    }
}

impl From<PoolError> for Problem {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Busy => Self::busy("All sessions of the dashboard are busy. Reload the page in a moment."),
            PoolError::Query(error) => error.into(),
            PoolError::Connect(error) => {
                Self::new(StatusCode::BAD_GATEWAY, "No connection", format!("{}.", sentence(&error)))
            }
        }
    }
}
