//! A catalog in a file: JSON with one object on each line, so that the diff of two files is readable.

use serde::{Deserialize, Serialize};

use crate::base::hint::SNAPSHOT;
use crate::base::version::major;
use crate::schema::catalog::{Catalog, Id, Kind, Object};

/// The shape of the file. A newer one is refused.
const FORMAT: u32 = 1;

/// A catalog, and where it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The environment it was taken in.
    pub environment: String,
    /// The server's version, such as `15.18`.
    pub server_version: String,
    /// The version of the program that took it.
    pub version: String,
    /// The objects.
    pub catalog: Catalog,
}

/// Why a file is not a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It isn't JSON of this shape.
    #[error("the file is not a snapshot: {0}; take one with `{SNAPSHOT} --out FILE`")]
    Malformed(String),
    /// It is what another command printed.
    #[error("the file is the output of `pad-migrate {0}`, not a snapshot; take one with `{SNAPSHOT} --out FILE`")]
    Other(String),
    /// A newer program has written it.
    #[error(
        "the snapshot has format {0}, and pad-migrate {version} reads formats up to {FORMAT}; use the version of \
         pad-migrate that wrote it, or a newer one",
        version = env!("CARGO_PKG_VERSION")
    )]
    Newer(u32),
    /// An object is there twice.
    #[error("the snapshot lists {0} twice; take the snapshot again")]
    Twice(String),
}

/// Without the list of everything that would have been accepted.
fn brief(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(", expected one of ") {
        Some((before, _)) => format!("{before} in line {}", error.line()),
        None => text,
    }
}

/// What distinguishes a snapshot from other files.
#[derive(Debug, Deserialize)]
struct Label {
    command: Option<String>,
    format: Option<u32>,
}

/// The file, as it is written.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct SnapshotJson<'a> {
    /// The program: `pad-migrate`.
    pub tool: &'static str,
    /// The version of the program that took the snapshot.
    pub version: &'a str,
    /// `snapshot`.
    pub command: &'static str,
    /// The environment that it was taken in.
    pub environment: &'a str,
    /// The server's version, such as `15.18`.
    pub server_version: &'a str,
    /// `clean`.
    pub outcome: &'static str,
    /// The shape of the file.
    pub format: u32,
    /// The schemas that were asked for.
    pub schemas: &'a [String],
    /// All objects, sorted.
    pub objects: Vec<ObjectJson<'a>>,
}

/// An object of a snapshot.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct ObjectJson<'a> {
    /// Its kind and name.
    #[serde(flatten)]
    pub id: &'a Id,
    /// Its properties. One that is not listed is as Postgres has it by default.
    pub properties: &'a Object,
}

/// The file, as it is read.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "a file without these is none that `snapshot` wrote in full")]
struct File {
    tool: String,
    version: String,
    command: String,
    environment: String,
    server_version: String,
    outcome: String,
    format: u32,
    schemas: Vec<String>,
    objects: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    schema: String,
    #[serde(default)]
    parent: String,
    kind: Kind,
    #[serde(default)]
    name: String,
    #[serde(default)]
    properties: Object,
}

impl Snapshot {
    /// As JSON. Reading it gives the same snapshot, and writing that the same text.
    pub fn write(&self) -> String {
        let file = SnapshotJson {
            tool: "pad-migrate",
            version: &self.version,
            command: "snapshot",
            environment: &self.environment,
            server_version: &self.server_version,
            outcome: "clean",
            format: FORMAT,
            schemas: &self.catalog.schemas,
            // Each on a line of its own, below.
            objects: Vec::new(),
        };
        let head = serde_json::to_string_pretty(&file).expect("strings and numbers are JSON");
        let mut text = head.trim_end_matches("]\n}").to_owned();
        for (position, (id, properties)) in self.catalog.objects.iter().enumerate() {
            text.push_str(if position == 0 { "\n    " } else { ",\n    " });
            text.push_str(&serde_json::to_string(&ObjectJson { id, properties }).expect("strings are JSON"));
        }
        text.push_str("\n  ]\n}\n");
        text
    }

    /// Reads the text of a file.
    pub fn read(text: &str) -> Result<Self, SnapshotError> {
        let file: File = serde_json::from_str(text).map_err(|error| match serde_json::from_str(text) {
            Ok(Label { format: Some(format), .. }) if format > FORMAT => SnapshotError::Newer(format),
            Ok(Label { command: Some(command), .. }) if command != "snapshot" => SnapshotError::Other(command),
            _ => SnapshotError::Malformed(brief(&error)),
        })?;
        if file.format > FORMAT {
            return Err(SnapshotError::Newer(file.format));
        }
        let mut objects: Vec<(Id, Object)> = file
            .objects
            .into_iter()
            .map(|Line { schema, parent, kind, name, properties }| (Id { schema, parent, kind, name }, properties))
            .collect();
        objects.sort_by(|(one, _), (other, _)| one.cmp(other));
        if let Some([(id, _), _]) = objects.array_windows().find(|[(one, _), (other, _)]| one == other) {
            return Err(SnapshotError::Twice(id.object()));
        }
        let objects = objects.into_iter().collect();
        let catalog = Catalog { major: major(&file.server_version), schemas: file.schemas, objects };
        Ok(Self { environment: file.environment, server_version: file.server_version, version: file.version, catalog })
    }
}
