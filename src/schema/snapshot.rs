//! A catalog in a file: JSON, an object a line, so that a diff of two files can be read.

use serde::{Deserialize, Serialize};

use crate::base::version::major;
use crate::schema::catalog::{Catalog, Id, Kind, Object};

/// The shape of the file. A newer one is refused.
const FORMAT: u32 = 1;

/// A catalog, and where and by which program it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The environment it was taken in.
    pub environment: String,
    /// The server's version, such as `15.18`.
    pub server_version: String,
    /// The program's version.
    pub version: String,
    /// What was there.
    pub catalog: Catalog,
}

/// Why a file is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It isn't JSON of this shape.
    #[error("it is no snapshot: {}; make one with `pad-migrate snapshot --out FILE`", brief(.0))]
    Malformed(#[from] serde_json::Error),
    /// It is what another command printed.
    #[error("it is the output of `pad-migrate {0}` and no snapshot; make one with `pad-migrate snapshot --out FILE`")]
    Other(String),
    /// A newer program has written it.
    #[error(
        "it has format {0}, and pad-migrate {version} knows formats up to {FORMAT}; use the program that wrote it, or a \
         newer one",
        version = env!("CARGO_PKG_VERSION")
    )]
    Newer(u32),
    /// An object is there twice.
    #[error("it has {0} twice; take the snapshot again")]
    Twice(String),
}

/// Without the list of everything that would have been right.
fn brief(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!("line {}", error.line());
    text.split_once(", expected one of ").map_or(text.clone(), |it| format!("{} in {place}", it.0))
}

/// What tells a snapshot from anything else.
#[derive(Debug, Deserialize)]
struct Label {
    command: Option<String>,
    format: Option<u32>,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    tool: String,
    version: String,
    command: String,
    environment: String,
    server_version: String,
    outcome: String,
    format: u32,
    schemas: Vec<String>,
    #[serde(skip_serializing)]
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

#[derive(Debug, Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    id: &'a Id,
    properties: &'a Object,
}

impl Snapshot {
    /// As JSON. Reading it gives the same snapshot, and writing that the same text.
    pub fn write(&self) -> String {
        let file = File {
            tool: "pad-migrate".to_owned(),
            version: self.version.clone(),
            command: "snapshot".to_owned(),
            environment: self.environment.clone(),
            server_version: self.server_version.clone(),
            outcome: "clean".to_owned(),
            format: FORMAT,
            schemas: self.catalog.schemas.clone(),
            objects: Vec::new(),
        };
        let head = serde_json::to_string_pretty(&file).expect("strings and numbers are JSON");
        let mut text = head.trim_end_matches("\n}").to_owned();
        text.push_str(",\n  \"objects\": [");
        for (position, (id, properties)) in self.catalog.objects.iter().enumerate() {
            text.push_str(if position == 0 { "\n    " } else { ",\n    " });
            text.push_str(&serde_json::to_string(&Entry { id, properties }).expect("strings are JSON"));
        }
        text.push_str("\n  ]\n}\n");
        text
    }

    /// The snapshot that a file's text is.
    pub fn read(text: &str) -> Result<Self, SnapshotError> {
        let file: File = serde_json::from_str(text).map_err(|error| match serde_json::from_str(text) {
            Ok(Label { format: Some(format), .. }) if format > FORMAT => SnapshotError::Newer(format),
            Ok(Label { command: Some(command), .. }) if command != "snapshot" => SnapshotError::Other(command),
            _ => SnapshotError::Malformed(error),
        })?;
        if file.format > FORMAT {
            return Err(SnapshotError::Newer(file.format));
        }
        let mut objects: Vec<(Id, Object)> = file
            .objects
            .into_iter()
            .map(|Line { schema, parent, kind, name, properties }| (Id { schema, parent, kind, name }, properties))
            .collect();
        objects.sort_by(|one, other| one.0.cmp(&other.0));
        if let Some(pair) = objects.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(SnapshotError::Twice(pair[0].0.object()));
        }
        let objects = objects.into_iter().collect();
        let catalog = Catalog { major: major(&file.server_version), schemas: file.schemas, objects };
        Ok(Self { environment: file.environment, server_version: file.server_version, version: file.version, catalog })
    }
}
