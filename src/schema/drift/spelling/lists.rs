//! Lists of constants: `IN (…)` and `NOT IN (…)` mean the same in any order.

use squawk_syntax::SyntaxKind as S;

use crate::schema::drift::spelling::tree::Tree;

/// `value = ANY (ARRAY[…])` or `value <> ALL (ARRAY[…])`, its constants sorted. With other operators, which may be
/// anybody's, and with anything but constants, which may fail or have effects, the order stays.
pub(super) fn sorted(parts: Vec<Tree>) -> Vec<Tree> {
    let [left, operator, Tree::Node(S::CALL_EXPR, call)] = &parts[..] else { return parts };
    let [Tree::Node(function, inner)] = &call[..] else { return parts };
    let is_list = match function {
        S::ANY_FN | S::SOME_FN => operator.leaves() == ["="],
        S::ALL_FN => operator.leaves().concat() == "<>",
        _ => false,
    };
    let is_array = |part: &Tree| part.is_node();
    let Some(elements) = inner.iter().find(|part| is_array(part)).and_then(elements).filter(|_| is_list) else {
        return parts;
    };
    let list = Tree::Node(S::ARRAY_EXPR, elements);
    let call = Tree::Node(S::CALL_EXPR, vec![Tree::Node(*function, vec![list])]);
    vec![left.clone(), operator.clone(), call]
}

/// The constants of an array, each once; none if it has anything else.
fn elements(array: &Tree) -> Option<Vec<Tree>> {
    let mut elements: Vec<Tree> = match array {
        Tree::Node(S::ARRAY_EXPR, parts) => parts.iter().filter(|part| part.is_node()).cloned().collect(),
        Tree::Node(S::CAST_EXPR, parts) => match &parts[..] {
            [Tree::Node(S::LITERAL, literal), Tree::Node(S::ARRAY_TYPE, to)] => of_text(literal, to.first()?)?,
            _ => return None,
        },
        _ => return None,
    };
    elements.iter().all(Tree::is_constant).then_some(())?;
    elements.sort_by_cached_key(|element| element.leaves().join(" "));
    elements.dedup();
    Some(elements)
}

/// The elements of `'{a,b}'::text[]`, as they are in `ARRAY['a'::text, 'b'::text]`.
fn of_text(literal: &[Tree], element: &Tree) -> Option<Vec<Tree>> {
    let [Tree::Word(text)] = literal else { return None };
    let inner = text.strip_prefix("'{")?.strip_suffix("}'")?;
    // Quoted elements, arrays within, NULL and space need the rules of array_in.
    let is_plain = |element: &str| {
        !element.is_empty()
            && !element.eq_ignore_ascii_case("null")
            && element.chars().all(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '.' | '-'))
    };
    let literal = |text: String| Tree::Node(S::LITERAL, vec![Tree::Word(text)]);
    let cast = |literal| Tree::Node(S::CAST_EXPR, vec![literal, element.clone()]);
    let one = |text: &str| {
        let is_number = text.chars().all(|sign| sign.is_ascii_digit());
        match &*element.compact() {
            "integer" if is_number => literal(text.to_owned()),
            "smallint" | "bigint" | "numeric" if is_number => cast(literal(text.to_owned())),
            _ => cast(literal(format!("'{text}'"))),
        }
    };
    inner.split(',').map(|text| is_plain(text).then(|| one(text))).collect()
}
