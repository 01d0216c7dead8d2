//! Files that a flag names, to be written or to be read: nothing is destroyed, nothing is left, nothing waits for ever.

use std::fs::{File, Permissions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;
use rstest::rstest;
use rustix::fs::{CWD, FileType, Mode, makedev, mkfifoat, mknodat};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::harness::program::{command, run_in, stderr, stdout};
use crate::harness::{Start, with_db};
use crate::waiting;
use pad_migrate::base::file::{FileError, PendingFile};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a directory is made")
}

fn written(path: &Path, text: &str) -> Result<(), FileError> {
    let mut file = PendingFile::create(path)?;
    file.write(text).expect("there is room");
    file.finish()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("the folder is there").flatten();
    let mut names: Vec<String> = entries.map(|it| it.file_name().display().to_string()).collect();
    names.sort();
    names
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file is there")
}

fn fifo(folder: &Path) -> PathBuf {
    let path = folder.join("fifo");
    mkfifoat(CWD, &path, Mode::from_raw_mode(0o600)).expect("a FIFO is made");
    path
}

/// What a FIFO gets until all who write have closed it.
fn reader(path: &Path) -> std::thread::JoinHandle<String> {
    let path = path.to_owned();
    std::thread::spawn(move || read(&path))
}

/// An export that its own rejections replaced would be gone, and with it what a rollback needs. No server is reached.
#[test]
fn what_is_written_is_no_file_that_is_read() {
    let folder = folder();
    let [export, dump, other] = ["export.csv", "qa.dump", "other.csv"].map(|it| folder.path().join(it));
    for file in [&export, &dump] {
        std::fs::write(file, "kept").expect("it is written");
    }
    symlink("export.csv", &other).expect("a link is made");
    std::fs::hard_link(&dump, folder.path().join("same.dump")).expect("a link is made");
    for (arguments, words) in [
        (&["migrate", "--source-csv", "export.csv", "--rejects", "./export.csv"][..], "the file of --source-csv"),
        (&["migrate", "--source-csv", "export.csv", "--rejects", "other.csv"], "the file of --source-csv"),
        (&["rehearse", "--report", "export.csv", "--source-csv", "other.csv"], "the file of --source-csv"),
        (&["rollback", "--source-csv", "export.csv", "--backup", "export.csv"], "the file of --source-csv"),
        (&["gate", "--backup", "qa.dump", "--report", "same.dump"], "the file of --backup"),
        (&["gate", "--rehearsal", "qa.dump", "--report", "qa.dump"], "the file of --rehearsal"),
        (&["migrate", "--rejects", "new.csv", "--backup", "./new.csv"], "name the same file"),
    ] {
        let output = run_in(folder.path(), arguments, &[("DB_HOST", "localhost"), ("DB_NAME", "none")]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        let printed = stderr(&output);
        assert!(printed.contains(words) && printed.trim_end().lines().count() == 1, "{arguments:?}: {printed}");
    }
    assert_eq!([read(&export), read(&dump)], ["kept", "kept"]);
    assert_eq!(names(folder.path()), ["export.csv", "other.csv", "qa.dump", "same.dump"]);
}

/// A new file has the permissions that any program gives; one that is replaced keeps its own. Until then nothing is
/// beside it, so that nothing is left of a run that is killed.
#[test]
fn a_file_is_replaced_whole_and_keeps_its_permissions() {
    let folder = folder();
    let [new, plain, old] = ["new", "plain", "old"].map(|it| folder.path().join(it));
    File::create(&plain).expect("it is written");
    std::fs::write(&old, "an earlier run's").expect("it is written");
    std::fs::set_permissions(&old, Permissions::from_mode(0o640)).expect("it may be changed");
    let mode = |path: &Path| path.metadata().expect("it is there").mode() & 0o7777;
    written(&new, "text").expect("it is written");
    assert_eq!((read(&new), mode(&new)), ("text".to_owned(), mode(&plain)));
    let mut file = PendingFile::create(&old).expect("it can be written");
    file.write("text").expect("there is room");
    assert_eq!(names(folder.path()), ["new", "old", "plain"]);
    assert_eq!(read(&old), "an earlier run's");
    file.finish().expect("it is written");
    assert_eq!((read(&old), mode(&old)), ("text".to_owned(), 0o640));
    assert_eq!(names(folder.path()), ["new", "old", "plain"]);
    drop(PendingFile::create(&folder.path().join("dropped")).expect("it can be written"));
    assert_eq!(names(folder.path()), ["new", "old", "plain"]);
    if geteuid().is_root() {
        std::os::unix::fs::chown(&old, Some(4321), Some(4322)).expect("root may");
        written(&old, "again").expect("it is written");
        let found = old.metadata().expect("it is there");
        assert_eq!((found.uid(), found.gid(), mode(&old)), (4321, 4322, 0o640));
    }
}

/// A link stays a link, and what it leads to is replaced, or created.
#[test]
fn links_are_followed() {
    let folder = folder();
    let [target, link, second, dangling] = ["a/target", "link", "second", "dangling"].map(|it| folder.path().join(it));
    std::fs::create_dir(folder.path().join("a")).expect("a directory is made");
    std::fs::write(&target, "an earlier run's").expect("it is written");
    symlink("a/target", &link).expect("a link is made");
    symlink("link", &second).expect("a link is made");
    symlink("a/later", &dangling).expect("a link is made");
    written(&second, "through two").expect("it is written");
    written(&dangling, "new").expect("it is written");
    assert_eq!((read(&target), read(&folder.path().join("a/later"))), ("through two".to_owned(), "new".to_owned()));
    for link in [link, second, dangling] {
        assert!(link.is_symlink(), "{} is still a link", link.display());
    }
}

/// A device or a FIFO gets the text and is what it was.
#[test]
fn what_is_no_regular_file_is_written_to_and_stays() {
    let folder = folder();
    let fifo = fifo(folder.path());
    let got = reader(&fifo);
    let long = "0123456789".repeat(100_000);
    written(&fifo, &long).expect("it is written");
    assert_eq!(got.join().expect("it is read"), long);
    assert!(fifo.metadata().expect("it is there").file_type().is_fifo(), "it is a FIFO still");
    // A test never tries on the machine's own device: as root it could destroy it.
    let device = folder.path().join("device");
    if mknodat(CWD, &device, FileType::CharacterDevice, Mode::from_raw_mode(0o600), makedev(1, 3)).is_ok() {
        // Some file systems know no devices.
        if !written(&device, "text").is_err_and(|it| it.to_string().contains("permission denied")) {
            let link = folder.path().join("link");
            symlink(&device, &link).expect("a link is made");
            written(&link, "text").expect("it is written");
        }
        assert!(device.metadata().expect("it is there").file_type().is_char_device(), "it is a device still");
    }
    assert!(names(folder.path()).iter().all(|it| ["device", "fifo", "link"].contains(&it.as_str())));
}

#[rstest]
#[case::a_folder("folder", "folder can't be written: it is a folder; choose another file")]
#[case::a_folder_by_its_name("new/", "new/ can't be written: it names a folder; choose another file")]
#[case::no_folder("none/new", "new can't be created: its folder doesn't exist; choose another file")]
#[case::in_a_file("file/new", "new can't be created: its folder is a file; choose another file")]
#[case::a_circle("circle", "circle can't be written: its links lead in a circle; choose another file")]
#[case::a_socket("socket", "socket can't be written: it is a disk or a socket; choose another file")]
#[case::a_fifo_without_a_reader("fifo", "fifo can't be written: nobody reads from it; choose another file")]
#[case::not_open("/dev/fd/77", "/dev/fd/77 can't be written: it isn't open; choose another file")]
#[case::to_be_read("/dev/stdin", "/dev/stdin can't be written: it isn't open for writing; choose another file")]
fn what_can_not_be_written_is_said_before_the_work(#[case] name: &str, #[case] sentence: &str) {
    let folder = folder();
    std::fs::create_dir(folder.path().join("folder")).expect("a directory is made");
    std::fs::write(folder.path().join("file"), "").expect("it is written");
    symlink("circle", folder.path().join("circle")).expect("a link is made");
    fifo(folder.path());
    let _socket = UnixListener::bind(folder.path().join("socket")).expect("a socket is made");
    let output =
        run_in(folder.path(), &["--database-url", "postgres:///n?host=/nowhere", "snapshot", "--out", name], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).ends_with(&format!("{sentence}\n")), "{}", stderr(&output));
}

/// What every flag of a file does with the standard streams: what the user asked for is there once, and whole.
#[tokio::test]
async fn the_standard_streams_get_it_once() {
    with_db(Start::Applied, async |db| {
        let folder = folder();
        let go = |arguments: &[&str]| run_in(folder.path(), &[&["--database-url", &db.url], arguments].concat(), &[]);
        let snapshot = stdout(&go(&["snapshot"]));
        for name in ["/dev/stdout", "-"] {
            let output = go(&["snapshot", "--out", name]);
            assert_eq!((stdout(&output), stderr(&output)), (snapshot.clone(), String::new()));
        }
        let output = go(&["snapshot", "--out", "/dev/fd/2"]);
        assert_eq!((stdout(&output), stderr(&output)), (String::new(), snapshot.clone()));
        symlink("/dev/stdout", folder.path().join("r.jsonl")).expect("a link is made");
        for (flag, arguments) in [
            ("--rejects r.jsonl", &["migrate", "--rejects", "r.jsonl"] as &[&str]),
            ("--backup /proc/self/fd/1", &["apply", "--yes", "--backup", "/proc/self/fd/1"]),
            ("--report -", &["rehearse", "--report", "-"]),
        ] {
            let output = go(arguments);
            let refused = format!("pad-migrate: {flag} is the standard output, which gets the result; ");
            assert!(stderr(&output).starts_with(&refused), "{}", stderr(&output));
            assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
        }
        // As a shell hands over `--out >(gzip)`, and `--expected <(…)`.
        let mut shell = command("sh");
        let script = r#""$1" --database-url "$2" snapshot --out /dev/fd/3 3>&1 >&2 | cat >out
            cat out | "$1" --database-url "$2" drift --expected -"#;
        shell.current_dir(folder.path()).args(["-c", script, "sh", crate::harness::program(), &db.url]);
        let output = waiting::output(&mut shell);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{}", stdout(&output));
        assert_eq!(read(&folder.path().join("out")), snapshot);
        // A reader that has opened and takes nothing: the command still ends when it is interrupted.
        let fifo = fifo(folder.path());
        let mut snapshot = command(crate::harness::program());
        snapshot.current_dir(folder.path()).args(["--database-url", &db.url, "snapshot", "--out", "fifo"]);
        let mut child = waiting::start(&mut snapshot);
        let mut opened = File::open(fifo).expect("the program opens it, too");
        opened.read_exact(&mut [0; 10]).expect("the program writes");
        kill_process(Pid::from_child(&child), Signal::INT).expect("it runs still");
        let ended = waiting::until("it ends", async || child.try_wait().expect("it can be asked")).await;
        assert_eq!(ended.code(), Some(2));
    })
    .await;
}

/// Files of the configuration that are no files, or far too large.
#[tokio::test]
async fn a_file_that_is_read_is_read_within_bounds() {
    let folder = folder();
    let [env, large] = [".env", "large"].map(|it| folder.path().join(it));
    let url = ["--database-url", "postgres:///n?host=/nowhere"];
    let go = |arguments: &[&str]| {
        let output = run_in(folder.path(), &[&url, arguments].concat(), &[]);
        assert_eq!(output.status.code(), Some(2));
        stderr(&output)
    };
    // As large as a disk, though it takes no room on one.
    File::create(&large).and_then(|it| it.set_len(1 << 40)).expect("there is room for nothing");
    let begins =
        |sentence: &str, begin: &str| assert!(sentence.starts_with(&format!("pad-migrate: {begin}; ")), "{sentence}");
    begins(&go(&["drift", "--expected", "large"]), "large can't be read: it has more than 65536 KiB");
    begins(&go(&["drift", "--exceptions", "/dev/zero"]), "/dev/zero can't be read: it has more than 65536 KiB");
    begins(&go(&["drift", "--expected", "."]), ". can't be read: it is a folder");
    symlink("large", &env).expect("a link is made");
    begins(&go(&["status"]), ".env can't be read: it has more than 64 KiB");
    std::fs::remove_file(&env).expect("it is there");
    symlink("fifo", &env).expect("a link is made");
    let pipe = fifo(folder.path());
    begins(&go(&["status"]), ".env can't be read: it is a pipe into which nobody writes");
    // With somebody who writes, it is as good as a file.
    let writer = std::thread::spawn(move || std::fs::write(pipe, "LEGACY_TABLE=none\n"));
    begins(&go(&["status"]), "LEGACY_TABLE is \"none\" (from .env)");
    writer.join().expect("it ends").expect("it is read");
    let fifo = folder.path().join("fifo").display().to_string();
    std::fs::remove_file(&env).expect("it is there");
    let output = run_in(folder.path(), &[&url[..], &["status"]].concat(), &[("PGPASSFILE", &fifo)]);
    assert!(
        stderr(&output).ends_with("fifo is not a regular file; name one that is in PGPASSFILE, or set DB_PASSWORD\n")
    );
    symlink("fifo", &env).expect("a link is made");
    // While it waits it can be interrupted, migrate too.
    for what in ["status", "migrate"] {
        let _writer = File::options().read(true).write(true).open(folder.path().join("fifo")).expect("a FIFO opens");
        let mut waiter = command(crate::harness::program());
        let mut child = waiting::start(waiter.current_dir(folder.path()).args(url).arg(what));
        let name = format!("/proc/{}/fd", child.id());
        waiting::until("it has opened the FIFO", async || {
            let open = std::fs::read_dir(&name).ok()?.flatten();
            open.filter_map(|it| it.path().read_link().ok()).any(|it| it.ends_with("fifo")).then_some(())
        })
        .await;
        kill_process(Pid::from_child(&child), Signal::INT).expect("it runs still");
        let ended = waiting::until("it ends", async || child.try_wait().expect("it can be asked")).await;
        assert_eq!(ended.code(), Some(2));
    }
}

/// What holds values of rows is for its owner only, whatever the shell's mask is; a file that was there keeps its mode.
#[rstest]
#[case::usual("0022")]
#[case::open("0000")]
#[tokio::test]
async fn new_files_with_values_are_private(#[case] mask: &str) {
    with_db(Start::Migrated, async |db| {
        let dir = folder();
        let masked = |arguments: &[&str]| {
            let mut shell = command("sh");
            shell.current_dir(dir.path()).args(["-c", "umask \"$0\"; exec \"$@\"", mask]);
            shell.arg(env!("CARGO_BIN_EXE_pad-migrate")).args(["--database-url", &db.url]).args(arguments);
            let output = waiting::output(&mut shell);
            assert!(output.status.code().is_some_and(|it| it < 2), "{arguments:?}: {}", stderr(&output));
        };
        let commands: [&[&str]; 6] = [
            &["report", "--out", "report.html"],
            &["gate", "--report", "gate.md"],
            &["migrate", "--dry-run", "--rejects", "rejects.jsonl"],
            &["backup", "--out", "qa.dump"],
            &["verify", "--evidence", "evidence"],
            &["evidence", "show", "1001", "--from", "evidence", "--out", "proof"],
        ];
        commands.iter().for_each(|it| masked(it));
        let mode = |name: &str| dir.path().join(name).metadata().expect("it is there").mode() & 0o7777;
        assert_eq!(mode("evidence"), 0o700);
        let within = names(&dir.path().join("evidence")).into_iter().map(|it| format!("evidence/{it}"));
        let all: Vec<String> = within.chain(names(dir.path()).into_iter().filter(|it| it != "evidence")).collect();
        assert!(all.len() > 6, "{all:?}");
        for name in all {
            assert_eq!(format!("{:o}", mode(&name)), "600", "{name}");
        }
        for name in ["report.html", "rejects.jsonl", "gate.md"] {
            let permissions = Permissions::from_mode(0o644);
            std::fs::set_permissions(dir.path().join(name), permissions).expect("it may be changed");
        }
        commands[..3].iter().for_each(|it| masked(it));
        assert_eq!(["report.html", "rejects.jsonl", "gate.md"].map(mode), [0o644; 3]);
    })
    .await;
}
