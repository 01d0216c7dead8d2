//! Which column of which row is wrong: the rows that the first look found, looked at one by one.

use crate::base::escape;
use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::proof::facts::{Place, Proof};
use crate::migration::proof::fields::{Fields, MARKED, OTHERS, REQUEST};
use crate::migration::proof::rebuild::Rows;
use crate::migration::proof::rows::{ASSESSMENT, ODD, SHAPE_IS_WRONG, STORED, lineage, lineage_of, qualified};
use crate::migration::proof::text::{array, fill, literal};

/// The columns as they must be.
const DUE: Rows<'_> = Rows {
    request: "d_r_",
    manager: "d_m_",
    compliance: "d_k_",
    execution: "d_x_",
    holding: "d_holding",
    source_id: "source_id",
};

/// The rows that are looked at.
const ONLY: &str = " and source_id = any (:'wrong'::int8[])";

const DETAILS: &str = include_str!("details.sql");

impl Proof {
    /// The differences of the rows in psql's variable `wrong`: `source_id`, `target`, `field`.
    pub(super) fn details(&self) -> String {
        let legacy = match &self.place {
            Place::Here { table, .. } => format!(
                "select {} as source_id,\n           {}\n    from {} l\n    where {} and {} = any (:'wrong'::int8[])",
                self.id(),
                self.source_texts(""),
                qualified(table),
                self.is_in_trees(),
                self.id()
            ),
            Place::Elsewhere(_) => {
                format!("select source_id,\n           {}\n    from stored", self.rebuilt_texts(STORED, "c"))
            }
        };
        let typed = format!(
            "select j.*, {} from (select * from stored join legacy using (source_id) offset 0) j offset 0",
            self.typed_columns(|_| None)
        );
        let names = self.in_order();
        fill(
            DETAILS,
            &[
                ("lineage", &lineage(REQUEST.role, ONLY)),
                ("stored", &stored()),
                ("legacy", &legacy),
                ("rules", &self.rules(&typed)),
                ("rebuilt", &self.rebuilt_texts(DUE, "b")),
                ("judgements", &self.judgements().join(",\n        ")),
                ("names", &array(names)),
                ("marked", MARKED),
            ],
        )
    }

    /// Target, field, and SQL that is true where it is wrong.
    fn judgements(&self) -> Vec<String> {
        let judged = |target: &str, field: &str, wrong: &str| {
            format!("({}, {}, {wrong})", literal(target), literal(&escape::text(field)))
        };
        let mut all = vec![judged("pad_request", "id", "r_id is null")];
        let mut of_request = vec![("compliance_assessment".to_owned(), SHAPE_IS_WRONG.to_owned())];
        of_request.push((
            "compliance_assessment.holding_period".to_owned(),
            "r_holding is distinct from d_holding".to_owned(),
        ));
        for column in REQUEST.columns {
            let unclear = if *column == "security_id" { " or security_is_unclear" } else { "" };
            of_request.push(((*column).to_owned(), format!("({}{unclear})", REQUEST.differs(column))));
        }
        for (at, name) in self.in_order().into_iter().enumerate() {
            let left_out = Col::from_name(name).and_then(left_out);
            let counted = left_out.map(|left_out| format!(" and not ({left_out})")).unwrap_or_default();
            let says_nothing = DUE.says_nothing(name, "residual");
            let field = format!("compliance_assessment.legacy.{name}");
            of_request.push((field, format!("is_readable and {says_nothing}{counted}")));
            let differs = format!("r_id is not null and is_readable and b{at} is distinct from c{at}{counted}");
            all.push(judged("personal_account_dealing", name, &differs));
        }
        all.extend(
            of_request
                .iter()
                .map(|(field, wrong)| judged("pad_request", field, &format!("r_id is not null and {wrong}"))),
        );
        for fields in &OTHERS {
            let Fields { role, alias, .. } = fields;
            let due = fields.due();
            let mut judge = |field: &str, wrong: &str| {
                all.push(judged(role, field, &format!("r_id is not null and {wrong}")));
            };
            judge("id", &format!("{alias}_rows <> ({due})::int4"));
            judge("lineage", &format!("n_{alias} is distinct from case when {due} then coalesce({alias}_id, -1) end"));
            for column in fields.columns {
                judge(column, &format!("{due} and {alias}_id is not null and {}", fields.differs(column)));
            }
        }
        all
    }
}

/// SQL that is true where a column has no say: the row that gives it back is missing, or there are several.
fn left_out(column: Col) -> Option<&'static str> {
    match column {
        Col::StatusManager | Col::AuthManager | Col::AuthManagerDate | Col::CommentsManager => {
            Some("m_rows <> due_m::int4")
        }
        Col::StatusCompliance | Col::AuthCompliance | Col::AuthComplianceDate | Col::CommentsCompliance => {
            Some("k_rows <> due_k::int4")
        }
        Col::ContractNotesReceived => Some("x_rows <> due_x::int4"),
        _ => None,
    }
}

/// What is stored for each of the rows. Of several rows where one is due, it is the one that lineage names, or else the
/// first.
fn stored() -> String {
    let mut selected = vec![lineage_of(&REQUEST), REQUEST.selected()];
    let mut joins = String::new();
    for fields in &OTHERS {
        let Fields { alias, table, columns, role, .. } = fields;
        let each = columns.iter().map(|it| format!("a.\"{it}\"")).collect::<Vec<_>>().join(", ");
        let mark = if *table == "audit_log" {
            format!(" and (a.{MARKED} or a.id = n_{alias}.target_id)")
        } else {
            String::new()
        };
        joins.push_str(&format!(
            "\n    left join (\n{}    ) n_{alias} on n_{alias}.source_id = n_r.source_id\n    \
             left join lateral (\n        select a.id, {each}, count(*) over () as rows\n        \
             from padealing.{table} a\n        where a.request_id = r.id{}{mark}\n        \
             order by a.id is not distinct from n_{alias}.target_id desc, a.id limit 1) {alias} on true",
            lineage(role, ONLY),
            fields.condition("a")
        ));
        selected.push(format!(
            "{}, {}, coalesce({alias}.rows, 0) as {alias}_rows",
            lineage_of(fields),
            fields.selected()
        ));
    }
    format!(
        "select n_r.source_id, {ASSESSMENT},\n           {}\n    from lineage n_r left join padealing.pad_request r on \
         r.id = n_r.target_id\n    {ODD}{joins}",
        selected.join(",\n           ")
    )
}
