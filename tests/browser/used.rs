//! What people do with it: read, filter, sort, page, follow links, download, on a desk and on a phone, with keys alone.

use fantoccini::Locator;
use fantoccini::key::Key;

use super::site::Site;
use super::window::{Look, Window};

/// Every page, with what it must hold.
const PAGES: [(&str, &str); 12] = [
    ("/", "Overview"),
    ("/requests", "Requests"),
    ("/requests/900001?people=shown", "Request 900001"),
    ("/breaches", "Breaches"),
    ("/audit", "Audit log"),
    ("/rejections", "Rejections"),
    ("/rejections?people=shown&state=open", "Rejections"),
    ("/legacy/2101", "Legacy row 2101"),
    ("/legacy/1901?people=shown", "Legacy row 1901"),
    ("/drift?run=now", "Drift"),
    ("/integrity?run=now", "Integrity"),
    ("/reference", "Reference"),
];

async fn open(look: Look) -> (Site, Window) {
    let site = Site::open().await;
    let window = Window::open(look).await;
    window.goto(&site.start).await;
    window.client.wait().for_element(Locator::Css("main#content")).await.expect("the overview comes by itself");
    assert_eq!(window.path().await, "/");
    (site, window)
}

/// On a desk, on a phone and in the dark: nothing serious for axe-core, nothing wider than the window, no error of the
/// browser's.
async fn check_pages(look: Look) {
    let (site, window) = open(look).await;
    let is_dark = window.run("return matchMedia('(prefers-color-scheme: dark)').matches").await;
    assert_eq!(is_dark.as_bool(), Some(matches!(look, Look::Dark)), "{look:?}");
    for (path, title) in PAGES {
        window.goto(&format!("{}{path}", site.origin)).await;
        assert_eq!(window.text("h1").await, title, "{path}");
        assert_eq!(window.serious().await, Vec::<String>::new(), "{path}");
        let overflow = window.run("return document.documentElement.scrollWidth - window.innerWidth").await;
        assert!(overflow.as_i64().is_some_and(|it| it <= 0), "{path} is {overflow} wider than the window");
    }
    // The pictures of docs/serve.md, with PAD_RECORD=1.
    let pictures: &[(&str, &str)] = match look {
        Look::Desktop => &[("desktop", "/requests?year=2024"), ("lineage", "/requests/1901#lineage")],
        Look::Phone => &[("phone", "/requests?year=2024&employee=1003#list")],
        Look::Dark => &[("dark", "/requests/700006?people=shown")],
    };
    for (name, path) in pictures {
        window.goto(&format!("{}{path}", site.origin)).await;
        window.record(name).await;
    }
}

#[tokio::test]
async fn pages_are_accessible_on_a_desk() {
    check_pages(Look::Desktop).await;
}

#[tokio::test]
async fn pages_are_accessible_on_a_phone() {
    check_pages(Look::Phone).await;
}

#[tokio::test]
async fn pages_are_accessible_in_the_dark() {
    check_pages(Look::Dark).await;
}

#[tokio::test]
async fn requests_are_filtered_sorted_and_paged() {
    let (_site, window) = open(Look::Desktop).await;
    window.follow("Requests").await;
    assert_eq!(window.text("tbody tr:first-child th").await, "900001", "the newest comes first");
    window
        .client
        .find(Locator::Css("a[href=\"/requests?status=withdrawn\"]"))
        .await
        .expect("a facet")
        .click()
        .await
        .expect("a click");
    assert_eq!(window.path().await, "/requests?status=withdrawn");
    let (mut all, mut pages) = (Vec::new(), 0);
    loop {
        all.extend(window.texts("tbody th").await);
        pages += 1;
        match window.client.find(Locator::Css("a[rel=next]")).await {
            Ok(next) => next.click().await.expect("a click"),
            Err(_) => break,
        }
    }
    let mut distinct = all.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((pages, all.len(), distinct.len()), (4, 160, 160), "each row comes once");
    for _ in 1..pages {
        window.client.find(Locator::Css("a[rel=prev]")).await.expect("a way back").click().await.expect("a click");
    }
    assert_eq!(window.texts("tbody th").await, all[..50], "and back");
    // A form, with the keyboard.
    let form = window.client.find(Locator::Css("input[name=employee]")).await.expect("a field");
    form.send_keys("1006").await.expect("it is typed");
    let order = window.client.find(Locator::Css("select[name=sort]")).await.expect("a choice");
    order.select_by_value("oldest").await.expect("it is chosen");
    form.send_keys(&char::from(Key::Enter).to_string()).await.expect("it is sent");
    window.client.wait().for_element(Locator::LinkText("Clear filters")).await.expect("the list is filtered");
    let path = window.path().await;
    assert!(
        path.contains("status=withdrawn") && path.contains("employee=1006") && path.contains("sort=oldest"),
        "{path}"
    );
    assert_eq!(window.text("tbody tr:first-child th").await, "800001");
    // The address is the whole state: reloaded, it is the same view.
    window.client.refresh().await.expect("it is reloaded");
    assert_eq!(window.text("tbody tr:first-child th").await, "800001");
    window.follow("Clear filters").await;
    assert_eq!(window.path().await, "/requests");
}

#[tokio::test]
async fn what_is_filtered_is_downloaded() {
    let (site, window) = open(Look::Desktop).await;
    window.goto(&format!("{}/requests?status=withdrawn&sort=id", site.origin)).await;
    window.follow("Download as CSV").await;
    let file = window.downloaded("requests-local-", ".csv").await;
    assert_eq!(file.lines().count(), 161, "{file}");
    assert!(file.starts_with("id,created_at,status,employee_id,direction,"), "{file}");
    assert!(
        file.lines().nth(1).is_some_and(|it| it.starts_with("800001,2990-01-01 00:00:00,withdrawn,1006,")),
        "{file}"
    );
}

/// People are hidden until somebody asks, and links keep what was chosen.
#[tokio::test]
async fn people_are_shown_when_somebody_asks() {
    let (_site, window) = open(Look::Desktop).await;
    window.follow("Requests").await;
    window.client.find(Locator::Css("tbody th a")).await.expect("a request").click().await.expect("a click");
    assert_eq!(window.path().await, "/requests/900001");
    assert!(!window.text("body").await.contains("Castell"));
    window.follow("Show names and emails").await;
    let shown = window.text("main").await;
    assert!(shown.contains("Bruno Castell") && shown.contains("Hidden Cousin"), "{shown}");
    window.follow("Hide names and emails").await;
    assert!(!window.text("body").await.contains("Castell"));
}

/// With keys alone: the first is the way past the pages' list, and what has the focus can be seen.
#[tokio::test]
async fn keys_are_enough() {
    let (_site, window) = open(Look::Desktop).await;
    let tab = char::from(Key::Tab).to_string();
    let body = window.client.find(Locator::Css("body")).await.expect("a page");
    body.send_keys(&tab).await.expect("a key");
    let first = window.client.active_element().await.expect("something has the focus");
    assert_eq!(first.text().await.expect("a text"), "Skip to the content");
    assert_eq!(
        window.run("return getComputedStyle(document.activeElement).outlineStyle").await.as_str(),
        Some("solid"),
        "the focus is seen"
    );
    first.send_keys(&char::from(Key::Enter).to_string()).await.expect("a key");
    assert_eq!(window.run("return location.hash").await.as_str(), Some("#content"));
}
