//! The stored columns that are compared, written here once more on purpose: a column that was forgotten elsewhere must
//! show here.

/// The rows of a role, and their columns.
pub(super) struct Fields {
    /// `migration_mapping.target_table`.
    pub(super) role: &'static str,
    /// How the row is called in the SQL, which is the prefix of its columns.
    pub(super) alias: &'static str,
    pub(super) table: &'static str,
    /// The column that tells the rows of a table apart, and its value.
    pub(super) kind: Option<(&'static str, &'static str)>,
    pub(super) columns: &'static [&'static str],
}

const APPROVAL: &[&str] = &[
    "request_id",
    "approver_id",
    "approver_google_uid",
    "decision",
    "comments",
    "decided_at",
    "restricted_check",
    "holding_period_check",
    "conflict_check",
];

const AUDIT: &[&str] = &[
    "timestamp",
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

/// The request.
pub(super) const REQUEST: Fields = Fields {
    role: "pad_request",
    alias: "r",
    table: "pad_request",
    kind: None,
    columns: &[
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
    ],
};

/// The rows that refer to the request, in the order in which the keys are hashed.
pub(super) const OTHERS: [Fields; 6] = [
    Fields {
        role: "pad_approval:manager",
        alias: "m",
        table: "pad_approval",
        kind: Some(("approval_type", "manager")),
        columns: APPROVAL,
    },
    Fields {
        role: "pad_approval:compliance",
        alias: "k",
        table: "pad_approval",
        kind: Some(("approval_type", "compliance")),
        columns: APPROVAL,
    },
    Fields {
        role: "pad_execution",
        alias: "x",
        table: "pad_execution",
        kind: None,
        columns: &[
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
        ],
    },
    Fields {
        role: "audit_log:request_submitted",
        alias: "s",
        table: "audit_log",
        kind: Some(("action_type", "request_submitted")),
        columns: AUDIT,
    },
    Fields {
        role: "audit_log:approval_manager",
        alias: "am",
        table: "audit_log",
        kind: Some(("action_type", "approval_manager")),
        columns: AUDIT,
    },
    Fields {
        role: "audit_log:approval_compliance",
        alias: "ak",
        table: "audit_log",
        kind: Some(("action_type", "approval_compliance")),
        columns: AUDIT,
    },
];

/// What makes an audit entry one of the migration.
pub(super) const MARKED: &str = "details ->> 'source' = 'legacy_migration'";

impl Fields {
    /// The row and its columns under names of their own.
    pub(super) fn selected(&self) -> String {
        let alias = self.alias;
        let each = ["id"].iter().chain(self.columns).map(|it| format!("{alias}.\"{it}\" as {alias}_{it}"));
        each.collect::<Vec<_>>().join(", ")
    }

    /// SQL that says which rows of the table these are, beside the request.
    pub(super) fn condition(&self, alias: &str) -> String {
        self.kind.map(|(column, value)| format!(" and {alias}.{column} = '{value}'")).unwrap_or_default()
    }

    /// SQL of whether such a row is due.
    pub(super) fn due(&self) -> &'static str {
        match self.alias {
            "m" | "am" => "due_m",
            "k" | "ak" => "due_k",
            "x" => "due_x",
            _ => "true",
        }
    }

    /// SQL that is true where a column isn't what it must be.
    pub(super) fn differs(&self, column: &str) -> String {
        let alias = self.alias;
        format!("{alias}_{column} is distinct from d_{alias}_{column}")
    }
}
