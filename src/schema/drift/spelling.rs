//! Whether two texts that Postgres has printed mean the same. Pure.
//!
//! Postgres prints a parse tree, and prints the same one otherwise after a dump and restore, and in another major
//! version. Two texts that differ are parsed, and their trees compared in a normal form.

use squawk_syntax::{SourceFile, SyntaxElement, SyntaxKind as S, SyntaxNode};

use crate::schema::catalog::{Kind, Property};

/// What is to make no difference, besides spelling.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lens {
    /// Casts make none: a column's type has changed.
    pub(crate) casts: bool,
    /// The two names of something that was renamed are one.
    pub(crate) renames: Vec<(String, String)>,
    /// Functions are as servers before 14 print them, which knew no EXTRACT and the like in a tree.
    pub(crate) before_14: bool,
}

impl Lens {
    /// The words of a text, with one name for both names of what was renamed.
    pub(crate) fn in_words(&self, text: &str) -> String {
        words_of(text).map(|it| self.name(it)).collect::<Vec<_>>().join(" ")
    }

    fn name(&self, name: String) -> String {
        self.renames.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new.clone())
    }
}

/// The names in a text, unquoted, and the signs between them; those within string literals too.
pub(crate) fn words_of(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let is_name = |it: char| it.is_alphanumeric() || it == '_' || it == '$';
        if let Some(quoted) = rest.strip_prefix('"') {
            let (mut name, mut end) = (String::new(), rest.len());
            let mut characters = quoted.char_indices().peekable();
            while let Some((at, character)) = characters.next() {
                // A quote within is doubled.
                if character == '"' && characters.next_if(|it| it.1 == '"').is_none() {
                    end = at + 2;
                    break;
                }
                name.push(character);
            }
            rest = &rest[end..];
            return Some(name);
        }
        let end = if is_name(first) { rest.find(|it| !is_name(it)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word.to_owned())
    })
}

/// Whether two spellings of a property mean the same.
pub(crate) fn same(kind: Kind, property: Property, one: &str, other: &str, lens: &Lens) -> bool {
    if one == other {
        return true;
    }
    let Some(statement) = statement(kind, property) else {
        return !lens.renames.is_empty() && lens.in_words(one) == lens.in_words(other);
    };
    if property == Property::Generated {
        // `stored` or `virtual`, and the expression.
        let (one, other) = (one.split_once(' '), other.split_once(' '));
        let (Some(one), Some(other)) = (one, other) else { return false };
        return one.0 == other.0 && same(kind, Property::Default, one.1, other.1, lens);
    }
    if kind == Kind::Statistics {
        // Columns are printed in their order in the table.
        let sorted = |text: &str| {
            let (kinds, rest) = text.split_once("ON ")?;
            let (columns, table) = rest.rsplit_once(" FROM ")?;
            let mut columns: Vec<&str> = columns.split(", ").collect();
            columns.sort_unstable();
            Some(format!("{kinds}ON {} FROM {table}", columns.join(", ")))
        };
        let (one, other) = (sorted(one), sorted(other));
        let (Some(one), Some(other)) = (one, other) else { return false };
        return lens.in_words(&one) == lens.in_words(&other);
    }
    let tree = |text: &str| tree(&statement.replace("{}", text), lens);
    matches!((tree(one), tree(other)), (Some(one), Some(other)) if one == other)
}

/// A statement that holds the property's text, where that is SQL.
fn statement(kind: Kind, property: Property) -> Option<&'static str> {
    Some(match (kind, property) {
        (Kind::View | Kind::MaterializedView, Property::Definition) => "{}",
        (Kind::Constraint, Property::Definition) => "alter table t add {}",
        (Kind::Index, Property::Definition) => "create index on t using {}",
        (Kind::Trigger, Property::Definition) => "create trigger t {}",
        (Kind::Rule, Property::Definition) => "create rule r as {}",
        (Kind::Statistics, Property::Definition) => "create statistics s {}",
        (Kind::Function | Kind::Procedure, Property::Arguments) => {
            "create function f({}) returns int language sql as ''"
        }
        (_, Property::Default | Property::Generated | Property::Using | Property::WithCheck) => "select {}",
        _ => return None,
    })
}

/// A parse tree without what is only spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree {
    /// A name, a keyword, a sign, a literal. Names are unquoted, and folded if they were not quoted.
    Leaf(String),
    Node(S, Vec<Tree>),
}

fn tree(sql: &str, lens: &Lens) -> Option<Tree> {
    let parsed = SourceFile::parse(sql);
    parsed.errors().is_empty().then(|| node(&parsed.syntax_node(), lens))
}

fn leaf(text: &str, lens: &Lens) -> Tree {
    let name = match text.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        // A name may be in a text: nextval('…'::regclass).
        None if text.starts_with('\'') && !lens.renames.is_empty() => lens.in_words(text),
        // What a literal says is not folded, however it begins: E'…', B'…', U&'…', $$…$$.
        None if text.contains(['\'', '"', '$']) => text.to_owned(),
        None => text.to_lowercase(),
    };
    Tree::Leaf(lens.name(name))
}

fn node(syntax: &SyntaxNode, lens: &Lens) -> Tree {
    let mut parts: Vec<Tree> = syntax
        .children_with_tokens()
        .filter_map(|it| match it {
            SyntaxElement::Node(child) => Some(node(&child, lens)),
            SyntaxElement::Token(token) if matches!(token.kind(), S::WHITESPACE | S::COMMENT) => None,
            SyntaxElement::Token(token) => Some(leaf(token.text(), lens)),
        })
        .collect();
    match syntax.kind() {
        S::PAREN_EXPR if parts.len() == 3 => parts.swap_remove(1),
        S::CAST_EXPR => cast(parts, lens),
        S::BIN_EXPR => binary(parts, lens),
        S::CALL_EXPR if lens.before_14 => call(parts),
        // A column's own name as its alias.
        S::TARGET
            if parts.len() == 2 && last_name(&parts[0]).is_some() && last_name(&parts[0]) == last_name(&parts[1]) =>
        {
            parts.truncate(1);
            Tree::Node(S::TARGET, parts)
        }
        S::SELECT => unqualified(parts),
        kind => Tree::Node(kind, parts),
    }
}

/// The name that an expression gives its column by itself, if it is one's own.
fn last_name(tree: &Tree) -> Option<&str> {
    match tree {
        Tree::Node(S::NAME_REF | S::COLUMN_NAME | S::FIELD_EXPR | S::AS_NAME, parts) => match parts.last()? {
            Tree::Leaf(name) => Some(name),
            part => last_name(part),
        },
        _ => None,
    }
}

/// `expression :: type`, or `CAST(expression AS type)`.
fn cast(parts: Vec<Tree>, lens: &Lens) -> Tree {
    let nodes = parts.into_iter().filter(|it| matches!(it, Tree::Node(kind, _) if *kind != S::COLON_COLON));
    let mut nodes: Vec<Tree> = nodes.collect();
    let (Some(to), Some(value), true) = (nodes.pop(), nodes.pop(), nodes.is_empty()) else {
        return Tree::Node(S::CAST_EXPR, nodes);
    };
    match value {
        value if lens.casts => value,
        // EXTRACT gives numeric, and date_part, as which it was stored before, double precision.
        Tree::Node(S::LITERAL, _) if lens.before_14 && is_number(&to) => value,
        // A cast of an array is one of its elements.
        Tree::Node(S::ARRAY_EXPR, elements) if element_type(&to).is_some() => {
            let to = element_type(&to).cloned().unwrap_or(to);
            let is_element = |it: &Tree| matches!(it, Tree::Node(..));
            let each = |it| if is_element(&it) { cast(vec![it, to.clone()], lens) } else { it };
            Tree::Node(S::ARRAY_EXPR, elements.into_iter().map(each).collect())
        }
        // A literal that is first varchar and then text, neither of a certain length.
        Tree::Node(S::CAST_EXPR, inner)
            if is_text(&to) && matches!(&inner[..], [Tree::Node(S::LITERAL, _), from] if is_text(from)) =>
        {
            Tree::Node(S::CAST_EXPR, inner.into_iter().take(1).chain([to]).collect())
        }
        value => Tree::Node(S::CAST_EXPR, vec![value, to]),
    }
}

fn is_number(tree: &Tree) -> bool {
    let mut all = Vec::new();
    words(tree, &mut all);
    matches!(&*all.join(" "), "numeric" | "double precision")
}

fn element_type(array: &Tree) -> Option<&Tree> {
    match array {
        Tree::Node(S::ARRAY_TYPE, parts) => parts.first(),
        _ => None,
    }
}

fn words(tree: &Tree, into: &mut Vec<String>) {
    match tree {
        Tree::Leaf(text) => into.push(text.clone()),
        Tree::Node(_, parts) => parts.iter().for_each(|it| words(it, into)),
    }
}

/// Whether a type is text, or varchar of any length.
fn is_text(tree: &Tree) -> bool {
    let mut all = Vec::new();
    words(tree, &mut all);
    matches!(&*all.join(" "), "text" | "character varying")
}

/// AND and OR of more than two are one list; AT TIME ZONE is a function.
fn binary(parts: Vec<Tree>, lens: &Lens) -> Tree {
    let [left, operator, right] = &parts[..] else { return Tree::Node(S::BIN_EXPR, parts) };
    if let Tree::Leaf(word) = operator
        && matches!(&**word, "and" | "or")
    {
        let mut all = vec![operator.clone()];
        for part in [left, right] {
            match part {
                Tree::Node(S::BIN_EXPR, inner) if inner.first() == Some(operator) => {
                    all.extend(inner[1..].iter().cloned())
                }
                part => all.push(part.clone()),
            }
        }
        return Tree::Node(S::BIN_EXPR, all);
    }
    if lens.before_14 && matches!(operator, Tree::Node(S::AT_TIME_ZONE, _)) {
        return function("timezone", vec![right.clone(), left.clone()]);
    }
    Tree::Node(S::BIN_EXPR, parts)
}

fn function(name: &str, arguments: Vec<Tree>) -> Tree {
    Tree::Node(S::CALL_EXPR, [vec![Tree::Leaf(name.to_owned())], arguments].concat())
}

/// A function that newer servers print in the words of the SQL standard, or in which they and older ones agree.
fn call(parts: Vec<Tree>) -> Tree {
    /// Expressions among the parts, however deep in the standard's clauses.
    fn expressions(parts: &[Tree], into: &mut Vec<Tree>) {
        for part in parts {
            match part {
                Tree::Leaf(_) => {}
                Tree::Node(
                    S::SUBSTRING_FROM_FOR
                    | S::OVERLAY_PLACING
                    | S::TRIM_FROM
                    | S::TRIM_EXPR_FROM
                    | S::TRIM_BOTH
                    | S::TRIM_LEADING
                    | S::TRIM_TRAILING
                    | S::ARG_LIST
                    | S::ARG,
                    inner,
                ) => expressions(inner, into),
                expression => into.push(expression.clone()),
            }
        }
    }
    let mut found = Vec::new();
    match &parts[..] {
        [Tree::Node(S::NAME_REF, name), Tree::Node(S::ARG_LIST, arguments)] if matches!(&name[..], [Tree::Leaf(_)]) => {
            expressions(arguments, &mut found);
            let [Tree::Leaf(name)] = &name[..] else { return Tree::Node(S::CALL_EXPR, parts) };
            function(name, found)
        }
        [Tree::Node(S::EXTRACT_FN, inner)] => {
            let mut all = Vec::new();
            for part in inner {
                match part {
                    Tree::Node(S::EXTRACT_FIELD_NAME, _) => {
                        let mut field = Vec::new();
                        words(part, &mut field);
                        let literal = Tree::Node(
                            S::LITERAL,
                            vec![Tree::Leaf(format!("'{}'", field.concat().trim_matches('\'')))],
                        );
                        all.push(Tree::Node(S::CAST_EXPR, vec![literal, text_type()]));
                    }
                    Tree::Leaf(_) => {}
                    expression => all.push(expression.clone()),
                }
            }
            function("date_part", all)
        }
        [Tree::Node(S::TRIM_FN, inner)] => {
            let has = |kind| inner.iter().any(|it| matches!(it, Tree::Node(found, _) if *found == kind));
            let name = if has(S::TRIM_LEADING) {
                "ltrim"
            } else if has(S::TRIM_TRAILING) {
                "rtrim"
            } else {
                "btrim"
            };
            expressions(inner, &mut found);
            // The characters come before FROM, the text after it.
            found.reverse();
            function(name, found)
        }
        [Tree::Node(S::SUBSTRING_FN, inner)] => {
            expressions(inner, &mut found);
            function("substring", found)
        }
        [Tree::Node(S::POSITION_FN, inner)] => {
            expressions(inner, &mut found);
            found.reverse();
            function("position", found)
        }
        [Tree::Node(S::OVERLAY_FN, inner)] => {
            expressions(inner, &mut found);
            function("overlay", found)
        }
        _ => Tree::Node(S::CALL_EXPR, parts),
    }
}

fn text_type() -> Tree {
    let nested = [S::PATH_SEGMENT_REF, S::PATH_REF, S::PATH_TYPE];
    nested.into_iter().fold(Tree::Leaf("text".to_owned()), |inner, kind| Tree::Node(kind, vec![inner]))
}

/// From 16 on, a view of one table names its columns without the table.
fn unqualified(mut parts: Vec<Tree>) -> Tree {
    let from = parts.iter().find_map(|it| match it {
        Tree::Node(S::FROM_CLAUSE, from) => Some(from),
        _ => None,
    });
    let items: Vec<&Tree> = from.into_iter().flatten().filter(|it| matches!(it, Tree::Node(..))).collect();
    let table = match items[..] {
        [Tree::Node(S::RELATION_FROM_ITEM, item)] => {
            let mut all = Vec::new();
            item.iter().for_each(|it| words(it, &mut all));
            all.pop()
        }
        _ => None,
    };
    if let Some(table) = table {
        parts.iter_mut().for_each(|it| drop_qualifier(it, &table));
    }
    Tree::Node(S::SELECT, parts)
}

fn drop_qualifier(tree: &mut Tree, table: &str) {
    let Tree::Node(kind, parts) = tree else { return };
    // A query within has tables of its own.
    if *kind == S::SELECT || *kind == S::FROM_CLAUSE {
        return;
    }
    if *kind == S::FIELD_EXPR
        && let [Tree::Node(S::NAME_REF, qualifier), _, column] = &parts[..]
        && matches!(&qualifier[..], [Tree::Leaf(name)] if name == table)
    {
        *tree = column.clone();
        return;
    }
    parts.iter_mut().for_each(|it| drop_qualifier(it, table));
}
