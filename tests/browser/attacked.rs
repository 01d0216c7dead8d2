//! Another site's page in the operator's browser, with the operator's cookie: it gets nothing, and does nothing.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::site::Site;
use super::window::{Look, Window};

/// Another site, which any name of this machine leads to.
async fn other_site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let page = "<!doctype html><title>other</title><h1>Other site</h1>";
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                page.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// What a page tries, each ending with what became of it.
const ATTEMPTS: [(&str, &str, &str); 6] = [
    ("reading", "fetch(to, {credentials: 'include'}).then(() => done('read'), () => done('refused'))", "refused"),
    (
        "reading without looking",
        "fetch(to, {credentials: 'include', mode: 'no-cors'}).then(() => done('read'), () => done('refused'))",
        "refused",
    ),
    (
        "writing",
        "fetch(to, {method: 'POST', credentials: 'include', body: 'x'}).then(() => done('sent'), () => done('refused'))",
        "refused",
    ),
    (
        "running it as a script",
        "const it = document.createElement('script'); it.src = to; it.onload = () => done('run'); \
         it.onerror = () => done('refused'); document.body.append(it)",
        "refused",
    ),
    (
        "using its styles",
        "const it = document.createElement('link'); it.rel = 'stylesheet'; it.href = to.replace('/requests', '/style.css'); \
         it.onload = () => done('used'); it.onerror = () => done('refused'); document.head.append(it)",
        "refused",
    ),
    (
        "framing it",
        "const it = document.createElement('iframe'); it.src = to; it.onload = () => { let seen = 'nothing'; \
         try { seen = it.contentDocument ? 'seen' : 'nothing' } catch { } done(seen) }; document.body.append(it)",
        "nothing",
    ),
];

#[tokio::test]
async fn another_sites_page_gets_nothing() {
    let site = Site::open().await;
    let window = Window::open(Look::Desktop).await;
    window.goto(&site.start).await;
    window.goto(&format!("{}/requests", site.origin)).await;
    assert_eq!(window.text("h1").await, "Requests", "the browser is let in");
    let port = other_site().await.port();
    // The same machine's name is the same site, whose cookie is sent; the other name is another site.
    for origin in [format!("http://127.0.0.1:{port}"), format!("http://evil.example.com:{port}")] {
        for (what, script, expected) in ATTEMPTS {
            window.goto(&origin).await;
            let script = format!("const done = arguments[0], to = '{}/requests'; {script}", site.origin);
            let found = window.client.execute_async(&script, Vec::new()).await.expect("the script ends");
            assert_eq!(found.as_str(), Some(expected), "{what} from {origin}");
        }
        // A link, and a form.
        window.goto(&origin).await;
        window.run(&format!("location.href = '{}/requests'", site.origin)).await;
        window
            .client
            .wait()
            .for_element(fantoccini::Locator::XPath("//h1[.='Not from another site']"))
            .await
            .unwrap_or_else(|error| panic!("a link from {origin} leads nowhere: {error}"));
        window.goto(&origin).await;
        let form = format!(
            "const it = document.createElement('form'); it.method = 'post'; it.action = '{}/requests'; \
             document.body.append(it); it.submit()",
            site.origin
        );
        window.run(&form).await;
        window
            .client
            .wait()
            .for_element(fantoccini::Locator::XPath("//h1[.='Only reading is possible']"))
            .await
            .unwrap_or_else(|error| panic!("a form from {origin} changes nothing: {error}"));
    }
    window.goto(&format!("{}/requests", site.origin)).await;
    assert_eq!(window.text("h1").await, "Requests", "and its own user still reads");
}

/// A name that resolves to this machine: the page of that name would be the dashboard's own, if it were answered.
#[tokio::test]
async fn a_rebound_name_is_not_answered() {
    let site = Site::open().await;
    let window = Window::open(Look::Desktop).await;
    window.goto(&site.start).await;
    let port = site.origin.rsplit(':').next().expect("it has a port");
    for path in ["/", "/requests", "/style.css", "/enter?token=0"] {
        window.goto(&format!("http://evil.example.com:{port}{path}")).await;
        assert_eq!(window.text("h1").await, "Not under this name", "{path}");
        assert!(!window.text("body").await.contains("padealing"));
    }
    // Under its other names it is the same site, which hasn't been let in.
    window.goto(&format!("http://localhost:{port}/requests")).await;
    assert_eq!(window.text("h1").await, "Open the start address first");
}

/// A start address works once: a second browser reads that, and the first goes on.
#[tokio::test]
async fn the_start_address_lets_one_browser_in() {
    let site = Site::open().await;
    let first = Window::open(Look::Desktop).await;
    first.goto(&site.start).await;
    let second = Window::open(Look::Desktop).await;
    second.goto(&site.start).await;
    assert_eq!(second.text("h1").await, "The start address is used up");
    second.goto(&format!("{}/requests", site.origin)).await;
    assert_eq!(second.text("h1").await, "Open the start address first");
    first.goto(&format!("{}/requests", site.origin)).await;
    assert_eq!(first.text("h1").await, "Requests");
    // Nothing that a script could read, and nothing in the address.
    assert_eq!(first.run("return document.cookie").await.as_str(), Some(""));
    assert!(!first.path().await.contains("token"));
}
