//! Names of tables within a query: an alias is a matter of taste, and so is a qualifier where there is one table only.

use squawk_syntax::SyntaxKind as S;

use crate::schema::drift::spelling::tree::Tree;

/// A query's tables: the name of each in the query, and what it is called instead.
type Scope = Vec<(String, String)>;

/// Gives each table of a query its place as its name.
pub(super) fn resolved(tree: Tree) -> Tree {
    resolve(tree, &mut Vec::new())
}

fn resolve(tree: Tree, scopes: &mut Vec<Scope>) -> Tree {
    match tree {
        Tree::Node(S::SELECT, mut parts) => {
            let mut names = Vec::new();
            let from = parts.iter_mut().filter(|part| part.parts_of(S::FROM_CLAUSE).is_some());
            from.for_each(|part| name_tables(part, scopes.len(), &mut names));
            scopes.push(names);
            let parts = parts.into_iter().map(|part| resolve(part, scopes)).collect();
            scopes.pop();
            Tree::Node(S::SELECT, parts)
        }
        Tree::Node(S::FIELD_EXPR, parts) => {
            if let [base, dot, column] = &parts[..]
                && let Some(name) = base.as_name()
                && let Some((depth, place)) = find(name, scopes)
            {
                let is_only = depth + 1 == scopes.len() && scopes[depth].len() == 1;
                return match column {
                    Tree::Node(..) if is_only => column.clone(),
                    _ => Tree::Node(S::FIELD_EXPR, vec![Tree::Word(place), dot.clone(), column.clone()]),
                };
            }
            Tree::Node(S::FIELD_EXPR, parts.into_iter().map(|part| resolve(part, scopes)).collect())
        }
        Tree::Node(S::LOCKING_OF, parts) => {
            let named = |part: Tree| match part.as_name().and_then(|name| find(name, scopes)) {
                Some((_, place)) => Tree::Word(place),
                None => part,
            };
            Tree::Node(S::LOCKING_OF, parts.into_iter().map(named).collect())
        }
        Tree::Node(kind, parts) => Tree::Node(kind, parts.into_iter().map(|part| resolve(part, scopes)).collect()),
        leaf => leaf,
    }
}

/// The innermost table of this name: the depth of its query, and what it is called instead.
fn find(name: &str, scopes: &[Scope]) -> Option<(usize, String)> {
    scopes
        .iter()
        .enumerate()
        .rev()
        .find_map(|(depth, scope)| scope.iter().find(|(own, _)| own == name).map(|(_, place)| (depth, place.clone())))
}

/// Names the tables of a FROM clause, without those of the queries within.
fn name_tables(tree: &mut Tree, depth: usize, names: &mut Scope) {
    let Tree::Node(kind, parts) = tree else { return };
    match kind {
        S::SELECT | S::COMPOUND_SELECT | S::PAREN_SELECT | S::VALUES => {}
        S::RELATION_FROM_ITEM
        | S::FUNCTION_FROM_ITEM
        | S::XML_TABLE_FROM_ITEM
        | S::JSON_TABLE_FROM_ITEM
        | S::ROWS_FROM_ITEM
        | S::PAREN_FROM_ITEM => {
            if *kind == S::PAREN_FROM_ITEM {
                parts.iter_mut().for_each(|part| name_tables(part, depth, names));
            }
            let place = format!("#{depth}.{}", names.len());
            match alias_of(parts) {
                Some(alias) => {
                    if let Tree::Name(name) = alias {
                        names.push((name.clone(), place.clone()));
                    }
                    *alias = Tree::Word(place);
                }
                None => {
                    let relation = parts.iter().find(|part| part.parts_of(S::RELATION_NAME_REF).is_some());
                    let Some(name) = relation.and_then(|part| part.leaves().last().map(|name| (*name).to_owned()))
                    else {
                        return;
                    };
                    names.push((name, place.clone()));
                    let alias = Tree::Node(S::TABLE_ALIAS, vec![Tree::Word(place)]);
                    let at = parts.iter().rposition(|part| part.parts_of(S::RELATION_NAME_REF).is_some());
                    parts.insert(at.map_or(0, |at| at + 1), Tree::Node(S::FROM_ALIAS, vec![alias]));
                }
            }
        }
        _ => parts.iter_mut().for_each(|part| name_tables(part, depth, names)),
    }
}

/// The name that `FROM … AS name` gives; AS is a matter of taste, too.
fn alias_of(parts: &mut [Tree]) -> Option<&mut Tree> {
    parts.iter_mut().find_map(|part| match part {
        Tree::Node(S::FROM_ALIAS, alias) => {
            alias.retain(Tree::is_node);
            alias.iter_mut().find_map(|part| match part {
                Tree::Node(S::TABLE_ALIAS, name) => name.first_mut(),
                _ => None,
            })
        }
        _ => None,
    })
}
