//! Which decisions (D1–D23) made of a legacy row what is stored for it, in sentences for people. Pure.
//!
//! It says what is there and why. Whether that is right is judged elsewhere ([`crate::migration::check`]).

use crate::migration::decision;
use crate::migration::legacy::{Kind, LegacyColumn as Col, LegacyRow};
use crate::migration::stored::{Cells, Stored};
use crate::migration::target::{Role, Stage};
use crate::migration::text::Text;

/// A decision, and what it made of the row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "harness", derive(schemars::JsonSchema))]
pub struct Decided {
    /// Its number, such as `D8`.
    pub decision: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What it made of the row.
    pub text: String,
}

/// The decisions that show in a migrated row, in their order.
pub(crate) fn decisions(id: i64, row: &LegacyRow, stored: &Stored) -> Vec<Decided> {
    let mut list = List { row, stored, decided: Vec::new() };
    list.flags();
    list.codes();
    list.identity(id);
    list.security();
    list.status();
    list.dates();
    list.stages();
    list.execution();
    list.residual();
    let number = |decided: &Decided| decided.decision[1..].parse::<u32>().unwrap_or_default();
    list.decided.sort_by_key(number);
    list.decided
}

struct List<'a> {
    row: &'a LegacyRow,
    stored: &'a Stored,
    decided: Vec<Decided>,
}

fn held(cells: Option<&Cells>, column: &str) -> Option<String> {
    cells.and_then(|cells| cells.get(column)).map(Text::excerpt)
}

impl List<'_> {
    fn add(&mut self, decision: &'static str, text: String) {
        let title = decision::decision(decision).map_or("", |it| it.title);
        self.decided.push(Decided { decision, title, text });
    }

    fn request(&self, column: &str) -> String {
        held(self.stored.request.as_ref(), column).unwrap_or_else(|| "null".to_owned())
    }

    fn text(&self, column: Col) -> String {
        self.row.get(column).map_or_else(|| "null".to_owned(), |text| format!("'{}'", text.excerpt()))
    }

    fn is_set(&self, column: Col) -> bool {
        self.row.has_text(column)
    }

    fn flags(&mut self) {
        let set = Col::ALL.iter().filter(|it| it.kind() == Kind::YesNo && self.is_set(**it) && **it != Col::InsideInfo);
        let set: Vec<String> = set.map(|it| format!("{it} {}", self.text(*it))).collect();
        if !set.is_empty() {
            self.add("D1", format!("'1' is true, '2' is false, empty is null: {}", set.join(", ")));
        }
        if self.is_set(Col::InsideInfo) {
            let (text, declared) = (self.text(Col::InsideInfo), self.request("insider_info_declaration"));
            self.add("D2", format!("inside_info_yn is inverted: {text} is insider_info_declaration {declared}"));
        }
    }

    fn codes(&mut self) {
        for column in Col::ALL.iter().filter(|it| it.kind() == Kind::Code) {
            let Some(text) = self.row.plain(*column) else { continue };
            let normal = text.trim_matches([' ', '\t']).to_ascii_lowercase();
            if normal != text && *column != Col::BuySell && *column != Col::IsDeleted {
                self.add("D3", format!("{column} '{}' is read as '{normal}'", Text::from(text).excerpt()));
            }
        }
    }

    fn identity(&mut self, id: i64) {
        let Some(request) = self.stored.lineage_id(Role::Request) else { return };
        let text = match request == id {
            true => format!("the request keeps the id {id}"),
            false => format!("the id {id} was taken by another request, so this one got {request}"),
        };
        self.add("D6", text);
    }

    fn security(&mut self) {
        let (symbol, security) = (self.text(Col::InstSymbol), self.request("security_id"));
        let text = match (self.is_set(Col::InstSymbol), &*security) {
            (false, _) => "there is no inst_symbol, so security_id is null".to_owned(),
            (true, "null") => format!("no security has the inst_symbol {symbol}, so security_id is null"),
            (true, id) => format!("inst_symbol {symbol} is the security {id}"),
        };
        self.add("D7", text);
    }

    fn status(&mut self) {
        let [status, manager, compliance] =
            [Col::Status, Col::StatusManager, Col::StatusCompliance].map(|it| self.text(it));
        let made = self.request("status");
        self.add("D8", format!("status {status}, manager {manager}, compliance {compliance} is {made}"));
    }

    fn dates(&mut self) {
        if self.row.is_null(Col::RequestedDate) {
            let text = self.text(Col::LastModifiedDate);
            self.add("D9", format!("requested_date is null, so created_at is last_modified_date {text}"));
        }
        if held(self.stored.request.as_ref(), "deleted_at").is_some() {
            let from = if !self.row.is_null(Col::LastModifiedDate) { "last_modified_date" } else { "created_at" };
            let text = self.text(Col::IsDeleted);
            self.add("D10", format!("is_deleted_yn is {text}, so deleted_at is {from}; nobody knows who deleted it"));
        }
    }

    fn stages(&mut self) {
        let stages = [
            (Stage::Manager, Col::AuthManager, Col::StatusManager, Col::AuthManagerDate),
            (Stage::Compliance, Col::AuthCompliance, Col::StatusCompliance, Col::AuthComplianceDate),
        ];
        for (stage, approver, status, date) in stages {
            let has_row = self.stored.lineage_id(Role::approval(stage)).is_some();
            let is_known = self.is_set(approver) || self.is_set(status);
            match (has_row, is_known) {
                (true, _) if self.row.is_null(date) => {
                    let text = format!("{date} is null, so the decision of {stage} has the date of the last change");
                    self.add("D14", text);
                }
                (false, true) => {
                    let (approver, status) = (self.text(approver), self.text(status));
                    self.add("D16", format!(
                        "{stage}: approver {approver} and status {status} are no decision of a person, so there is no \
                         approval"
                    ));
                }
                _ => {}
            }
        }
        if self.stored.lineage_id(Role::Compliance).is_some() {
            let text = "the checks of restrictions, holding period and conflicts are those of compliance's approval";
            self.add("D15", text.to_owned());
        }
    }

    fn execution(&mut self) {
        if self.stored.lineage_id(Role::Execution).is_none() {
            return;
        }
        let from = [Col::AuthComplianceDate, Col::AuthManagerDate].into_iter().find(|it| !self.row.is_null(*it));
        let from = from.map_or("created_at", Col::name);
        self.add("D17", format!("executed_at is {from}"));
        let price = held(self.stored.executions.first(), "execution_price");
        let (value, size) = (self.text(Col::Value), self.text(Col::TradeSize));
        let text = match price {
            Some(price) => format!("value {value} / trade_size {size}, rounded, is execution_price {price}"),
            None => format!("value {value} / trade_size {size} gives no price"),
        };
        self.add("D18", text);
    }

    fn residual(&mut self) {
        let assessment = &self.stored.assessment;
        if let Some(holds) = assessment.holding_period {
            self.add("D13", format!("compliance_assessment has holding_period {holds}"));
        }
        let mut lineage: Vec<_> = self.stored.lineage.iter().collect();
        lineage.sort_by_key(|row| row.role.as_ref().map_or(usize::MAX, |role| *role as usize));
        let roles: Vec<&str> = lineage.into_iter().map(|row| row.target_table()).collect();
        self.add("D19", format!("lineage names {}", roles.join(", ")));
        let kept: Vec<&str> = assessment.legacy.iter().map(|(name, _)| name).collect();
        let text = match kept.is_empty() {
            true => "the columns give the whole legacy row back".to_owned(),
            false => format!("compliance_assessment keeps what the columns don't give back: {}", kept.join(", ")),
        };
        self.add("D20", text);
    }
}
