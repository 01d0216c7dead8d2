//! Everything that is tested through the library's and the program's own doors, in one binary.
//!
//! - `transform`: tables of cases for the pure core, no database.
//! - `generate`: the generator of legacy rows, and its predictions, through a real database.
//! - `laws`: properties of transform and reconstruct, and of the whole way through a real database.
//! - `fixtures`: every folder of `fixtures/legacy/cases`, migrated and compared with what it expects.
//! - `revisions`: the laws of the migration set.
//! - `migrate`, `verify`: idempotency, resuming, locks, dry runs; corruption that must be found.
//! - `evidence`: what a bundle of evidence holds.
//! - `csv`: the legacy table as a CSV file.
//! - `rollback`: migrated rows that are rolled back, and what is kept. `clean`: test data.
//! - `program`: the built command as its user runs it.
//! - `help`: what the program says of itself. `screens`: what people are shown at night: groups, progress, questions.
//! - `configuration`: what is in files and variables, where it came from, and everything that is wrong with it.
//! - `connect`: every way of not getting a session is one sentence; TLS.
//! - `environment`: what the shell of the tests holds has no say in them.
//! - `faults`: everything that can fail on the way, at each message: a write happens whole or not at all.
//! - `files`: what is done to files that a flag names.
//! - `doctor`: an environment examined. `live`: the same on a real one, when asked for. `local`: what local may do.
//! - `server`: the ephemeral server leaves nothing behind.
//! - `backup`: what is restored is what was backed up, and what isn't good is no backup.
//! - `permissions`: whether a role may do something, said beforehand.
//! - `neighbours`: what belongs to others is left alone.
//! - `integrity`: the checks of rows; acceptance scenarios.
//! - `settings`: what a database sets for every session.
//! - `pooler`: what isn't a session. `silence`: networks that carry nothing any more.
//! - `hostile`: names and values that a terminal, psql or a CI system would obey.
//! - `fuzz`: the corpora of `scripts/fuzz`, replayed, and PostgreSQL as their oracle.
//! - `guard`: what may be sent for a change of the schema.
//! - `plan`: plans, that they lead where they should, and that nothing is half done whatever dies on the way.
//! - `plant`: the faults that a rehearsal plants, so that verify finds them.
//! - `cutover`: the change night, there and back.
//! - `gate`: GO or NO-GO, and why.
//! - `report`: the document for those who sign it.
//! - `reference`: what tables are for, and where each legacy column went.
//! - `serve`: the dashboard.
//! - `models`: what a SQLAlchemy and Alembic project expects, against an environment.
//! - `layers`: arrows between files run down, and pure files are pure.
//! - `docs`: what the documents name is there, and their samples are current. `schemas`: the JSON contract.
//! - `tidy`: conventions. `snapshots`: their names. `waiting`: waits that end.

mod backup;
mod clean;
mod configuration;
mod connect;
mod csv;
mod cutover;
mod docs;
mod doctor;
pub(crate) mod drift;
mod environment;
pub(crate) mod evidence;
mod faults;
mod files;
mod fixtures;
mod fuzz;
mod gate;
mod generate;
mod guard;
mod harness;
mod help;
mod hostile;
mod integrity;
mod laws;
mod layers;
mod live;
mod local;
mod migrate;
mod models;
mod neighbours;
mod permissions;
mod plan;
mod plant;
mod pooler;
mod program;
mod reference;
mod report;
mod revisions;
mod rollback;
mod schemas;
mod screens;
mod serve;
mod server;
mod settings;
mod silence;
mod snapshots;
mod tidy;
mod transform;
mod verify;
mod waiting;
