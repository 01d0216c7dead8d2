//! Proves one migrated row from what is stored, against its legacy row.
//!
//! Pure, and a second opinion: it shares the row types, the value types and [`crate::migration::reconstruct`] with the rest, and
//! nothing with [`crate::migration::transform`] or the writer. What the decisions say is written here once more, from the stored
//! side: for each stored column, which text must be there given the legacy row.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::sync::Arc;

use compact_str::format_compact;
use serde::Serialize;

use crate::migration::legacy::{LegacyColumn as Col, LegacyRow, Text};
use crate::migration::lookups::Security;
use crate::migration::reconstruct::{default_inverse, restore_residual};
use crate::migration::target::{
    Action, Assessment, AuditEntry, Decision, Direction, LEGACY_MARK, PadApproval, PadExecution, PadRequest, Role,
    SOURCE_TABLE, Stage, Status, TargetRows,
};
use crate::migration::value::{AMOUNT_DIGITS, Amount, Decimal, PRICE_DIGITS, Price, Timestamp, parse_identifier};

/// The columns of a stored row, as text.
#[derive(Clone, Debug)]
pub struct Cells {
    /// The columns' names, one of the lists below.
    pub columns: &'static [&'static str],
    /// Their values, in the same order.
    pub values: Vec<Option<Text>>,
}

impl Cells {
    fn get(&self, column: &str) -> Option<&Text> {
        let at = self.columns.iter().position(|it| *it == column)?;
        self.values[at].as_ref()
    }
}

/// Columns of `pad_request` that are compared, in table order.
pub const REQUEST: &[&str] = &[
    "id",
    "employee_id",
    "security_id",
    "status",
    "direction",
    "security_name",
    "isin",
    "sedol",
    "bloomberg_ticker",
    "ticker",
    "quantity",
    "estimated_value",
    "currency",
    "justification",
    "is_related_party",
    "existing_position",
    "insider_info_declaration",
    "is_restricted",
    "has_conflict",
    "relation",
    "created_at",
    "updated_at",
    "conflict_comments",
    "other_comments",
    "broker_reporting",
    "is_derivative",
    "is_leveraged",
    "related_party_name",
    "signed_declaration",
    "updated_by_id",
    "deleted_at",
    "deleted_by_id",
    "executed_within_two_days",
];
/// Columns of `pad_approval` that are compared.
pub const APPROVAL: &[&str] = &[
    "id",
    "request_id",
    "approval_type",
    "approver_id",
    "approver_google_uid",
    "decision",
    "comments",
    "decided_at",
    "restricted_check",
    "holding_period_check",
    "conflict_check",
];
/// Columns of `pad_execution` that are compared.
pub const EXECUTION: &[&str] = &[
    "id",
    "request_id",
    "executed_at",
    "execution_price",
    "execution_quantity",
    "broker_reference",
    "contract_note_path",
    "contract_note_received",
    "contract_note_verified",
    "verification_metadata",
    "recorded_by_id",
];
/// Columns of `audit_log` that are compared.
pub const AUDIT: &[&str] = &[
    "id",
    "timestamp",
    "action_type",
    "action_status",
    "actor_type",
    "actor_id",
    "google_uid",
    "entity_type",
    "entity_id",
    "request_id",
    "decision",
    "comments",
    "details",
];

/// What jsonb prints for the details of every audit entry.
const DETAILS: &str = r#"{"source": "legacy_migration", "original_table": "personal_account_dealing"}"#;

/// Everything stored that has to do with one legacy row.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The request that lineage names, if it is there.
    pub request: Option<Cells>,
    /// `compliance_assessment`, parsed; its other keys are in `strange_keys`.
    pub assessment: Assessment,
    /// Top-level keys of `compliance_assessment` that the migration doesn't write, and keys of the wrong type.
    pub strange_keys: Vec<String>,
    /// Every approval of that request.
    pub approvals: Vec<Cells>,
    /// Every execution of that request.
    pub executions: Vec<Cells>,
    /// Every audit entry of that request.
    pub audit: Vec<Cells>,
    /// `target_table` and `target_id` of every lineage row; a `target_table` that is no role as it is.
    pub lineage: Vec<(Result<Role, String>, i64)>,
}

/// One thing that is stored otherwise than the legacy row says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Difference {
    /// The legacy row.
    pub source_id: i64,
    /// The role of the target row, or the legacy table for a field that can't be reconstructed.
    pub target: String,
    /// The column.
    pub field: String,
    /// What must be there.
    pub expected: Option<String>,
    /// What is.
    pub actual: Option<String>,
}

/// Compares what is stored for a migrated row with its legacy row. Empty if all of it is right.
pub fn check(
    source_id: i64,
    row: &LegacyRow,
    stored: &Stored,
    securities: &HashMap<String, Vec<Security>>,
) -> Vec<Difference> {
    let mut checker = Checker { source_id, row, differences: Vec::new() };
    checker.all(stored, securities);
    checker.differences.sort();
    checker.differences.dedup();
    checker.differences
}

struct Checker<'a> {
    source_id: i64,
    row: &'a LegacyRow,
    differences: Vec<Difference>,
}

/// A text that must be stored, from whatever prints it.
fn shown(value: Option<impl Display>) -> Option<Text> {
    value.map(|it| format_compact!("{it}").into())
}

fn flag(value: Option<bool>) -> Option<Text> {
    value.map(|it| if it { "t".into() } else { "f".into() })
}

/// How PostgreSQL's text of a flag reads.
fn stored_flag(text: &str) -> Option<bool> {
    match text {
        "t" => Some(true),
        "f" => Some(false),
        _ => None,
    }
}

/// Everything about a stage that its columns say.
struct StageOfRow {
    decision: Option<Decision>,
    approver: Option<i64>,
    date: Option<Timestamp>,
    comments: Option<Text>,
}

impl Checker<'_> {
    fn differ(&mut self, target: &str, field: &str, expected: Option<&Text>, actual: Option<&Text>) {
        self.differences.push(Difference {
            source_id: self.source_id,
            target: target.to_owned(),
            field: field.to_owned(),
            expected: expected.map(Text::excerpt),
            actual: actual.map(Text::excerpt),
        });
    }

    fn note(&mut self, target: &str, field: &str, expected: &str, actual: &str) {
        self.differ(target, field, Some(&expected.into()), Some(&actual.into()));
    }

    fn code(&self, column: Col) -> Option<String> {
        let text = self.row.plain(column)?;
        let code: String =
            text.trim_matches(|it| it == ' ' || it == '\t').chars().map(|it| it.to_ascii_lowercase()).collect();
        if code.is_empty() { None } else { Some(code) }
    }

    fn yes_no(&self, column: Col) -> Option<bool> {
        self.row.plain(column).filter(|it| !it.is_empty()).map(|it| it == "1")
    }

    fn date(&self, column: Col) -> Option<Timestamp> {
        self.row.plain(column).and_then(|it| Timestamp::parse(it).ok())
    }

    fn id(&self, column: Col) -> Option<i64> {
        self.row.plain(column).and_then(|it| parse_identifier(it).ok())
    }

    fn amount(&self, column: Col) -> Option<Amount> {
        self.row.plain(column).and_then(|it| Amount::parse(it, AMOUNT_DIGITS).ok())
    }

    fn text(&self, column: Col) -> Option<Text> {
        self.row[column].clone()
    }

    fn created_at(&self) -> Option<Timestamp> {
        self.date(Col::RequestedDate).or_else(|| self.date(Col::LastModifiedDate))
    }

    fn stage(&self, stage: Stage) -> StageOfRow {
        let (status, approver, date, comments) = match stage {
            Stage::Manager => (Col::StatusManager, Col::AuthManager, Col::AuthManagerDate, Col::CommentsManager),
            Stage::Compliance => {
                (Col::StatusCompliance, Col::AuthCompliance, Col::AuthComplianceDate, Col::CommentsCompliance)
            }
        };
        StageOfRow {
            decision: self.code(status).and_then(|it| Decision::from_word(&it)),
            approver: self.id(approver),
            date: self.date(date),
            comments: self.text(comments),
        }
    }

    /// D8, written as the table of its outcomes.
    fn status(&self) -> Option<Status> {
        let codes =
            [Col::Status, Col::StatusManager, Col::StatusCompliance].map(|it| self.code(it).unwrap_or_default());
        if codes.iter().any(|it| it == "declined") {
            return Some(Status::Declined);
        }
        match (codes[0].as_str(), codes[2].as_str()) {
            ("request", _) => Some(Status::PendingManager),
            ("approved", "approved") => Some(Status::Approved),
            ("approved", _) => Some(Status::PendingCompliance),
            _ => None,
        }
    }

    fn all(&mut self, stored: &Stored, securities: &HashMap<String, Vec<Security>>) {
        let Some(request) = &stored.request else {
            self.note("pad_request", "id", "the request that lineage names", "no such row");
            return;
        };
        let request_id = request.get("id").cloned();
        self.request(request, securities);
        self.assessment(stored);
        let mut roles = vec![Role::Request];
        for stage in Stage::ALL {
            roles.extend(self.approval(*stage, stored, request_id.as_ref()));
        }
        roles.extend(self.execution(stored, request_id.as_ref()));
        let audited: Vec<Role> = roles
            .iter()
            .filter_map(|it| match it {
                Role::Request => Some(Role::AuditSubmitted),
                Role::Manager => Some(Role::AuditManager),
                Role::Compliance => Some(Role::AuditCompliance),
                _ => None,
            })
            .collect();
        self.audit(&audited, stored, request_id.as_ref());
        roles.extend(audited);
        self.lineage(&roles, stored);
        self.reconstruction(stored);
    }

    fn compare(&mut self, target: &str, cells: &Cells, expected: &[(&'static str, Option<Text>)]) {
        for (column, expected) in expected {
            let actual = cells.get(column);
            if actual != expected.as_ref() {
                self.differ(target, column, expected.as_ref(), actual);
            }
        }
    }

    fn request(&mut self, cells: &Cells, securities: &HashMap<String, Vec<Security>>) {
        let updated_at = self.date(Col::LastModifiedDate);
        let deleted = self.code(Col::IsDeleted).as_deref() == Some("y");
        let direction = self.code(Col::BuySell).map(|it| if it == "b" { "BUY" } else { "SELL" });
        let expected = [
            ("employee_id", shown(self.id(Col::Employee))),
            ("status", shown(self.status())),
            ("direction", shown(direction)),
            ("security_name", self.text(Col::SecurityDescription)),
            ("isin", self.text(Col::Isin)),
            ("sedol", self.text(Col::Sedol)),
            ("bloomberg_ticker", self.text(Col::Bloomberg)),
            ("ticker", self.text(Col::Ticker)),
            ("quantity", shown(self.amount(Col::TradeSize))),
            ("estimated_value", shown(self.amount(Col::Value))),
            ("currency", self.text(Col::Currency)),
            ("justification", self.text(Col::Justification)),
            ("is_related_party", flag(self.yes_no(Col::Related))),
            ("existing_position", flag(self.yes_no(Col::ExistingPos))),
            // D2
            ("insider_info_declaration", flag(self.yes_no(Col::InsideInfo).map(|it| !it))),
            ("is_restricted", flag(self.yes_no(Col::Restricted))),
            ("has_conflict", flag(self.yes_no(Col::Conflicts))),
            ("relation", self.text(Col::Relation)),
            ("created_at", shown(self.created_at())),
            ("updated_at", shown(updated_at)),
            ("conflict_comments", self.text(Col::ConflictComments)),
            ("other_comments", self.text(Col::OtherComments)),
            ("broker_reporting", flag(self.yes_no(Col::BrokerReporting))),
            ("is_derivative", flag(self.yes_no(Col::DerivativeContract))),
            ("is_leveraged", flag(self.yes_no(Col::Leveraged))),
            ("related_party_name", None),
            ("signed_declaration", flag(self.yes_no(Col::Signed))),
            ("updated_by_id", shown(self.id(Col::LastModifiedBy))),
            // D10
            ("deleted_at", shown(updated_at.or_else(|| self.created_at()).filter(|_| deleted))),
            ("deleted_by_id", None),
            ("executed_within_two_days", flag(self.yes_no(Col::TwoBusinessDaysExecution))),
        ];
        self.compare("pad_request", cells, &expected);
        self.security(cells, securities);
    }

    /// D7. A symbol without a security is right to be null, which only `--on-missing-security null` lets through.
    fn security(&mut self, cells: &Cells, securities: &HashMap<String, Vec<Security>>) {
        let actual = cells.get("security_id");
        let symbol = self.row.plain(Col::InstSymbol).unwrap_or_default();
        let candidates = securities.get(symbol).filter(|_| !symbol.is_empty());
        let same = |theirs: &Option<String>, column: Col| {
            theirs.as_deref().unwrap_or_default() != "" && theirs.as_deref() == self.row.plain(column)
        };
        let expected: Vec<i64> = match candidates.map(Vec::as_slice).unwrap_or_default() {
            [only] => vec![only.id],
            several => several
                .iter()
                .filter(|it| {
                    let Security { isin, sedol, bloomberg, ticker, .. } = it;
                    [(isin, Col::Isin), (sedol, Col::Sedol), (bloomberg, Col::Bloomberg), (ticker, Col::Ticker)]
                        .iter()
                        .any(|(theirs, column)| same(theirs, *column))
                })
                .map(|it| it.id)
                .collect(),
        };
        let several = candidates.map_or(0, Vec::len);
        let expected = match expected.as_slice() {
            [one] => Some(Text::from(one.to_string())),
            [] if several == 0 => None,
            _ => Some(Text::from(format!("one of the {several} securities with this symbol"))),
        };
        if actual != expected.as_ref() {
            self.differ("pad_request", "security_id", expected.as_ref(), actual);
        }
    }

    /// D13, and D20's "a key is there exactly when": what the keys hold is proved by the reconstruction.
    fn assessment(&mut self, stored: &Stored) {
        for key in &stored.strange_keys {
            self.note("pad_request", "compliance_assessment", "only holding_period and legacy", key);
        }
        let expected = self.yes_no(Col::HoldingPeriod);
        if stored.assessment.holding_period != expected {
            let (expected, actual) = (flag(expected), flag(stored.assessment.holding_period));
            self.differ("pad_request", "compliance_assessment.holding_period", expected.as_ref(), actual.as_ref());
        }
    }

    fn approval(&mut self, stage: Stage, stored: &Stored, request_id: Option<&Text>) -> Option<Role> {
        let role = Role::approval(stage);
        let said = self.stage(stage);
        let due = said.decision.zip(said.approver);
        let found: Vec<&Cells> = stored.approvals.iter().filter(|it| is(it, "approval_type", stage.as_str())).collect();
        self.count(role, due.is_some(), found.len());
        let (Some((decision, approver)), Some(cells)) = (due, self.claimed(role, &found, stored)) else {
            return due.map(|_| role);
        };
        let checks = |column: Col| flag(self.yes_no(column).filter(|_| stage == Stage::Compliance));
        let decided_at = said.date.or_else(|| self.date(Col::LastModifiedDate)).or_else(|| self.created_at());
        let expected = [
            ("request_id", request_id.cloned()),
            ("approver_id", shown(Some(approver))),
            ("approver_google_uid", None),
            ("decision", shown(Some(decision))),
            ("comments", said.comments.clone()),
            ("decided_at", shown(decided_at)),
            ("restricted_check", checks(Col::Restricted)),
            ("holding_period_check", checks(Col::HoldingPeriod)),
            ("conflict_check", checks(Col::Conflicts)),
        ];
        self.compare(role.as_str(), cells, &expected);
        Some(role)
    }

    fn execution(&mut self, stored: &Stored, request_id: Option<&Text>) -> Option<Role> {
        let role = Role::Execution;
        let said = |column: Col| self.row[column].as_ref().is_some_and(|it| it.octets() > 0);
        let due = said(Col::TwoBusinessDaysExecution) || said(Col::ContractNotesReceived);
        let found: Vec<&Cells> = stored.executions.iter().collect();
        self.count(role, due, found.len());
        let cells = self.claimed(role, &found, stored).filter(|_| due);
        if let Some(cells) = cells {
            // D17, D18
            let dates = [Col::AuthComplianceDate, Col::AuthManagerDate];
            let executed_at = dates.iter().find_map(|it| self.date(*it)).or_else(|| self.created_at());
            let price = match (self.amount(Col::Value), self.amount(Col::TradeSize)) {
                (Some(value), Some(size)) => rounded_quotient(value.0, size.0),
                _ => None,
            };
            let expected = [
                ("request_id", request_id.cloned()),
                ("executed_at", shown(executed_at)),
                ("execution_price", shown(price)),
                ("execution_quantity", shown(self.amount(Col::TradeSize))),
                ("broker_reference", None),
                ("contract_note_path", None),
                ("contract_note_received", flag(self.yes_no(Col::ContractNotesReceived))),
                ("contract_note_verified", flag(Some(false))),
                ("verification_metadata", None),
                ("recorded_by_id", shown(self.id(Col::AuthCompliance))),
            ];
            self.compare(role.as_str(), cells, &expected);
        }
        due.then_some(role)
    }

    fn audit(&mut self, due: &[Role], stored: &Stored, request_id: Option<&Text>) {
        for action in Action::ALL {
            let role = Role::audit(*action);
            // An entry that is neither claimed nor marked is the application's, and none of our business.
            let found: Vec<&Cells> = stored
                .audit
                .iter()
                .filter(|it| is(it, "action_type", action.as_str()))
                .filter(|it| is_marked(it) || self.is_claimed(role, it, stored))
                .collect();
            let due = due.contains(&role);
            self.count(role, due, found.len());
            let Some(cells) = self.claimed(role, &found, stored).filter(|_| due) else {
                continue;
            };
            let stage = match action {
                Action::RequestSubmitted => None,
                Action::ApprovalManager => Some(Stage::Manager),
                Action::ApprovalCompliance => Some(Stage::Compliance),
            };
            let said = stage.map(|it| self.stage(it));
            let fallback = || self.date(Col::LastModifiedDate).or_else(|| self.created_at());
            let (timestamp, actor, decision, comments) = match &said {
                None => (self.created_at(), self.id(Col::Employee), None, None),
                Some(said) => (said.date.or_else(fallback), said.approver, said.decision, said.comments.clone()),
            };
            let status = if decision == Some(Decision::Declined) { "blocked" } else { "success" };
            let expected = [
                ("timestamp", shown(timestamp)),
                ("action_status", Some(status.into())),
                ("actor_type", Some("user".into())),
                ("actor_id", shown(actor)),
                ("google_uid", None),
                ("entity_type", Some("pad_request".into())),
                ("entity_id", request_id.cloned()),
                ("request_id", request_id.cloned()),
                ("decision", shown(decision)),
                ("comments", comments),
                ("details", Some(DETAILS.into())),
            ];
            self.compare(role.as_str(), cells, &expected);
        }
        for cells in stored.audit.iter().filter(|it| is_marked(it)) {
            let action = cells.get("action_type");
            if action.and_then(Text::plain).is_none_or(|it| Action::from_word(it).is_none()) {
                self.differ("audit_log", "action_type", None, action);
            }
        }
    }

    /// A row too many or too few. Too few and claimed by lineage: the lineage dangles, which is the same cause.
    fn count(&mut self, role: Role, due: bool, found: usize) {
        if found != usize::from(due) {
            self.note(role.as_str(), "id", if due { "one row" } else { "no row" }, &format!("{found} rows"));
        }
    }

    fn is_claimed(&self, role: Role, cells: &Cells, stored: &Stored) -> bool {
        let claim = stored.lineage.iter().find(|it| it.0.as_ref() == Ok(&role)).map(|it| format_compact!("{}", it.1));
        claim.is_some_and(|id| is(cells, "id", &id))
    }

    /// The row that lineage claims, or else the first there is.
    fn claimed<'a>(&self, role: Role, found: &[&'a Cells], stored: &Stored) -> Option<&'a Cells> {
        found.iter().find(|it| self.is_claimed(role, it, stored)).or(found.first()).copied()
    }

    /// Every target row has exactly one lineage row, and there are no others.
    fn lineage(&mut self, due: &[Role], stored: &Stored) {
        for role in due {
            match stored.lineage.iter().find(|it| it.0.as_ref() == Ok(role)) {
                None => self.note(role.as_str(), "lineage", "one lineage row", "none"),
                Some((_, id)) => {
                    let rows = match role {
                        Role::Request => continue,
                        Role::Manager | Role::Compliance => &stored.approvals,
                        Role::Execution => &stored.executions,
                        _ => &stored.audit,
                    };
                    let part = role.as_str().split_once(':').map(|it| it.1);
                    let right = rows.iter().find(|it| is(it, "id", &id.to_string())).is_some_and(|cells| {
                        part.is_none_or(|it| is(cells, "approval_type", it) || is(cells, "action_type", it))
                    });
                    if !right {
                        self.note(role.as_str(), "lineage", "the id of this row", &format!("{id}, which is none"));
                    }
                }
            }
        }
        for (target, id) in &stored.lineage {
            let name = match target {
                Ok(role) if due.contains(role) => continue,
                Ok(role) => role.as_str(),
                Err(name) => name,
            };
            self.note(name, "lineage", "no lineage row", &id.to_string());
        }
    }

    /// D20, on what is stored. What a stored column shows already isn't said a second time.
    fn reconstruction(&mut self, stored: &Stored) {
        let Some(rows) = decode(self.source_id, stored) else {
            if self.differences.is_empty() {
                self.note("pad_request", "status", "values that the migration writes", "another value");
            }
            return;
        };
        let unknown: Vec<Arc<str>> = self.row.unknown.keys().cloned().collect();
        let mut back = default_inverse(&rows, &unknown);
        for (name, text) in &rows.request.compliance_assessment.legacy {
            let returns = match Col::from_name(name) {
                Some(column) => back[column] == *text,
                None => text.is_none(),
            };
            if returns {
                let field = format!("compliance_assessment.legacy.{name}");
                self.differ("pad_request", &field, None, Some(text.as_ref().unwrap_or(&"null".into())));
            }
        }
        restore_residual(&mut back, &rows);
        if back == *self.row || !self.differences.is_empty() {
            return;
        }
        for (name, shown) in &self.row.unreadable {
            self.differ(SOURCE_TABLE, name, Some(&shown.as_str().into()), None);
        }
        let mut theirs: BTreeMap<&str, Option<&Text>> = back.columns().collect();
        for (name, expected) in self.row.columns() {
            let actual = theirs.remove(name).flatten();
            if actual != expected {
                self.differ(SOURCE_TABLE, name, expected, actual);
            }
        }
        for (name, actual) in theirs {
            self.differ(SOURCE_TABLE, name, None, actual);
        }
    }
}

fn is(cells: &Cells, column: &str, text: &str) -> bool {
    cells.get(column).and_then(Text::plain) == Some(text)
}

/// Whether an audit entry carries the legacy mark.
pub fn is_marked(cells: &Cells) -> bool {
    let details = cells.get("details").and_then(Text::plain).unwrap_or_default();
    details == DETAILS
        || serde_json::from_str::<serde_json::Value>(details)
            .is_ok_and(|it| it.get("source").and_then(serde_json::Value::as_str) == Some(LEGACY_MARK))
}

/// Long division in decimal, one digit at a time: slower than the writer's, and not the writer's.
fn rounded_quotient(value: i128, size: i128) -> Option<Price> {
    if size == 0 {
        return None;
    }
    let (mut rest, divisor) = (value.unsigned_abs(), size.unsigned_abs());
    let mut digits = rest / divisor;
    rest %= divisor;
    for _ in 0..9 {
        rest *= 10;
        digits = digits * 10 + rest / divisor;
        rest %= divisor;
    }
    let rounded = i128::try_from((digits + 5) / 10).ok()?;
    let fits = rounded < 10i128.pow(PRICE_DIGITS);
    fits.then_some(Decimal(if value.is_negative() != size.is_negative() { -rounded } else { rounded }))
}

/// The stored rows as row types; none if a stored value is one that the migration never writes.
fn decode(source_id: i64, stored: &Stored) -> Option<TargetRows> {
    let request = stored.request.as_ref()?;
    let text = |cells: &Cells, column: &str| cells.get(column).cloned();
    fn plain<'a>(cells: &'a Cells, column: &str) -> Option<&'a str> {
        cells.get(column).and_then(Text::plain)
    }
    // A null is fine, a text that can't be read is not.
    fn optional<T>(text: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        text.map_or(Some(None), |it| read(it).map(Some))
    }
    let flag = |column: &str| optional(plain(request, column), stored_flag);
    let id = |text: &str| text.parse::<i64>().ok();
    let time = |text: &str| Timestamp::parse(text).ok();
    let amount = |text: &str| Amount::parse(text, AMOUNT_DIGITS).ok();
    let pad_request = PadRequest {
        id: id(plain(request, "id")?)?,
        employee_id: id(plain(request, "employee_id")?)?,
        security_id: optional(plain(request, "security_id"), id)?,
        status: Status::from_word(plain(request, "status")?)?,
        direction: optional(plain(request, "direction"), Direction::from_word)?,
        security_name: text(request, "security_name"),
        isin: text(request, "isin"),
        sedol: text(request, "sedol"),
        bloomberg_ticker: text(request, "bloomberg_ticker"),
        ticker: text(request, "ticker"),
        quantity: optional(plain(request, "quantity"), amount)?,
        estimated_value: optional(plain(request, "estimated_value"), amount)?,
        currency: text(request, "currency"),
        justification: text(request, "justification"),
        is_related_party: flag("is_related_party")?,
        existing_position: flag("existing_position")?,
        insider_info_declaration: flag("insider_info_declaration")?,
        is_restricted: flag("is_restricted")?,
        has_conflict: flag("has_conflict")?,
        relation: text(request, "relation"),
        compliance_assessment: stored.assessment.clone(),
        created_at: time(plain(request, "created_at")?)?,
        updated_at: optional(plain(request, "updated_at"), time)?,
        conflict_comments: text(request, "conflict_comments"),
        other_comments: text(request, "other_comments"),
        broker_reporting: flag("broker_reporting")?,
        is_derivative: flag("is_derivative")?,
        is_leveraged: flag("is_leveraged")?,
        related_party_name: text(request, "related_party_name"),
        signed_declaration: flag("signed_declaration")?,
        updated_by_id: optional(plain(request, "updated_by_id"), id)?,
        deleted_at: optional(plain(request, "deleted_at"), time)?,
        deleted_by_id: optional(plain(request, "deleted_by_id"), id)?,
        executed_within_two_days: flag("executed_within_two_days")?,
    };
    let approvals = stored.approvals.iter().map(|cells| {
        let flag = |column: &str| optional(plain(cells, column), stored_flag);
        Some(PadApproval {
            stage: Stage::from_word(plain(cells, "approval_type")?)?,
            approver_id: id(plain(cells, "approver_id")?)?,
            decision: Decision::from_word(plain(cells, "decision")?)?,
            comments: text(cells, "comments"),
            decided_at: time(plain(cells, "decided_at")?)?,
            restricted_check: flag("restricted_check")?,
            holding_period_check: flag("holding_period_check")?,
            conflict_check: flag("conflict_check")?,
        })
    });
    let execution = match stored.executions.first() {
        None => None,
        Some(cells) => Some(PadExecution {
            executed_at: time(plain(cells, "executed_at")?)?,
            execution_price: optional(plain(cells, "execution_price"), |it| Price::parse(it, PRICE_DIGITS).ok())?,
            execution_quantity: optional(plain(cells, "execution_quantity"), amount)?,
            contract_note_received: optional(plain(cells, "contract_note_received"), stored_flag)?,
            recorded_by_id: optional(plain(cells, "recorded_by_id"), id)?,
        }),
    };
    // The audit trail repeats what is above and gives nothing back (D20); it has been compared column by column.
    let audit: Vec<AuditEntry> = Vec::new();
    Some(TargetRows { source_id, request: pad_request, approvals: approvals.collect::<Option<_>>()?, execution, audit })
}
