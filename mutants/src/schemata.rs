//! The text of a file with its mutants in it, each behind a question: `if crate::mutant::is(17) { … }`.

use std::ops::Range;

use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::sample::{Mutant, Place};

/// What is inserted for one mutant: the text before its region, and the text after it.
struct Wrap {
    region: Range<usize>,
    before: String,
    after: String,
}

/// A file's text, by byte and by place.
struct Text<'a> {
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'a> Text<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(ends).collect() }
    }

    fn byte(&self, place: Place) -> usize {
        let begin = self.lines[place.line - 1];
        let mut characters = self.text[begin..].char_indices().map(|(at, _)| at);
        begin + characters.nth(place.column - 1).unwrap_or(self.text.len() - begin)
    }

    fn of(&self, node: &impl Spanned) -> Range<usize> {
        let span = node.span();
        let place = |at: LineColumn| Place { line: at.line, column: at.column + 1 };
        self.byte(place(span.start()))..self.byte(place(span.end()))
    }
}

/// Looks for the node that a mutant changes.
struct Finder<'a> {
    text: &'a Text<'a>,
    mutant: &'a Mutant,
    number: usize,
    at: usize,
    found: Option<Wrap>,
}

impl Finder<'_> {
    fn is(&self) -> String {
        format!("crate::mutant::is({})", self.number)
    }

    fn either(&mut self, region: Range<usize>, changed: &str) {
        let before = format!("(if {} {{ {changed} }} else {{ ", self.is());
        self.found = Some(Wrap { region, before, after: " })".to_owned() });
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_binary(&mut self, it: &'ast syn::ExprBinary) {
        if self.mutant.genre == "BinaryOperator" && self.text.of(&it.op).start == self.at {
            let (left, right) = (self.text.of(&it.left), self.text.of(&it.right));
            let (left_text, right_text) = (&self.text.text[left.clone()], &self.text.text[right.clone()]);
            let changed = format!("{left_text} {} {right_text}", self.mutant.replacement);
            self.either(left.start..right.end, &changed);
        }
        visit::visit_expr_binary(self, it);
    }

    fn visit_expr_unary(&mut self, it: &'ast syn::ExprUnary) {
        if self.mutant.genre == "UnaryOperator" && self.text.of(&it.op).start == self.at {
            let changed = self.text.text[self.text.of(&it.expr)].to_owned();
            self.either(self.text.of(it), &changed);
        }
        visit::visit_expr_unary(self, it);
    }

    fn visit_arm(&mut self, it: &'ast syn::Arm) {
        let guard = it.guard.as_ref().map(|(_, guard)| self.text.of(guard));
        match (self.mutant.genre.as_str(), guard) {
            ("MatchArm", guard) if self.text.of(it).start == self.at => {
                let is = self.is();
                self.found = Some(match guard {
                    Some(region) => Wrap { region, before: format!("!{is} && ("), after: ")".to_owned() },
                    None => {
                        let end = self.text.of(&it.pat).end;
                        Wrap { region: end..end, before: format!(" if !{is}"), after: String::new() }
                    }
                });
            }
            ("MatchArmGuard", Some(region)) if region.start == self.at => {
                self.either(region, &self.mutant.replacement.clone());
            }
            _ => {}
        }
        visit::visit_arm(self, it);
    }

    fn visit_expr_struct(&mut self, it: &'ast syn::ExprStruct) {
        if self.mutant.genre == "StructField"
            && let Some(rest) = &it.rest
            && let Some(field) = it.fields.iter().find(|field| self.text.of(*field).start == self.at)
            && field.colon_token.is_some()
            && let syn::Member::Named(name) = &field.member
        {
            let changed = format!("({}).{name}", &self.text.text[self.text.of(rest)]);
            self.either(self.text.of(&field.expr), &changed);
        }
        visit::visit_expr_struct(self, it);
    }
}

fn wrap(text: &Text<'_>, file: &syn::File, mutant: &Mutant, number: usize) -> Option<Wrap> {
    let at = text.byte(mutant.span.start);
    if mutant.genre == "FnValue" {
        let before = format!("if crate::mutant::is({number}) {{ return {}; }} ", mutant.replacement);
        return Some(Wrap { region: at..at, before, after: String::new() });
    }
    let mut finder = Finder { text, mutant, number, at, found: None };
    finder.visit_file(file);
    finder.found
}

/// A file with mutants in it.
pub struct Changed {
    pub text: String,
    /// The mutants that the text could not be given.
    pub refused: Vec<usize>,
    /// Where each mutant's text is.
    pub regions: Vec<(usize, Range<usize>)>,
}

/// Writes mutants, by their numbers, into a file.
pub fn with_mutants(original: &str, mutants: &[(usize, &Mutant)]) -> Result<Changed, syn::Error> {
    let (text, file) = (Text::new(original), syn::parse_file(original)?);
    let mut changed = Changed { text: String::new(), refused: Vec::new(), regions: Vec::new() };
    // What ends at a place comes before what stands there, and that before what begins there, the largest first.
    let mut inserts = Vec::new();
    for (number, mutant) in mutants {
        let Some(Wrap { region: Range { start, end }, before, after }) = wrap(&text, &file, mutant, *number) else {
            changed.refused.push(*number);
            continue;
        };
        if start == end {
            inserts.push(((start, 1, 0, *number), before, true, true));
        } else {
            let size = end - start;
            inserts.push(((start, 2, usize::MAX - size, *number), before, true, false));
            inserts.push(((end, 0, size, usize::MAX - *number), after, false, true));
        }
    }
    inserts.sort();
    let mut from = 0;
    for ((at, _, _, number), inserted, begins, ends) in inserts {
        changed.text.push_str(&original[from..at]);
        from = at;
        let begin = changed.text.len();
        changed.text.push_str(&inserted);
        let number = if begins { number } else { usize::MAX - number };
        if begins {
            changed.regions.push((number, begin..changed.text.len()));
        }
        if ends && let Some((_, region)) = changed.regions.iter_mut().find(|(of, _)| *of == number) {
            region.end = changed.text.len();
        }
    }
    changed.text.push_str(&original[from..]);
    Ok(changed)
}
