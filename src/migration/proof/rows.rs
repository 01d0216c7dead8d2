//! The legacy rows with the hashes of both sides, and whether what is stored is right: one pass over each table.

use crate::migration::legacy::LegacyColumn as Col;
use crate::migration::proof::facts::{IdSql, Place, Proof};
use crate::migration::proof::fields::{Fields, MARKED, OTHERS, REQUEST};
use crate::migration::proof::rebuild::Rows;
use crate::migration::proof::text::{array, fill, identifier, lines, literal, sha256};

/// The stored columns.
pub(super) const STORED: Rows<'_> = Rows {
    request: "r_",
    manager: "m_",
    compliance: "k_",
    execution: "x_",
    holding: "r_holding",
    source_id: "source_id",
};

const RULES: &str = include_str!("rules.sql");
const LINEAGE: &str = include_str!("lineage.sql");

/// What is read of `compliance_assessment`: the two keys. A residual has texts and nulls only; of one that has others,
/// `odd` has the texts and nulls.
pub(super) const ASSESSMENT: &str = "r.compliance_assessment as r_assessment,
           case r.compliance_assessment -> 'holding_period' when 'true' then true when 'false' then false end
               as r_holding,
           case when odd.id is not null then odd.residual
                when jsonb_typeof(r.compliance_assessment -> 'legacy') = 'object'
                then r.compliance_assessment -> 'legacy' end as residual,
           odd.id is not null as is_odd";

/// The residuals with something that is neither a text nor null; psql knows whose they are.
pub(super) const ODD: &str = "left join (
        select o.id, jsonb_object_agg(key, value) filter (where jsonb_typeof(value) in ('string', 'null')) as residual
        from padealing.pad_request o, lateral jsonb_each(o.compliance_assessment -> 'legacy')
        where o.id = any (:'odd'::int8[])
        group by o.id) odd on odd.id = r.id";

/// SQL that is true where `compliance_assessment` isn't what the migration writes (D13), whatever its texts are. A
/// jsonb that is not an object comes first, because nothing can be taken away from it.
pub(super) const SHAPE_IS_WRONG: &str = "(r_assessment is not null and case
        when jsonb_typeof(r_assessment) <> 'object' or r_assessment = '{}' or is_odd then true
        when r_assessment ? 'holding_period' and r_holding is null then true
        when r_assessment ? 'legacy'
             and (jsonb_typeof(r_assessment -> 'legacy') <> 'object' or r_assessment -> 'legacy' = '{}') then true
        else r_assessment - 'holding_period' - 'legacy' <> '{}' end)";

/// The lineage of a role, of all rows or of some: `source_id`, `target_id`, `entry`.
pub(super) fn lineage(role: &str, only: &str) -> String {
    fill(LINEAGE, &[("role", role), ("only", only)])
}

impl Proof {
    /// What must be stored for the rows of a relation, whose columns are those of [`Self::typed_columns`].
    pub(super) fn rules(&self, legacy: &str) -> String {
        let compared = |column: Col| {
            let name = column.name();
            // PostgreSQL doesn't compare the padding of a char(n), either.
            if self.is_of_type(column, "bpchar") { format!("rtrim(l.{name}, ' ')") } else { format!("l.{name}") }
        };
        let codes = [Col::Isin, Col::Sedol, Col::Bloomberg, Col::Ticker];
        let agreeing = codes.map(|it| format!("(y.by_code ->> ('{} ' || {}))::int8", it.name(), compared(it)));
        let text = |column: Col| format!("c{}", column as usize);
        fill(
            RULES,
            &[
                ("two_days", &text(Col::TwoBusinessDaysExecution)),
                ("notes", &text(Col::ContractNotesReceived)),
                ("symbol", &compared(Col::InstSymbol)),
                ("agreeing", &agreeing.join(", ")),
                ("legacy", legacy),
            ],
        )
    }

    /// The known columns by their meaning, from their texts `c0`, `c1`, …; `short` is a cheaper way, where one exists.
    pub(super) fn typed_columns(&self, short: impl Fn(Col) -> Option<String>) -> String {
        let each = Col::ALL.iter().filter(|it| **it != Col::Id).map(|column| {
            let sql = short(*column).unwrap_or_else(|| self.typed(*column, &format!("c{}", *column as usize)));
            format!("{sql} as {}", identifier(column.name()))
        });
        each.collect::<Vec<_>>().join(",\n           ")
    }

    /// A stored value that needs no reading of its text: its residual is read only where there is one.
    fn stored_value(&self, column: Col) -> Option<String> {
        let stored = match column {
            Col::Employee => "r_employee_id",
            Col::RequestedDate => "r_created_at",
            Col::TradeSize => "r_quantity",
            Col::Value => "r_estimated_value",
            Col::LastModifiedBy => "r_updated_by_id",
            Col::LastModifiedDate => "r_updated_at",
            Col::AuthManager => "m_approver_id",
            Col::AuthManagerDate => "m_decided_at",
            Col::AuthCompliance => "k_approver_id",
            Col::AuthComplianceDate => "k_decided_at",
            _ => return None,
        };
        let key = literal(column.name());
        let of_residual = self.typed(column, &format!("residual ->> {key}"));
        Some(format!("case when residual ? {key} then {of_residual} else {stored} end"))
    }

    /// The source's rows: `id`, `hash`. None where they are elsewhere.
    pub(super) fn source_rows(&self) -> Option<String> {
        let Place::Here { table, .. } = &self.place else { return None };
        // A value of such a row may fail to be computed.
        let is_read = if self.claims.row_hashes.is_empty() { "" } else { "known.hash is null" };
        let texts = self.source_texts(is_read);
        let (id, from) = (self.id(), qualified(table));
        let hash = self.row_hash();
        Some(format!(
            "    select id, case when known is null then {hash}\n    else decode(known, 'hex') end as hash\n    \
             from (select {id} as id, known.hash as known,\n           {texts}\n          \
             from {from} l left join constant known on known.id = {id}\n          \
             where {} offset int8 '0') l offset int8 '0'",
            self.is_in_trees()
        ))
    }

    /// The texts of a legacy row, from the table `l`; null unless a condition is met.
    pub(super) fn source_texts(&self, condition: &str) -> String {
        let each = self.in_order().into_iter().enumerate().map(|(at, name)| {
            let column = self.columns.iter().find(|it| it.name == name);
            let text = column.map_or_else(|| "null::text".to_owned(), |it| it.printed("l"));
            match condition {
                "" => format!("{text} as c{at}"),
                _ => format!("case when {condition} then {text} end as c{at}"),
            }
        });
        each.collect::<Vec<_>>().join(",\n           ")
    }

    /// SQL of the id of a legacy row; null where a bigint doesn't hold it.
    pub(super) fn id(&self) -> String {
        match &self.place {
            Place::Here { id: IdSql { sql, usable: None, .. }, .. } => format!("({sql})::int8"),
            Place::Here { id: IdSql { sql, usable: Some(usable), .. }, .. } => {
                format!("case when {usable} then ({sql})::int8 end")
            }
            Place::Elsewhere(_) => "id".to_owned(),
        }
    }

    /// SQL that is true of legacy rows with an id of their own.
    pub(super) fn is_in_trees(&self) -> String {
        let Place::Here { table, id } = &self.place else { return "true".to_owned() };
        let usable = id.usable.as_deref().unwrap_or("true");
        if !id.may_repeat {
            return usable.to_owned();
        }
        // Within the subquery the table has the same name.
        let (id, table) = (self.id(), qualified(table));
        format!("{usable} and {id} not in (select {id} from {table} l where {usable} group by 1 having count(*) > 1)")
    }

    /// What is stored for each row with lineage of a request: `source_id`, `hash`, `keys`, `is_right`, `is_missing`.
    /// The fences, `offset`, keep what is below them from being computed more than once; a constant that is an int8
    /// lets the server work in parallel all the same.
    pub(super) fn stored_rows(&self) -> String {
        let names = self.in_order();
        let texts = self.rebuilt_texts(STORED, "c");
        let nothing: Vec<String> = names.iter().map(|name| STORED.says_nothing(name, "residual")).collect();
        let nothing = nothing.join("\n             or ");
        let names = array(names);
        let typed = self.typed_columns(|column| self.stored_value(column));
        let odd = format!("residual is not null and (residual - {names} <> '{{}}'\n             or {nothing})");
        let rebuilt = format!(
            "select j.*,\n           {odd} as residual_is_wrong,\n           {texts}\n    \
             from ({}) j offset int8 '0'",
            joined()
        );
        let legacy = format!("select t.*,\n           {typed}\n    from ({rebuilt}) t offset int8 '0'");
        let (hash, keys) = (self.row_hash(), Self::keys_hash());
        let wrong = wrong().join("\n         or ");
        fill(
            "    select source_id, r_id is null as is_missing,\n           \
             case when r_id is not null then {{hash}} end as hash,\n           {{keys}} as keys,\n           \
             ({{wrong}}) is not true as is_right\n    from ({{rules}}) d offset int8 '0'",
            &[("hash", &hash), ("keys", &keys), ("wrong", &wrong), ("rules", &self.rules(&legacy))],
        )
    }

    /// The texts of a legacy row from what is stored.
    pub(super) fn rebuilt_texts(&self, rows: Rows<'_>, prefix: &str) -> String {
        let each = self.in_order().into_iter().enumerate();
        let each = each.map(|(at, name)| format!("{} as {prefix}{at}", rows.rebuilt(name, "residual")));
        each.collect::<Vec<_>>().join(",\n           ")
    }

    /// SQL of the hash of what the legacy row doesn't determine: ids and times.
    fn keys_hash() -> String {
        let mut values = vec![("security_id", "(r_security_id::text)".to_owned())];
        values.extend([&REQUEST].into_iter().chain(&OTHERS).map(|it| (it.role, format!("e_{}", it.alias))));
        sha256(&lines("keys", &values))
    }
}

/// The name of a table in SQL.
pub(super) fn qualified((schema, name): &(String, String)) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// Lineage with all that is stored for each legacy row that has lineage of a request. Of several rows where one is
/// due, the first is taken; psql knows the later ones.
fn joined() -> String {
    let mut selected = vec![lineage_of(&REQUEST), REQUEST.selected()];
    let mut joins = String::new();
    for fields in &OTHERS {
        let Fields { alias, table, role, .. } = fields;
        let mark = if *table == "audit_log" { format!(" and {alias}.{MARKED}") } else { String::new() };
        joins.push_str(&format!(
            "    left join padealing.{table} {alias} on {alias}.request_id = r.id{}{mark}\n         \
             and {alias}.id <> all (:'later_{table}'::int8[])\n    \
             left join (\n{}    ) n_{alias} on {}\n",
            fields.condition(alias),
            lineage(role, ""),
            same_source(&format!("n_{alias}"), "n_r")
        ));
        selected.push(format!("{}, {}", lineage_of(fields), fields.selected()));
    }
    format!(
        "select n_r.source_id, {ASSESSMENT},\n           {}\n    from (\n{}    ) n_r\n    \
         left join padealing.pad_request r on r.id = n_r.target_id\n    {ODD}\n{joins}    offset int8 '0'",
        selected.join(",\n           "),
        lineage(REQUEST.role, ""),
    )
}

/// SQL that is true of lineage of the same legacy row. One comparison would do. The ids of a legacy row's lineage lie side by
/// side, so that samples make the planner take them for few and each join for one that multiplies rows; it then cuts
/// the last hash table into tens of thousands of parts. The others say the same, and it takes them for rare.
fn same_source(one: &str, other: &str) -> String {
    let same = |sql: &str| {
        format!(
            "{} = {}",
            sql.replace("id", &format!("{one}.source_id")),
            sql.replace("id", &format!("{other}.source_id"))
        )
    };
    ["id", "(id & int8 '-1')", "(id | int8 '0')"].map(same).join(" and ")
}

/// What lineage says of a role.
pub(super) fn lineage_of(fields: &Fields) -> String {
    let alias = fields.alias;
    format!("n_{alias}.target_id as n_{alias}, n_{alias}.entry as e_{alias}")
}

/// What is wrong with a row, each condition true or not.
fn wrong() -> Vec<String> {
    let mut wrong = vec!["r_id is null".to_owned(), "security_is_unclear".to_owned()];
    wrong.extend(REQUEST.columns.iter().map(|column| REQUEST.differs(column)));
    wrong.push("r_holding is distinct from d_holding".to_owned());
    wrong.push("residual_is_wrong".to_owned());
    wrong.push(SHAPE_IS_WRONG.to_owned());
    for fields in &OTHERS {
        let alias = fields.alias;
        wrong.push(format!("({alias}_id is not null) <> {}", fields.due()));
        wrong.push(format!("n_{alias} is distinct from {alias}_id"));
        wrong.extend(fields.columns.iter().map(|column| fields.differs(column)));
    }
    wrong.push("source_id = any (:'crowded'::int8[])".to_owned());
    wrong
}
