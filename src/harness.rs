//! Everything around the migration that proves it: ephemeral servers and databases, legacy rows by hand and by the
//! million, and the rehearsal of the whole cutover.

pub mod fixtures;
pub mod generate;
pub mod pg;
pub mod plant;
pub mod rehearse;
pub mod restore;
pub mod server;
