//! The SQLSTATEs that the program acts upon (documentation, appendix A, PostgreSQL Error Codes).

/// What a pooler in statement mode says to BEGIN.
pub(crate) const PROTOCOL_VIOLATION: &str = "08P01";
/// A sequence is at its end (`sequence_generator_limit_exceeded`).
pub(crate) const SEQUENCE_LIMIT_EXCEEDED: &str = "2200H";
pub(crate) const INVALID_PARAMETER_VALUE: &str = "22023";
#[cfg(feature = "harness")]
pub(crate) const NOT_NULL_VIOLATION: &str = "23502";
pub(crate) const FOREIGN_KEY_VIOLATION: &str = "23503";
pub(crate) const UNIQUE_VIOLATION: &str = "23505";
pub(crate) const INVALID_AUTHORIZATION: &str = "28000";
pub(crate) const INVALID_PASSWORD: &str = "28P01";
/// `invalid_catalog_name`: there is no such database.
pub(crate) const UNKNOWN_DATABASE: &str = "3D000";
pub(crate) const SERIALIZATION_FAILURE: &str = "40001";
pub(crate) const DEADLOCK_DETECTED: &str = "40P01";
pub(crate) const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// There is no setting of that name, among others.
pub(crate) const UNDEFINED_OBJECT: &str = "42704";
pub(crate) const UNDEFINED_COLUMN: &str = "42703";
pub(crate) const UNDEFINED_TABLE: &str = "42P01";
pub(crate) const DUPLICATE_OBJECT: &str = "42710";
pub(crate) const DUPLICATE_TABLE: &str = "42P07";
pub(crate) const TOO_MANY_CONNECTIONS: &str = "53300";
/// The database accepts no connections, among others.
pub(crate) const NOT_IN_PREREQUISITE_STATE: &str = "55000";
/// `lock_timeout` has passed.
pub(crate) const LOCK_NOT_AVAILABLE: &str = "55P03";
/// `statement_timeout` has passed, or the statement was cancelled.
pub(crate) const QUERY_CANCELED: &str = "57014";
/// The server is starting up or shutting down.
pub(crate) const CANNOT_CONNECT_NOW: &str = "57P03";

/// What amcheck, and the server itself, say of a damaged table or index.
pub(crate) const DATA_CORRUPTED: &str = "XX001";
pub(crate) const INDEX_CORRUPTED: &str = "XX002";

/// Whether bytes are no text in one encoding, or a character is none in another (`character_not_in_repertoire`,
/// `untranslatable_character`).
pub(crate) fn is_about_encoding(sqlstate: &str) -> bool {
    ["22021", "22P05"].contains(&sqlstate)
}

/// Whether a server, or a pooler, doesn't know what a session is to begin with.
pub(crate) fn is_unknown_setting(sqlstate: &str) -> bool {
    [UNDEFINED_OBJECT, PROTOCOL_VIOLATION, INVALID_PARAMETER_VALUE].contains(&sqlstate)
}

/// Whether the server ended the session (class 57P, but for one that only refuses to begin; and the limits of a
/// transaction that is idle, or takes too long).
pub(crate) fn is_end_of_session(sqlstate: &str) -> bool {
    sqlstate.starts_with("57P") && sqlstate != CANNOT_CONNECT_NOW || ["25P03", "25P04"].contains(&sqlstate)
}

/// Whether an error is about values of rows: bad data, a violated constraint or check option, what a function raises. Its
/// message names the constraint, its detail quotes the row, with all that is personal in it.
pub(crate) fn is_about_rows(sqlstate: &str) -> bool {
    ["22", "23", "44", "P0"].iter().any(|class| sqlstate.starts_with(class))
}

/// Whether another session's lock was in the way, so that the same statement may succeed later.
pub(crate) fn is_lock_conflict(sqlstate: &str) -> bool {
    [LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED].contains(&sqlstate)
}

/// Whether another session's change or lock was in the way, so that the same work may succeed on what is there now.
pub(crate) fn is_retryable(sqlstate: &str) -> bool {
    is_lock_conflict(sqlstate) || [SERIALIZATION_FAILURE, UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION].contains(&sqlstate)
}
