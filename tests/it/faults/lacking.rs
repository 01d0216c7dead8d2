//! What there is too little of: ids of a sequence, room for data, room for files.

use std::path::{Path, PathBuf};
use std::process::Command;

use pretty_assertions::assert_eq;
use rstest::rstest;
use rustix::process::geteuid;
use tempfile::TempDir;

use super::beside::{MIGRATE, check_rows, go, on};
use super::laws::{files, picture, sentence};
use super::run::{run, run_by};
use super::subject::subject;
use crate::harness::program;
use crate::harness::program::command;

#[rstest]
#[case::of_a_table("pad_approval_id_seq")]
#[case::of_lineage("migration_mapping_id_seq")]
#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_at_its_end_leaves_whole_rows(#[case] sequence: &str) {
    on("migrate", async |prepared, db| {
        let last = format!("select last_value + 30 from padealing.{sequence}");
        let last = db.value(&last).await.expect("a number");
        db.execute(&format!("alter sequence padealing.{sequence} maxvalue {last}")).await;
        let done = go(db, MIGRATE).await;
        assert_eq!(done.code, Some(2), "{}", done.printed);
        assert!(done.printed.contains(sequence), "{}", done.printed);
        assert!(done.printed.contains("raise its end (alter sequence … maxvalue …)"), "{}", done.printed);
        check_rows(prepared, db, false).await;
        db.execute(&format!("alter sequence padealing.{sequence} no maxvalue")).await;
        go(db, MIGRATE).await;
        check_rows(prepared, db, true).await;
    })
    .await;
}

/// A file system of some size, which only root may make; without root it is nothing. It ends with the value.
struct Small(TempDir);

impl Small {
    fn new(kilobytes: u64) -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let small = Self(tempfile::tempdir().expect("a directory is made"));
        let size = format!("size={kilobytes}k,mode=0777");
        small.mount(&["-t", "tmpfs", "-o", &size, "tmpfs"]);
        Some(small)
    }

    fn mount(&self, arguments: &[&str]) {
        let done = command("mount").args(arguments).arg(self.0.path()).status().expect("mount runs");
        assert!(done.success(), "a file system is mounted");
    }

    fn grow(&self, kilobytes: u64) {
        self.mount(&["-o", &format!("remount,size={kilobytes}k")]);
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = command("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// The program, whose files may have so many blocks: without root, that comes next to a file system without room.
fn limited(blocks: u32) -> Command {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut limited = command("sh");
    limited.args(["-c", &script]).arg(program());
    limited
}

/// What is written into a file that finds no room isn't there, nor is a part of it, and nothing of it is changed in the
/// database.
#[tokio::test(flavor = "multi_thread")]
async fn files_without_room_leave_nothing() {
    for name in ["backup", "evidence"] {
        on(name, async |prepared, db| {
            let (small, plain) = (Small::new(64), tempfile::tempdir().expect("a directory is made"));
            let (subject, folder) = (subject(name), small.as_ref().map_or(plain.path(), Small::path));
            let (input, arguments) = (prepared.folder.path(), subject.arguments);
            let done = match &small {
                Some(_) => run(db, None, arguments, input, folder).await,
                None => run_by(limited(4), db, None, arguments, input, folder).await,
            };
            assert_eq!((done.code, done.wrong), (Some(2), Vec::new()), "{}", done.printed);
            assert_eq!(sentence(&done.printed), Vec::<String>::new());
            let is_why = ["no storage space", "No space left", "File too large", "file too large"]
                .iter()
                .any(|it| done.printed.contains(it));
            assert!(is_why, "{}", done.printed);
            assert_eq!(files(folder, subject.files, false, false), Vec::<String>::new());
            assert!(picture(db).await == prepared.before);
            if let Some(small) = &small {
                small.grow(64 * 1024);
            }
            let done = run(db, None, arguments, input, folder).await;
            assert_eq!(done.code, Some(prepared.code), "{}", done.printed);
            assert_eq!(files(folder, subject.files, true, false), Vec::<String>::new());
        })
        .await;
    }
}

/// The owner of a file may make others of the same owner.
fn chown(path: &Path, like: &Path) {
    use std::os::unix::fs::MetadataExt;
    let like = std::fs::metadata(like).expect("the server's folder is there");
    std::os::unix::fs::chown(path, Some(like.uid()), Some(like.gid())).expect("root may");
}

/// A trigger has rows written one page after the other anyway.
const ONE_BY_ONE: &[&str] = &["migrate", "--batch-size", "10", "--jobs", "1"];

/// The error of a full disk, for any user and on any server: whole rows, and the next run goes on.
#[tokio::test(flavor = "multi_thread")]
async fn the_error_of_a_full_disk_leaves_whole_rows() {
    on("migrate", async |prepared, db| {
        db.execute(
            "create sequence public.written;
             create function public.fill() returns trigger language plpgsql as $$ begin
                 if nextval('public.written') > 60 then
                     raise 'could not extend file: No space left on device' using errcode = 'disk_full';
                 end if;
                 return new;
             end $$;
             create trigger fill before insert on padealing.audit_log for each row execute function public.fill()",
        )
        .await;
        let done = go(db, ONE_BY_ONE).await;
        assert_eq!(done.code, Some(2), "{}", done.printed);
        assert!(done.printed.contains("No space left on device"), "{}", done.printed);
        assert_eq!(sentence(&done.printed), Vec::<String>::new());
        check_rows(prepared, db, false).await;
        db.execute("drop function public.fill cascade; drop sequence public.written").await;
        go(db, ONE_BY_ONE).await;
        check_rows(prepared, db, true).await;
    })
    .await;
}

/// A tablespace that is full, where the tests may make one: on a server of this machine, as root.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_leaves_whole_rows() {
    on("migrate", async |prepared, db| {
        let data = db.value("current_setting('data_directory')").await.expect("a folder");
        let Some(small) = Small::new(400).filter(|_| PathBuf::from(&data).exists()) else {
            // Who isn't root has seen the server's error in the test above.
            assert!(!geteuid().is_root() || !PathBuf::from(&data).exists());
            return;
        };
        chown(small.path(), Path::new(&data));
        let name = format!("small_{}", db.place().name);
        let place = small.path().display();
        db.execute(&format!("create tablespace {name} location '{place}'")).await;
        for table in ["audit_log", "migration_mapping"] {
            db.execute(&format!("alter table padealing.{table} set tablespace {name}")).await;
        }
        let done = go(db, MIGRATE).await;
        assert_eq!(done.code, Some(2), "{}", done.printed);
        assert!(done.printed.contains("No space left on device"), "{}", done.printed);
        assert_eq!(sentence(&done.printed), Vec::<String>::new());
        check_rows(prepared, db, false).await;
        small.grow(64 * 1024);
        go(db, MIGRATE).await;
        check_rows(prepared, db, true).await;
        for table in ["audit_log", "migration_mapping"] {
            db.execute(&format!("alter table padealing.{table} set tablespace pg_default")).await;
        }
        db.execute(&format!("drop tablespace {name}")).await;
    })
    .await;
}
