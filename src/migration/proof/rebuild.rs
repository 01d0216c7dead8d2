//! The legacy row from what is stored for it: what the typed columns give back (D20), and the residual over it. Used by
//! the proof and by the view.

use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::proof::text::literal;

/// Where the stored columns of a row are: a prefix for each row, such as `r.` or `r_`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    pub(super) request: &'a str,
    pub(super) manager: &'a str,
    pub(super) compliance: &'a str,
    pub(super) execution: &'a str,
    /// The key `holding_period`, as a boolean.
    pub(super) holding: &'a str,
    /// `migration_mapping.source_id`.
    pub(super) source_id: &'a str,
}

impl Rows<'_> {
    /// SQL of the text that the typed columns give back for a column; none if they give back nothing.
    pub(super) fn given_back(self, column: Col) -> Option<String> {
        let Self { request: r, manager: m, compliance: k, execution: x, holding, source_id } = self;
        let flag = |value: String| format!("case when {value} then '1' when not {value} then '2' end");
        let text = |value: String| format!("{value}::text");
        Some(match column {
            Col::Name | Col::InstSymbol => return None,
            Col::Id => text(source_id.to_owned()),
            Col::Employee => text(format!("{r}employee_id")),
            Col::RequestedDate => text(format!("{r}created_at")),
            Col::Related => flag(format!("{r}is_related_party")),
            Col::Relation => text(format!("{r}relation")),
            Col::BrokerReporting => flag(format!("{r}broker_reporting")),
            Col::SecurityDescription => text(format!("{r}security_name")),
            Col::Isin => text(format!("{r}isin")),
            Col::Sedol => text(format!("{r}sedol")),
            Col::Bloomberg => text(format!("{r}bloomberg_ticker")),
            Col::Ticker => text(format!("{r}ticker")),
            Col::TradeSize => text(format!("{r}quantity::numeric(20,4)")),
            Col::Value => text(format!("{r}estimated_value::numeric(20,4)")),
            Col::Currency => text(format!("{r}currency")),
            Col::DerivativeContract => flag(format!("{r}is_derivative")),
            Col::Justification => text(format!("{r}justification")),
            Col::Leveraged => flag(format!("{r}is_leveraged")),
            Col::BuySell => format!("case {r}direction when 'BUY' then 'B' when 'SELL' then 'S' end"),
            // D2: the declaration is that there is no inside information.
            Col::InsideInfo => flag(format!("not {r}insider_info_declaration")),
            Col::ExistingPos => flag(format!("{r}existing_position")),
            Col::Signed => flag(format!("{r}signed_declaration")),
            Col::Status => format!(
                "case {r}status when 'declined' then 'declined' when 'pending_manager' then 'request' \
                 else 'approved' end"
            ),
            Col::Restricted => flag(format!("{r}is_restricted")),
            Col::HoldingPeriod => flag(holding.to_owned()),
            Col::Conflicts => flag(format!("{r}has_conflict")),
            Col::ConflictComments => text(format!("{r}conflict_comments")),
            Col::OtherComments => text(format!("{r}other_comments")),
            Col::TwoBusinessDaysExecution => flag(format!("{r}executed_within_two_days")),
            Col::ContractNotesReceived => flag(format!("{x}contract_note_received")),
            Col::LastModifiedBy => text(format!("{r}updated_by_id")),
            Col::LastModifiedDate => text(format!("{r}updated_at")),
            Col::IsDeleted => format!("case when {r}deleted_at is null then 'N' else 'Y' end"),
            Col::AuthManager => text(format!("{m}approver_id")),
            Col::AuthManagerDate => text(format!("{m}decided_at")),
            Col::StatusManager => text(format!("{m}decision")),
            Col::CommentsManager => text(format!("{m}comments")),
            Col::AuthCompliance => text(format!("{k}approver_id")),
            Col::AuthComplianceDate => text(format!("{k}decided_at")),
            Col::StatusCompliance => text(format!("{k}decision")),
            Col::CommentsCompliance => text(format!("{k}comments")),
        })
    }

    /// SQL of the text of a column: the residual's, if it has the key, else what the typed columns give back.
    pub(super) fn rebuilt(self, name: &str, residual: &str) -> String {
        let key = literal(name);
        match Col::from_name(name).and_then(|column| self.given_back(column)) {
            // Without a default, no key and the key null are the same.
            None => format!("{residual} ->> {key}"),
            Some(given) => format!("case when {residual} ? {key} then {residual} ->> {key} else {given} end"),
        }
    }

    /// SQL that is true where the residual has a key though the typed columns give the same back.
    pub(super) fn says_nothing(self, name: &str, residual: &str) -> String {
        let key = literal(name);
        match Col::from_name(name).and_then(|column| self.given_back(column)) {
            None => format!("({residual} ? {key} and {residual} ->> {key} is null)"),
            Some(given) => format!("({residual} ? {key} and {residual} ->> {key} is not distinct from {given})"),
        }
    }
}
