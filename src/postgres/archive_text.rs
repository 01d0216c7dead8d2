//! The script that pg_restore makes of an archive: what its lines mean. Pure.

/// A relation, by schema and name.
pub(crate) type Name = (String, String);

/// What the head of a COPY says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyHead {
    pub(crate) table: Name,
    /// In the order of the fields of each row.
    pub(crate) columns: Vec<String>,
}

/// Where a sequence stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SequenceSet {
    pub(crate) sequence: Name,
    pub(crate) last_value: i64,
    pub(crate) is_called: bool,
}

/// What the end of a COPY's rows looks like. In a row a backslash is doubled.
pub(crate) const END_OF_ROWS: &[u8] = b"\\.\n";

/// Reads `COPY schema.table (a, b) FROM stdin;`.
pub(crate) fn copy_head(text: &str) -> Option<CopyHead> {
    let (table, rest) = qualified(text.strip_prefix("COPY ")?)?;
    let mut rest = rest.strip_prefix(" (")?;
    let mut columns = Vec::new();
    loop {
        let (column, more) = identifier(rest)?;
        columns.push(column);
        match more.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return (more.trim_end() == ") FROM stdin;").then_some(CopyHead { table, columns }),
        }
    }
}

/// Reads `SELECT pg_catalog.setval('schema.sequence', 1, true);`.
pub(crate) fn sequence_set(text: &str) -> Option<SequenceSet> {
    let rest = text.strip_prefix("SELECT pg_catalog.setval('")?.trim_end().strip_suffix(");")?;
    let (name, values) = rest.rsplit_once("', ")?;
    let (last_value, is_called) = values.split_once(", ")?;
    let name = name.replace("''", "'");
    let (sequence, "") = qualified(&name)? else { return None };
    Some(SequenceSet { sequence, last_value: last_value.parse().ok()?, is_called: is_called.parse().ok()? })
}

/// A qualified name, and what follows it.
fn qualified(text: &str) -> Option<(Name, &str)> {
    let (schema, rest) = identifier(text)?;
    let (name, rest) = identifier(rest.strip_prefix('.')?)?;
    Some(((schema, name), rest))
}

/// An identifier as pg_dump quotes it, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

/// A field of a row, without COPY's escapes; none if it is null.
pub(crate) fn field(row: &[u8], at: usize) -> Option<String> {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    let raw = row.split(|byte| *byte == b'\t').nth(at)?;
    if raw == b"\\N" {
        return None;
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next() {
                Some(b'b') => 8,
                Some(b't') => b'\t',
                Some(b'n') => b'\n',
                Some(b'v') => 11,
                Some(b'f') => 12,
                Some(b'r') => b'\r',
                Some(other) => *other,
                None => b'\\',
            },
            byte => *byte,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Settings between the statements of a script: what every database has by default.
const DEFAULTS: [&str; 2] = ["SET default_tablespace = '';\n", "SET default_table_access_method = heap;\n"];

/// The script of a section as one of our sessions takes it: without what only psql knows, and without the settings at
/// its head, which are ours to choose; some of them an older server doesn't know.
pub(crate) fn statements(script: &str) -> String {
    let head_end = script.find("\n-- Name: ").unwrap_or(script.len());
    let (head, body) = script.split_at(head_end);
    let is_ours = |line: &str| line.starts_with("SET ") || line.starts_with("SELECT pg_catalog.set_config(");
    let is_psql = |line: &str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    let head = head.split_inclusive('\n').filter(|line| !is_ours(line) && !is_psql(line));
    // The last line that isn't a comment is psql's.
    let end = body.rfind("\n\\unrestrict ").filter(|at| !body[at + 1..].trim_end().contains('\n'));
    let body = &body[..end.unwrap_or(body.len())];
    head.chain(body.split_inclusive('\n').filter(|line| !DEFAULTS.contains(line))).collect()
}
