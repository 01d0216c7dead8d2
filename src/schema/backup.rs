//! What is known of a backup: its manifest, and whether an archive holds what it says. Pure.

mod contradiction;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::hint::BACKUP;
use crate::base::text::{list, plural, thousands};
use crate::base::version::{is_version, major};
use crate::config::settings::Roles;
use crate::ledger::revisions;
use crate::ledger::tables::MANAGED_TABLES;
use crate::postgres::archive_text::SequenceSet;
use crate::schema::catalog::{Catalog, Id, Kind, Object, Property, Value};
use crate::schema::names::APPLICATION_SCHEMA;
use crate::schema::requisite::Requisite;

/// The shape of the manifest. A newer one is refused.
pub const FORMAT: u32 = 1;

/// The program that writes it.
pub(crate) const TOOL: &str = "pad-migrate";

/// What the name of a backup's manifest adds to the name of the backup.
const MANIFEST_SUFFIX: &str = ".manifest.json";

/// Where the manifest of a backup is.
pub fn manifest_path(archive: &Path) -> PathBuf {
    beside(archive, MANIFEST_SUFFIX)
}

fn beside(archive: &Path, suffix: &str) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What is known of a backup: the file beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Manifest {
    /// The program: `pad-migrate`.
    pub tool: String,
    /// `manifest`.
    pub command: String,
    /// The shape of the file.
    pub format: u32,
    /// The version of the program that took the backup.
    pub version: String,
    /// When the rows were read, in UTC, by the server's clock.
    pub taken_at: String,
    /// The environment.
    pub environment: String,
    /// Host, port, database and role.
    pub place: String,
    /// The server's version, such as `15.18`.
    pub server_version: String,
    /// Where the server's write-ahead log was: what was written before it is in the backup. `0/0` where the server doesn't
    /// say it.
    pub wal_position: String,
    /// The version of pg_dump that wrote it.
    pub pg_dump_version: String,
    /// The newest revision that the history names; null if there is no history.
    pub revision: Option<String>,
    /// The size of the backup in bytes.
    pub bytes: u64,
    /// The SHA-256 of the backup.
    pub sha256: String,
    /// Whether types, functions and the like of padealing are in it, too: they are unless managed tables are in another
    /// schema.
    pub whole_schema: bool,
    /// The tables that hold rows.
    pub tables: Vec<TableRows>,
    /// The sequences of these tables.
    pub sequences: Vec<SequenceState>,
    /// What their foreign keys refer to outside the backup.
    pub references: Vec<Reference>,
    /// What it depends on besides, which has to be there before it is restored; the roles of policies are in the catalog.
    #[serde(default)]
    pub requisites: Vec<Requisite>,
    /// Relations of padealing that are not in it.
    pub left_out: Vec<String>,
    /// What PostgreSQL says of what is in it, with `{owner}`, `{app}` and `{reader}` for the roles.
    pub catalog: Vec<CatalogObject>,
}

/// A backup that is good.
#[derive(Clone, Debug)]
pub struct BackedUp {
    /// What is known of it.
    pub manifest: Manifest,
    /// The version of the programs, and where they are.
    pub programs: (String, PathBuf),
    /// Why restore would refuse to send a statement of it.
    pub refusal: Option<String>,
}

/// The rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct TableRows {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// A checksum of them that depends on no order.
    pub checksum: String,
}

impl TableRows {
    fn is_same(&self, other: &Self) -> bool {
        (&self.schema, &self.table) == (&other.schema, &other.table)
    }
}

/// Where a sequence stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct SequenceState {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub sequence: String,
    /// The last value.
    pub last_value: i64,
    /// Whether that was given out.
    pub is_called: bool,
}

impl From<SequenceSet> for SequenceState {
    fn from(SequenceSet { sequence: (schema, sequence), last_value, is_called }: SequenceSet) -> Self {
        Self { schema, sequence, last_value, is_called }
    }
}

/// A foreign key to a table that is not in the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Reference {
    /// The key's name.
    pub name: String,
    /// The schema of the table that has the key.
    pub schema: String,
    /// That table.
    pub table: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The schema of the table that is referred to.
    pub to_schema: String,
    /// That table.
    pub to_table: String,
    /// Its columns, in the same order.
    pub to_columns: Vec<String>,
    /// Whether every row has been checked.
    pub is_validated: bool,
}

/// An object of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct CatalogObject {
    /// Its kind and name.
    #[serde(flatten)]
    pub id: Id,
    /// Its properties. One that is not listed is as Postgres has it by default.
    pub properties: Object,
}

/// What the name of the record of a rehearsed restore adds to the name of the backup.
const REHEARSED_SUFFIX: &str = ".rehearsed.json";

/// Where the record of a backup's rehearsed restore is.
pub fn rehearsed_path(archive: &Path) -> PathBuf {
    beside(archive, REHEARSED_SUFFIX)
}

/// That a backup was restored on an ephemeral server: the record beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Rehearsed {
    /// The program: `pad-migrate`.
    pub tool: String,
    /// `rehearsed`.
    pub command: String,
    /// The version of the program that restored it.
    pub version: String,
    /// When it was restored, in UTC.
    pub rehearsed_at: String,
    /// The version of the server on which it was.
    pub server_version: String,
    /// How long it took.
    pub seconds: f64,
    /// The SHA-256 of the backup.
    pub sha256: String,
}

/// Why a file is no manifest of a backup.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It isn't JSON of this shape.
    #[error("it is not a manifest of a backup: {0}; take the backup again with `{BACKUP} --out FILE`")]
    Malformed(String),
    /// A newer program has written it.
    #[error(
        "the manifest has format {0}, and pad-migrate {version} reads formats up to {FORMAT}; use the version of \
         pad-migrate that wrote it, or a newer one",
        version = env!("CARGO_PKG_VERSION")
    )]
    Newer(u32),
}

/// What an archive was found to hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    /// The rows of each table.
    pub(crate) rows: BTreeMap<(String, String), u64>,
    /// Where sequences are set to.
    pub(crate) sequences: Vec<SequenceState>,
    /// The values of each foreign key to the outside, in the order in which the keys were asked for.
    pub(crate) referred: Vec<BTreeSet<Vec<String>>>,
}

impl Manifest {
    /// Reads a manifest.
    pub fn read(text: &str) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Label {
            command: Option<String>,
            format: Option<u32>,
        }
        let malformed = |error: serde_json::Error| ManifestError::Malformed(error.to_string());
        let label: Label = serde_json::from_str(text).map_err(malformed)?;
        match (label.command.as_deref(), label.format) {
            (Some("manifest"), Some(format)) if format > FORMAT => Err(ManifestError::Newer(format)),
            (Some("manifest"), _) => {
                let mut manifest: Self = serde_json::from_str(text).map_err(malformed)?;
                // Programs print it either way.
                manifest.sha256.make_ascii_lowercase();
                manifest.impossible().map_or(Ok(manifest), |how| Err(ManifestError::Malformed(how)))
            }
            _ => Err(ManifestError::Malformed("it doesn't say that it is one".to_owned())),
        }
    }

    /// What no backup's manifest says, in words.
    fn impossible(&self) -> Option<String> {
        let Self { tool, server_version, pg_dump_version, taken_at, sha256, .. } = self;
        let tool = (tool != TOOL).then(|| format!("its tool, {tool:?}, is not {TOOL}"));
        let table = twice(self.tables.iter().map(|it| (&it.schema, &it.table)));
        let table = table.map(|(schema, name)| format!("the table {schema}.{name}"));
        let sequence = twice(self.sequences.iter().map(|it| (&it.schema, &it.sequence)));
        let sequence = sequence.map(|(schema, name)| format!("the sequence {schema}.{name}"));
        let key = twice(self.references.iter().map(|it| (&it.schema, &it.table, &it.name)));
        let key = key.map(|(schema, table, name)| format!("the key {name} of {schema}.{table}"));
        let object = twice(self.catalog.iter().map(|it| &it.id));
        let object = object.map(|id| format!("the {} {}.{} in its catalog", id.kind.words(), id.schema, id.object()));
        let twice = table.or(sequence).or(key).or(object).map(|it| format!("it names {it} twice"));
        let versions = [("server_version", server_version), ("pg_dump_version", pg_dump_version)];
        let version = versions.into_iter().find(|(_, it)| !is_version(it));
        let version = version.map(|(key, it)| format!("its {key}, {it:?}, is not a version of PostgreSQL"));
        let is_time = taken_at.strip_suffix('Z').is_some_and(|it| it.parse::<jiff::civil::DateTime>().is_ok());
        let time = (!is_time).then(|| format!("its taken_at, {taken_at:?}, is not a time in UTC"));
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|it| it.is_ascii_hexdigit());
        let hash = (!is_hash).then(|| format!("its sha256, {sha256:?}, is not a SHA-256"));
        tool.or(twice).or(version).or(time).or(hash).or_else(|| self.contradiction())
    }

    /// The tables and sequences that are in other schemas than the application's.
    pub(crate) fn outside(&self) -> BTreeSet<String> {
        let tables = self.tables.iter().map(|it| (&it.schema, &it.table));
        let sequences = self.sequences.iter().map(|it| (&it.schema, &it.sequence));
        let relations =
            self.catalog.iter().filter(|it| it.id.kind.is_relation()).map(|it| (&it.id.schema, &it.id.name));
        let all = tables.chain(sequences).chain(relations).filter(|(schema, _)| *schema != APPLICATION_SCHEMA);
        all.map(|(schema, name)| format!("{schema}.{name}")).collect()
    }

    /// The rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|it| it.rows).sum()
    }

    /// The tables that hold something else now, or are there in one of the two only.
    pub(crate) fn changed(&self, now: Vec<TableRows>) -> Vec<TableRows> {
        let gone = self.tables.iter().filter(|it| !now.iter().any(|table| table.is_same(it)));
        let gone = gone.map(|it| TableRows { rows: 0, checksum: String::new(), ..it.clone() });
        let gone: Vec<TableRows> = gone.collect();
        now.into_iter().filter(|it| !self.tables.contains(it)).chain(gone).collect()
    }

    /// What PostgreSQL said of what is in it.
    pub(crate) fn catalog(&self) -> Catalog {
        let objects = self.catalog.iter().cloned().map(|it| (it.id, it.properties)).collect();
        let major = major(&self.server_version);
        Catalog { major, schemas: vec![APPLICATION_SCHEMA.to_owned()], objects }
    }

    /// What of this an archive doesn't hold, in words.
    pub(crate) fn missing_from(&self, contents: &Contents) -> Option<String> {
        let mut wrong = Vec::new();
        for it in &self.tables {
            let found = contents.rows.get(&(it.schema.clone(), it.table.clone()));
            match found {
                None => wrong.push(format!("{}.{} is not in it", it.schema, it.table)),
                Some(found) if *found != it.rows => wrong.push(format!(
                    "{}.{} has {} in it instead of {}",
                    it.schema,
                    it.table,
                    plural(*found, "row", "rows"),
                    thousands(it.rows)
                )),
                Some(_) => {}
            }
        }
        let listed: BTreeSet<(&str, &str)> = self.tables.iter().map(|it| (&*it.schema, &*it.table)).collect();
        let unlisted = contents.rows.keys().filter(|(schema, table)| !listed.contains(&(&**schema, &**table)));
        wrong.extend(unlisted.map(|(schema, table)| format!("{schema}.{table} is in it, and not in the manifest")));
        let undescribed = self.tables.iter().filter(|it| !self.describes(&it.schema, &it.table));
        wrong.extend(undescribed.map(|it| format!("the manifest doesn't describe {}.{}", it.schema, it.table)));
        (!wrong.is_empty()).then(|| list(wrong))
    }

    /// The managed tables that a database at the newest revision has, and this one had not.
    pub(crate) fn absent(&self) -> Vec<&'static str> {
        let is_newest = self.revision.as_deref() == revisions::ALL.last().map(|it| it.number);
        let tables = MANAGED_TABLES.iter().copied().filter(|_| is_newest);
        tables.filter(|it| !self.describes(APPLICATION_SCHEMA, it)).collect()
    }

    fn describes(&self, schema: &str, table: &str) -> bool {
        self.catalog.iter().any(|it| it.id.kind == Kind::Table && (&*it.id.schema, &*it.id.name) == (schema, table))
    }
}

/// The first of some that comes again.
fn twice<T: Ord + Copy>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = BTreeSet::new();
    all.find(|it| !seen.insert(*it))
}

/// What of a catalog is in a backup: the tables and sequences, what belongs to them, and, if the whole schema is, what is
/// no relation in it.
pub(crate) fn kept(mut catalog: Catalog, relations: &BTreeSet<(String, String)>, whole_schema: bool) -> Catalog {
    let is_in = |schema: &str, name: &str| relations.contains(&(schema.to_owned(), name.to_owned()));
    let is_other = |id: &&Id| id.kind.is_relation() && !is_in(&id.schema, &id.name);
    let others: BTreeSet<(String, String)> =
        catalog.objects.keys().filter(is_other).map(|id| (id.schema.clone(), id.name.clone())).collect();
    catalog.objects.retain(|id, object| {
        // Where a table lies on disk is the server's affair.
        object.remove(&Property::Tablespace);
        let is_of_schema = matches!(id.kind, Kind::Schema | Kind::DefaultPrivileges);
        match () {
            () if id.schema.is_empty() => false,
            () if is_in(&id.schema, id.top()) => true,
            () if id.kind.is_relation() || id.kind == Kind::Sequence => false,
            () if others.contains(&(id.schema.clone(), id.parent.clone())) => false,
            () => id.schema == APPLICATION_SCHEMA && (whole_schema || is_of_schema),
        }
    });
    catalog
}

/// The same with placeholders for the roles. Without a name the owner is the one that the schema has.
pub(crate) fn normalised(catalog: Catalog, roles: &Roles) -> Catalog {
    let schema =
        Id { schema: APPLICATION_SCHEMA.to_owned(), parent: String::new(), kind: Kind::Schema, name: String::new() };
    let live = catalog.objects.get(&schema).and_then(|it| it.get(&Property::Owner)).map(Value::to_string);
    let owner = roles.owner.clone().or(live);
    catalog.with_roles(|role| {
        let is = |name: &Option<String>| name.as_deref() == Some(role);
        match () {
            () if is(&owner) => Some("{owner}".to_owned()),
            () if is(&roles.app) => Some("{app}".to_owned()),
            () if is(&roles.reader) => Some("{reader}".to_owned()),
            () => None,
        }
    })
}

/// The names of roles in a catalog.
pub(crate) fn role_names(catalog: &Catalog) -> BTreeSet<String> {
    let names = std::cell::RefCell::new(BTreeSet::new());
    let _ = catalog.clone().with_roles(|role| {
        names.borrow_mut().insert(role.to_owned());
        None
    });
    let mut names = names.into_inner();
    names.retain(|it| it != "{self}" && it != "PUBLIC" && !it.is_empty());
    names
}

/// A catalog as it is to be where some roles don't exist: what they own goes to the owner, and what they may do, nobody
/// may. Their row security policies are the owner's, as where that is rehearsed.
pub(crate) fn without_roles(mut catalog: Catalog, absent: &BTreeSet<String>, owner: &str) -> Catalog {
    for object in catalog.objects.values_mut() {
        for property in [Property::Privileges, Property::Revoked] {
            let Some(Value::List(items)) = object.get_mut(&property) else { continue };
            items.retain(|item| item.rsplit_once('=').is_none_or(|(role, _)| !absent.contains(role)));
            if items.is_empty() {
                object.remove(&property);
            }
        }
    }
    catalog.objects.retain(|id, object| match id.kind {
        Kind::DefaultPrivileges => {
            let of = id.name.split_once(" of ").map(|(_, role)| role);
            of.is_none_or(|role| !absent.contains(role)) && !object.is_empty()
        }
        _ => true,
    });
    catalog.with_roles(|role| absent.contains(role).then(|| owner.to_owned()))
}

/// What a restored schema is to be: the catalog of the backup with the target's roles, and the roles of the backup that
/// the target lacks.
pub(crate) struct Wanted {
    pub(crate) catalog: Catalog,
    pub(crate) absent: BTreeSet<String>,
    /// Those of them that a row security policy is for, with the policy.
    pub(crate) unruled: BTreeMap<String, String>,
}

impl Manifest {
    /// What the restored schema is to be, where these roles exist and `owner` owns it.
    pub(crate) fn wanted(&self, roles: &Roles, owner: &str, existing: &BTreeSet<String>) -> Wanted {
        let catalog = self.catalog().with_roles(|role| match role {
            "{owner}" => Some(owner.to_owned()),
            "{app}" => roles.app.clone(),
            "{reader}" => roles.reader.clone(),
            _ => None,
        });
        let mut absent = role_names(&catalog);
        absent.retain(|it| !existing.contains(it));
        let mut unruled = policy_roles(&catalog);
        unruled.retain(|role, _| absent.contains(role));
        Wanted { catalog: without_roles(catalog, &absent, owner), absent, unruled }
    }

    /// The roles that its row security policies are for, each with one of them.
    pub(crate) fn policy_roles(&self) -> BTreeMap<String, String> {
        policy_roles(&self.catalog())
    }

    /// How many row security policies it describes.
    pub(crate) fn policies(&self) -> usize {
        self.catalog.iter().filter(|it| it.id.kind == Kind::Policy).count()
    }
}

/// Whether this stands for the role that a target has instead.
pub(crate) fn is_placeholder(role: &str) -> bool {
    role.starts_with('{')
}

/// The key that names the role of a placeholder.
pub(crate) fn role_key(placeholder: &str) -> Option<&'static str> {
    match placeholder {
        "{app}" => Some("DB_APP_ROLE"),
        "{reader}" => Some("DB_READER_ROLE"),
        _ => None,
    }
}

fn policy_roles(catalog: &Catalog) -> BTreeMap<String, String> {
    let policies = catalog.objects.iter().filter(|(id, _)| id.kind == Kind::Policy);
    let roles = policies.flat_map(|(id, object)| {
        let roles = object.get(&Property::Roles).map(Value::parts).unwrap_or_default();
        roles.iter().map(|role| (role.clone(), id.object()))
    });
    roles.filter(|(role, _)| role != "PUBLIC").collect()
}

/// The relations of a catalog, and its sequences.
pub(crate) fn relations(catalog: &Catalog) -> BTreeSet<(String, String)> {
    let ids = catalog.objects.keys().filter(|id| id.kind.is_relation() || id.kind == Kind::Sequence);
    ids.map(|id| (id.schema.clone(), id.name.clone())).collect()
}

/// The catalogs of PostgreSQL in which an object has its name: one name can be there once in a schema.
fn name_spaces(id: &Id) -> &'static [&'static str] {
    match id.kind {
        // A relation's rows have a type of its name.
        kind if kind.is_relation() => &["pg_class", "pg_type"],
        Kind::Composite => &["pg_class", "pg_type"],
        Kind::Sequence | Kind::Index => &["pg_class"],
        Kind::Enum | Kind::Domain | Kind::Range | Kind::BaseType => &["pg_type"],
        _ => &[],
    }
}

/// Objects of a catalog that have the same name as one of another: what a restore would need to replace. Of two that have
/// a name in common, the one that is there.
pub(crate) fn taken(wanted: &Catalog, before: &Catalog) -> Vec<String> {
    let is_own = |id: &Id| id.parent.is_empty() && !matches!(id.kind, Kind::Schema | Kind::DefaultPrivileges);
    fn names(id: &Id) -> impl Iterator<Item = (&str, &'static str, &str)> {
        name_spaces(id).iter().map(|it| (&*id.schema, *it, &*id.name))
    }
    let wanted_names: BTreeSet<(&str, &str, &str)> = wanted.objects.keys().flat_map(names).collect();
    let is_taken =
        |id: &&Id| names(id).any(|it| wanted_names.contains(&it)) || is_own(id) && wanted.objects.contains_key(*id);
    before.objects.keys().filter(is_taken).map(|id| format!("{} {}", id.kind.words(), id.name)).collect()
}

/// A live catalog without what was there before and belongs to others: that is neither compared nor changed. Relations
/// that weren't there before are compared, wanted or not.
pub(crate) fn restored(live: Catalog, before: &Catalog, wanted: &Catalog) -> Catalog {
    let others = relations(before);
    let own = relations(&live).into_iter().filter(|it| !others.contains(it)).chain(relations(wanted)).collect();
    let mut live = kept(live, &own, true);
    live.objects.retain(|id, _| wanted.objects.contains_key(id) || !before.objects.contains_key(id));
    for (id, object) in &mut live.objects {
        let (Some(expected), Some(_)) = (wanted.objects.get(id), before.objects.get(id)) else { continue };
        let given = |of: &Object| of.get(&Property::Privileges).map(Value::parts).unwrap_or_default().to_vec();
        let (wanted, mut found) = (given(expected), given(object));
        found.retain(|it| wanted.contains(it));
        for property in [Property::Owner, Property::Comment, Property::Revoked] {
            match expected.get(&property) {
                Some(value) => object.insert(property, value.clone()),
                None => object.remove(&property),
            };
        }
        match found.is_empty() {
            true => object.remove(&Property::Privileges),
            false => object.insert(Property::Privileges, Value::List(found)),
        };
    }
    live
}
