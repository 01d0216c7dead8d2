//! Progress on stderr: drawn on a terminal, a plain line now and then elsewhere.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::file::PendingFile;
use crate::base::text::thousands;
use crate::commands::context::{beside_result, finish};
use crate::commands::ended::Failure;
use crate::commands::printer::Printer;
use crate::migration::rejection::Rejection;
use crate::migration::run::{Observer, Progress};
use crate::report::rejects;

#[cfg(feature = "harness")]
use crate::harness::rehearse::Watcher;
#[cfg(feature = "harness")]
use crate::harness::server::lease::Server;

/// Between two plain lines of progress.
const PRINT_EVERY: Duration = Duration::from_secs(5);

/// Shows how far a command is, and keeps the file of rejections.
pub(crate) struct Screen<'a> {
    printer: &'a Printer,
    bar: Option<ProgressBar>,
    name: &'static str,
    since: Instant,
    printed: Instant,
    rejects: Option<PendingFile>,
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}

impl<'a> Screen<'a> {
    pub(crate) fn new(printer: &'a Printer, rejects: Option<&Path>) -> Result<Self, Failure> {
        let mut rejects = beside_result("--rejects", rejects)?;
        if let Some(file) = &mut rejects
            && is_csv(file.path())
        {
            file.write(rejects::REJECTS_CSV_HEAD)?;
        }
        Ok(Self { printer, bar: None, name: "", since: Instant::now(), printed: Instant::now(), rejects })
    }

    /// A phase begins.
    pub(crate) fn begin(&mut self, name: &'static str) {
        self.printer.detail(&format!("{name} …"));
        self.name = name;
        self.since = Instant::now();
        self.printed = self.since;
        self.finish();
        if !self.printer.quiet && std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_message(name);
            bar.enable_steady_tick(Duration::from_millis(200));
            self.bar = Some(bar);
        }
    }

    /// The last phase has ended.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Puts the file of rejections in its place. Until then an earlier one stays as it was.
    pub(crate) async fn keep_rejects(&mut self) -> Result<(), Failure> {
        match self.rejects.take() {
            Some(file) => finish(file).await,
            None => Ok(()),
        }
    }
}

#[cfg(feature = "harness")]
impl Watcher for Screen<'_> {
    fn server(&mut self, server: &Server, connect: &str) {
        self.printer.detail(&format!("server: {}; connect with {connect}", server.line()));
    }

    fn phase(&mut self, name: &'static str) {
        self.begin(name);
    }
}

impl Observer for Screen<'_> {
    fn progress(&mut self, progress: Progress) {
        let Progress { done, total, rejected } = progress;
        let elapsed = self.since.elapsed();
        let rate = done as f64 / elapsed.as_secs_f64().max(1e-3);
        if let Some(bar) = &self.bar {
            if bar.length() != Some(total) {
                bar.set_length(total);
                let template = "{msg:<8} {bar:30} {human_pos}/{human_len} rows, {prefix}, {eta} left";
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
            }
            bar.set_prefix(format!("{} rejected, {rate:.0} a second", thousands(rejected)));
            bar.set_position(done);
        } else if !self.printer.quiet && self.printed.elapsed() >= PRINT_EVERY {
            self.printed = Instant::now();
            let left = Duration::from_secs_f64((total.saturating_sub(done)) as f64 / rate.max(1e-3));
            self.printer.note(&format!(
                "{}: {} of {} rows, {rate:.0} rows a second, {} left, {} rejected",
                self.name,
                thousands(done),
                thousands(total),
                HumanDuration(left),
                thousands(rejected)
            ));
        }
    }

    fn rejected(&mut self, rejection: &Rejection) -> std::io::Result<()> {
        let Some(file) = &mut self.rejects else { return Ok(()) };
        let lines =
            if is_csv(file.path()) { rejects::rejects_csv(rejection) } else { rejects::rejects_jsonl(rejection) };
        file.write(&lines)
    }
}
