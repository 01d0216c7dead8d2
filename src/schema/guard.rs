//! What may be sent for a change of the schema: the half of the guard that comes before. Pure.
//!
//! A text is parsed, and its tree walked. Whatever would create, alter, drop, write, grant on or lock something outside
//! `padealing` is refused, and so is whatever isn't known here or can't be parsed. Three rules do most of it: a statement
//! is of a kind that is listed; **a name in a tree is a target unless its place is listed as one that only reads**; and a
//! statement that names nothing of ours is refused. What the text doesn't say (that a table is a view, what a trigger
//! or a function does that is there already) is for the half that comes after, which looks at locks.
//!
//! This holds for sessions with `search_path = pg_catalog` and `standard_conforming_strings = on`.

use squawk_syntax::ast::{self, AstNode as _};
use squawk_syntax::body::BodyLanguage as _;
use squawk_syntax::{SourceFile, SyntaxElement, SyntaxKind as S, SyntaxNode, SyntaxToken};

use crate::schema::names::{APPLICATION_SCHEMA as OURS, CONTRACT_SCHEMA as THEIRS, MANAGED_TABLES};

/// Which way a change goes, and what else is allowed.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// A way down: our own managed tables may be dropped, and columns too. Never with CASCADE.
    pub down: bool,
    /// A local or ephemeral database: the reference mirror's own DDL, comment and grants are allowed in bo_airflow.
    pub mirror: bool,
    /// Schemas from which a managed table ([`MANAGED_TABLES`]) or a sequence may be moved into padealing
    /// (`SET SCHEMA padealing`), and back to `public` when `down`.
    pub moves_from: Vec<String>,
}

/// Why a statement is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused to send `{statement}`: {reason}")]
pub struct Refusal {
    /// How the statement begins, on one line.
    pub statement: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Stands for what `%I` and `%L` of a dynamic statement will be. Nobody's text may hold the character.
const HOLE: char = '\u{F8FF}';

/// What may be created, altered and dropped in our schema, as the tree's nodes call it.
const OBJECTS: &str = "INDEX VIEW MATERIALIZED_VIEW TYPE DOMAIN FUNCTION PROCEDURE ROUTINE AGGREGATE OPERATOR COLLATION \
    STATISTICS TEXT_SEARCH_CONFIGURATION TEXT_SEARCH_CONFIG TEXT_SEARCH_DICTIONARY TEXT_SEARCH_DICT TRIGGER RULE POLICY \
    CAST";
/// What holds data, and is dropped on a way down only.
const HOLDERS: &str = "SCHEMA TABLE FOREIGN_TABLE SEQUENCE";
const OTHERS: &str = "CREATE_TABLE_AS ALTER_DEFAULT_PRIVILEGES COMMENT_ON GRANT REVOKE REFRESH REINDEX INSERT UPDATE DELETE \
    DO EMPTY_STMT";
const QUERIES: &str = "SELECT COMPOUND_SELECT PAREN_SELECT VALUES TABLE";
/// Statements that only say what is to be computed later, by others.
const DEFINITIONS: &str = "CREATE_VIEW CREATE_POLICY ALTER_POLICY CREATE_RULE CREATE_FUNCTION CREATE_PROCEDURE";

/// Functions of pg_catalog that a statement may call while it runs. None writes anything but our sequences.
const LISTED: &str = "abs age array_agg array_append array_cat array_length array_position array_remove array_to_json \
    array_to_string array_upper avg bool_and bool_or btrim cardinality ceil char_length clock_timestamp coalesce \
    col_description concat concat_ws count current_database current_schema current_schemas current_setting currval \
    date_part date_trunc decode encode every floor format format_type gen_random_uuid generate_series greatest \
    has_schema_privilege has_sequence_privilege has_table_privilege initcap json_agg json_build_object jsonb_agg \
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each \
    jsonb_each_text jsonb_object_agg jsonb_object_keys jsonb_set jsonb_strip_nulls jsonb_typeof justify_interval least \
    left length lower lpad ltrim make_date make_interval make_timestamp max md5 min mod nextval now nullif \
    obj_description octet_length overlay pg_get_constraintdef pg_get_expr pg_get_indexdef pg_get_serial_sequence \
    pg_get_userbyid pg_get_viewdef pg_has_role pg_table_is_visible pg_typeof position power quote_ident quote_literal \
    quote_nullable rank regexp_match regexp_matches regexp_replace regexp_split_to_array repeat replace reverse right \
    round row_number row_to_json rpad rtrim setval sha256 split_part starts_with statement_timestamp string_agg \
    string_to_array strpos substr substring sum timezone to_char to_date to_json to_jsonb to_number to_regclass \
    to_regnamespace to_regproc to_regrole to_regtype to_timestamp transaction_timestamp translate trunc unnest upper \
    version";
/// Beginnings of the names of functions that do things: of pg_catalog's, all volatile ones that are not harmless.
const ACTING: &str = "pg_ lo_ loread lowrite gin_ brin_ binary_upgrade dblink set_config query_to_xml cursor_to_xml \
    table_to_xml schema_to_xml database_to_xml ts_stat ts_rewrite currtid plpgsql_";
/// Settings that a function may have. None changes how a statement is read or as whom it runs.
const SETTINGS: &str = "search_path work_mem timezone datestyle intervalstyle statement_timeout lock_timeout \
    client_min_messages enable_seqscan jit plan_cache_mode extra_float_digits";
/// Options of types and operators that create or change what they name.
const NAMING_OPTIONS: &str = "commutator negator multirange_type_name";

/// Outside a statement that was checked, none of these words is in a block or a body.
const WRITING_WORDS: &str = "insert update delete merge truncate create alter drop grant revoke lock copy call set reset do \
    execute";

type Checked = Result<(), Refusal>;

/// Checks every statement of a text.
pub fn check(sql: &str, scope: &Scope) -> Result<(), Refusal> {
    if sql.contains(['\0', HOLE]) {
        return Err(refusal(sql, "it has a character that no statement of ours has"));
    }
    Guard { scope, place: Place::Sent, calls: Calls::Listed }.text(sql)
}

/// Where a statement stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is sent as it is, or it is in a rule, whose action others run.
    Sent,
    /// In a DO block.
    Block,
    /// In the body of a function: it does not run now.
    Body,
}

/// Which functions may be called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Calls {
    /// Those that are [`LISTED`].
    Listed,
    /// All but theirs and those that are [`ACTING`].
    Harmless,
    /// Any: nothing runs now.
    Any,
}

#[derive(Clone, Copy)]
struct Guard<'a> {
    scope: &'a Scope,
    place: Place,
    calls: Calls,
}

impl Guard<'_> {
    fn text(self, sql: &str) -> Checked {
        let parsed = SourceFile::parse(sql);
        let root = parsed.syntax_node();
        if let Some(error) = parsed.errors().first() {
            let at = |it: &SyntaxNode| it.text_range().contains_inclusive(error.range().start());
            let text = root.children().find(at).map_or(sql.to_owned(), |it| it.text().to_string());
            return Err(refusal(&text, &format!("it can't be parsed: {}", error.message())));
        }
        check_tokens(&root)?;
        root.children().try_for_each(|it| self.statement(&it))
    }

    fn plpgsql(self, source: &str) -> Checked {
        let source = without_into(source);
        let (green, errors) = ast::Plpgsql::parse_text(&source);
        if let Some(error) = errors.first() {
            return Err(refusal(&source, &format!("it can't be parsed: {}", error.message())));
        }
        let root = SyntaxNode::new_root(green);
        check_tokens(&root)?;
        Guard { calls: if self.place == Place::Body { Calls::Any } else { Calls::Listed }, ..self }
            .walk(&root, &mut 0)?;
        // A second opinion on the walk.
        for token in tokens(&root).filter(|it| among(WRITING_WORDS, &it.text().to_ascii_lowercase())) {
            let Some(parent) = token.parent() else { continue };
            let executes = token.kind() == S::EXECUTE_KW && is_dynamic(parent.kind());
            if !executes && !parent.ancestors().any(|it| ast::Stmt::can_cast(it.kind())) {
                return refuse(&parent, &format!("{} is not part of a statement", token.text()));
            }
        }
        Ok(())
    }

    fn statement(self, node: &SyntaxNode) -> Checked {
        let kind = name_of(node.kind());
        let (verb, object) = kind.split_once('_').unwrap_or_default();
        match verb {
            "DROP" if among(HOLDERS, object) && !self.scope.down => {
                return refuse(node, "nothing that holds data is dropped on the way up");
            }
            "CREATE" | "ALTER" | "DROP" if among(OBJECTS, object) || among(HOLDERS, object) => {}
            _ if among(OTHERS, &kind) || among(QUERIES, &kind) => {}
            _ => return refuse(node, why_not(&kind)),
        }
        if self.is_move(node) {
            return Ok(());
        }
        match node.kind() {
            S::DO => return self.block(node),
            S::CREATE_FUNCTION | S::CREATE_PROCEDURE => self.routine(node)?,
            S::REINDEX if child(node, S::REINDEX_TARGET_INDEX).is_none() => {
                return refuse(node, "only an index may be rebuilt");
            }
            _ if child(node, S::SET_SCHEMA).is_some() => {
                return refuse(node, "only managed tables and sequences are moved, and only where that is allowed");
            }
            _ => {}
        }
        let calls = match self.place {
            Place::Body => Calls::Any,
            _ if among(DEFINITIONS, &kind) => Calls::Any,
            _ if among(QUERIES, &kind)
                || among("INSERT UPDATE DELETE CREATE_TABLE_AS CREATE_MATERIALIZED_VIEW", &kind) =>
            {
                Calls::Listed
            }
            _ => Calls::Harmless,
        };
        let mut ours = 0;
        Guard { calls, ..self }.walk(node, &mut ours)?;
        if ours == 0 && kind != "EMPTY_STMT" && !among(QUERIES, &kind) {
            return refuse(node, "it names nothing in padealing");
        }
        Ok(())
    }

    /// Everything below a node. Counts what is named as a target.
    fn walk(self, node: &SyntaxNode, ours: &mut usize) -> Checked {
        for it in node.children_with_tokens() {
            let it = match it {
                SyntaxElement::Node(it) => it,
                SyntaxElement::Token(it) if it.kind() == S::CASCADE_KW => {
                    let key = [S::ON_DELETE_ACTION, S::ON_UPDATE_ACTION];
                    if node.parent().is_some_and(|it| key.contains(&it.kind())) {
                        continue;
                    }
                    return refuse(node, "CASCADE reaches what others have built");
                }
                SyntaxElement::Token(_) => continue,
            };
            if let Some(reason) = self.never(node.kind(), &it) {
                return refuse(&it, reason);
            }
            let is_statement = ast::Stmt::can_cast(it.kind()) && !among(QUERIES, &name_of(it.kind()));
            let parent = name_of(node.kind());
            match it.kind() {
                S::PATH | S::PATH_REF => self.name(&it, ours)?,
                S::SCHEMA | S::SCHEMA_REF => {
                    let schema = text_of(&it);
                    let place = [S::NAMED_SCHEMA, S::OBJECT_SCHEMA].contains(&node.kind())
                        || node.ancestors().any(|it| it.kind() == S::GRANT);
                    if schema != OURS && !(self.scope.mirror && place && schema == THEIRS) {
                        return refuse(&it, &format!("schema {schema} is not padealing"));
                    }
                    *ours += 1;
                }
                _ if is_statement && parent.starts_with("RULE_") => {
                    Guard { place: Place::Sent, ..self }.statement(&it)?;
                }
                _ if is_statement && parent == "ATOMIC_BODY" => Guard { place: Place::Body, ..self }.statement(&it)?,
                _ if is_statement && parent.starts_with("PLPGSQL_") => self.statement(&it)?,
                _ if is_statement => return refuse(&it, "it is within another statement"),
                kind => {
                    match kind {
                        S::ATTRIBUTE_OPTION => self.option(&it)?,
                        S::CALL_EXPR => self.call(&it)?,
                        S::PLPGSQL_EXPR if is_dynamic(node.kind()) => self.dynamic(&it)?,
                        _ => {}
                    }
                    self.walk(&it, ours)?;
                }
            }
        }
        Ok(())
    }

    /// Why a part of a statement is refused, whatever it says.
    fn never(self, parent: S, part: &SyntaxNode) -> Option<&'static str> {
        Some(match part.kind() {
            S::SET_SCHEMA => "it sets a schema",
            S::TABLESPACE_REF => "tablespaces are not ours to choose",
            S::TEMP => "a temporary object is in no schema of ours",
            S::LOCKING_CLAUSE => "it locks rows",
            S::SELECT_INTO | S::INTO_CLAUSE => "SELECT INTO creates a table",
            S::DROP_COLUMN if !self.scope.down => "no column is dropped on the way up",
            S::PLPGSQL_EXCEPTION_SECTION if self.place == Place::Block => "EXCEPTION hides what has failed",
            S::PLPGSQL_COMMIT_STMT | S::PLPGSQL_ROLLBACK_STMT => why_not("COMMIT"),
            S::INHERITS | S::PARTITION_OF | S::INHERIT_TABLE if name_of(parent).contains("FOREIGN") => {
                "rows of ours would go to a foreign table"
            }
            S::RULE_EVENT if tokens(part).any(|it| it.kind() == S::SELECT_KW) => "it makes a view of a table",
            S::FOREIGN_OPTION_NAME if text_of(part) == "program" || text_of(part).contains(HOLE) => "it runs a program",
            S::SET_FUNC_OPTION if child(part, S::SET_CONFIG_PARAM).is_none() => "a function may not set that",
            S::OP
                if ![S::OPERATOR_CALL, S::CONSTRAINT_EXCLUSION].contains(&parent)
                    && child(part, S::PATH_REF).is_none() =>
            {
                "an operator without a schema is not ours"
            }
            _ => return None,
        })
    }

    /// A name with its qualifiers, in whatever place it has.
    fn name(self, path: &SyntaxNode, ours: &mut usize) -> Checked {
        let parts = names(path);
        let (Some(schema), Some(last)) = (parts.first(), parts.last()) else {
            return refuse(path, "a name is missing");
        };
        let (written, alone) = (parts.join("."), parts.len() == 1);
        let mut above = path.ancestors().skip(1).map(|it| it.kind()).chain([S::ERROR; 3]);
        let places = [above.next(), above.next(), above.next()].map(|it| it.unwrap_or(S::ERROR));
        let statement = path.ancestors().map(|it| it.kind()).find(|it| ast::Stmt::can_cast(*it)).unwrap_or(S::ERROR);
        let (managed, hole) = (MANAGED_TABLES.contains(&&**last), last.contains(HOLE));
        match places {
            // A cast has no name; it is ours if one of its types is.
            [S::PATH_TYPE, S::CAST_SIG, _] => {
                *ours += usize::from(parts.len() == 2 && schema == OURS);
                return Ok(());
            }
            [S::OP, S::OPERATOR_CALL, _] if self.calls == Calls::Listed && schema != "pg_catalog" => {
                return refuse(path, &format!("an operator of {schema} is not listed"));
            }
            // Here a name is only read.
            [S::PATH_TYPE | S::PERCENT_TYPE | S::PLPGSQL_PERCENT_ROWTYPE | S::PLPGSQL_ALIAS_TARGET, ..]
            | [S::OP, S::OPERATOR_CALL | S::CONSTRAINT_EXCLUSION, _]
            | [S::OP_CLASS_REF, S::PARTITION_ITEM | S::CONFLICT_INDEX_ITEM, _]
            | [S::COLLATION_REF, S::COLLATE | S::COLLATION_FROM, _]
            | [S::TABLE_NAME_REF, S::FOREIGN_KEY_CONSTRAINT | S::REFERENCES_CONSTRAINT, _]
            | [S::RELATION_NAME_REF, S::LIKE_CLAUSE | S::RELATION_FROM_ITEM, _]
            | [S::RELATION_NAME_REF, S::RELATION_NAME, S::TABLE]
            | [S::FUNCTION_NAME_REF, S::SUPPORT_FUNC_OPTION, _]
            | [S::FUNCTION_NAME_REF, S::FUNCTION_SIG, S::WITH_FUNCTION]
            | [S::TEXT_SEARCH_DICTIONARY_REF, S::ADD_MAPPING | S::ALTER_MAPPING | S::REPLACE_DICTIONARY, _] => {
                return Ok(());
            }
            [S::CONFIG_PARAMETER_REF, place, _] => {
                let listed = place != S::PRIVILEGE_PARAMETER && alone && among(SETTINGS, last);
                return if listed { Ok(()) } else { refuse(path, &format!("setting {written} is not listed")) };
            }
            // A view or a foreign table would be written through under a managed table's name.
            [_, S::TABLE_RENAME_TO | S::VIEW_RENAME_TO | S::INDEX_RENAME_TO | S::SEQUENCE_RENAME_TO, _]
            | [_, S::CREATE_VIEW | S::CREATE_MATERIALIZED_VIEW | S::CREATE_FOREIGN_TABLE, _]
                if managed || hole =>
            {
                return refuse(path, "the name is a managed table's");
            }
            // Such a name has no schema: it stays in that of what it belongs to.
            [S::CONSTRAINT_NAME_REF, ..]
            | [S::INDEX_REF, S::CLUSTER_ON | S::USING_INDEX_NAME | S::USING_INDEX, _]
            | [S::INDEX, S::CREATE_INDEX, _]
                if alone =>
            {
                return Ok(());
            }
            [_, place, _] if alone && name_of(place).ends_with("_RENAME_TO") => return Ok(()),
            _ => {}
        }
        let mirrored = self.scope.mirror && [S::CREATE_TABLE, S::CREATE_INDEX].contains(&statement) && schema == THEIRS;
        // With one part more, the first is a database: `padealing.bo_airflow.x`.
        let length = if places[0] == S::QUALIFIED_COLUMN_NAME_REF { 3 } else { 2 };
        *ours += 1;
        match statement {
            _ if parts.len() != length || schema != OURS && !mirrored => {
                refuse(path, &format!("{written} is not in padealing, or its name does not say so"))
            }
            S::INSERT | S::UPDATE | S::DELETE if !managed && self.place != Place::Body => {
                refuse(path, &format!("{written} is not a managed table, and might be a view"))
            }
            S::DROP_TABLE if !managed && !hole => refuse(path, &format!("{written} is not a managed table")),
            _ => Ok(()),
        }
    }

    /// `commutator = operator(bo_airflow.+)` and the like.
    fn option(self, option: &SyntaxNode) -> Checked {
        let name = child(option, S::ATTRIBUTE_NAME).map(|it| text_of(&it).to_lowercase());
        let path = option.descendants().find(|it| it.kind() == S::PATH_REF).map(|it| it.text().to_string());
        match name {
            Some(name) if name.contains(HOLE) => refuse(option, "which option it is, is not known"),
            Some(name) if among(NAMING_OPTIONS, &name) && !path.is_some_and(|it| is_our_name(&it)) => {
                refuse(option, &format!("{name} is not in padealing, or its name does not say so"))
            }
            _ => Ok(()),
        }
    }

    fn call(self, call: &SyntaxNode) -> Checked {
        let Some(callee) = call.first_child() else { return refuse(call, "it calls something without a name") };
        let is_name = |it: SyntaxNode| matches!(it.kind(), S::NAME_REF | S::FIELD_EXPR);
        let parts = match callee.kind() {
            S::NAME_REF | S::FIELD_EXPR if callee.descendants().all(is_name) => names(&callee),
            // A function in the standard's words: EXTRACT(… FROM …).
            kind if name_of(kind).ends_with("_FN") => return Ok(()),
            _ => return refuse(call, "it calls something without a name"),
        };
        let (schema, name) = match &parts[..] {
            [name] => ("pg_catalog", &**name),
            [schema, name] => (&**schema, &**name),
            _ => return refuse(call, "it calls a function of another database"),
        };
        if among("nextval setval", name) {
            match sequence(call) {
                Some(it) if is_our_name(&it) => {}
                None if self.calls == Calls::Any => {}
                _ => return refuse(call, &format!("{name} is not of a sequence in padealing, or does not say so")),
            }
        }
        let allowed = match self.calls {
            Calls::Any => true,
            Calls::Listed => schema == "pg_catalog" && among(LISTED, name),
            Calls::Harmless => {
                let acts = ACTING.split_whitespace().any(|it| name.starts_with(it)) && !among(LISTED, name);
                schema == OURS || schema != THEIRS && !acts && !parts.iter().any(|it| it.contains(HOLE))
            }
        };
        if allowed { Ok(()) } else { refuse(call, &format!("function {} is not listed", parts.join("."))) }
    }

    /// A managed table or a sequence that goes to its other schema, or a comment on one that has gone there.
    fn is_move(self, node: &SyntaxNode) -> bool {
        let children: Vec<SyntaxNode> = node.children().filter(|it| it.kind() != S::IF_EXISTS).collect();
        let path = children.first().and_then(|it| it.descendants().find(|it| it.kind() == S::PATH_REF));
        let Some(path) = path else { return false };
        let parts = names(&path);
        let [from, name] = &parts[..] else { return false };
        let known = MANAGED_TABLES.contains(&&**name) || name.contains(HOLE);
        let may = |schema: &str| self.scope.moves_from.iter().any(|it| it == schema);
        match (node.kind(), &children[..]) {
            (S::ALTER_TABLE | S::ALTER_SEQUENCE, [_, set]) if set.kind() == S::SET_SCHEMA => {
                let Some(to) = child(set, S::SCHEMA_REF).map(|it| text_of(&it)) else { return false };
                let up = to == OURS && may(from);
                let down = self.scope.down && from == OURS && to == "public" && may("public");
                (up || down) && (known || node.kind() == S::ALTER_SEQUENCE)
            }
            (S::COMMENT_ON, [on, ..]) if on.kind() == S::OBJECT_TABLE => {
                self.scope.down && known && from == "public" && may("public")
            }
            _ => false,
        }
    }

    fn block(self, node: &SyntaxNode) -> Checked {
        if self.place != Place::Sent {
            return refuse(node, "there is a block within a block");
        }
        let languages: Vec<SyntaxNode> = node.children().filter(|it| it.kind() == S::DO_LANGUAGE).collect();
        let mut bodies = node.children().filter(|it| it.kind() == S::LITERAL);
        let (Some(body), None, 0..=1) = (bodies.next(), bodies.next(), languages.len()) else {
            return refuse(node, "its body is not to be found");
        };
        if !languages.iter().all(|it| language(it).as_deref() == Some("plpgsql")) {
            return refuse(node, "its language is not plpgsql");
        }
        match literal(&body) {
            Some(body) => Guard { place: Place::Block, ..self }.plpgsql(&body),
            None => refuse(node, "its body is spelt with escapes"),
        }
    }

    /// The body of a function that is in a string; one that is not is walked with the rest.
    fn routine(self, node: &SyntaxNode) -> Checked {
        let options: Vec<SyntaxNode> =
            node.children().filter(|it| it.kind() == S::FUNC_OPTION_LIST).flat_map(|it| it.children()).collect();
        let all = |kind| options.iter().filter(move |it| it.kind() == kind);
        let (mut languages, mut bodies) = (all(S::LANGUAGE_FUNC_OPTION), all(S::AS_FUNC_OPTION));
        let (language, body) = (languages.next().map(language), bodies.next());
        if languages.next().is_some() || bodies.next().is_some() {
            return refuse(node, "it has two languages or two bodies");
        }
        let text =
            body.map(|it| child(it, S::AS_DEFINITION).and_then(|it| it.first_child()).and_then(|it| literal(&it)));
        let guard = Guard { place: Place::Body, ..self };
        match (language.as_ref().map(|it| it.as_deref()), text) {
            (None | Some(Some("sql")), None) => Ok(()),
            (Some(Some("sql")), Some(Some(text))) => guard.text(&text),
            (Some(Some("plpgsql")), Some(Some(text))) => guard.plpgsql(&text),
            (Some(Some("sql" | "plpgsql")), Some(None)) => refuse(node, "its body is spelt with escapes"),
            _ => refuse(node, "its language is neither sql nor plpgsql"),
        }
    }

    /// What `execute` is given: a literal, or `format` of one.
    fn dynamic(self, expression: &SyntaxNode) -> Checked {
        let value = only_child(expression).and_then(|it| only_child(&it)).and_then(|it| only_child(&it));
        let is_format = |it: &SyntaxNode| {
            it.first_child().is_some_and(|it| ["format", "pg_catalog.format"].contains(&&*it.text().to_string()))
        };
        let text = match value {
            Some(it) if it.kind() == S::CALL_EXPR && is_format(&it) => {
                first_argument(&it).and_then(|it| literal(&it)).map(|it| filled(&it))
            }
            Some(it) => literal(&it).map(Some),
            None => None,
        };
        match text {
            Some(Some(text)) => self.text(&text),
            Some(None) => refuse(expression, "the format has something else than %I and %L, or glues them to a name"),
            None => refuse(expression, "what is executed is not written here in one piece"),
        }
    }
}

/// A format with holes for its arguments, if they are whole names (`%I`) and literals (`%L`).
fn filled(format: &str) -> Option<String> {
    let glues = |it: char| it.is_alphanumeric() || "_$&'\"%\\".contains(it);
    let (mut text, mut rest) = (String::new(), format);
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let argument = rest.trim_start_matches(|it: char| it.is_ascii_digit());
        let quote = match argument.strip_prefix('$').filter(|_| argument.len() < rest.len()).unwrap_or(rest) {
            it if it.starts_with('I') => '"',
            it if it.starts_with('L') => '\'',
            _ => return None,
        };
        rest = &rest[rest.find(['I', 'L'])? + 1..];
        if text.ends_with(glues) || rest.starts_with(glues) {
            return None;
        }
        text.extend([quote, HOLE, quote]);
    }
    Some(text + rest)
}

/// A body without the targets of `select … into x, y`, as PL/pgSQL itself takes them out. The parser doesn't, and leaves
/// such a statement as one error.
fn without_into(source: &str) -> String {
    let root = SyntaxNode::new_root(ast::Plpgsql::parse_text(source).0);
    let mut text = source.to_owned();
    for error in root.descendants().filter(|it| it.kind() == S::ERROR) {
        let words: Vec<SyntaxToken> = tokens(&error).collect();
        let kind = |at: usize| words.get(at).map_or(S::EOF, |it| it.kind());
        if ![S::SELECT_KW, S::WITH_KW, S::INSERT_KW, S::UPDATE_KW, S::DELETE_KW].contains(&kind(0)) {
            continue;
        }
        let Some(into) = (1..words.len()).find(|it| kind(*it) == S::INTO_KW && kind(it - 1) != S::INSERT_KW) else {
            continue;
        };
        let mut last = into + 1 + usize::from(kind(into + 1) == S::STRICT_KW);
        while matches!(kind(last + 1), S::DOT | S::COMMA) {
            last += 2;
        }
        let (Some(first), Some(last)) = (words.get(into), words.get(last)) else { continue };
        let range = usize::from(first.text_range().start())..usize::from(last.text_range().end());
        text.replace_range(range.clone(), &" ".repeat(range.len()));
    }
    text
}

/// Refuses what the parser and Postgres may read differently, and holes that would be filled otherwise than they look.
fn check_tokens(root: &SyntaxNode) -> Checked {
    let mut escaped = false;
    for token in root.descendants_with_tokens().filter_map(SyntaxElement::into_token) {
        let (kind, text) = (token.kind(), token.text());
        let whole = matches!(kind, S::IDENT | S::STRING) && text.chars().count() == 3;
        let reason = match kind {
            S::ERROR => "it has a character that isn't SQL",
            S::IDENT if text.starts_with(['u', 'U']) && text[1..].starts_with('&') => {
                "U&\"\" spells a name with escapes"
            }
            // The string goes on with escapes, for Postgres; not for the parser.
            S::STRING if escaped => "a string with escapes goes on in a second one",
            _ if text.contains(HOLE) && !whole => "%I or %L would be part of something else",
            S::WHITESPACE | S::COMMENT => continue,
            _ => {
                escaped = kind == S::ESC_STRING;
                continue;
            }
        };
        return Err(refusal(&root.text().to_string(), reason));
    }
    Ok(())
}

/// What a string literal says, unless it is spelt with escapes or in pieces, or is a hole.
fn literal(node: &SyntaxNode) -> Option<String> {
    let mut words = tokens(node);
    let (Some(word), None, S::LITERAL) = (words.next(), words.next(), node.kind()) else { return None };
    let text = word.text();
    match word.kind() {
        S::STRING => Some(text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'")),
        S::DOLLAR_QUOTED_STRING => {
            let tag = &text[..text[1..].find('$')? + 2];
            Some(text.strip_prefix(tag)?.strip_suffix(tag)?.to_owned())
        }
        _ => None,
    }
    .filter(|it| !it.contains(HOLE))
}

/// The language that an option names.
fn language(option: &SyntaxNode) -> Option<String> {
    let name = option.first_child()?;
    if name.kind() == S::LANGUAGE_REF { Some(text_of(&name)) } else { literal(&name) }
}

/// The sequence that is given to `nextval` and the like, or the table whose it is.
fn sequence(call: &SyntaxNode) -> Option<String> {
    let argument = first_argument(call)?;
    match argument.kind() {
        S::CAST_EXPR => literal(&argument.first_child()?),
        S::CALL_EXPR if argument.first_child()?.text() == "pg_get_serial_sequence" => {
            literal(&first_argument(&argument)?)
        }
        _ => literal(&argument),
    }
}

fn first_argument(call: &SyntaxNode) -> Option<SyntaxNode> {
    let argument = child(&child(call, S::ARG_LIST)?, S::ARG)?;
    let value = only_child(&argument)?;
    (value.text() == argument.text()).then_some(value)
}

/// Whether a text names something in our schema: `padealing.x`.
fn is_our_name(text: &str) -> bool {
    text.split_once('.').is_some_and(|(schema, name)| fold(schema) == OURS && !name.contains(['.', HOLE]))
}

/// A name as Postgres takes it.
fn fold(name: &str) -> String {
    match name.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

/// The parts of a name with qualifiers.
fn names(path: &SyntaxNode) -> Vec<String> {
    let is_part = |it: &SyntaxNode| matches!(it.kind(), S::PATH_SEGMENT | S::PATH_SEGMENT_REF | S::NAME_REF);
    path.descendants().filter(is_part).map(|it| text_of(&it)).collect()
}

/// The name that a node is.
fn text_of(name: &SyntaxNode) -> String {
    fold(&name.text().to_string())
}

fn among(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|it| it == word)
}

fn name_of(kind: S) -> String {
    format!("{kind:?}")
}

fn child(node: &SyntaxNode, kind: S) -> Option<SyntaxNode> {
    node.children().find(|it| it.kind() == kind)
}

fn only_child(node: &SyntaxNode) -> Option<SyntaxNode> {
    node.first_child().filter(|it| it.next_sibling().is_none())
}

fn tokens(node: &SyntaxNode) -> impl Iterator<Item = SyntaxToken> {
    let all = node.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    all.filter(|it| !matches!(it.kind(), S::WHITESPACE | S::COMMENT))
}

/// Statements that execute a text.
fn is_dynamic(kind: S) -> bool {
    use S::{PLPGSQL_DYN_EXECUTE_STMT, PLPGSQL_FOR_DYN_STMT, PLPGSQL_OPEN_EXECUTE, PLPGSQL_RETURN_QUERY_EXECUTE_STMT};
    [PLPGSQL_DYN_EXECUTE_STMT, PLPGSQL_FOR_DYN_STMT, PLPGSQL_OPEN_EXECUTE, PLPGSQL_RETURN_QUERY_EXECUTE_STMT]
        .contains(&kind)
}

/// Why no statement of a kind is sent.
fn why_not(kind: &str) -> &'static str {
    match kind.split('_').next() {
        Some("BEGIN" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "PREPARE") => {
            "the transaction is the caller's"
        }
        Some("SET" | "RESET" | "SHOW" | "DISCARD") => "the session and its settings are the caller's",
        Some("SELECT") => "SELECT INTO creates a table",
        Some("TRUNCATE") => "TRUNCATE empties a table",
        Some("LOCK") => "LOCK locks more than its own change needs",
        Some("CREATE" | "ALTER" | "DROP") => "such things are not in a schema, or not ours to change",
        _ => "it is not among the statements that a change of the schema needs",
    }
}

fn refuse(node: &SyntaxNode, reason: &str) -> Checked {
    let whole = node.ancestors().find(|it| ast::Stmt::can_cast(it.kind())).unwrap_or_else(|| node.clone());
    Err(refusal(&whole.text().to_string(), reason))
}

fn refusal(statement: &str, reason: &str) -> Refusal {
    let shown =
        |it: &str| it.replace(&format!("\"{HOLE}\""), "%I").replace(&format!("'{HOLE}'"), "%L").replace(HOLE, "%I");
    let line = shown(&statement.split_whitespace().collect::<Vec<_>>().join(" "));
    let line = line.trim_end_matches(';');
    let mut statement: String = line.chars().take(80).collect();
    if statement.len() < line.len() {
        statement.push('…');
    }
    Refusal { statement, reason: shown(reason) }
}
