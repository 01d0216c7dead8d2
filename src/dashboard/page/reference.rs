//! What each table is for, which joins stand for columns that were never there, and where legacy columns went.

use maud::{Markup, html};

use crate::dashboard::page::frame::{Head, Part, Site, page};
use crate::dashboard::page::parts::{nothing, text};
use crate::dashboard::rows::TableReference;
use crate::migration::legacy::LegacyColumn as Col;
use crate::schema::names::{CONTRACT_SCHEMA, PHANTOM_COLUMNS};

/// What a table is for; the catalog's own comment comes first where there is one.
fn purpose(schema: &str, table: &str) -> Option<&'static str> {
    let text = match (schema, table) {
        ("padealing", "pad_request") => "A request of an employee to trade on their own account, and its status.",
        ("padealing", "pad_approval") => "What a manager or compliance decided about a request.",
        ("padealing", "pad_execution") => "The trade of a request, and its contract note.",
        ("padealing", "pad_breach") => "A breach of the rules by an employee, until it is resolved.",
        ("padealing", "audit_log") => "Who did what, when, and whether it succeeded.",
        ("padealing", "employee_role") => "Roles of employees, such as compliance officer.",
        ("padealing", "restricted_security") => "Securities that may not be traded, and why.",
        ("padealing", "compliance_config") => "Settings of the rules.",
        ("padealing", "compliance_decision_outcome") => "What a rule said about a request.",
        ("padealing", "chatbot_session") => "Conversations of the chat bot.",
        ("padealing", "migration_mapping") => "Lineage: which row here came from which legacy row.",
        ("padealing", "migration_run") => "Runs of the migration, with their counts.",
        ("padealing", "migration_reject") => "Legacy rows that were not migrated, with field, rule and value.",
        ("padealing", "schema_revision") => "The history of the schema: which revision was applied when.",
        ("padealing", "active_stocks") => "Historical; pad-migrate reports it and never changes it.",
        ("bo_airflow", "oracle_employee") => "Employees. It has no email and no full_name: see oracle_contact.",
        ("bo_airflow", "oracle_contact") => "Full names and emails of employees, by employee_id.",
        ("bo_airflow", "oracle_bloomberg") => "Securities with their codes.",
        ("bo_airflow", "oracle_position") => "Positions of portfolios by day. It has no last_trade_date.",
        ("bo_airflow", "mako_position") => "Positions of portfolios by day, from Mako.",
        ("bo_airflow", "oracle_employee_log") => "Changes of employees' records.",
        ("bo_airflow", "oracle_portfolio") => "Portfolios, each in a group.",
        _ => return None,
    };
    Some(text)
}

/// Where a legacy column went, and by which decision (docs/field-mapping.md).
pub(crate) fn destination(column: Col) -> (&'static str, &'static str) {
    match column {
        Col::Id => ("pad_request.id", "D6"),
        Col::Employee => ("pad_request.employee_id", ""),
        Col::RequestedDate => ("pad_request.created_at", "D9"),
        Col::Name => ("residual", "D11"),
        Col::Related => ("pad_request.is_related_party", "D1"),
        Col::Relation => ("pad_request.relation", "D4"),
        Col::BrokerReporting => ("pad_request.broker_reporting", "D12"),
        Col::SecurityDescription => ("pad_request.security_name", "D11"),
        Col::Isin => ("pad_request.isin", "D4"),
        Col::Sedol => ("pad_request.sedol", "D4"),
        Col::Bloomberg => ("pad_request.bloomberg_ticker", "D4"),
        Col::Ticker => ("pad_request.ticker", "D4"),
        Col::TradeSize => ("pad_request.quantity", "D5"),
        Col::Value => ("pad_request.estimated_value", "D5"),
        Col::Currency => ("pad_request.currency", "D4"),
        Col::DerivativeContract => ("pad_request.is_derivative", "D1"),
        Col::Justification => ("pad_request.justification", "D4"),
        Col::Leveraged => ("pad_request.is_leveraged", "D1"),
        Col::BuySell => ("pad_request.direction", "D3"),
        Col::InsideInfo => ("pad_request.insider_info_declaration", "D2"),
        Col::ExistingPos => ("pad_request.existing_position", "D1"),
        Col::Signed => ("pad_request.signed_declaration", "D1"),
        Col::Status => ("pad_request.status", "D8"),
        Col::Restricted => ("pad_request.is_restricted, pad_approval.restricted_check", "D15"),
        Col::HoldingPeriod => ("pad_request.compliance_assessment, pad_approval.holding_period_check", "D13, D15"),
        Col::Conflicts => ("pad_request.has_conflict, pad_approval.conflict_check", "D15"),
        Col::ConflictComments => ("pad_request.conflict_comments", "D4"),
        Col::OtherComments => ("pad_request.other_comments", "D4"),
        Col::InstSymbol => ("pad_request.security_id", "D7"),
        Col::TwoBusinessDaysExecution => ("pad_request.executed_within_two_days", "D1"),
        Col::ContractNotesReceived => ("pad_execution.contract_note_received", "D1"),
        Col::LastModifiedBy => ("pad_request.updated_by_id", ""),
        Col::LastModifiedDate => ("pad_request.updated_at", ""),
        Col::IsDeleted => ("pad_request.deleted_at", "D10"),
        Col::AuthManager => ("pad_approval.approver_id of the manager", "D16"),
        Col::AuthManagerDate => ("pad_approval.decided_at of the manager", "D14"),
        Col::StatusManager => ("pad_approval.decision of the manager", "D8"),
        Col::CommentsManager => ("pad_approval.comments of the manager", "D4"),
        Col::AuthCompliance => ("pad_approval.approver_id of compliance", "D16"),
        Col::AuthComplianceDate => ("pad_approval.decided_at of compliance", "D14"),
        Col::StatusCompliance => ("pad_approval.decision of compliance", "D8"),
        Col::CommentsCompliance => ("pad_approval.comments of compliance", "D4"),
    }
}

/// The whole page.
pub(crate) fn reference(site: &Site, tables: &[TableReference]) -> Markup {
    let content = html! {
        section aria-labelledby="joins" {
            h2 #joins { "Columns that were never there" }
            p {
                "Some models of the application use columns that " code { (CONTRACT_SCHEMA) } " doesn't have. What to read "
                "instead:"
            }
            dl.facts {
                @for (table, column, instead) in PHANTOM_COLUMNS {
                    div { dt { code { (table) "." (column) } } dd { (instead) } }
                }
            }
        }
        section aria-labelledby="legacy" {
            h2 #legacy { "Where the legacy columns went" }
            div.scroll role="group" tabindex="0" aria-label="Legacy columns" {
                table.narrow {
                    caption.hidden { "Legacy columns" }
                    thead { tr {
                        th scope="col" { "Legacy column" } th scope="col" { "Now" } th scope="col" { "Decision" }
                    } }
                    tbody {
                        @for column in Col::ALL {
                            @let (to, decision) = destination(*column);
                            tr { th scope="row" { code { (column.name()) } } td { (to) } td { (decision) } }
                        }
                    }
                }
            }
            p.faint { "A column that isn't listed, and what a typed column can't give back, is kept in the residual: "
                code { "pad_request.compliance_assessment -> 'legacy'" } "." }
        }
        section aria-labelledby="tables" {
            h2 #tables { "Tables" }
            @for table in tables { (self::table(table)) }
        }
    };
    page(site, &Head::new(Part::Reference, "Reference"), &content)
}

fn table(table: &TableReference) -> Markup {
    let name = format!("{}.{}", table.schema, table.name);
    html! {
        details {
            summary {
                h3 { code { (text(&name)) } }
                " " span.faint {
                    @match (table.comment.as_deref(), purpose(&table.schema, &table.name)) {
                        (Some(comment), _) => (text(comment)),
                        (None, Some(purpose)) => (purpose),
                        (None, None) => "",
                    }
                }
            }
            div.scroll role="group" tabindex="0" aria-label={ "Columns of " (text(&name)) } {
                table {
                    caption.hidden { "Columns of " (text(&name)) }
                    thead { tr {
                        th scope="col" { "Column" } th scope="col" { "Type" } th scope="col" { "Null" }
                        th scope="col" { "Refers to" } th scope="col" { "Comment" }
                    } }
                    tbody {
                        @for column in &table.columns {
                            tr {
                                th scope="row" { code { (text(&column.name)) } }
                                td { (text(&column.data_type)) }
                                td { (if column.is_required { "not null" } else { "null" }) }
                                td { @match &column.refers_to { Some(to) => code { (text(to)) }, None => (nothing()) } }
                                td { @match &column.comment { Some(comment) => (text(comment)), None => (nothing()) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
