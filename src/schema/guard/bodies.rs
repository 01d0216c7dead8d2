//! Statements within statements: blocks, functions, and what `execute` runs.

use squawk_syntax::ast::{self, AstNode as _};
use squawk_syntax::body::BodyLanguage as _;
use squawk_syntax::{SyntaxKind as S, SyntaxNode, SyntaxToken};

use crate::schema::guard::check::{Calls, Guard, Place, check_tokens};
use crate::schema::guard::kinds::is_dynamic;
use crate::schema::guard::refusal::{Checked, HOLE, refusal, refuse};
use crate::schema::guard::tree::{among, child, first_argument, literal, only_child, text_of, tokens};

/// Outside a statement that was checked, none of these words is in a block or a body.
const WRITING_WORDS: &str = "insert update delete merge truncate create alter drop grant revoke lock copy call set \
    reset do execute";

impl Guard<'_> {
    fn plpgsql(self, source: &str) -> Checked {
        let source = without_into(source);
        let (green, errors) = ast::Plpgsql::parse_text(&source);
        if let Some(error) = errors.first() {
            return Err(refusal(&source, &format!("it can't be parsed: {}", error.message())));
        }
        let root = SyntaxNode::new_root(green);
        check_tokens(&root)?;
        let calls = match self.place {
            Place::Body if self.scope.stand_ins => Calls::Harmless,
            Place::Body => Calls::Any,
            _ => Calls::Listed,
        };
        Guard { calls, ..self }.walk(&root, &mut 0)?;
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

    pub(super) fn block(self, node: &SyntaxNode) -> Checked {
        if self.place != Place::Sent {
            return refuse(node, "there is a block within a block");
        }
        let languages: Vec<SyntaxNode> = node.children().filter(|it| it.kind() == S::DO_LANGUAGE).collect();
        let mut bodies = node.children().filter(|it| it.kind() == S::LITERAL);
        let (Some(body), None, 0..=1) = (bodies.next(), bodies.next(), languages.len()) else {
            return refuse(node, "its body was not found");
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
    pub(super) fn routine(self, node: &SyntaxNode) -> Checked {
        let options: Vec<SyntaxNode> = node
            .children()
            .filter(|child| child.kind() == S::FUNC_OPTION_LIST)
            .flat_map(|list| list.children())
            .collect();
        let all = |kind| options.iter().filter(move |it| it.kind() == kind);
        let (mut languages, mut bodies) = (all(S::LANGUAGE_FUNC_OPTION), all(S::AS_FUNC_OPTION));
        let (language, body) = (languages.next().map(language), bodies.next());
        if languages.next().is_some() || bodies.next().is_some() {
            return refuse(node, "it has two languages or two bodies");
        }
        let text = body.map(|option| child(option, S::AS_DEFINITION)?.first_child().as_ref().and_then(literal));
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
    pub(super) fn dynamic(self, expression: &SyntaxNode) -> Checked {
        let value = only_child(expression).as_ref().and_then(only_child).as_ref().and_then(only_child);
        let is_format = |it: &SyntaxNode| {
            it.first_child().is_some_and(|it| ["format", "pg_catalog.format"].contains(&&*it.text().to_string()))
        };
        let text = match value {
            Some(it) if it.kind() == S::CALL_EXPR && is_format(&it) => {
                first_argument(&it).and_then(|argument| literal(&argument)).map(|text| filled(&text))
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

/// A body without the targets of `select … into x, y`, as PL/pgSQL itself takes them out. The parser doesn't, and
/// leaves such a statement as one error.
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

/// The language that an option names.
fn language(option: &SyntaxNode) -> Option<String> {
    let name = option.first_child()?;
    if name.kind() == S::LANGUAGE_REF { Some(text_of(&name)) } else { literal(&name) }
}
