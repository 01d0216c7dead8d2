//! As much of a browser as the tests need: requests as bytes, answers as they came.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::waiting::LIMIT;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By their names in lower case; of several, the last.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// Whether the body came to its end.
    pub(crate) is_whole: bool,
}

/// A browser that has been let in.
pub(crate) struct Browser {
    /// Host and port.
    pub(crate) host: String,
    pub(crate) cookie: String,
}

/// Sends bytes, and reads until the connection ends.
pub(crate) async fn send(host: &str, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(host).await.expect("the dashboard listens");
    stream.write_all(request).await.expect("the request is sent");
    let mut bytes = Vec::new();
    // A connection that is broken off is an answer, too.
    let _ = timeout(LIMIT, stream.read_to_end(&mut bytes)).await.expect("the answer ends in time");
    read(&bytes)
}

fn read(bytes: &[u8]) -> Answer {
    let text = String::from_utf8(bytes.to_vec()).expect("the answer is UTF-8");
    let (head, rest) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|it| it.split(' ').nth(1)).and_then(|it| it.parse().ok()).unwrap_or_default();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let (body, is_whole) = match headers.get("transfer-encoding").map(String::as_str) {
        Some("chunked") => dechunked(rest),
        _ => (rest.to_owned(), headers.get("content-length").is_none_or(|it| *it == rest.len().to_string())),
    };
    Answer { status, headers, body, is_whole }
}

fn dechunked(text: &str) -> (String, bool) {
    let (mut body, mut rest) = (String::new(), text);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk has its size");
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = after.get(..size) else { break };
        body.push_str(chunk);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    (body, false)
}

impl Browser {
    /// Opens a start address.
    pub(crate) async fn enter(start: &str) -> Self {
        let (host, path) = start.strip_prefix("http://").and_then(|it| it.split_once('/')).expect("an address");
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = send(host, request.as_bytes()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let cookie = answer.headers.get("set-cookie").expect("a cookie is set");
        let cookie = cookie.split(';').next().expect("it has a value").to_owned();
        Self { host: host.to_owned(), cookie }
    }

    /// The start of a request, with a line for each header that a browser sends.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &str) -> Vec<u8> {
        let Self { host, cookie } = self;
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{headers}Connection: close\r\n\r\n")
            .into()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(&self.host, &self.request("GET", path, "")).await
    }

    /// A page that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.is_whole, "{path} ends early");
        answer.body
    }
}
