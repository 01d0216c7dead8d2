"""Moves the legacy table row by row, as an ordinary script does; `scripts/bench peers` runs it beside `migrate`.

    row_by_row.py DATABASE_URL

For each row it asks whether it was moved, and for its employee and its security; then it inserts, and commits every
thousand rows. A row that is refused is printed and left.
"""

import sys
from decimal import Decimal, InvalidOperation

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg.types.string import TextLoader

YES_NO = {"1": True, "2": False, "": None, None: None}
NO_YES = {"1": False, "2": True, "": None, None: None}
SIDES = {"b": "BUY", "s": "SELL", "": None}
DELETED = {"y": True, "n": False, "": False}
DECISIONS = {"approved": "approved", "declined": "declined", "pending": None, "": None}
PLACE = {"source": "legacy_migration", "original_table": "personal_account_dealing"}

# The columns of the legacy table that have one of their own, or become one.
KNOWN = """id employee requested_date related_yn relation broker_reporting_yn security_description isin sedol bloomberg
ticker trade_size value currency derivative_contract_yn justification leveraged_yn buysell inside_info_yn
existing_pos_yn signed_yn status restricted_yn holding_period_yn conflicts_yn conflict_comments other_comments
two_business_days_execution_yn contract_notes_received_yn last_modified_by last_modified_date is_deleted_yn auth_manager
auth_manager_date status_manager comments_manager auth_compliance auth_compliance_date status_compliance
comments_compliance""".split()


class Refused(Exception):
    pass


def code(row, column):
    return (row[column] or "").strip(" \t").lower()


def one(cursor, sql, *values):
    return cursor.execute(sql, values).fetchone()


def insert(cursor, row, table, role, values):
    columns = ", ".join(f'"{column}"' for column in values)
    marks = ", ".join(["%s"] * len(values))
    sql = f"insert into padealing.{table} ({columns}) values ({marks}) returning id"
    target = one(cursor, sql, *values.values())["id"]
    cursor.execute(
        "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id)"
        " values ('personal_account_dealing', %s, %s, %s)",
        (row["id"], role, target),
    )


def security(cursor, row):
    if not row["inst_symbol"]:
        return None
    names = {"isin": "isin", "sedol": "sedol", "bloomberg": "bloomberg", "ticker": "ticker"}
    sql = "select id, isin, sedol, bloomberg, ticker from bo_airflow.oracle_bloomberg where inst_symbol = %s"
    found = cursor.execute(sql, (row["inst_symbol"],)).fetchall()
    if len(found) > 1:
        found = [it for it in found if any(row[name] and row[name] == it[name] for name in names)]
    if len(found) != 1:
        raise Refused(f"{len(found)} securities are {row['inst_symbol']}")
    return found[0]["id"]


def status(row, manager, compliance):
    of_row = code(row, "status")
    if of_row not in ("request", "approved", "declined"):
        raise Refused(f"status {of_row}")
    if "declined" in (of_row, manager, compliance):
        return "declined"
    if of_row == "request":
        return "pending_manager"
    return "approved" if compliance == "approved" else "pending_compliance"


def migrate(cursor, row):
    sql = "select 1 from padealing.migration_mapping where source_table = 'personal_account_dealing' and source_id = %s"
    if one(cursor, sql, row["id"]):
        return
    if not one(cursor, "select 1 from bo_airflow.oracle_employee where id = %s", row["employee"]):
        raise Refused(f"no employee {row['employee']}")
    created_at = row["requested_date"] or row["last_modified_date"]
    if created_at is None:
        raise Refused("no date")
    for column in ("value", "trade_size"):
        number = row[column]
        if number is not None and (number.is_nan() or number != number.quantize(Decimal("0.0001"))):
            raise Refused(f"{column} {number}")
    manager, compliance = DECISIONS[code(row, "status_manager")], DECISIONS[code(row, "status_compliance")]
    rest = {name: str(value) for name, value in row.items() if name not in KNOWN and value is not None}
    changed_at = row["last_modified_date"]
    insert(cursor, row, "pad_request", "pad_request", {
        "id": row["id"],
        "employee_id": row["employee"],
        "security_id": security(cursor, row),
        "status": status(row, manager, compliance),
        "direction": SIDES[code(row, "buysell")],
        "security_name": row["security_description"],
        "isin": row["isin"],
        "sedol": row["sedol"],
        "bloomberg_ticker": row["bloomberg"],
        "ticker": row["ticker"],
        "quantity": row["trade_size"],
        "estimated_value": row["value"],
        "currency": row["currency"],
        "justification": row["justification"],
        "is_related_party": YES_NO[row["related_yn"]],
        "existing_position": YES_NO[row["existing_pos_yn"]],
        "insider_info_declaration": NO_YES[row["inside_info_yn"]],
        "is_restricted": YES_NO[row["restricted_yn"]],
        "has_conflict": YES_NO[row["conflicts_yn"]],
        "relation": row["relation"],
        "compliance_assessment": Jsonb({"holding_period": YES_NO[row["holding_period_yn"]], "legacy": rest}),
        "created_at": created_at,
        "updated_at": changed_at,
        "conflict_comments": row["conflict_comments"],
        "other_comments": row["other_comments"],
        "broker_reporting": YES_NO[row["broker_reporting_yn"]],
        "is_derivative": YES_NO[row["derivative_contract_yn"]],
        "is_leveraged": YES_NO[row["leveraged_yn"]],
        "signed_declaration": YES_NO[row["signed_yn"]],
        "updated_by_id": row["last_modified_by"],
        "deleted_at": (changed_at or created_at) if DELETED[code(row, "is_deleted_yn")] else None,
        "executed_within_two_days": YES_NO[row["two_business_days_execution_yn"]],
    })
    audit(cursor, row, "request_submitted", created_at, row["employee"], None, None)
    for kind, decision in (("manager", manager), ("compliance", compliance)):
        if row[f"auth_{kind}"] is not None and decision:
            approval(cursor, row, kind, decision, row[f"auth_{kind}_date"] or changed_at or created_at)
    if row["two_business_days_execution_yn"] or row["contract_notes_received_yn"]:
        execution(cursor, row, created_at)


def approval(cursor, row, kind, decision, decided_at):
    is_last = kind == "compliance"
    approver, comments = row[f"auth_{kind}"], row[f"comments_{kind}"]
    insert(cursor, row, "pad_approval", f"pad_approval:{kind}", {
        "request_id": row["id"],
        "approval_type": kind,
        "approver_id": approver,
        "decision": decision,
        "comments": comments,
        "decided_at": decided_at,
        "restricted_check": YES_NO[row["restricted_yn"]] if is_last else None,
        "holding_period_check": YES_NO[row["holding_period_yn"]] if is_last else None,
        "conflict_check": YES_NO[row["conflicts_yn"]] if is_last else None,
    })
    audit(cursor, row, f"approval_{kind}", decided_at, approver, decision, comments)


def execution(cursor, row, created_at):
    price = None
    if row["value"] is not None and row["trade_size"]:
        price = round(row["value"] / row["trade_size"], 8)
    insert(cursor, row, "pad_execution", "pad_execution", {
        "request_id": row["id"],
        "executed_at": row["auth_compliance_date"] or row["auth_manager_date"] or created_at,
        "execution_price": price if price is None or abs(price) < 10**16 else None,
        "execution_quantity": row["trade_size"],
        "contract_note_received": YES_NO[row["contract_notes_received_yn"]],
        "recorded_by_id": row["auth_compliance"],
    })


def audit(cursor, row, action, at, actor, decision, comments):
    insert(cursor, row, "audit_log", f"audit_log:{action}", {
        "timestamp": at,
        "action_type": action,
        "action_status": "blocked" if decision == "declined" else "success",
        "actor_type": "user",
        "actor_id": actor,
        "entity_type": "pad_request",
        "entity_id": row["id"],
        "request_id": row["id"],
        "decision": decision,
        "comments": comments,
        "details": Jsonb(PLACE),
    })


def main(url):
    with psycopg.connect(url) as source, psycopg.connect(url) as target:
        # Python has neither years before 1 nor infinity.
        for kind in ("timestamp", "timestamptz", "date", "interval"):
            source.adapters.register_loader(kind, TextLoader)
        rows = source.cursor("legacy", row_factory=dict_row)
        rows.execute("select * from public.personal_account_dealing order by id")
        cursor = target.cursor(row_factory=dict_row)
        while batch := rows.fetchmany(1000):
            with target.transaction():
                for row in batch:
                    try:
                        with target.transaction():
                            migrate(cursor, row)
                    except (Refused, KeyError, InvalidOperation, psycopg.Error) as error:
                        print(f"row {row['id']}: {error!r}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
