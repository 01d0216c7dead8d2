//! A legacy row and what it refers to → the target rows, or all reasons why not.
//!
//! Pure and total. Decision numbers (D1–D23) are explained in `docs/field-mapping.md`.
//!
//! Invariant: a row is transformed whole or rejected, and what the typed columns can't give back is in the residual,
//! so that [`crate::migration::reconstruct`] returns the legacy row to the byte (D20). The two modules share only the row types:
//! each is the other's proof.

use std::collections::BTreeMap;
use std::fmt;

use crate::migration::legacy::{Kind, LegacyColumn as Col, LegacyRow, Text};
use crate::migration::lookups::{Collision, Lookups, Security};
use crate::migration::rejection::{Reason, Rejection, Rule};
use crate::migration::target::{
    Action, Assessment, AuditEntry, Decision, Direction, PadApproval, PadExecution, PadRequest, Stage, Status,
    TargetRows,
};
use crate::migration::value::{AMOUNT_DIGITS, Amount, Price, Timestamp, ValueError, parse_identifier};

/// Bytes that all the strings of one jsonb object may have together (Postgres, `JENTRY_OFFLENMASK`).
pub const JSONB_LIMIT: u64 = 0x0FFF_FFFF;

/// ASCII blanks stripped, ASCII letters lowered (D3). Empty is null.
pub fn normalize_code(text: &str) -> Option<String> {
    let code = text.trim_matches([' ', '\t']).to_ascii_lowercase();
    (!code.is_empty()).then_some(code)
}

/// The people that the row may write to a column with a foreign key (D16b), to be looked up before the transform decides.
/// What can't be read as an id is left out; the transform names it.
pub fn people(row: &LegacyRow) -> impl Iterator<Item = i64> {
    let mut columns = vec![Col::Employee, Col::LastModifiedBy];
    let executed = has_text(row, Col::TwoBusinessDaysExecution) || has_text(row, Col::ContractNotesReceived);
    for stage in Stage::ALL {
        let columns_of = StageColumns::of(*stage);
        let recorder = *stage == Stage::Compliance && executed;
        if recorder || row[columns_of.status].as_ref().is_some() {
            columns.push(columns_of.approver);
        }
    }
    columns.into_iter().filter_map(|it| parse_identifier(row.plain(it)?).ok())
}

/// The symbol under which the row's security is looked up, if it has one (D7).
pub fn symbol(row: &LegacyRow) -> Option<&str> {
    row.plain(Col::InstSymbol).filter(|it| !it.is_empty())
}

fn has_text(row: &LegacyRow, column: Col) -> bool {
    row[column].as_ref().is_some_and(|it| it.octets() > 0)
}

struct StageColumns {
    approver: Col,
    date: Col,
    status: Col,
    comments: Col,
}

impl StageColumns {
    fn of(stage: Stage) -> Self {
        match stage {
            Stage::Manager => Self {
                approver: Col::AuthManager,
                date: Col::AuthManagerDate,
                status: Col::StatusManager,
                comments: Col::CommentsManager,
            },
            Stage::Compliance => Self {
                approver: Col::AuthCompliance,
                date: Col::AuthComplianceDate,
                status: Col::StatusCompliance,
                comments: Col::CommentsCompliance,
            },
        }
    }
}

/// Transforms one legacy row, or says every reason why it can't be.
///
/// `source_id` is the row's id, which the reader has already read as a `bigint`.
pub fn transform(source_id: i64, row: &LegacyRow, lookups: &Lookups) -> Result<TargetRows, Rejection> {
    let mut reader = Reader { row, lookups, reasons: Vec::new() };
    let rows = reader.target_rows(source_id);
    let Reader { mut reasons, .. } = reader;
    if !row.unreadable.is_empty() {
        // A null that stands for unreadable bytes says nothing more about its field.
        reasons.retain(|it| !row.unreadable.contains_key(&*it.field));
        reasons.extend(row.unreadable.iter().map(|(field, shown)| Reason {
            field: field.to_string(),
            rule: Rule::Unreadable,
            value: Some(Text::from(shown.as_str()).record()),
            message: format!("{field} holds bytes that are not text in UTF-8; correct them in the source"),
        }));
    }
    match rows {
        Some(rows) if reasons.is_empty() => Ok(rows),
        _ => {
            reasons.sort();
            reasons.dedup_by(|a, b| a.field == b.field && a.rule == b.rule);
            Err(Rejection { source_id, reasons })
        }
    }
}

struct Reader<'a> {
    row: &'a LegacyRow,
    lookups: &'a Lookups,
    reasons: Vec<Reason>,
}

/// The three status columns after D3, each in its set.
struct Statuses {
    status: String,
    manager: Option<String>,
    compliance: Option<String>,
}

impl Statuses {
    fn stage(&self, stage: Stage) -> Option<&str> {
        match stage {
            Stage::Manager => self.manager.as_deref(),
            Stage::Compliance => self.compliance.as_deref(),
        }
    }

    fn decision(&self, stage: Stage) -> Option<Decision> {
        self.stage(stage).and_then(Decision::from_word)
    }

    /// D8, the first rule that applies.
    fn request_status(&self) -> Status {
        let declined = Some("declined");
        if self.status == "declined" || self.manager.as_deref() == declined || self.compliance.as_deref() == declined {
            Status::Declined
        } else if self.status == "request" {
            Status::PendingManager
        } else if self.compliance.as_deref() == Some("approved") {
            Status::Approved
        } else {
            Status::PendingCompliance
        }
    }
}

impl Reader<'_> {
    /// The target rows; `None` only where a reason says why.
    fn target_rows(&mut self, source_id: i64) -> Option<TargetRows> {
        let row = self.row;
        let id = self.request_id(source_id);
        let employee_id = self.employee();
        let security_id = self.security();
        let statuses = self.statuses();
        let direction = self.direction();
        let deleted = self.deleted();
        let requested = self.timestamp(Col::RequestedDate);
        let updated_at = self.timestamp(Col::LastModifiedDate);
        let created_at = self.created_at(requested, updated_at);
        let updated_by_id = self.person(Col::LastModifiedBy);
        let quantity = self.amount(Col::TradeSize);
        let estimated_value = self.amount(Col::Value);
        let flag = |reader: &mut Self, column| reader.boolean(column);
        let is_restricted = flag(self, Col::Restricted);
        let holding_period = flag(self, Col::HoldingPeriod);
        let has_conflict = flag(self, Col::Conflicts);
        let contract_note_received = flag(self, Col::ContractNotesReceived);
        let executed_within_two_days = flag(self, Col::TwoBusinessDaysExecution);
        let is_related_party = flag(self, Col::Related);
        let existing_position = flag(self, Col::ExistingPos);
        let insider_info_declaration = flag(self, Col::InsideInfo).map(|has_information| !has_information);
        let broker_reporting = flag(self, Col::BrokerReporting);
        let is_derivative = flag(self, Col::DerivativeContract);
        let is_leveraged = flag(self, Col::Leveraged);
        let signed_declaration = flag(self, Col::Signed);
        let security_name = self.text(Col::SecurityDescription, 500);
        let isin = self.text(Col::Isin, 12);
        let sedol = self.text(Col::Sedol, 7);
        let bloomberg_ticker = self.text(Col::Bloomberg, 50);
        let ticker = self.text(Col::Ticker, 50);
        let currency = self.text(Col::Currency, 3);
        let relation = self.text(Col::Relation, 100);

        // Where the row's own date is missing or unreadable a reason says so; any date lets the other checks go on.
        let fallback = updated_at.or(created_at).unwrap_or(Timestamp::INFINITY);
        let mut approvals = Vec::new();
        if let Some(statuses) = &statuses {
            for stage in Stage::ALL {
                let Some(decision) = statuses.decision(*stage) else {
                    continue;
                };
                let columns = StageColumns::of(*stage);
                if row[columns.approver].is_none() {
                    continue;
                }
                let approver_id = self.person(columns.approver);
                let decided_at = self.timestamp(columns.date).unwrap_or(fallback);
                let checks = *stage == Stage::Compliance;
                approvals.extend(approver_id.map(|approver_id| PadApproval {
                    stage: *stage,
                    approver_id,
                    decision,
                    comments: row[columns.comments].clone(),
                    decided_at,
                    restricted_check: is_restricted.filter(|_| checks),
                    holding_period_check: holding_period.filter(|_| checks),
                    conflict_check: has_conflict.filter(|_| checks),
                }));
            }
        }

        let executed = has_text(row, Col::TwoBusinessDaysExecution) || has_text(row, Col::ContractNotesReceived);
        let execution = executed.then(|| {
            let stage_date = match self.timestamp(Col::AuthComplianceDate) {
                None if row[Col::AuthComplianceDate].is_none() => self.timestamp(Col::AuthManagerDate),
                date => date,
            };
            PadExecution {
                executed_at: stage_date.or(created_at).unwrap_or(Timestamp::INFINITY),
                execution_price: estimated_value.zip(quantity).and_then(|(value, size)| Price::quotient(value, size)),
                execution_quantity: quantity,
                contract_note_received,
                recorded_by_id: self.person(Col::AuthCompliance),
            }
        });

        // Every reason is known by now but those of the residual, which needs the values.
        let (id, employee_id, created_at, statuses) = (id?, employee_id?, created_at?, statuses?);
        let deleted_at = deleted?.then(|| updated_at.unwrap_or(created_at));
        let mut request = PadRequest {
            id,
            employee_id,
            security_id,
            status: statuses.request_status(),
            direction,
            security_name,
            isin,
            sedol,
            bloomberg_ticker,
            ticker,
            quantity,
            estimated_value,
            currency,
            justification: row[Col::Justification].clone(),
            is_related_party,
            existing_position,
            insider_info_declaration,
            is_restricted,
            has_conflict,
            relation,
            compliance_assessment: Assessment { holding_period, legacy: BTreeMap::new() },
            created_at,
            updated_at,
            conflict_comments: row[Col::ConflictComments].clone(),
            other_comments: row[Col::OtherComments].clone(),
            broker_reporting,
            is_derivative,
            is_leveraged,
            related_party_name: None,
            signed_declaration,
            updated_by_id,
            deleted_at,
            deleted_by_id: None,
            executed_within_two_days,
        };
        if !self.reasons.is_empty() {
            return None;
        }
        let legacy = residual(source_id, row, &request, &approvals, execution.is_some());
        self.check_residual(&legacy);
        request.compliance_assessment.legacy = legacy;
        let audit = audit_trail(&request, &approvals);
        Some(TargetRows { source_id, request, approvals, execution, audit })
    }

    fn reject(&mut self, column: Col, rule: Rule, message: impl fmt::Display) {
        let value = self.row[column].as_ref().map(Text::record);
        self.reasons.push(Reason { field: column.name().to_owned(), rule, value, message: message.to_string() });
    }

    fn shown(&self, column: Col) -> String {
        self.row[column].as_ref().map_or_else(|| "null".to_owned(), |it| format!("'{}'", it.excerpt()))
    }

    fn reject_value(&mut self, column: Col, error: ValueError) {
        let shown = self.shown(column);
        let (kind, limit) = match column.kind() {
            Kind::Timestamp => ("a timestamp", "microseconds between 4714 BC and AD 294276"),
            Kind::Identifier => ("an identifier", "a whole number of 64 bits"),
            _ => ("a number", "20 digits, 4 of them after the point"),
        };
        match error {
            ValueError::Unreadable => {
                let message = format!("{column} is {shown}, which is not {kind}; correct it in the source");
                self.reject(column, Rule::Unreadable, message);
            }
            ValueError::OutOfRange => {
                let message = format!(
                    "{column} is {shown}, and the target holds {limit} without rounding; correct it in the source"
                );
                self.reject(column, Rule::OutOfRange, message);
            }
        }
    }

    /// The value of a column as `parse` reads it; a text that it can't read is a reason.
    fn parsed<T>(&mut self, column: Col, parse: impl Fn(&str) -> Result<T, ValueError>) -> Option<T> {
        let text = self.row[column].as_ref()?;
        let parsed = text.plain().map_or(Err(ValueError::Unreadable), parse);
        parsed.map_err(|error| self.reject_value(column, error)).ok()
    }

    fn timestamp(&mut self, column: Col) -> Option<Timestamp> {
        self.parsed(column, Timestamp::parse)
    }

    fn amount(&mut self, column: Col) -> Option<Amount> {
        self.parsed(column, |text| Amount::parse(text, AMOUNT_DIGITS))
    }

    /// D1.
    fn boolean(&mut self, column: Col) -> Option<bool> {
        match self.row[column].as_ref()?.plain() {
            Some("1") => Some(true),
            Some("2") => Some(false),
            Some("") => None,
            _ => {
                let message = format!("{column} is {}; it must be '1', '2' or empty", self.shown(column));
                self.reject(column, Rule::InvalidBoolean, message);
                None
            }
        }
    }

    /// D4.
    fn text(&mut self, column: Col, limit: usize) -> Option<Text> {
        let text = self.row[column].clone()?;
        if text.exceeds(limit) {
            let message = format!("{column} has more than the {limit} characters that the target column holds");
            self.reject(column, Rule::TooLong, message);
        }
        Some(text)
    }

    /// D3. A text too large to be in memory is a code that no set has.
    fn code(&self, column: Col) -> Option<String> {
        self.row[column].as_ref().and_then(|text| text.plain().map_or(Some("…".to_owned()), normalize_code))
    }

    fn direction(&mut self) -> Option<Direction> {
        match self.code(Col::BuySell)?.as_str() {
            "b" => Some(Direction::Buy),
            "s" => Some(Direction::Sell),
            _ => {
                let message = format!("buysell is {}; it must be B, S or empty", self.shown(Col::BuySell));
                self.reject(Col::BuySell, Rule::InvalidDirection, message);
                None
            }
        }
    }

    fn deleted(&mut self) -> Option<bool> {
        match self.code(Col::IsDeleted).as_deref() {
            Some("y") => Some(true),
            Some("n") | None => Some(false),
            Some(_) => {
                let message = format!("is_deleted_yn is {}; it must be Y, N or empty", self.shown(Col::IsDeleted));
                self.reject(Col::IsDeleted, Rule::InvalidDeletedFlag, message);
                None
            }
        }
    }

    /// D8: each status in its set, or one reason for each that isn't.
    fn statuses(&mut self) -> Option<Statuses> {
        let status = self.code(Col::Status).filter(|it| ["request", "approved", "declined"].contains(&it.as_str()));
        if status.is_none() {
            let message = format!("status is {}; it must be request, approved or declined", self.shown(Col::Status));
            self.reject(Col::Status, Rule::UnknownStatus, message);
        }
        let mut stage = |column| {
            let code = self.code(column);
            if code.as_deref().is_none_or(|it| ["approved", "declined", "pending"].contains(&it)) {
                return Some(code);
            }
            let shown = self.shown(column);
            let message = format!("{column} is {shown}; it must be approved, declined, pending or empty");
            self.reject(column, Rule::UnknownStatus, message);
            None
        };
        let (manager, compliance) = (stage(Col::StatusManager), stage(Col::StatusCompliance));
        Some(Statuses { status: status?, manager: manager?, compliance: compliance? })
    }

    fn request_id(&mut self, source_id: i64) -> Option<i64> {
        match self.lookups.collisions.get(&source_id) {
            // The identity sequence must be moved past every id, and there is none past this one (D6).
            None if source_id == i64::MAX => {
                let message = format!("id is {source_id}, which leaves the application no id to go on with");
                self.reject(Col::Id, Rule::OutOfRange, message);
                None
            }
            None => Some(source_id),
            Some(Collision::StrayLineage) => {
                let message = "migration_mapping has the id of this row for other target rows, and no request of it; \
                               find out who wrote that, and remove it";
                self.reject(Col::Id, Rule::IdCollision, message);
                None
            }
            Some(Collision::Reassign(id)) => Some(*id),
            Some(Collision::Reject) => {
                let message = format!(
                    "padealing.pad_request {source_id} exists and did not come from this row; \
                     move it, or run with --on-id-collision reassign"
                );
                self.reject(Col::Id, Rule::IdCollision, message);
                None
            }
        }
    }

    fn employee(&mut self) -> Option<i64> {
        if self.row[Col::Employee].is_none() {
            self.reject(Col::Employee, Rule::UnknownEmployee, "employee is null; a request belongs to an employee");
        }
        self.person(Col::Employee)
    }

    /// D16b: called exactly for a value that would be written to a column with a foreign key.
    fn person(&mut self, column: Col) -> Option<i64> {
        let id = self.parsed(column, parse_identifier)?;
        if !self.lookups.employees.contains(&id) {
            let message = format!(
                "{column} is {id}, who is not in bo_airflow.oracle_employee; \
                 correct the source, or have the mirror refreshed"
            );
            self.reject(column, Rule::UnknownEmployee, message);
        }
        Some(id)
    }

    /// D9. Where a date is there but can't be read, that is the reason, not the missing date.
    fn created_at(&mut self, requested: Option<Timestamp>, modified: Option<Timestamp>) -> Option<Timestamp> {
        if self.row[Col::RequestedDate].is_some() {
            return requested;
        }
        if self.row[Col::LastModifiedDate].is_none() {
            let message = "requested_date and last_modified_date are both null; a request needs one of them";
            self.reject(Col::RequestedDate, Rule::MissingDate, message);
        }
        modified
    }

    /// D7.
    fn security(&mut self) -> Option<i64> {
        let column = Col::InstSymbol;
        if !has_text(self.row, column) {
            return None;
        }
        let candidates = symbol(self.row).and_then(|it| self.lookups.securities.get(it)).map_or(&[][..], Vec::as_slice);
        match candidates {
            [] if self.lookups.missing_security_is_null => None,
            [] => {
                let message = format!(
                    "no security in bo_airflow.oracle_bloomberg has the inst_symbol {}; \
                     have the mirror refreshed, or run with --on-missing-security null",
                    self.shown(column)
                );
                self.reject(column, Rule::UnknownSecurity, message);
                None
            }
            [only] => Some(only.id),
            several => {
                let mut agreeing = several.iter().filter(|it| self.agrees(it));
                if let (Some(one), None) = (agreeing.next(), agreeing.next()) {
                    return Some(one.id);
                }
                let message = format!(
                    "{} securities in bo_airflow.oracle_bloomberg have the inst_symbol {}, and isin, sedol, bloomberg \
                     and ticker don't single one out; correct them in the source",
                    several.len(),
                    self.shown(column)
                );
                self.reject(column, Rule::AmbiguousSecurity, message);
                None
            }
        }
    }

    fn agrees(&self, security: &Security) -> bool {
        let equal = |theirs: &Option<String>, column| {
            theirs.as_deref().is_some_and(|it| !it.is_empty() && self.row.plain(column) == Some(it))
        };
        equal(&security.isin, Col::Isin)
            || equal(&security.sedol, Col::Sedol)
            || equal(&security.bloomberg, Col::Bloomberg)
            || equal(&security.ticker, Col::Ticker)
    }

    /// What no jsonb can hold is a rejection (D20), named by its longest value.
    fn check_residual(&mut self, legacy: &BTreeMap<String, Option<Text>>) {
        let octets = |text: &Option<Text>| text.as_ref().map_or(0, Text::octets);
        let total: u64 = legacy.iter().map(|(name, text)| name.len() as u64 + octets(text)).sum();
        if total <= JSONB_LIMIT {
            return;
        }
        if let Some((field, text)) = legacy.iter().max_by_key(|(_, text)| octets(text)) {
            self.reasons.push(Reason {
                field: field.clone(),
                rule: Rule::TooLong,
                value: text.as_ref().map(Text::record),
                message: format!(
                    "{field} belongs to the residual, which has {total} bytes where a jsonb holds {JSONB_LIMIT}"
                ),
            });
        }
    }
}

impl fmt::Display for Col {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn audit_trail(request: &PadRequest, approvals: &[PadApproval]) -> Vec<AuditEntry> {
    let submitted = AuditEntry {
        action: Action::RequestSubmitted,
        timestamp: request.created_at,
        actor_id: request.employee_id,
        decision: None,
        comments: None,
    };
    let decided = approvals.iter().map(|it| AuditEntry {
        action: match it.stage {
            Stage::Manager => Action::ApprovalManager,
            Stage::Compliance => Action::ApprovalCompliance,
        },
        timestamp: it.decided_at,
        actor_id: it.approver_id,
        decision: Some(it.decision),
        comments: it.comments.clone(),
    });
    std::iter::once(submitted).chain(decided).collect()
}

/// What the typed columns don't give back: a key exactly where the default inverse differs from the row (D20).
fn residual(
    source_id: i64,
    row: &LegacyRow,
    request: &PadRequest,
    approvals: &[PadApproval],
    executed: bool,
) -> BTreeMap<String, Option<Text>> {
    let mut legacy = BTreeMap::new();
    let mut unless = |comes_back: bool, column: Col| {
        if !comes_back {
            legacy.insert(column.name().to_owned(), row[column].clone());
        }
    };
    let prints = |column: Col, value: &dyn fmt::Display| row.plain(column).is_some_and(|it| it == value.to_string());
    let prints_or_null = |column: Col, value: Option<&dyn fmt::Display>| match value {
        Some(value) => prints(column, value),
        None => row[column].is_none(),
    };

    unless(prints(Col::Id, &source_id), Col::Id);
    unless(prints(Col::Employee, &request.employee_id), Col::Employee);
    unless(prints(Col::RequestedDate, &request.created_at), Col::RequestedDate);
    unless(row[Col::Name].is_none(), Col::Name);
    unless(row[Col::InstSymbol].is_none(), Col::InstSymbol);
    for column in Col::ALL.iter().filter(|it| it.kind() == Kind::YesNo) {
        // '1', '2' and null come back; D1 lets nothing else through but the empty string.
        let comes_back = row.plain(*column) != Some("");
        unless(comes_back, *column);
    }
    unless(prints_or_null(Col::TradeSize, request.quantity.as_ref().map(|it| it as _)), Col::TradeSize);
    unless(prints_or_null(Col::Value, request.estimated_value.as_ref().map(|it| it as _)), Col::Value);
    unless(prints_or_null(Col::LastModifiedBy, request.updated_by_id.as_ref().map(|it| it as _)), Col::LastModifiedBy);
    unless(prints_or_null(Col::LastModifiedDate, request.updated_at.as_ref().map(|it| it as _)), Col::LastModifiedDate);
    let buysell = request.direction.map(|it| if it == Direction::Buy { "B" } else { "S" });
    unless(row.plain(Col::BuySell) == buysell && row[Col::BuySell].is_some() == buysell.is_some(), Col::BuySell);
    let status = match request.status {
        Status::Declined => "declined",
        Status::PendingManager => "request",
        _ => "approved",
    };
    unless(row.plain(Col::Status) == Some(status), Col::Status);
    let deleted = if request.deleted_at.is_some() { "Y" } else { "N" };
    unless(row.plain(Col::IsDeleted) == Some(deleted), Col::IsDeleted);
    for stage in Stage::ALL {
        let columns = StageColumns::of(*stage);
        match approvals.iter().find(|it| it.stage == *stage) {
            Some(approval) => {
                unless(prints(columns.approver, &approval.approver_id), columns.approver);
                unless(prints(columns.date, &approval.decided_at), columns.date);
                unless(prints(columns.status, &approval.decision), columns.status);
            }
            None => {
                for column in [columns.approver, columns.date, columns.status, columns.comments] {
                    unless(row[column].is_none(), column);
                }
            }
        }
    }
    // Without an execution the flag is null or empty, and the loop over the flags has kept the empty one.
    debug_assert!(executed || !has_text(row, Col::ContractNotesReceived), "a contract note flag without an execution");
    legacy.extend(
        row.unknown.iter().filter(|(_, text)| text.is_some()).map(|(name, text)| (name.to_string(), text.clone())),
    );
    legacy
}
