//! Whether a role may do something, and if it may not, which statements change that and who runs them. Pure.
//!
//! A command says what it needs as [`Need`]s; [`crate::ledger::pg::permission`] asks the server; what is lacking comes
//! back as [`Lack`]s. doctor, plan and every command that is refused show the same ones.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::hint::DOCTOR;
use crate::base::text::list;
use crate::config::settings::Roles;
use crate::ledger::former_owner::kept;
use crate::ledger::tables::{APPLICATION_TABLES, MANAGED_TABLES};

/// What a role must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub enum Right {
    /// CREATE on the database.
    Database,
    /// A privilege on a schema.
    Schema { schema: String, privilege: &'static str },
    /// A privilege on a table, a view or a sequence.
    Relation { schema: String, name: String, is_sequence: bool, privilege: &'static str },
    /// Every row of a table, whatever its policies say.
    Rows { schema: String, name: String },
    /// The privileges of an object's owner. `object` is the keyword and the name, as ALTER takes them.
    Ownership { object: String, owner: String },
    /// The object itself. It isn't the role's: it was asked before.
    Possession { object: String, owner: String },
    /// The privileges of a role, which it has to inherit.
    Inherit { role: String },
    /// SET ROLE to a role.
    Become { role: String },
    /// The role itself.
    Existence,
}

/// A role, and what it must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each field is named for what it holds")]
pub struct Need {
    pub role: String,
    pub right: Right,
}

impl Need {
    /// USAGE or CREATE on a schema.
    pub(crate) fn schema(role: &str, schema: &str, privilege: &'static str) -> Self {
        Self { role: role.to_owned(), right: Right::Schema { schema: schema.to_owned(), privilege } }
    }

    /// A privilege on a table.
    pub(crate) fn table(role: &str, schema: &str, name: &str, privilege: &'static str) -> Self {
        Self::relation(role, schema, name, false, privilege)
    }

    /// A privilege on a sequence.
    pub(crate) fn sequence(role: &str, schema: &str, name: &str, privilege: &'static str) -> Self {
        Self::relation(role, schema, name, true, privilege)
    }

    fn relation(role: &str, schema: &str, name: &str, is_sequence: bool, privilege: &'static str) -> Self {
        let (schema, name) = (schema.to_owned(), name.to_owned());
        Self { role: role.to_owned(), right: Right::Relation { schema, name, is_sequence, privilege } }
    }

    /// Every row of a table.
    pub(crate) fn rows(role: &str, schema: &str, name: &str) -> Self {
        Self { role: role.to_owned(), right: Right::Rows { schema: schema.to_owned(), name: name.to_owned() } }
    }
}

/// What the server says of a need that isn't met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) need: Need,
    /// The owner of what the need is about, if that role can grant it.
    pub(crate) owner: String,
    /// What ALTER … OWNER is said to, of what is in padealing, and its owner: a sequence goes with its table.
    pub(crate) holder: Option<(String, String)>,
    /// Whether policies hold for the owner of the table, too.
    pub(crate) is_forced: bool,
}

/// What the statements depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) major: u32,
    pub(crate) database: String,
    /// Roles that don't inherit by themselves (NOINHERIT), and superusers.
    pub(crate) noinherit: BTreeSet<String>,
    pub(crate) superusers: BTreeSet<String>,
    /// The roles of padealing.
    pub(crate) roles: Roles,
    /// Whether the role that DB_READER_ROLE names exists.
    pub(crate) has_reader: bool,
    /// The roles that may do what the role that DB_OWNER_ROLE names may, by inheritance.
    pub(crate) of_owner: BTreeSet<String>,
    /// The sequences that columns of a table own, by the table; both as SQL takes them.
    pub(crate) sequences: BTreeMap<String, Vec<String>>,
}

/// How a role comes by what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is given to the role itself.
    Grant,
    /// By membership in the role that reads padealing.
    Reader,
    /// With the ownership: by membership in the owner, or by owning it.
    Owner,
    /// Not at all: the application's role and the reader's are to have what `migrations/` give them, and drift finds
    /// what they have beyond.
    Withheld,
}

impl Server {
    /// How a role comes by what it lacks so that drift finds nothing wrong afterwards.
    fn way(&self, Refused { need: Need { role, right }, holder, .. }: &Refused) -> Way {
        if self.roles.confine(role) {
            return if self.is_for_confined(role, right) { Way::Grant } else { Way::Withheld };
        }
        if self.roles.owner.as_ref() == Some(role) || holder.is_none() {
            return Way::Grant;
        }
        let (reads, owns) = match right {
            Right::Schema { privilege, .. } => (*privilege == "USAGE", *privilege != "USAGE"),
            Right::Relation { name, is_sequence, privilege, .. } => match MANAGED_TABLES.contains(&&**name) {
                is_managed if is_managed || *is_sequence => {
                    let reads = is_managed && *privilege == "SELECT";
                    (reads, !reads)
                }
                _ => (false, false),
            },
            _ => (false, false),
        };
        match (owns, reads && self.has_reader) {
            (true, _) => Way::Owner,
            (false, true) => Way::Reader,
            (false, false) => Way::Grant,
        }
    }

    /// Whether the application's role, or the reader's, is to have a right.
    fn is_for_confined(&self, role: &str, right: &Right) -> bool {
        let is_app = self.roles.app.as_deref() == Some(role);
        let is_reader = self.roles.reader.as_deref() == Some(role);
        match right {
            Right::Schema { privilege, .. } => *privilege == "USAGE",
            Right::Relation { schema, is_sequence: true, privilege, .. } => {
                schema == "padealing" && is_app && *privilege == "USAGE"
            }
            Right::Relation { schema, name, privilege, .. } if schema == "padealing" => {
                let is_application = APPLICATION_TABLES.contains(&&**name);
                match (*privilege, MANAGED_TABLES.contains(&&**name)) {
                    ("SELECT", true) => is_reader || is_application,
                    ("SELECT", false) => true,
                    ("INSERT" | "UPDATE" | "DELETE", _) => is_app && is_application,
                    _ => false,
                }
            }
            Right::Relation { privilege, .. } => *privilege == "SELECT",
            Right::Rows { .. } | Right::Existence => true,
            _ => false,
        }
    }

    /// Whether a role may be granted to another. A member of a superuser would be as good as one; what a role that isn't
    /// configured may do besides, nobody knows. Where no owner is named, the owner that there is stands for it.
    fn is_grantable(&self, role: &str) -> bool {
        let Roles { owner, app, reader, .. } = &self.roles;
        let is_configured = [owner, app, reader].into_iter().any(|it| it.as_deref() == Some(role));
        !self.superusers.contains(role) && (is_configured || owner.is_none())
    }

    /// Whom to connect as where a role would have to be granted that may not be.
    fn in_place_of(&self, role: &str, right: &Right) -> Option<String> {
        let of = match right {
            Right::Inherit { role } | Right::Become { role } => role,
            Right::Ownership { .. } => self.roles.owner.as_ref().filter(|_| !self.of_owner.contains(role))?,
            _ => return None,
        };
        let why = match self.superusers.contains(of) {
            true => "is a superuser",
            false => "isn't one of the configured roles",
        };
        (!self.is_grantable(of))
            .then(|| format!("connect as {of}, or as a superuser: {of} {why}, so {role} isn't made a member of it"))
    }

    /// Who does what a confined role is not to do.
    fn instead(&self, role: &str) -> String {
        let key = if self.roles.app.as_deref() == Some(role) { "DB_APP_ROLE" } else { "DB_READER_ROLE" };
        let who = match &self.roles.owner {
            Some(owner) => format!("{owner}, or as a member of it"),
            None => "the owner of padealing, which DB_OWNER_ROLE should name, or as a member of it".to_owned(),
        };
        format!("{role} is {key}, which isn't to have these privileges; connect as {who}")
    }
}

/// Who can run a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunAs {
    /// This role, which owns what the statement is about, or a superuser.
    Role(String),
    /// A superuser.
    Superuser,
}

impl std::fmt::Display for RunAs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Role(role) => write!(f, "{role}, or a superuser"),
            Self::Superuser => f.write_str("a superuser"),
        }
    }
}

/// A statement that gives a role what it lacks. It has no semicolon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// Who can run it.
    pub run_as: RunAs,
    /// The statement.
    pub sql: String,
}

/// What a role may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// The role.
    pub role: String,
    /// In words, such as `no SELECT on padealing.pad_request`.
    pub what: String,
    /// What changes that, in order.
    pub statements: Vec<Statement>,
    /// What to do instead, if the role isn't to have it.
    pub instead: Option<String>,
}

/// What a role may not do, of what something needs. It may do it if nothing is lacking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// The connected role.
    pub role: String,
    /// What it, or a role that it depends on, lacks.
    pub lacks: Vec<Lack>,
}

impl Permissions {
    /// Whether nothing is lacking.
    pub fn are_complete(&self) -> bool {
        self.lacks.is_empty()
    }

    /// What is lacking, in words.
    pub fn words(&self) -> String {
        let other = |it: &Lack| if it.role == self.role { String::new() } else { format!("{}: ", it.role) };
        self.lacks.iter().map(|it| format!("{}{}", other(it), it.what)).collect::<Vec<_>>().join("; ")
    }
}

impl Permissions {
    /// Whom to connect as, if the role isn't to have what it lacks.
    pub fn instead(&self) -> Option<&str> {
        self.lacks.iter().find_map(|it| it.instead.as_deref())
    }

    /// What changes that, in a sentence: the statements with who runs them if they are few, and where there are more;
    /// or whom to connect as.
    pub fn remedy(&self) -> String {
        const FEW: usize = 3;
        if let Some(instead) = self.instead() {
            return instead.to_owned();
        }
        let by_role = statements(&self.lacks);
        if by_role.values().map(Vec::len).sum::<usize>() > FEW {
            return format!("`{DOCTOR}` shows the statements that change that, and who runs them");
        }
        let group = |(run_as, all): (RunAs, Vec<String>)| format!("run as {run_as}: {}", all.join("; "));
        let statements = by_role.into_iter().map(group).collect::<Vec<_>>().join("; ");
        format!("{statements}; `{DOCTOR}` shows what else the role lacks")
    }
}

/// The statements of several lacks, each once, by who runs them. Those that a superuser runs come last: they may give
/// away what the others are about.
pub fn statements<'a>(lacks: impl IntoIterator<Item = &'a Lack>) -> BTreeMap<RunAs, Vec<String>> {
    let mut found: BTreeMap<RunAs, Vec<String>> = BTreeMap::new();
    for Statement { run_as, sql } in lacks.into_iter().flat_map(|it| it.statements.clone()) {
        let group = found.entry(run_as).or_default();
        if !group.contains(&sql) {
            group.push(sql);
        }
    }
    found
}

/// A name with its schema, as SQL takes it.
fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// What is lacking, one entry for what is alike.
pub(crate) fn lacks(refused: Vec<Refused>, server: &Server) -> Vec<Lack> {
    let mut groups: Vec<Vec<Refused>> = Vec::new();
    for one in refused {
        let is_alike =
            |group: &&mut Vec<Refused>| is_alike(&group[0], &one) && server.way(&group[0]) == server.way(&one);
        match groups.iter_mut().find(is_alike) {
            Some(group) if group.contains(&one) => {}
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    let mut wholes: Vec<Vec<Refused>> = Vec::new();
    for group in groups {
        let is_same =
            |other: &&mut Vec<Refused>| is_same_place(other, &group) && server.way(&other[0]) == server.way(&group[0]);
        match wholes.iter_mut().find(is_same) {
            Some(other) => other.extend(group),
            None => wholes.push(group),
        }
    }
    let groups = wholes;
    // A schema that is given away needs no privileges on it, or to give it away, besides.
    let given: BTreeSet<(String, String)> = groups.iter().flatten().filter_map(given_schema).collect();
    let is_given = |Need { role, right }: &Need| match right {
        Right::Schema { schema, .. } => given.contains(&(role.clone(), schema.clone())),
        Right::Database => given.iter().any(|(of, _)| of == role),
        _ => false,
    };
    let lack_of = |group: &Vec<Refused>| {
        let found = lack(group, server);
        let statements = if is_given(&group[0].need) { Vec::new() } else { found.statements };
        Lack { statements, ..found }
    };
    let mut found: Vec<Lack> = groups.iter().map(lack_of).collect();
    // Who becomes a member of the owner reads by that, and past the policies of its tables.
    let becomes_owner = |role: &str| match &server.roles.owner {
        Some(owner) => {
            let membership = membership(role, owner, server);
            !membership.is_empty() && found.iter().any(|it| it.role == role && it.statements.starts_with(&membership))
        }
        None => false,
    };
    let comes_by_itself = |group: &Vec<Refused>| match &group[0].need.right {
        Right::Rows { .. } => group.iter().all(|it| it.holder.is_some() && !it.is_forced),
        _ => server.way(&group[0]) == Way::Reader,
    };
    let come_by_itself: Vec<bool> =
        groups.iter().map(|it| comes_by_itself(it) && becomes_owner(&it[0].need.role)).collect();
    for (lack, _) in found.iter_mut().zip(come_by_itself).filter(|(_, comes)| *comes) {
        lack.statements.clear();
    }
    found
}

/// The role that needs a schema to be its own, or its group's, and the schema.
fn given_schema(refused: &Refused) -> Option<(String, String)> {
    match &refused.need.right {
        Right::Ownership { object, .. } => {
            Some((refused.need.role.clone(), object.strip_prefix("schema ")?.to_owned()))
        }
        _ => None,
    }
}

/// Whether two can be said in one sentence, and mended by the same role.
fn is_alike(one: &Refused, other: &Refused) -> bool {
    if one.need.role != other.need.role || one.owner != other.owner {
        return false;
    }
    match (&one.need.right, &other.need.right) {
        (
            Right::Relation { privilege, is_sequence, .. },
            Right::Relation { privilege: other, is_sequence: sequence, .. },
        ) => privilege == other && is_sequence == sequence,
        (Right::Rows { .. }, Right::Rows { .. }) => true,
        (Right::Ownership { owner, .. }, Right::Ownership { owner: other, .. })
        | (Right::Possession { owner, .. }, Right::Possession { owner: other, .. }) => owner == other,
        (one, other) => one == other,
    }
}

/// Whether two groups are about privileges on the same relations.
fn is_same_place(one: &[Refused], other: &[Refused]) -> bool {
    let places = |group: &[Refused]| -> BTreeSet<(String, String, bool, String, String)> {
        let place = |it: &Refused| match &it.need.right {
            Right::Relation { schema, name, is_sequence, .. } => {
                Some((schema.clone(), name.clone(), *is_sequence, it.need.role.clone(), it.owner.clone()))
            }
            _ => None,
        };
        group.iter().filter_map(place).collect()
    };
    let here = places(one);
    !here.is_empty() && here == places(other)
}

/// The privileges that a group is about, each once, in their order.
fn privileges(group: &[Refused]) -> String {
    let mut found: Vec<&str> = Vec::new();
    for it in group {
        if let Right::Relation { privilege, .. } = &it.need.right
            && !found.contains(privilege)
        {
            found.push(privilege);
        }
    }
    list(found)
}

/// Names with their schema, each once; several of one schema share it: `audit_log, pad_request of padealing`.
fn places(group: &[Refused]) -> String {
    let mut by_schema: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for it in group {
        if let Right::Relation { schema, name, .. } | Right::Rows { schema, name } = &it.need.right {
            let names = by_schema.entry(schema).or_default();
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let of = |(schema, names): (&str, Vec<&str>)| match &names[..] {
        [name] => format!("{schema}.{name}"),
        many => format!("{} of {schema}", list(many)),
    };
    by_schema.into_iter().map(of).collect::<Vec<_>>().join(" and ")
}

fn lack(group: &[Refused], server: &Server) -> Lack {
    let Refused { need: Need { role, right }, owner, .. } = &group[0];
    let by_owner = |sql: String| {
        let is_role = !owner.is_empty() && !server.superusers.contains(owner);
        let run_as = if is_role { RunAs::Role(owner.clone()) } else { RunAs::Superuser };
        vec![Statement { run_as, sql }]
    };
    let to = identifier(role);
    let names = || {
        let mut names: Vec<String> = Vec::new();
        for it in group {
            if let Right::Relation { schema, name, .. } = &it.need.right
                && !names.contains(&qualified(schema, name))
            {
                names.push(qualified(schema, name));
            }
        }
        list(names)
    };
    let (what, statements) = match right {
        Right::Database => {
            let database = &server.database;
            let sql = format!("grant create on database {} to {to}", identifier(database));
            ("no CREATE on the database".to_owned(), by_owner(sql))
        }
        Right::Schema { schema, privilege } => {
            let sql = format!("grant {} on schema {} to {to}", privilege.to_lowercase(), identifier(schema));
            (format!("no {privilege} on schema {schema}"), by_owner(sql))
        }
        Right::Relation { is_sequence, .. } => {
            let (names, privileges) = (names(), privileges(group));
            let kind = match (is_sequence, names.contains(", ")) {
                (true, true) => "sequences ",
                (true, false) => "sequence ",
                (false, _) => "",
            };
            let on = if *is_sequence { "sequence " } else { "" };
            let sql = format!("grant {} on {on}{names} to {to}", privileges.to_lowercase());
            (format!("no {privileges} on {kind}{}", places(group)), by_owner(sql))
        }
        Right::Rows { .. } => {
            let sql = format!("alter role {to} bypassrls");
            let what = format!("a policy may hide rows of {}", places(group));
            (what, vec![Statement { run_as: RunAs::Superuser, sql }])
        }
        Right::Existence => {
            let sql = format!("create role {to} login");
            ("it doesn't exist".to_owned(), vec![Statement { run_as: RunAs::Superuser, sql }])
        }
        Right::Inherit { role: other } => {
            (format!("doesn't have the privileges of {other}"), membership(role, other, server))
        }
        Right::Become { role: other } => (format!("can't SET ROLE to {other}"), membership(role, other, server)),
        Right::Ownership { owner, .. } | Right::Possession { owner, .. } => {
            let objects = objects(group);
            let verb = if objects.len() == 1 { "belongs" } else { "belong" };
            let statements = match right {
                Right::Possession { .. } => give(&objects, owner, role, server),
                _ => ownership(role, owner, &objects, server),
            };
            (format!("{} {verb} to {owner}", named(&objects)), statements)
        }
    };
    let (statements, instead) = match server.way(&group[0]) {
        Way::Grant => (statements, server.in_place_of(role, right)),
        Way::Reader => (server.roles.reader.iter().flat_map(|it| membership(role, it, server)).collect(), None),
        Way::Owner => (with_ownership(role, group, server), None),
        Way::Withheld => (Vec::new(), Some(server.instead(role))),
    };
    Lack { role: role.clone(), what, statements, instead }
}

/// Gives a role what comes with the ownership of what a group is about.
fn with_ownership(role: &str, group: &[Refused], server: &Server) -> Vec<Statement> {
    let mut by_owner: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (object, owner) in group.iter().filter_map(|it| it.holder.as_ref()) {
        let objects = by_owner.entry(owner).or_default();
        if !objects.contains(&&**object) {
            objects.push(object);
        }
    }
    by_owner.into_iter().flat_map(|(owner, objects)| ownership(role, owner, &objects, server)).collect()
}

/// Objects by kind: `schema padealing and tables audit_log, pad_request of padealing`.
fn named(objects: &[&str]) -> String {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for object in objects {
        // The name is the last word before its first dot or quotation mark.
        let end = object.find(['.', '"']).unwrap_or(object.len());
        let at = object[..end].rfind(' ').unwrap_or(0);
        kinds.entry(&object[..at]).or_default().push(object[at..].trim_start());
    }
    let kind = |(kind, names): (&str, Vec<&str>)| match &names[..] {
        [name] => format!("{kind} {name}"),
        [first, ..] => {
            let schema = first.split_once('.').map(|(schema, _)| schema);
            let bare = |schema: &str| names.iter().map(|it| it.strip_prefix(schema)?.strip_prefix('.')).collect();
            let shared: Option<Vec<&str>> = schema.and_then(bare);
            match (shared, schema) {
                (Some(bare), Some(schema)) => format!("{kind}s {} of {schema}", list(bare)),
                _ => format!("{kind}s {}", list(&names)),
            }
        }
        [] => String::new(),
    };
    kinds.into_iter().map(kind).collect::<Vec<_>>().join(" and ")
}

/// The objects that a group is about.
fn objects(group: &[Refused]) -> Vec<&str> {
    fn object(it: &Refused) -> Option<&str> {
        match &it.need.right {
            Right::Ownership { object, .. } | Right::Possession { object, .. } => Some(object),
            _ => None,
        }
    }
    group.iter().filter_map(object).collect()
}

/// Gives objects to a role, and to the former owner what that is to have.
fn give(objects: &[&str], from: &str, to: &str, server: &Server) -> Vec<Statement> {
    let given = objects.iter().map(|object| format!("alter {object} owner to {}", identifier(to)));
    let kept = objects.iter().flat_map(|object| kept(from, object, &server.roles, &server.sequences));
    given.chain(kept).map(|sql| Statement { run_as: RunAs::Superuser, sql }).collect()
}

/// Makes a role a member of another, with its privileges, if that may be granted.
fn membership(role: &str, of: &str, server: &Server) -> Vec<Statement> {
    if !server.is_grantable(of) {
        return Vec::new();
    }
    let superuser = |sql| Statement { run_as: RunAs::Superuser, sql };
    let grant = format!("grant {} to {}", identifier(of), identifier(role));
    if server.major >= 16 {
        return vec![superuser(format!("{grant} with inherit true, set true"))];
    }
    let mut statements = vec![superuser(grant)];
    if server.noinherit.contains(role) {
        statements.push(superuser(format!("alter role {} inherit", identifier(role))));
    }
    statements
}

/// Gives a role the privileges of an owner: by membership, or by giving the objects to the role that is to own them.
fn ownership(role: &str, owner: &str, objects: &[&str], server: &Server) -> Vec<Statement> {
    match &server.roles.owner {
        Some(wanted) if owner == wanted => membership(role, owner, server),
        Some(wanted) => {
            let mut statements =
                if server.of_owner.contains(role) { Vec::new() } else { membership(role, wanted, server) };
            statements.extend(give(objects, owner, wanted, server));
            statements
        }
        None if server.superusers.contains(owner) => give(objects, owner, role, server),
        None => membership(role, owner, server),
    }
}
