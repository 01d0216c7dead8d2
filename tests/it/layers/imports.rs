//! What a file of Rust imports, read as the compiler would: comments and texts don't count, braces and `super` do.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// What a file imports.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// Files of the tree.
    pub(super) files: BTreeSet<String>,
    /// Paths into other crates.
    pub(super) paths: BTreeSet<String>,
}

/// What a file of a tree imports: by `use`, or by a path that starts with `crate`, `super` or another crate's name.
pub(super) fn imports(file: &str, text: &str, tree: &BTreeMap<String, String>) -> Imports {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut reader = Reader { module: module_of(file), paths: Vec::new() };
    reader.visit_file(&parsed);
    let mut found = Imports::default();
    for path in reader.paths {
        match path.first().map(String::as_str) {
            Some("crate") => {
                // The longest beginning that is a file.
                let target = (0..path.len()).rev().find_map(|length| file_of(&path[1..=length], tree));
                found.files.extend(target.filter(|target| target != file));
            }
            _ => {
                found.paths.insert(path.join("::"));
            }
        }
    }
    found
}

fn module_of(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let own = if ["lib", "main"].contains(&stem) { "" } else { stem };
    std::iter::once("crate").chain(own.split('/').filter(|part| !part.is_empty())).map(str::to_owned).collect()
}

fn file_of(module: &[String], tree: &BTreeMap<String, String>) -> Option<String> {
    let file = if module.is_empty() { "lib.rs".to_owned() } else { format!("{}.rs", module.join("/")) };
    tree.contains_key(&file).then_some(file)
}

struct Reader {
    /// The module that is being read, `crate` first.
    module: Vec<String>,
    /// Paths from `crate` or another crate's name on.
    paths: Vec<Vec<String>>,
}

impl Reader {
    /// Takes a path down, from `crate` on if it is one of this crate's.
    fn add(&mut self, path: &[String]) {
        let Some(first) = path.first() else { return };
        let ups = path.iter().take_while(|part| *part == "super").count();
        let rest = match first.as_str() {
            "crate" => return self.paths.push(path.to_vec()),
            "self" => &path[1..],
            "super" => &path[ups..],
            // A name of this module's own, a child's among them, or another crate's: both may be meant.
            _ => {
                self.paths.push(path.to_vec());
                path
            }
        };
        let base = self.module.len().saturating_sub(ups).max(1);
        self.paths.push(self.module[..base].iter().chain(rest).cloned().collect());
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) if name.ident == "self" => self.add(before),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.add(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.add(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, before)),
        }
    }

    /// Paths in what a macro is given, which is no syntax yet.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(point) if point.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    colons = 0;
                    self.tokens(group.stream());
                }
                _ => {
                    self.end(&mut path);
                    colons = 0;
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.add(path);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // A module in the same file has a `super` of its own; one in another file is no import.
        if item.content.is_some() {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.add(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }
}
