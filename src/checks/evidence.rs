//! What a bundle of evidence is worth: its files against each other, and against the database. Pure.

use serde_json::{Value, json};

use crate::base::text::{plural, thousands};
use crate::checks::check::{Check, Status};
use crate::migration::difference::Difference;
use crate::migration::evidence::changes::{Changes, Part, Signed, WrongFile};
use crate::migration::evidence::folding::Folded;
use crate::migration::evidence::manifest::{Manifest, Roots, RowCounts};
use crate::migration::evidence::proof_of_row::RowProof;
use crate::migration::evidence::tree::Hash;
use crate::migration::verification::VerifyReport;

/// The files against the manifest and the list of sums.
pub(crate) fn files(manifest: &Result<Manifest, String>, (wrong, right): (Vec<WrongFile>, usize)) -> Check {
    if let Err(why) = manifest {
        let mut rows: Vec<Vec<Value>> = vec![vec![json!("manifest.json"), json!(why)]];
        rows.extend(wrong.into_iter().map(|it| vec![json!(it.name), json!(it.why)]));
        let message = "the manifest is not what it was: get the folder again from where it is kept, or from a backup";
        return Check::new("files", Status::Fail, message).with_table(&["file", "why"], rows);
    }
    if wrong.is_empty() {
        let compared = plural(right as u64, "hash", "hashes");
        return Check::new("files", Status::Pass, format!("every file is what it was: {compared} compared"));
    }
    let rows = wrong.into_iter().map(|it| vec![json!(it.name), json!(format!("{} (by {})", it.why, it.by))]).collect();
    let message = "files are not what they were: get the folder again from where it is kept, or from a backup";
    Check::new("files", Status::Fail, message).with_table(&["file", "why"], rows)
}

/// The files that people run: whether they are what this version writes. Nobody who changes them can make that fit.
pub(crate) fn scripts(manifest: &Manifest, own: &str, others: Option<Vec<&'static str>>) -> Check {
    if manifest.program != own {
        let message =
            format!("the folder was written by {}, whose scripts this version doesn't know", manifest.program);
        return Check::new("scripts", Status::Skip, message);
    }
    match others {
        None => Check::new("scripts", Status::Skip, "rows have changed since, and with them what the scripts claim"),
        Some(others) if others.is_empty() => {
            Check::new("scripts", Status::Pass, "what people run and read is what this version writes")
        }
        Some(others) => {
            let rows = others.into_iter().map(|name| vec![json!(name)]).collect();
            let message = "files that people run or read are not what this version writes: don't run them";
            Check::new("scripts", Status::Fail, message).with_table(&["file"], rows)
        }
    }
}

/// Who vouches for the manifest.
pub(crate) fn signature(signed: &Signed, signer: Option<&str>) -> Check {
    let (status, message) = match signed {
        Signed::Not if signer.is_some() => {
            let who = signer.unwrap_or_default();
            (Status::Fail, format!("the manifest is not signed, and {who} must have signed it"))
        }
        Signed::Wrong(reason) if reason.is_empty() => {
            let who = signer.unwrap_or("the signer");
            (Status::Fail, format!("the signature doesn't fit: it is by no key that the list has for {who}"))
        }
        Signed::By(text) => (Status::Pass, text.clone()),
        Signed::BySomeKey(text) => (
            Status::Pass,
            format!("{text}; whose key that is was not compared: name the list with --signers FILE --signer NAME"),
        ),
        Signed::Wrong(reason) => (Status::Fail, format!("the signature doesn't fit: {reason}")),
        Signed::Not => (Status::Skip, "the manifest is not signed: nothing says who wrote the folder".to_owned()),
    };
    Check::new("signature", status, message)
}

/// read = migrated + rejected + pending, and each as often as the lines have it.
pub(crate) fn accounting(manifest: &Manifest, folded: &Folded) -> Check {
    let RowCounts { read, migrated, rejected, pending, without_leaf } = manifest.rows;
    let sum = format!(
        "read {} = migrated {} + rejected {} + pending {}",
        thousands(read),
        thousands(migrated),
        thousands(rejected),
        thousands(pending)
    );
    let is_sum = read == migrated + rejected + pending;
    let with_leaf = folded.rejected + folded.pending + without_leaf;
    let has_lines = migrated == folded.migrated && rejected + pending == with_leaf;
    let has_rules = manifest.rejections.iter().map(|it| (&it.rule, &it.reasons)).eq(folded.rules.iter());
    let outside = match without_leaf {
        0 => String::new(),
        rows => {
            format!("; {} an id of their own, and have no line", plural(rows, "row is without", "rows are without"))
        }
    };
    match (is_sum, has_lines, has_rules) {
        (true, true, true) => Check::new("accounting", Status::Pass, format!("{sum}{outside}")),
        (false, ..) => Check::new("accounting", Status::Fail, format!("this doesn't add up: {sum}")),
        (_, false, _) => {
            let lines = format!(
                "rows.txt has {} migrated, {} rejected, {} pending",
                thousands(folded.migrated),
                thousands(folded.rejected),
                thousands(folded.pending)
            );
            Check::new("accounting", Status::Fail, format!("the manifest says {sum}, and {lines}"))
        }
        (.., false) => {
            let message = "rejections.jsonl has other reasons than the manifest counts by rule";
            Check::new("accounting", Status::Fail, message)
        }
    }
}

/// The roots of the lines against the manifest, and against each other.
pub(crate) fn roots(manifest: &Manifest, folded: &Folded) -> Check {
    let (claimed, found) = (&manifest.roots, Roots::from(folded));
    let pairs = [
        ("source", &claimed.source, &found.source),
        ("target", &claimed.target, &found.target),
        ("keys", &claimed.keys, &found.keys),
    ];
    let wrong: Vec<Vec<Value>> = pairs
        .into_iter()
        .filter(|(_, claimed, found)| claimed != found)
        .map(|(root, claimed, found)| vec![json!(root), json!(claimed), json!(found)])
        .collect();
    if !wrong.is_empty() {
        let message = "the lines of rows.txt and rejections.jsonl have other roots than the manifest";
        return Check::new("roots", Status::Fail, message).with_table(&["root", "manifest", "lines"], wrong);
    }
    if found.source == found.target {
        let message = format!("source and target have the same root, {}", found.source);
        return Check::new("roots", Status::Pass, message);
    }
    let message = "the roots of source and target differed when the evidence was written: rows.txt names the rows";
    Check::new("roots", Status::Fail, message)
}

/// The proof of a row, under the root that was named or else under the one that the proof has.
pub(crate) fn proof(read: Result<RowProof, String>, root: Option<Hash>) -> Vec<Check> {
    let proof = match read {
        Ok(proof) => proof,
        Err(why) => return vec![Check::new("proof", Status::Fail, format!("it proves nothing: {why}"))],
    };
    let RowProof { id, state, claimed, found } = proof;
    let wanted = root.unwrap_or(claimed);
    if found != wanted {
        let message = format!("the row and its path lead to {found}, not to {wanted}");
        return vec![Check::new("proof", Status::Fail, message)];
    }
    let compared = match root {
        Some(_) => "the root that was named".to_owned(),
        None => {
            format!("{wanted}, which the proof itself names: compare it with the manifest's, or name that with --root")
        }
    };
    vec![Check::new("proof", Status::Pass, format!("row {id}, {state}, is one of those under {compared}"))]
}

/// The checks that compare with the database, if that can't be done.
pub(crate) const WITH_DATABASE: [&str; 6] =
    ["legacy_rows", "target_rows", "keys", "rejections", "verification", "claims"];

/// The rows as they were against those of now.
pub(crate) fn rows(changes: &Changes) -> Vec<Check> {
    let compared = plural(changes.rows, "row", "rows");
    let of = |name, parts: &[Part], same: &str, differ: &str| {
        let count: u64 = parts.iter().filter_map(|it| changes.counts.get(it)).sum();
        if count == 0 {
            return Check::new(name, Status::Pass, format!("{same}: {compared} compared"));
        }
        let listed = changes.listed.iter().filter(|it| parts.contains(&it.part));
        let rows = listed.map(|it| vec![json!(it.id), json!(it.was), json!(it.is)]).collect();
        let message = format!("{differ}: {}", plural(count, "difference", "differences"));
        Check::new(name, Status::Fail, message).with_table(&["id", "was", "is"], rows)
    };
    vec![
        of(
            "legacy_rows",
            &[Part::Row, Part::State, Part::Source],
            "every legacy row is what it was",
            "legacy rows are not what they were, or not in the same state",
        ),
        of(
            "target_rows",
            &[Part::Target],
            "the target gives back what it gave back",
            "what the target gives back is not what it was",
        ),
        of(
            "keys",
            &[Part::Keys],
            "keys and times are what they were",
            "keys, securities or times are not what they were",
        ),
        of("rejections", &[Part::Rejection], "reasons are what they were", "reasons on record are not what they were"),
    ]
}

/// What the verification finds now.
pub(crate) fn verification(report: &VerifyReport) -> Check {
    if report.counts.is_clean() {
        let message = "every migrated row is what its legacy row gives, and gives it back";
        return Check::new("verification", Status::Pass, message);
    }
    let row = |it: &Difference| {
        vec![json!(it.source_id), json!(it.target), json!(it.field), json!(it.expected), json!(it.actual)]
    };
    let rows = report.differences.iter().map(row).collect();
    let count = plural(report.total_differences, "difference", "differences");
    let message = match report.total_differences {
        0 => format!("{} never tried", plural(report.counts.pending, "row was", "rows were")),
        _ => format!("{count} between legacy rows and what is stored"),
    };
    Check::new("verification", Status::Fail, message)
        .with_table(&["source_id", "target", "field", "expected", "actual"], rows)
}

/// What a manifest claims that another database, program or role may say otherwise.
const ELSEWHERE: [&str; 5] = ["program", "environment", "target", "exceptions", "files"];

/// What later work changes without touching the rows.
const LATER: [&str; 4] = ["catalog_sha256", "plan_hash", "roles", "revisions"];

/// The claims of the manifest against those that would be made now.
pub(crate) fn claims(kept: &Manifest, now: &Manifest) -> Check {
    let object = |manifest: &Manifest| match serde_json::to_value(manifest) {
        Ok(Value::Object(mut object)) => {
            // A server has many names.
            if let Some(Value::Object(source)) = object.get_mut("source") {
                source.remove("place");
            }
            object
        }
        _ => serde_json::Map::new(),
    };
    let (mut kept, now) = (object(kept), object(now));
    let mut later = Vec::new();
    // Runs that came after are no fault; those that were there must be as they were.
    if let (Some(Value::Array(was)), Some(Value::Array(is))) = (kept.get("runs"), now.get("runs"))
        && is.len() > was.len()
        && is[..was.len()] == was[..]
    {
        later.push("runs");
        kept.insert("runs".to_owned(), Value::Array(is.clone()));
    }
    let mut wrong = Vec::new();
    for (name, was) in &kept {
        let is = now.get(name).unwrap_or(&Value::Null);
        if ELSEWHERE.contains(&&**name) || was == is {
            continue;
        }
        match LATER.iter().find(|it| *it == name) {
            Some(name) => later.push(name),
            None => differing(name, was, is, &mut wrong),
        }
    }
    if !wrong.is_empty() {
        let message = "the manifest claims what the database doesn't give";
        return Check::new("claims", Status::Fail, message).with_table(&["claim", "manifest", "database"], wrong);
    }
    if later.is_empty() {
        return Check::new("claims", Status::Pass, "everything that the manifest claims is what the database gives");
    }
    let message = format!("the rows are as claimed; since then these have changed: {}", later.join(", "));
    Check::new("claims", Status::Warn, message)
}

/// Where two values differ.
fn differing(path: &str, was: &Value, is: &Value, found: &mut Vec<Vec<Value>>) {
    match (was, is) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            for (key, was) in one.iter().filter(|(key, was)| other.get(*key) != Some(*was)) {
                differing(&format!("{path}.{key}"), was, &other[key], found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (at, (was, is)) in one.iter().zip(other).enumerate().filter(|(_, (was, is))| was != is) {
                differing(&format!("{path}[{at}]"), was, is, found);
            }
        }
        _ => {
            let shown = |value: &Value| match value {
                Value::Array(list) => json!(plural(list.len() as u64, "line", "lines")),
                Value::Object(_) => json!("an object"),
                other => other.clone(),
            };
            found.push(vec![json!(path), shown(was), shown(is)]);
        }
    }
}
