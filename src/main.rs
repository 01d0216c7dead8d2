//! The command: reads the command line, makes one call, prints, and exits with 0, 1 or 2.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use futures_util::FutureExt;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tempfile::NamedTempFile;
use tokio::signal::unix::{Signal, SignalKind, signal};

use pad_migrate::catalog::{Snapshot, schemas_or_both};
use pad_migrate::cli::{Cli, Color, Command, DriftFormat, Format, Global, PlanFormat};
use pad_migrate::config::{Config, ConfigErrors, Endpoint, Flags, Secret, masked, masked_line};
use pad_migrate::drift::Exceptions;
use pad_migrate::pg::doctor::{self, DoctorError};
use pad_migrate::pg::drift::{self, Expected};
use pad_migrate::pg::migrate::{self, Observer, Progress};
use pad_migrate::pg::{Database, apply, backup, introspect, plan, seed, verify};
use pad_migrate::plan::route::applied;
use pad_migrate::rehearse::{self, RehearseError, Watcher};
use pad_migrate::report::{self, Verdict, thousands};
use pad_migrate::server::host::{self, Shared};
use pad_migrate::server::{self, Durability, Provider, Server, ServerError};
use pad_migrate::transform::Rejection;

/// A server is started by then, or never will be.
const STARTING: Duration = Duration::from_secs(90);

/// What a command could not do; the sources say why.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are no errors, and hold nothing of the user's.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            let _ = write!(std::io::stderr(), "{}", masked_line(&error.render().to_string()));
            return ExitCode::from(2);
        }
    };
    // As far as it can be told before the configuration is read.
    let named = std::env::var("APP_ENV").ok().and_then(|it| ValueEnum::from_str(&it, false).ok());
    let failed_json = cli.command.is_json().then(|| (cli.command.name(), cli.global.env.or(named)));
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|it| format!(" at {}:{}", it.file(), it.line())).unwrap_or_default();
        complain(&format!("this is a defect of pad-migrate{place}; what was not committed is rolled back"));
    }));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the runtime could not be started: {error}"));
            return ExitCode::from(2);
        }
    };
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(run(cli))));
    // A server that is just being started has to be removed again; a download is not worth waiting for.
    runtime.shutdown_timeout(if server::give_up() { STARTING } else { Duration::ZERO });
    match result {
        Ok(Ok(Verdict::Clean)) => ExitCode::SUCCESS,
        Ok(Ok(Verdict::Attention)) => ExitCode::from(1),
        Ok(Err(failure)) => {
            let sentence = masked(&report::sentence(&*failure));
            let nothing = failure.downcast_ref().filter(|it| matches!(it, ServerError::Nothing(_)));
            match failure.downcast_ref::<ConfigErrors>() {
                Some(errors) => errors.0.iter().for_each(|it| complain(&masked(&it.to_string()))),
                None => complain(&nothing.map_or_else(|| sentence.clone(), |it| masked(&it.to_string()))),
            }
            if let Some((command, environment)) = failed_json.filter(|_| !failure.is::<Told>()) {
                let _ = print(&format!("{:#}\n", report::failed_json(command, environment, &sentence)));
            }
            ExitCode::from(2)
        }
        Err(_) => ExitCode::from(2),
    }
}

/// Tells the user on stderr. A closed stderr is nobody's to tell.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "pad-migrate: {text}");
}

/// Prints a result. Whoever closed the pipe has read enough.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("the result could not be written to the standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

/// Ready when the user, or the system, wants an end. From this call on, not only from the first time it is awaited, neither
/// ends the process by itself.
fn interruption() -> impl Future<Output = ()> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
    let [interrupt, terminate] = kinds.map(signal);
    async move {
        let either = |signal: std::io::Result<Signal>| async move {
            match signal {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = either(interrupt) => {}
            () = either(terminate) => {}
        }
    }
}

async fn run(cli: Cli) -> Result<Verdict, Failure> {
    let Global { env, config_dir, database_url, source_url, .. } = cli.global.clone();
    let needs_target = !matches!(cli.command, Command::Rehearse { .. });
    let interrupted = interruption().shared();
    let flags = Flags { environment: env, config_dir, database_url, source_url, needs_target };
    let config = || -> Result<Config, Failure> {
        let config = Config::load(flags, |key| std::env::var_os(key))?;
        for warning in &config.warnings {
            complain(&format!("warning: {}", masked(warning)));
        }
        Ok(config)
    };
    let work = async {
        match &cli.command {
            Command::Rehearse { .. } => rehearse(&cli.global, &config()?, &cli.command).await,
            // Nobody's environment, so that nobody's configuration matters.
            Command::Ephemeral { provider, process, folder } => ephemeral(*provider, *process, folder).await,
            Command::Doctor { exact, format } => doctor(&cli.global, &config()?, *exact, *format).await,
            Command::Seed { empty, generated } => {
                let rows = generated.generator().map_or(seed::Rows::Fixtures, seed::Rows::Generated);
                seed(&cli.global, &config()?, if *empty { seed::Rows::None } else { rows }).await
            }
            Command::Status { format } => status(&config()?, *format).await,
            Command::Plan { .. } => plan(&cli.global, &config()?, &cli.command).await,
            Command::Apply { .. } => apply(&config()?, &cli.command).await,
            Command::Revert { .. } => revert(&config()?, &cli.command).await,
            Command::Migrate { .. } => migrate(&cli.global, &config()?, &cli.command, interrupted.clone()).await,
            Command::Drift { .. } => drift(&cli.global, &config()?, &cli.command).await,
            Command::Snapshot { schema, out } => snapshot(&config()?, schema, out.as_deref()).await,
            Command::Verify { format } => verify(&cli.global, &config()?, *format).await,
        }
    };
    // migrate ends by itself when interrupted, to record it; the others just end, and their connections with them.
    if matches!(cli.command, Command::Migrate { .. }) {
        return work.await;
    }
    tokio::select! {
        result = work => result,
        () = interrupted.clone() => Err("interrupted; nothing was changed that was not committed".into()),
    }
}

fn database(config: &Config, endpoint: &Endpoint) -> Result<Database, Failure> {
    Ok(Database::new(endpoint, config.environment, &config.transport)?)
}

/// The target, and the source: another database, or the same.
fn databases(config: &Config) -> Result<(Database, Database), Failure> {
    let target = database(config, config.target()?)?;
    let source = config.source.as_ref().map_or_else(|| Ok(target.clone()), |it| database(config, it))?;
    Ok((target, source))
}

async fn doctor(global: &Global, config: &Config, exact: bool, format: Format) -> Result<Verdict, Failure> {
    let found = doctor::examine_environment(config, exact).await?;
    let report = report::Doctor::new(config, &found);
    print(&match format {
        Format::Text => coloured(global, &report.text(width())),
        Format::Json => format!("{:#}\n", report.json()),
    })?;
    let verdict = report.verdict();
    match found.failure {
        Some(failure) => Err(Told(failure).into()),
        None => Ok(verdict),
    }
}

/// A failure of which the result has been printed: nothing is left for the standard output.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Told(DoctorError);

/// The terminal's width, or else COLUMNS, or else what most people have.
fn width() -> u16 {
    let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|it| it.0.0);
    let columns = || std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
    terminal.or_else(columns).unwrap_or(100)
}

async fn seed(global: &Global, config: &Config, rows: seed::Rows) -> Result<Verdict, Failure> {
    let (_, source) = databases(config)?;
    let mut screen = Screen::new(global, None)?;
    screen.phase("seed");
    let total = if let seed::Rows::Generated(generator) = rows { generator.rows } else { 0 };
    let progress = |done| screen.progress(Progress { done, total, rejected: 0 });
    let result = seed::seed(&source, config.environment, &config.roles, &config.legacy_table, rows, progress).await;
    screen.finish();
    let seeded = result?;
    let lines = |verb: &str, what: &[String]| what.iter().map(|it| format!("{verb:<12}{it}\n")).collect::<String>();
    print(&(lines("Seeded", &seeded.done) + &lines("Left as is", &seeded.left)))?;
    Ok(Verdict::Clean)
}

/// What commands that are about the schema's revisions work on.
fn schema_request<'a>(config: &'a Config, target: &'a Database, to: Option<&'a str>) -> apply::Request<'a> {
    let request = apply::Request::new(target, config.environment, &config.roles);
    apply::Request { legacy: Some(&config.legacy_table), to, ..request }
}

async fn status(config: &Config, format: Format) -> Result<Verdict, Failure> {
    let target = database(config, config.target()?)?;
    let status = plan::status(&schema_request(config, &target, None)).await?;
    print(&match format {
        Format::Text => status.text(width()),
        Format::Json => format!("{:#}\n", status.json()),
    })?;
    Ok(status.verdict())
}

async fn plan(global: &Global, config: &Config, command: &Command) -> Result<Verdict, Failure> {
    let Command::Plan { format, out, check, to } = command else {
        return Err("plan was called for another command".into());
    };
    let target = database(config, config.target()?)?;
    let out = out.as_deref().map(|path| beside(path).map(|it| (path, it))).transpose()?;
    let found = plan::plan(&schema_request(config, &target, to.as_deref())).await?;
    if let Some(to) = to.as_deref().filter(|to| applied(&found.history).keys().any(|it| it.as_str() > *to)) {
        let way = format!("`pad-migrate revert --to {to}` says what it takes back and what would be lost, and asks");
        return Err(format!("{to} is below the revision that the schema is at: {way}").into());
    }
    let planned =
        report::plan::Planned { environment: config.environment, place: &target.place(), found: &found, check: *check };
    let text = match format {
        PlanFormat::Text if out.is_none() => coloured(global, &planned.text(width())),
        PlanFormat::Text => planned.text(100),
        PlanFormat::Sql => planned.sql(),
        PlanFormat::Json => format!("{:#}\n", planned.json()),
    };
    match out {
        Some((path, mut file)) => {
            file.write_all(text.as_bytes())?;
            put_in_place(path, file)?;
        }
        None => print(&text)?,
    }
    Ok(planned.verdict())
}

/// Asks on the terminal. Without one, `yes` has to be given.
async fn confirm(what: &str, question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(format!("{what} changes the schema and asks first; without a terminal give --yes").into());
    }
    write!(std::io::stderr(), "{question} [y/N] ")?;
    // A thread of its own: the runtime would wait for one of its threads, and nobody may ever press Enter.
    let (said, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let _ = said.send(stdin.read_line(&mut answer).map(|_| answer));
    });
    match ["y", "yes"].contains(&answer.await??.trim().to_ascii_lowercase().as_str()) {
        true => Ok(()),
        false => Err("not confirmed; nothing was changed".into()),
    }
}

async fn apply(config: &Config, command: &Command) -> Result<Verdict, Failure> {
    let Command::Apply { yes, backup, lock_timeout, to, concurrently } = command else {
        return Err("apply was called for another command".into());
    };
    let target = database(config, config.target()?)?;
    let request = apply::Request {
        lock_timeout: *lock_timeout,
        concurrently: *concurrently,
        ..schema_request(config, &target, to.as_deref())
    };
    let found = plan::plan(&request).await?;
    let applied_before = applied(&found.history);
    if to.as_deref().is_some_and(|to| applied_before.keys().any(|it| it.as_str() > to)) {
        back_up(&target, &found, backup.as_deref()).await?;
        return go_down(&request, *yes, false).await;
    }
    let planned =
        report::plan::Planned { environment: config.environment, place: &target.place(), found: &found, check: false };
    if !found.route.is_empty() || found.makes_mirror {
        // What can't be applied is no question.
        if found.route.plan.blocking().next().is_none() {
            confirm("apply", &format!("{}Apply?", planned.text(width())), *yes).await?;
            back_up(&target, &found, backup.as_deref()).await?;
        }
    }
    let applied = if found.route.is_empty() && !found.makes_mirror && found.route.plan.blocking().next().is_none() {
        apply::Applied { mirror_created: false, route: found.route, built: 0, unbuilt: Vec::new() }
    } else {
        apply::apply(&request, Some(&found.route)).await?
    };
    print(&report::plan::applied_text(&applied, applied_before.len(), width()))?;
    Ok(report::plan::applied_verdict(&applied))
}

/// Backs up what is about to change, if that is wanted.
async fn back_up(target: &Database, found: &plan::Found, path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    match &found.backup_patterns()[..] {
        [] => complain("there is nothing to back up yet"),
        patterns => {
            backup::backup(target, patterns, path).await?;
            complain(&format!("backed up to {}", path.display()));
        }
    }
    Ok(())
}

async fn revert(config: &Config, command: &Command) -> Result<Verdict, Failure> {
    let Command::Revert { to, yes, allow_data_loss, lock_timeout } = command else {
        return Err("revert was called for another command".into());
    };
    let target = database(config, config.target()?)?;
    let request = apply::Request { lock_timeout: *lock_timeout, ..schema_request(config, &target, to.as_deref()) };
    go_down(&request, *yes, *allow_data_loss).await
}

/// Says what goes, and what would be lost with it, before anything does.
async fn go_down(request: &apply::Request<'_>, yes: bool, allow_data_loss: bool) -> Result<Verdict, Failure> {
    let descent = apply::descent(request).await?;
    if descent.losses.is_empty() || allow_data_loss {
        let place = request.database.place();
        let text = report::plan::descent_text(&descent, "Take back", width());
        confirm("revert", &format!("On {place} (environment {}):\n{text}Revert?", request.environment), yes).await?;
    }
    let reverted = apply::revert(request, allow_data_loss, Some(&descent)).await?;
    print(&report::plan::descent_text(&reverted, "Taken back", width()))?;
    Ok(Verdict::Clean)
}

async fn migrate(
    global: &Global,
    config: &Config,
    command: &Command,
    interrupted: impl Future<Output = ()>,
) -> Result<Verdict, Failure> {
    let Command::Migrate { dry_run, limit, batch_size, jobs, on_missing_security, on_id_collision, rejects, format } =
        command
    else {
        return Err("migrate was called for another command".into());
    };
    let (target, source) = databases(config)?;
    let request = migrate::Request {
        target: &target,
        source: &source,
        table: &config.legacy_table,
        environment: config.environment,
        options: migrate::Options {
            dry_run: *dry_run,
            limit: *limit,
            batch_size: *batch_size,
            jobs: *jobs,
            on_missing_security: *on_missing_security,
            on_id_collision: *on_id_collision,
        },
    };
    let mut screen = Screen::new(global, rejects.as_deref())?;
    screen.say(&format!("migrating from {} to {}", source.place(), target.place()));
    screen.phase("migrate");
    let result = migrate::migrate(&request, &mut screen, interrupted).await;
    screen.finish();
    let report = result?;
    screen.keep_rejects()?;
    print(&match format {
        Format::Text => report::migrate_text(&report, *dry_run),
        Format::Json => format!("{:#}\n", report::migrate_json(&report, config.environment, *dry_run)),
    })?;
    Ok(report.verdict())
}

async fn verify(global: &Global, config: &Config, format: Format) -> Result<Verdict, Failure> {
    let (target, source) = databases(config)?;
    let request = verify::Request {
        target: &target,
        source: &source,
        table: &config.legacy_table,
        environment: config.environment,
    };
    let mut screen = Screen::new(global, None)?;
    screen.phase("verify");
    let result = verify::verify(&request, |progress| screen.progress(progress)).await;
    screen.finish();
    let report = result?;
    print(&match format {
        Format::Text => coloured(global, &report::verify_text(&report)),
        Format::Json => format!("{:#}\n", report::verify_json(&report, config.environment)),
    })?;
    Ok(Verdict::clean_if(report.counts.is_clean()))
}

async fn drift(global: &Global, config: &Config, command: &Command) -> Result<Verdict, Failure> {
    let Command::Drift { format, fail_on, expected, schema, exceptions } = command else {
        return Err("drift was called for another command".into());
    };
    let target = database(config, config.target()?)?;
    let exceptions = match exceptions {
        None => Exceptions::default(),
        Some(path) => Exceptions::read(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
    };
    let expected = match expected.as_deref() {
        None => Expected::Embedded,
        Some(url) if url.contains("://") => {
            Expected::Database(Box::new(database(config, &Endpoint::Url(Secret(url.to_owned())))?))
        }
        Some(path) => {
            let text = read(Path::new(path))?;
            Expected::Snapshot {
                name: path.to_owned(),
                snapshot: tokio::task::spawn_blocking(move || Snapshot::read(&text)),
            }
        }
    };
    let request = drift::Request {
        target: &target,
        environment: config.environment,
        roles: &config.roles,
        expected,
        schemas: schema,
        exceptions: &exceptions,
        today: drift::today(),
    };
    let drift = drift::drift(request).await?;
    print(&match format {
        DriftFormat::Text => coloured(global, &report::drift::text(&drift, *fail_on, width())),
        DriftFormat::Json => format!("{:#}\n", report::drift::json(&drift, *fail_on)),
        DriftFormat::Markdown => report::drift::markdown(&drift, *fail_on),
        DriftFormat::Junit => report::drift::junit(&drift, *fail_on)?,
        DriftFormat::Sarif => format!("{:#}\n", report::drift::sarif(&drift)),
        DriftFormat::Github => report::drift::github(&drift),
    })?;
    Ok(report::drift::verdict(&drift, *fail_on))
}

/// A file's text, or a sentence that names the file.
fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| format!("{} can't be read: {}; check the path", path.display(), error.kind());
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| format!("{} is no text in UTF-8", path.display()).into())
}

async fn snapshot(config: &Config, schemas: &[String], out: Option<&Path>) -> Result<Verdict, Failure> {
    let target = database(config, config.target()?)?;
    // A file that can't be written should be known before the work, not after it.
    let out = out.map(|path| beside(path).map(|it| (path, it))).transpose()?;
    let schemas = schemas_or_both(schemas);
    let found = introspect::introspect(&target, Some(config.environment), &schemas, "snapshot").await?;
    if let Some(missing) = schemas.iter().find(|it| !found.catalog.schemas.contains(it)) {
        return Err(
            format!("the database at {} has no schema {missing}; name others with --schema", target.place()).into()
        );
    }
    let text = Snapshot {
        environment: config.environment.to_string(),
        server_version: found.server_version,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        catalog: found.catalog,
    }
    .write();
    match out {
        Some((path, mut file)) => {
            file.write_all(text.as_bytes())?;
            put_in_place(path, file)?;
        }
        None => print(&text)?,
    }
    Ok(Verdict::Clean)
}

async fn ephemeral(provider: Provider, process: Option<u32>, folder: &Path) -> Result<Verdict, Failure> {
    let shared = Shared::claim(folder)?;
    // Tests have many small databases.
    let wanted = server::Request { durability: Durability::Memory, ..server::Request::new(provider, Some(complain)) };
    let server = tokio::task::spawn_blocking(move || server::start(&wanted)).await??;
    complain(&server.line());
    if let Some(kept) = host::hold(server, shared, process).await? {
        complain(&format!("kept: connect with {}; stop it with: {}", kept.connect, kept.stop));
    }
    Ok(Verdict::Clean)
}

async fn rehearse(global: &Global, config: &Config, command: &Command) -> Result<Verdict, Failure> {
    let Command::Rehearse { generated, provider, keep, report: file, format } = command else {
        return Err("rehearse was called for another command".into());
    };
    let generator = generated.generator();
    if generator.is_some() && global.source_url.is_some() {
        return Err("--rows generates the rows, and --source-url names those of a real table; give one of them".into());
    }
    let mut screen = Screen::new(global, None)?;
    // A file that can't be written should be known before the work, not after it.
    let file = file.as_deref().map(|path| beside(path).map(|it| (path, it))).transpose()?;
    let wanted = server::Request::new(*provider, (!global.quiet).then_some(complain as fn(&str)));
    let result = rehearse::rehearse(config, generator, wanted, &mut screen).await;
    screen.finish();
    let (rehearsal, server) = result.map_err(|error| match error {
        RehearseError::Server(error) => Failure::from(error),
        error => error.into(),
    })?;
    let text = match format {
        Format::Text => rehearsal.text(),
        Format::Json => format!("{:#}\n", rehearsal.json()),
    };
    if let Some((path, mut file)) = file {
        file.write_all(text.as_bytes())?;
        put_in_place(path, file)?;
    }
    print(&if *format == Format::Text { coloured(global, &text) } else { text })?;
    if *keep {
        let database = server.database_name(rehearse::DATABASE);
        let kept = server.keep(&database);
        let _ = writeln!(std::io::stderr(), "kept: connect with {}; stop it with: {}", kept.connect, kept.stop);
    }
    Ok(rehearsal.verdict())
}

/// Colours the verdict and the checks' statuses, if colours are wanted.
fn coloured(global: &Global, text: &str) -> String {
    let wanted = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
    };
    if !wanted {
        return text.to_owned();
    }
    const WORDS: [(&str, &str); 3] = [("CLEAN", "32"), ("ATTENTION", "31"), ("FAILED", "31")];
    const SEVERITIES: [(&str, &str); 3] = [("Breaking", "31"), ("Warnings", "33"), ("Info", "2")];
    const STATUSES: [(&str, &str); 4] = [("pass", "32"), ("warn", "33"), ("fail", "31"), ("skip", "2")];
    let mut text = text.to_owned();
    for (word, colour) in WORDS {
        text = text.replace(&format!("  {word}:"), &format!("  \x1b[1;{colour}m{word}\x1b[0m:"));
    }
    for (word, colour) in STATUSES {
        text = text.replace(&format!("\n  {word}  "), &format!("\n  \x1b[{colour}m{word}\x1b[0m  "));
    }
    for (word, colour) in SEVERITIES {
        text = text.replace(&format!("\n{word}\n"), &format!("\n\x1b[1;{colour}m{word}\x1b[0m\n"));
    }
    // What differs between expected and actual: lines of a diff, and what points at a part of a line.
    let difference = |line: &str| match line.strip_prefix("      ") {
        Some(rest) if rest.starts_with('-') || rest.trim_start().starts_with('^') => format!("\x1b[31m{line}\x1b[0m\n"),
        Some(rest) if rest.starts_with('+') => format!("\x1b[32m{line}\x1b[0m\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(difference).collect()
}

/// A file in the same folder, to be renamed when it is complete.
fn beside(path: &Path) -> Result<BufWriter<NamedTempFile>, Failure> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // By its kind: the error's text names a file that the user never heard of.
    let failed = |kind| format!("{} can't be created: {kind}; choose another file", path.display());
    let file = NamedTempFile::new_in(folder).map_err(|error| failed(error.kind()))?;
    Ok(BufWriter::new(file))
}

/// Renames a complete file to what it was meant to be.
fn put_in_place(path: &Path, file: BufWriter<NamedTempFile>) -> Result<(), Failure> {
    let written = file.into_inner().map_err(|error| error.into_error());
    let kept = written.and_then(|file| file.persist(path).map_err(|error| error.error));
    kept.map(|_| ()).map_err(|error| format!("{} could not be written: {error}", path.display()).into())
}

/// Progress on stderr: drawn on a terminal, a plain line now and then elsewhere. Keeps the file of rejections too.
struct Screen {
    quiet: bool,
    verbose: bool,
    bar: Option<ProgressBar>,
    name: &'static str,
    since: Instant,
    told: Instant,
    rejects: Option<(PathBuf, BufWriter<NamedTempFile>)>,
}

/// Between two plain lines of progress.
const TELL_EVERY: Duration = Duration::from_secs(5);

impl Screen {
    fn new(global: &Global, rejects: Option<&Path>) -> Result<Self, Failure> {
        let rejects = rejects.map(|path| beside(path).map(|it| (path.to_owned(), it))).transpose()?;
        let mut screen = Self {
            quiet: global.quiet,
            verbose: global.verbose > 0,
            bar: None,
            name: "",
            since: Instant::now(),
            told: Instant::now(),
            rejects,
        };
        if let Some((path, file)) = &mut screen.rejects
            && path.extension().is_some_and(|it| it == "csv")
        {
            file.write_all(report::REJECTS_CSV_HEAD.as_bytes())?;
        }
        Ok(screen)
    }

    fn say(&self, text: &str) {
        if self.verbose {
            complain(text);
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Puts the file of rejections in its place. Until then an earlier one stays as it was.
    fn keep_rejects(&mut self) -> Result<(), Failure> {
        let Some((path, file)) = self.rejects.take() else { return Ok(()) };
        put_in_place(&path, file)
    }
}

impl Watcher for Screen {
    fn server(&mut self, server: &Server, connect: &str) {
        self.say(&format!("server: {}; connect with {connect}", server.line()));
    }

    fn phase(&mut self, name: &'static str) {
        self.say(&format!("{name} …"));
        self.name = name;
        self.since = Instant::now();
        self.told = self.since;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if !self.quiet && std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_message(name);
            bar.enable_steady_tick(Duration::from_millis(200));
            self.bar = Some(bar);
        }
    }
}

impl Observer for Screen {
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
        } else if !self.quiet && self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            let left = Duration::from_secs_f64((total.saturating_sub(done)) as f64 / rate.max(1e-3));
            complain(&format!(
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
        let Some((path, file)) = &mut self.rejects else {
            return Ok(());
        };
        let csv = path.extension().is_some_and(|it| it == "csv");
        let text = if csv { report::rejects_csv(rejection) } else { report::rejects_jsonl(rejection) };
        file.write_all(text.as_bytes())
    }
}
