//! The faults of whole rows: lost, doubled, moved to another request.

use crate::base::quote::{quote_identifier, quote_literal};
use crate::harness::plant::columns::has_residual;
use crate::harness::plant::fault::{Chosen, Column, Names, Needs, Partner, Place, Stock, Wanted, owned};
use crate::migration::target::{Role, SOURCE_TABLE};

/// What refers to a request, and is migrated with it.
const CHILDREN: [&str; 3] = ["pad_approval", "pad_execution", "audit_log"];

/// Each fault of the rows of each place.
pub fn faults(stock: &Stock) -> Vec<Wanted> {
    let columns = |place: Place| stock.columns.get(place.table()).map(Vec::as_slice).unwrap_or_default();
    Place::all()
        .flat_map(|place| match place {
            Place::Target(Role::Request) => of_request(columns(place)),
            Place::Target(role) => of_target(role, columns(place)),
            Place::Lineage(role) => of_lineage(role),
            Place::Legacy => {
                let names = Names::of(&[(SOURCE_TABLE, "id")]);
                vec![
                    wanted(place, LOST, names.clone(), |it| {
                        format!("delete from public.{SOURCE_TABLE} where id = {}", it.id)
                    }),
                    wanted(place, DOUBLED, names, |it| {
                        format!(
                            "insert into public.{SOURCE_TABLE} select * from public.{SOURCE_TABLE} where id = {}",
                            it.id
                        )
                    }),
                ]
            }
        })
        .collect()
}

const LOST: &str = "row deleted";
const DOUBLED: &str = "row doubled";

fn wanted(
    place: Place,
    kind: &'static str,
    names: Names,
    statement: impl Fn(Chosen) -> String + Send + Sync + 'static,
) -> Wanted {
    let statement = Box::new(statement);
    Wanted { place, column: None, kind, needs: Needs::Row, partner: Partner::None, statement, names }
}

/// The columns of a copy: all but its id.
fn copied(columns: &[Column]) -> String {
    let names = columns.iter().filter(|it| it.name != "id").map(|it| quote_identifier(&it.name));
    names.collect::<Vec<_>>().join(", ")
}

fn of_request(columns: &[Column]) -> Vec<Wanted> {
    let place = Place::Target(Role::Request);
    let gone = Names::of(&[("pad_request", "id")]);
    let list = copied(columns);
    let copy = move |it: Chosen| {
        let Chosen { id, new, .. } = it;
        format!(
            "insert into padealing.pad_request (id, {list}) select {new}, {list} from padealing.pad_request where id = {id}"
        )
    };
    // What nothing but its residual tells from a request of the application.
    let residual = columns.iter().position(|it| it.name == "compliance_assessment");
    let doubled = Wanted {
        needs: residual.map_or(Needs::Row, |at| Needs::Value(at, has_residual)),
        ..wanted(place, DOUBLED, Names { new: owned(&[("pad_request", "id")]), ..Names::default() }, copy.clone())
    };
    let renamed = move |it: Chosen| {
        let Chosen { id, new, .. } = it;
        let moved: String = CHILDREN
            .map(|table| {
                format!(", {table} as (update padealing.{table} set request_id = {new} where request_id = {id})")
            })
            .concat();
        format!("with copy as ({}){moved} delete from padealing.pad_request where id = {id}", copy(it))
    };
    vec![
        wanted(place, LOST, gone.clone(), |it| format!("delete from padealing.pad_request where id = {}", it.id)),
        wanted(place, "row deleted with all that belongs to it", gone.clone(), |it| {
            let children = CHILDREN
                .map(|table| format!("{table} as (delete from padealing.{table} where request_id = {})", it.id));
            format!("with {} delete from padealing.pad_request where id = {}", children.join(", "), it.id)
        }),
        doubled,
        Wanted {
            column: Some("id".to_owned()),
            ..wanted(place, "another id, with all that refers to it", gone, renamed)
        },
    ]
}

fn of_target(role: Role, columns: &[Column]) -> Vec<Wanted> {
    let place = Place::Target(role);
    let (table, list) = (place.qualified(), copied(columns));
    let wrong = owned(&[(role.as_str(), "id")]);
    let names = Names { first: wrong.clone(), ..Names::default() };
    let (lost, doubled, added) = (table.clone(), table.clone(), table.clone());
    let of_other = columns.iter().filter(|it| it.name != "id").map(|it| match &*it.name {
        "request_id" => "$request".to_owned(),
        name => quote_identifier(name),
    });
    let (of_other, into) = (of_other.collect::<Vec<_>>().join(", "), list.clone());
    let too_many = Wanted {
        needs: Needs::Absence,
        partner: Partner::Same,
        ..wanted(place, "row that the legacy row doesn't give", names.clone(), move |it| {
            let values = of_other.replace("$request", &it.id.to_string());
            format!("insert into {added} ({into}) select {values} from {added} where id = {}", it.other)
        })
    };
    // A submission is always given.
    let too_many = Some(too_many).filter(|_| role != Role::AuditSubmitted);
    let mut faults = vec![
        wanted(place, LOST, names.clone(), move |it| format!("delete from {lost} where id = {}", it.id)),
        wanted(place, DOUBLED, names.clone(), move |it| {
            format!("insert into {doubled} ({list}) select {list} from {doubled} where id = {}", it.id)
        }),
        Wanted {
            column: Some("request_id".to_owned()),
            partner: Partner::Request,
            ..wanted(place, "row moved to another request", Names { other: wrong, ..names }, move |it| {
                format!("update {table} set request_id = {} where id = {}", it.other, it.id)
            })
        },
    ];
    faults.extend(too_many);
    faults
}

fn of_lineage(role: Role) -> Vec<Wanted> {
    let place = Place::Lineage(role);
    let named = if role == Role::Request { Role::AuditSubmitted } else { role };
    let names = Names::of(&[(named.as_str(), "lineage")]);
    let copy = |source: &str, target: &str, it: Chosen| {
        format!(
            "insert into padealing.migration_mapping (source_table, source_id, target_table, target_id) \
             select source_table, {source}, {target}, target_id from padealing.migration_mapping where id = {}",
            it.id
        )
    };
    let (source, target) = ("source_id", "target_table");
    // Of two claims to a request the one of the lower id is named.
    let twice = if role == Role::Request { owned(&[("pad_request", "id")]) } else { Vec::new() };
    let invented = Names { first: twice, new: owned(&[(SOURCE_TABLE, "id")]), ..Names::default() };
    let mut faults = vec![
        wanted(place, LOST, names.clone(), |it| {
            format!("delete from padealing.migration_mapping where id = {}", it.id)
        }),
        wanted(place, DOUBLED, names.clone(), move |it| copy(source, target, it)),
        wanted(place, "row doubled for a legacy row that isn't there", invented, move |it| {
            copy(&it.new.to_string(), target, it)
        }),
        wanted(place, "row doubled for an unknown role", Names::of(&[("unknown", "lineage")]), move |it| {
            copy(source, "'unknown'", it)
        }),
    ];
    // A request and its submission are always given.
    if ![Role::Request, Role::AuditSubmitted].contains(&role) {
        let too_many = wanted(place, "row of a role that the legacy row doesn't give", names, move |it| {
            copy(source, &quote_literal(role.as_str()), it)
        });
        faults.push(Wanted { needs: Needs::Absence, ..too_many });
    }
    faults
}
