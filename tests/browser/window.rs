//! A browser: Chromium, driven as people use it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

const HOW: &str = "install Chromium with its driver, on Debian: apt-get install chromium chromium-driver";

/// A browser that ends with the test.
pub(crate) struct Window {
    pub(crate) client: Client,
    _driver: Driver,
    /// Where it puts downloads.
    pub(crate) downloads: TempDir,
}

/// The driver, which ends its browsers when it is asked to end.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// How wide the window is, and which colours are preferred.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    Desktop,
    Phone,
    Dark,
}

fn driver() -> (Driver, String) {
    let mut command = Command::new("chromedriver");
    let mut driver = command
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("no browser: chromedriver doesn't start ({error}); {HOW}"));
    let printed = driver.stdout.take().expect("its output is read");
    let mut lines = BufReader::new(printed).lines().map_while(Result::ok);
    let driver = Driver(driver);
    let port = lines.find_map(|line| {
        let (_, port) = line.split_once("successfully on port ")?;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    let port = port.unwrap_or_else(|| panic!("no browser: chromedriver says no port; {HOW}"));
    // Nobody else reads what it prints.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, format!("http://127.0.0.1:{port}"))
}

impl Window {
    pub(crate) async fn open(look: Look) -> Self {
        let (driver, address) = driver();
        let downloads = tempfile::tempdir().expect("a directory is made");
        let mut arguments = vec![
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1280,900",
            "--disable-dev-shm-usage",
        ];
        // Another site's name that resolves to this machine.
        arguments.push("--host-resolver-rules=MAP evil.example.com 127.0.0.1");
        if matches!(look, Look::Dark) {
            arguments.push("--blink-settings=preferredColorScheme=0");
        }
        let mut options = json!({
            "args": arguments,
            "prefs": {"download.default_directory": downloads.path(), "download.prompt_for_download": false},
        });
        if matches!(look, Look::Phone) {
            options["mobileEmulation"] = json!({"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 1.5}});
        }
        let capabilities = json!({"browserName": "chrome", "goog:chromeOptions": options});
        let capabilities = capabilities.as_object().expect("it is an object").clone();
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&address).await;
        let client = client.unwrap_or_else(|error| panic!("no browser: Chromium doesn't start ({error}); {HOW}"));
        Self { client, _driver: driver, downloads }
    }

    pub(crate) async fn goto(&self, address: &str) {
        self.client.goto(address).await.expect("the browser goes there");
    }

    /// The text of the first element that a selector finds.
    pub(crate) async fn text(&self, css: &str) -> String {
        let found = self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        found.text().await.expect("it has a text")
    }

    pub(crate) async fn texts(&self, css: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for found in self.client.find_all(Locator::Css(css)).await.expect("the page is there") {
            texts.push(found.text().await.expect("it has a text"));
        }
        texts
    }

    /// Clicks a link by its words, and waits for the page.
    pub(crate) async fn follow(&self, words: &str) {
        let link = self.client.find(Locator::LinkText(words)).await.unwrap_or_else(|error| panic!("{words}: {error}"));
        link.click().await.expect("it can be clicked");
    }

    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.expect("the browser is somewhere");
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    /// What axe-core finds on the page that is serious.
    pub(crate) async fn serious(&self) -> Vec<String> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe/axe.min.js");
        let axe = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}; run scripts/axe, which gets it from npm", file.display()));
        self.client.execute(&axe, Vec::new()).await.expect("axe-core is loaded");
        let script = "const done = arguments[0]; \
            axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations \
                .filter(it => ['serious', 'critical', 'moderate'].includes(it.impact)) \
                .map(it => it.id + ': ' + it.nodes.map(node => node.target.join(' ')).slice(0, 5).join(', '))), \
            error => done(['axe-core failed: ' + error]))";
        let found = self.client.execute_async(script, Vec::new()).await.expect("axe-core ends");
        let list = found.as_array().expect("it finds a list");
        list.iter().map(|it| it.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// With PAD_RECORD=1, what the window shows goes into the documents.
    pub(crate) async fn record(&self, name: &str) {
        if std::env::var_os("PAD_RECORD").is_some() {
            let picture = self.client.screenshot().await.expect("a picture is taken");
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/serve");
            std::fs::create_dir_all(&folder).expect("the folder is made");
            std::fs::write(folder.join(format!("{name}.png")), picture).expect("it is written");
        }
    }

    /// A file that was downloaded, by how its name begins and ends.
    pub(crate) async fn downloaded(&self, begin: &str, end: &str) -> String {
        for _ in 0..200 {
            let files = std::fs::read_dir(self.downloads.path()).expect("the folder is there");
            let is_it = |name: &str| name.starts_with(begin) && name.ends_with(end);
            let found = files.flatten().find(|it| it.file_name().to_str().is_some_and(is_it));
            if let Some(text) = found.and_then(|it| std::fs::read_to_string(it.path()).ok()) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing called {begin}…{end} is downloaded");
    }
}
