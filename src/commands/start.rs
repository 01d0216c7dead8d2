//! From the process's arguments to its exit code.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches, ValueEnum};
use futures_util::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::base::escape;
use crate::base::hint::{CLEAN, STATUS, name_flags};
use crate::base::outcome::Verdict;
use crate::base::text::sentence;
use crate::commands::cli::{Cli, Command};
use crate::commands::context::Context;
use crate::commands::csv::csv_words;
use crate::commands::ended::{Ended, Failure, UNCHANGED};
use crate::commands::files::check_files;
use crate::commands::printer::{Printer, print_lines, print_message, write_message};
use crate::commands::{
    apply, backup, clean, completions, doctor, drift, evidence, gate, help, integrity, man, migrate, plan, progress,
    report, restore, revert, rollback, snapshot, status, verify,
};
use crate::config::environment::Environment;
use crate::config::error::ConfigErrors;
use crate::config::load::Flags;
use crate::config::mask::{mask_urls, mask_usage};
use crate::config::settings::Config;
use crate::postgres::query_error::is_of_lost_connection;
use crate::report::layout::Failed;

#[cfg(feature = "serve")]
use crate::commands::serve;
#[cfg(feature = "harness")]
use crate::commands::{ephemeral, rehearse, seed};
#[cfg(feature = "harness")]
use crate::harness::server::alive::give_up;
#[cfg(feature = "harness")]
use crate::harness::server::error::ServerError;

/// An ephemeral server is started by then, or never will be.
#[cfg(feature = "harness")]
const STARTING: Duration = Duration::from_secs(90);

/// Runs the command that the process's arguments name. Exits with 0: done; 1: done, and something needs attention; 2:
/// not done, with a sentence on stderr.
pub fn main() -> ExitCode {
    let (mut cli, matches) = match parse() {
        Ok(parsed) => parsed,
        // Help and version, which hold nothing that the user typed.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            let text = mask_usage(&usage(error));
            match text.strip_prefix("error: ") {
                Some(text) => print_lines(text.trim_end()),
                // Without a command, the help.
                None => {
                    let _ = write!(std::io::stderr(), "{text}");
                }
            }
            return ExitCode::from(2);
        }
    };
    if let Err(sentence) = choose_json(&mut cli, &matches) {
        print_message(&sentence);
        return ExitCode::from(2);
    }
    // As far as it can be known before the configuration is read.
    let named = named_environment(&cli);
    name_flags(named.map(Environment::as_str), csv_words(&matches));
    let failed_json = cli.command.is_json().then(|| (cli.command.name(), named));
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|it| format!(" at {}:{}", it.file(), it.line())).unwrap_or_default();
        print_message(&format!("internal error{place}; what was not committed is rolled back. Please report this"));
    }));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print_message(&format!("the runtime could not be started: {error}"));
            return ExitCode::from(2);
        }
    };
    let printer = Printer::new(&cli.global);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(run(&cli, &matches, printer.clone()))
    }));
    runtime.shutdown_timeout(grace());
    match result {
        Ok(Ok(Verdict::Clean)) => ExitCode::SUCCESS,
        Ok(Ok(Verdict::Attention)) => ExitCode::from(1),
        Ok(Err(failure)) => {
            report(&*failure, failed_json, &printer);
            ExitCode::from(2)
        }
        Err(_) => ExitCode::from(2),
    }
}

/// The environment that the command line or APP_ENV names, as far as they do.
fn named_environment(cli: &Cli) -> Option<Environment> {
    cli.global.env.or(std::env::var("APP_ENV").ok().and_then(|it| ValueEnum::from_str(&it, false).ok()))
}

/// The arguments, and which of them were given.
fn parse() -> Result<(Cli, ArgMatches), clap::Error> {
    let matches = help::command().try_get_matches()?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut help::command()))?;
    Ok((cli, matches))
}

/// `--json` is `--format json`, unless another format was asked for or there is none.
fn choose_json(cli: &mut Cli, matches: &ArgMatches) -> Result<(), String> {
    if !cli.global.json {
        return Ok(());
    }
    let (name, given) = matches.subcommand().unwrap_or(("", matches));
    let formats = given.try_get_raw("format").ok().flatten().into_iter().flatten();
    let is_other = formats.into_iter().any(|format| format != "json");
    if is_other && given.value_source("format") == Some(ValueSource::CommandLine) {
        return Err("--json and another --format were given; give one of them".to_owned());
    }
    match cli.command.choose_json() {
        true => Ok(()),
        false => Err(format!("{name} prints no JSON; run it without --json")),
    }
}

/// A usage error in several lines, of which none begins within an argument.
fn usage(mut error: clap::Error) -> String {
    let escaped = |(kind, value): (ContextKind, &ContextValue)| match value {
        ContextValue::String(text) => Some((kind, ContextValue::String(escape::text(text).into_owned()))),
        _ => None,
    };
    let arguments: Vec<(ContextKind, ContextValue)> = error.context().filter_map(escaped).collect();
    for (kind, value) in arguments {
        error.insert(kind, value);
    }
    error.render().to_string()
}

/// How long to wait for work that goes on: a server that is just being started must be removed again; nothing else
/// needs waiting for.
fn grace() -> Duration {
    #[cfg(feature = "harness")]
    if give_up() {
        return STARTING;
    }
    Duration::ZERO
}

/// Says why a command failed.
fn report(
    failure: &(dyn std::error::Error + 'static),
    failed_json: Option<(&'static str, Option<Environment>)>,
    printer: &Printer,
) {
    let mut text = mask_urls(&sentence(failure));
    // Where a command has more to say, it has said it.
    if is_of_lost_connection(failure) && !text.contains(" again") {
        text.push_str("; when the server can be reached, run the same command again");
    }
    let text = printer.after_what_is_done(text);
    match (failure.downcast_ref::<ConfigErrors>(), several_lines(failure)) {
        (Some(errors), _) => errors.0.iter().for_each(|it| print_message(&mask_urls(&it.to_string()))),
        (None, Some(lines)) => print_lines(&mask_urls(&lines)),
        (None, None) => print_message(&text),
    }
    if let Some((command, environment)) = failed_json.filter(|_| !failure.is::<doctor::Printed>()) {
        // If the standard output can't be written to, stderr has the error.
        let _ = printer.json(&Failed::new(command, environment, &text));
    }
}

/// A failure that takes several lines: each way to get a server, and why it doesn't work.
fn several_lines(failure: &(dyn std::error::Error + 'static)) -> Option<String> {
    #[cfg(feature = "harness")]
    if let Some(error @ ServerError::Nothing(_)) = failure.downcast_ref() {
        return Some(error.to_string());
    }
    #[cfg(not(feature = "harness"))]
    let _ = failure;
    None
}

/// Ready on SIGINT or SIGTERM. From this call on, not only from the first time it is awaited, neither ends the process
/// by itself.
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

async fn configure(cli: &Cli, matches: &ArgMatches, printer: Printer) -> Result<Context, Failure> {
    // Before anything is said of keys, files and addresses, which wouldn't help.
    if let Some(refusal) = named_environment(cli).and_then(|it| cli.command.refusal(it)) {
        return Err(refusal);
    }
    check_files(matches)?;
    let global = cli.global.clone();
    if let Some(conflict) = global.csv.conflict(global.source_url.is_some(), global.source_timezone.is_some()) {
        return Err(conflict.into());
    }
    let flags = Flags {
        environment: global.env,
        config_dir: global.config_dir,
        database_url: global.database_url,
        source_url: global.source_url,
        source_timezone: global.source_timezone,
        needs_target: cli.command.needs_target(),
    };
    // A file may be a pipe, for whose writer it waits.
    let config = tokio::task::spawn_blocking(|| Config::load(flags, |key| std::env::var_os(key))).await??;
    for warning in &config.warnings {
        printer.note(&format!("warning: {}", mask_urls(warning)));
    }
    Ok(Context { config, printer, csv: global.csv })
}

/// What an interrupted command has changed.
fn interruption_text(command: &Command, is_asking: bool) -> String {
    match command {
        #[cfg(feature = "harness")]
        Command::Restore(args) if args.rehearse => UNCHANGED.to_owned(),
        Command::Apply(_) | Command::Revert(_) | Command::Restore(_) if !is_asking => {
            format!("interrupted. What was not committed is rolled back; `{STATUS}` shows the revision")
        }
        Command::Clean(args) if !is_asking && !args.dry_run => {
            format!("interrupted. What was not committed is rolled back; `{CLEAN} --dry-run` counts what is left")
        }
        #[cfg(feature = "harness")]
        Command::Seed(_) => "interrupted. What was not committed is rolled back; seed again to complete it".to_owned(),
        _ => UNCHANGED.to_owned(),
    }
}

async fn run(cli: &Cli, matches: &ArgMatches, printer: Printer) -> Ended {
    let asked = printer.clone();
    let interrupted = interruption().shared();
    match &cli.command {
        Command::Completions(args) => return completions::run(args, help::command(), &asked),
        Command::Man(args) => return man::run(args, help::command(), &asked),
        Command::Integrity(args) if args.is_about_catalogue() => return args.print_catalogue(&asked),
        _ => {}
    }
    let is_ended = || Err(interruption_text(&cli.command, asked.is_asking()).into());
    #[cfg(feature = "harness")]
    if let Command::Ephemeral(args) = &cli.command {
        return tokio::select! {
            result = ephemeral::run(args) => result,
            () = interrupted.clone() => is_ended(),
        };
    }
    let _shown = progress::begin(printer.quiet, cli.command.activity(), write_message);
    let context = &tokio::select! {
        context = configure(cli, matches, printer) => context?,
        () = interrupted.clone() => return is_ended(),
    };
    let work = async {
        match &cli.command {
            #[cfg(feature = "harness")]
            Command::Rehearse(args) => rehearse::run(args, &cli.global, context).await,
            #[cfg(feature = "harness")]
            Command::Ephemeral(args) => ephemeral::run(args).await,
            Command::Doctor(args) => doctor::run(args, context).await,
            #[cfg(feature = "harness")]
            Command::Seed(args) => seed::run(args, context).await,
            Command::Status(args) => status::run(args, context).await,
            Command::Plan(args) => plan::run(args, context).await,
            Command::Apply(args) => apply::run(args, context).await,
            Command::Revert(args) => revert::run(args, context).await,
            Command::Migrate(args) => migrate::run(args, context, interrupted.clone()).await,
            Command::Rollback(args) => rollback::run(args, context, interrupted.clone()).await,
            Command::Clean(args) => clean::run(args, context).await,
            Command::Drift(args) => drift::run(args, context).await,
            Command::Snapshot(args) => snapshot::run(args, context).await,
            Command::Verify(args) => verify::run(args, context).await,
            Command::Evidence(args) => evidence::run(args, context).await,
            Command::Backup(args) => backup::run(args, context).await,
            Command::Restore(args) => restore::run(args, &cli.global, context).await,
            Command::Integrity(args) => integrity::run(args, context).await,
            Command::Gate(args) => gate::run(args, context).await,
            Command::Report(args) => report::run(args, context).await,
            #[cfg(feature = "serve")]
            Command::Serve(args) => serve::run(args, context, interrupted.clone()).await,
            Command::Completions(args) => completions::run(args, help::command(), &context.printer),
            Command::Man(args) => man::run(args, help::command(), &context.printer),
        }
    };
    // These end by themselves when interrupted, to record it. The others just end, and their connections with them: the
    // server rolls back what they have not committed.
    if matches!(cli.command, Command::Migrate(_) | Command::Rollback(_)) {
        return work.await;
    }
    // Its end, which is no failure.
    #[cfg(feature = "serve")]
    if matches!(cli.command, Command::Serve(_)) {
        return work.await;
    }
    tokio::select! {
        result = work => result,
        () = interrupted.clone() => is_ended(),
    }
}
