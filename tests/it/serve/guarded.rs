//! What a page of another site, a name that resolves to this machine, a frame and a program without the cookie get.

use rstest::rstest;

use super::client::{Browser, send};
use super::{options, with_dashboard};
use crate::harness::{Start, with_db};
use pad_migrate::dashboard::http::options::Options;
use pad_migrate::dashboard::http::server::{Dashboard, ServeError};

/// What every answer says of itself, also a refusal.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", "default-src 'none'"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[track_caller]
fn check_headers(answer: &super::client::Answer) {
    for (name, begins) in HEADERS {
        assert!(answer.headers.get(name).is_some_and(|it| it.starts_with(begins)), "{name}: {answer:?}");
    }
}

/// A request as bytes, in which HOST and COOKIE stand for the right ones.
async fn status(browser: &Browser, request: &str) -> u16 {
    let request = request.replace("HOST", &browser.host).replace("COOKIE", &browser.cookie);
    let port = browser.host.rsplit(':').next().unwrap_or_default();
    let answer = send(&browser.host, request.replace("PORT", port).as_bytes()).await;
    check_headers(&answer);
    if answer.status != 200 {
        assert!(!answer.body.contains("padealing") && !answer.body.contains("local · "), "it says nothing: {answer:?}");
    }
    answer.status
}

#[tokio::test]
async fn only_the_browser_that_was_let_in_is_answered() {
    const CASES: &[(&str, u16)] = &[
        ("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: localhost:PORT\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: a=b; COOKIE\r\nConnection: close\r\n\r\n", 200),
        // It doesn't listen there.
        ("GET / HTTP/1.1\r\nHost: [::1]:PORT\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 403),
        ("HEAD / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 200),
        (
            "GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nOrigin: http://HOST\r\nSec-Fetch-Site: same-origin\r\n\
             Connection: close\r\n\r\n",
            200,
        ),
        ("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nSec-Fetch-Site: none\r\nConnection: close\r\n\r\n", 200),
        // No cookie, another one, one that begins alike.
        ("GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", 403),
        ("GET /style.css HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: pad_migrate_PORT=0\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE0\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: xCOOKIE\r\nConnection: close\r\n\r\n", 403),
        ("GET /enter?token=0 HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", 403),
        ("GET /enter HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", 403),
        // A name that resolves to this machine.
        ("GET / HTTP/1.1\r\nHost: evil.example.com:PORT\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: evil.example.com\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: localhost:PORT.example.com\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil.example.com\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 403),
        ("GET / HTTP/1.0\r\nCookie: COOKIE\r\n\r\n", 403),
        ("GET http://evil.example.com/ HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 403),
        // Another site's page; another name of this machine is another site, too.
        (
            "GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nOrigin: http://localhost:PORT\r\nConnection: close\r\n\r\n",
            403,
        ),
        (
            "GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nOrigin: https://example.com\r\nConnection: close\r\n\r\n",
            403,
        ),
        ("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nOrigin: null\r\nConnection: close\r\n\r\n", 403),
        (
            "GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nOrigin: http://localhost:1\r\nConnection: close\r\n\r\n",
            403,
        ),
        (
            "GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n",
            403,
        ),
        (
            "GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nSec-Fetch-Site: same-site\r\nConnection: close\r\n\r\n",
            403,
        ),
        (
            "GET / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\
             Sec-Fetch-Dest: document\r\nConnection: close\r\n\r\n",
            403,
        ),
        (
            "GET /enter HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nSec-Fetch-Site: cross-site\r\n\
             Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\nConnection: close\r\n\r\n",
            403,
        ),
        // Whatever isn't reading.
        ("POST / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 405),
        ("DELETE /requests/1 HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 405),
        ("OPTIONS / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 405),
        ("TRACE / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 405),
        ("PROPFIND / HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 405),
        // Nothing else is there.
        ("GET /../etc/passwd HTTP/1.1\r\nHost: HOST\r\nCookie: COOKIE\r\nConnection: close\r\n\r\n", 404),
    ];
    with_dashboard(Start::Applied, async |_, browser| {
        for (request, expected) in CASES {
            let found = match *expected {
                // Its page is shown to somebody who was let in.
                404 => browser.get("/../etc/passwd").await.status,
                _ => status(browser, request).await,
            };
            assert_eq!(found, *expected, "{request}");
        }
    })
    .await;
}

/// The start address lets one browser in, once; looking at it without opening it doesn't use it up.
#[tokio::test]
async fn the_start_address_works_once() {
    with_db(Start::Applied, async |db| {
        let dashboard = Dashboard::bind(options(&db.database)).await.expect("the dashboard listens");
        let start = dashboard.start_address().to_owned();
        let running = tokio::spawn(dashboard.run(std::future::pending()));
        let (host, path) = start.strip_prefix("http://").and_then(|it| it.split_once('/')).expect("an address");
        assert_eq!(path.len(), "enter?token=".len() + 64, "256 bits");
        let ask = async |method: &str, more: &str| {
            let request = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n");
            send(host, request.as_bytes()).await
        };
        assert_eq!(ask("HEAD", "").await.status, 403, "it isn't opened");
        let cut = format!("GET /{} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", &path[..40]);
        let cut = send(host, cut.as_bytes()).await;
        assert!(cut.status == 403 && cut.body.contains("it has not been used yet"), "{cut:?}");
        assert_eq!(ask("GET", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n").await.status, 403);
        let opened = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
        let entered = ask("GET", opened).await;
        check_headers(&entered);
        assert_eq!(entered.status, 200);
        let cookie = entered.headers.get("set-cookie").expect("a cookie");
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        assert_eq!(ask("GET", "").await.status, 403, "once");
        let cookie = cookie.split(';').next().expect("it has a value");
        let again = ask("GET", &format!("Cookie: {cookie}\r\n")).await;
        assert_eq!((again.status, again.headers.get("location").map(String::as_str)), (303, Some("/")));
        running.abort();
    })
    .await;
}

#[rstest]
#[case::every_address("0.0.0.0:0")]
#[case::every_address_of_ipv6("[::]:0")]
#[case::another_machine("192.0.2.1:80")]
#[tokio::test]
async fn it_listens_on_this_machine_only(#[case] listen: &str) {
    with_db(Start::Empty, async |db| {
        let listen = listen.parse().expect("an address");
        let refused = Dashboard::bind(Options { listen, ..options(&db.database) });
        let refused = refused.await.err().expect("it is refused");
        assert!(matches!(refused, ServeError::NotLoopback(_)), "{refused}");
    })
    .await;
}
