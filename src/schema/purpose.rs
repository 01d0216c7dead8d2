//! What the tables are for, where the catalog has no comment that says it. Pure.

/// What a table is for, in a sentence; a comment in the catalog says it better where there is one.
pub fn purpose(schema: &str, table: &str) -> Option<&'static str> {
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
        ("padealing", "active_stocks") => "Historical: reported, and never changed.",
        ("bo_airflow", "oracle_employee") => "Employees. It has no email and no full_name: see oracle_contact.",
        ("bo_airflow", "oracle_contact") => "Full names and emails of employees, by employee_id.",
        ("bo_airflow", "oracle_bloomberg") => "Securities with their codes.",
        ("bo_airflow", "oracle_position") => "Positions of portfolios by day. It has no last_trade_date.",
        ("bo_airflow", "mako_position") => "Positions of portfolios by day, from Mako.",
        ("bo_airflow", "oracle_employee_log") => "Changes of employees' records.",
        ("bo_airflow", "oracle_portfolio") => "Portfolios, each in a group.",
        ("bo_airflow", "oracle_portfolio_group") => "Groups of portfolios.",
        ("bo_airflow", "oracle_portfolio_meta_data") => "Further facts of portfolios, by key.",
        ("bo_airflow", "oracle_product") => "Products.",
        ("bo_airflow", "oracle_product_usage") => "Which portfolio uses which product, and for what.",
        ("bo_airflow", "oracle_exchange") => "Exchanges.",
        ("bo_airflow", "oracle_map_inst_symbol") => "Other symbols of securities.",
        ("bo_airflow", "inst_type") => "Kinds of securities.",
        ("bo_airflow", "currency") => "Currencies.",
        ("bo_airflow", "contact") => "Contacts in general; an employee's is in oracle_contact.",
        ("bo_airflow", "contact_type") => "Kinds of contacts.",
        ("bo_airflow", "contact_group") => "Groups of contacts.",
        _ => return None,
    };
    Some(text)
}
