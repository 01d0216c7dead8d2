//! Every kind of finding has a case: a new property, kind of object or change doesn't compile until it is listed here,
//! and the test fails until the case exists.

use std::collections::BTreeSet;

use strum::VariantArray;

use super::cases::{FILES, cases};
use pad_migrate::schema::catalog::{Kind, Property, Value};
use pad_migrate::schema::drift::compare;
use pad_migrate::schema::drift::expectation::{Expectation, RoleContext};
use pad_migrate::schema::drift::finding::{Change, kind_of};
use pad_migrate::schema::snapshot::Snapshot;

/// What shows that a kind of finding is found.
enum Shown {
    /// Cases of `fixtures/drift`.
    By(&'static [&'static str]),
    /// An edit of a catalog: a test's server can't have it (another tablespace, a provider of labels).
    Edited(Kind),
    /// Not a finding by itself: it only separates causes from consequences.
    Silent,
    /// The snapshot of a report.
    Reported(&'static str),
}
use Shown::{By, Edited, Reported, Silent};

fn property(property: Property) -> Shown {
    match property {
        Property::Type => By(&["column_type", "attribute_type", "domain_type", "sequence_type", "policy_type"]),
        Property::NotNull => By(&["column_not_null", "domain_not_null"]),
        Property::Default => By(&["column_default", "domain_default"]),
        Property::Generated => By(&["column_generated"]),
        Property::Identity => By(&["column_identity"]),
        Property::Collation => By(&["column_collation"]),
        Property::Storage => By(&["column_storage"]),
        Property::Compression => By(&["column_compression"]),
        Property::Statistics => By(&["column_statistics", "index_statistics"]),
        Property::Inherited | Property::Position | Property::Constraint => Silent,
        Property::NoInherit => Edited(Kind::Column),
        Property::Definition => By(&[
            "constraint_definition",
            "index_definition",
            "trigger_definition",
            "rule_definition",
            "view_definition",
            "materialized_view_definition",
            "statistics_definition",
            "range_definition",
            "operator_definition",
            "collation_definition",
            "text_search_configuration_definition",
            "text_search_dictionary_definition",
            "event_trigger_definition",
            "foreign_server_definition",
        ]),
        Property::Deferrable => By(&["constraint_deferrable"]),
        Property::Validated => By(&["constraint_validated"]),
        Property::Enforced => By(&["constraint_enforced"]),
        Property::Triggers => By(&["constraint_triggers"]),
        Property::Unique => By(&["index_unique"]),
        Property::Valid => By(&["index_valid"]),
        Property::Clustered => By(&["index_clustered"]),
        Property::Owner => By(&[
            "schema_owner",
            "table_owner",
            "view_owner",
            "sequence_owner",
            "function_owner",
            "enum_owner",
            "domain_owner",
            "statistics_owner",
            "publication_owner",
            "foreign_server_owner",
            "database_owner",
        ]),
        Property::Persistence => By(&["table_persistence", "sequence_persistence"]),
        Property::AccessMethod => Edited(Kind::Table),
        Property::Tablespace => Edited(Kind::Index),
        Property::Options => By(&["table_options", "view_options", "index_options", "column_options"]),
        Property::ToastOptions => By(&["table_toast_options"]),
        Property::RowSecurity => By(&["table_row_security"]),
        Property::RowSecurityForced => By(&["table_row_security_forced"]),
        Property::ReplicaIdentity => By(&["table_replica_identity", "index_replica_identity"]),
        Property::PartitionKey => Edited(Kind::Table),
        Property::PartitionBound => By(&["table_partition_bound"]),
        Property::Inherits => By(&["table_inherits"]),
        Property::OfType => By(&["table_of_type"]),
        Property::Populated => By(&["materialized_view_populated"]),
        Property::Server => By(&["foreign_table_server"]),
        Property::ServerOptions => {
            By(&["foreign_table_server_options", "column_server_options", "foreign_server_server_options"])
        }
        Property::Start => By(&["sequence_start"]),
        Property::Increment => By(&["sequence_increment"]),
        Property::Minimum => By(&["sequence_minimum"]),
        Property::Maximum => By(&["sequence_maximum"]),
        Property::Cache => By(&["sequence_cache"]),
        Property::Cycle => By(&["sequence_cycle"]),
        Property::OwnedBy => By(&["sequence_owned_by"]),
        Property::Labels => By(&["enum_labels"]),
        Property::Arguments => By(&["function_arguments"]),
        Property::Returns => By(&["function_returns"]),
        Property::Language => By(&["function_language"]),
        Property::Body => By(&["function_body", "procedure_body", "aggregate_body"]),
        Property::Volatility => By(&["function_volatility"]),
        Property::Strict => By(&["function_strict"]),
        Property::Security => By(&["function_security"]),
        Property::Leakproof => By(&["function_leakproof"]),
        Property::Parallel => By(&["function_parallel"]),
        Property::Window => By(&["function_window"]),
        Property::Configuration => By(&["function_configuration"]),
        Property::Cost => By(&["function_cost"]),
        Property::Rows => By(&["function_rows"]),
        Property::Support => Edited(Kind::Function),
        Property::Enabled => By(&["trigger_enabled", "rule_enabled", "event_trigger_enabled"]),
        Property::Command => By(&["policy_command"]),
        Property::Roles => By(&["policy_roles"]),
        Property::Using => By(&["policy_using"]),
        Property::WithCheck => By(&["policy_with_check"]),
        Property::Target => By(&["statistics_target"]),
        Property::Version => By(&["extension_version"]),
        Property::InSchema => By(&["extension_in_schema"]),
        Property::Operations => By(&["publication_operations"]),
        Property::AllTables => Edited(Kind::Publication),
        Property::ViaRoot => By(&["publication_via_root"]),
        Property::Schemas => By(&["publication_schemas"]),
        Property::Tables => By(&["publication_tables"]),
        Property::Publications => Edited(Kind::Publication),
        Property::Mappings => By(&["foreign_server_mappings"]),
        Property::Value => Edited(Kind::Extension),
        Property::Privileges | Property::Revoked => By(&["privilege_lost", "privilege_gained"]),
        Property::Comment => By(&[
            "schema_comment",
            "table_comment",
            "view_comment",
            "column_comment",
            "constraint_comment",
            "index_comment",
            "trigger_comment",
            "rule_comment",
            "policy_comment",
            "statistics_comment",
            "sequence_comment",
            "enum_comment",
            "domain_comment",
            "function_comment",
            "extension_comment",
        ]),
        Property::SecurityLabels => Edited(Kind::Table),
    }
}

fn change(change: Change) -> Shown {
    match change {
        // Of each kind of object; see below.
        Change::Missing | Change::Unexpected | Change::Renamed => Silent,
        Change::Moved => By(&["table_moved"]),
        Change::Replaced => By(&["table_replaced", "view_replaced"]),
        Change::Empty => By(&["schema_empty"]),
        Change::Order => By(&["column_order"]),
        Change::Lost => By(&["privilege_lost", "default_privilege_lost"]),
        Change::Gained => By(&["privilege_gained", "default_privilege_gained"]),
        Change::Unmanaged => By(&["table_unmanaged"]),
        Change::Unmodelled => By(&["object_unmodelled"]),
        Change::Expired => Reported("exception_expired"),
        Change::Unused => Reported("exception_unused"),
        // A test in `laws` covers it.
        Change::Unnamed => Silent,
        Change::Differs(it) => property(it),
    }
}

/// Missing, unexpected and renamed, as far as an object of this kind can be that.
fn kind(kind: Kind) -> Shown {
    match kind {
        Kind::Database => Silent,
        Kind::Schema => By(&["schema_missing"]),
        Kind::Table => By(&["table_missing", "table_unexpected", "table_renamed"]),
        Kind::ForeignTable => By(&["foreign_table_missing", "foreign_table_unexpected", "foreign_table_renamed"]),
        Kind::View => By(&["view_missing", "view_unexpected", "view_renamed"]),
        Kind::MaterializedView => {
            By(&["materialized_view_missing", "materialized_view_unexpected", "materialized_view_renamed"])
        }
        Kind::Column => By(&["column_missing", "column_unexpected", "column_renamed"]),
        Kind::Constraint => By(&["constraint_missing", "constraint_unexpected", "constraint_renamed"]),
        Kind::Index => By(&["index_missing", "index_unexpected", "index_renamed"]),
        Kind::Trigger => By(&["trigger_missing", "trigger_unexpected", "trigger_renamed"]),
        Kind::Rule => By(&["rule_missing", "rule_unexpected", "rule_renamed"]),
        Kind::Policy => By(&["policy_missing", "policy_unexpected", "policy_renamed"]),
        Kind::Statistics => By(&["statistics_missing", "statistics_unexpected", "statistics_renamed"]),
        Kind::Sequence => By(&["sequence_missing", "sequence_unexpected", "sequence_renamed"]),
        Kind::Enum => By(&["enum_missing", "enum_unexpected", "enum_renamed"]),
        Kind::Domain => By(&["domain_missing", "domain_unexpected", "domain_renamed"]),
        Kind::Composite => By(&["composite_missing", "composite_unexpected", "composite_renamed"]),
        Kind::Attribute => By(&["attribute_missing", "attribute_unexpected", "attribute_renamed"]),
        Kind::Range => By(&["range_missing", "range_unexpected"]),
        // It needs a library of C functions.
        Kind::BaseType => Edited(Kind::BaseType),
        Kind::Function => By(&["function_missing", "function_unexpected", "function_renamed"]),
        Kind::Procedure => By(&["procedure_missing", "procedure_unexpected", "procedure_renamed"]),
        Kind::Aggregate => By(&["aggregate_missing", "aggregate_unexpected", "aggregate_renamed"]),
        Kind::Operator => By(&["operator_missing", "operator_unexpected"]),
        Kind::OperatorClass => By(&["operator_class_unexpected"]),
        Kind::OperatorFamily => By(&["operator_family_unexpected"]),
        Kind::Cast => By(&["cast_missing", "cast_unexpected"]),
        Kind::Collation => By(&["collation_missing", "collation_renamed"]),
        Kind::TextSearchConfiguration => By(&["text_search_configuration_missing"]),
        Kind::TextSearchDictionary => By(&["text_search_dictionary_unexpected"]),
        // Their privileges are lost and gained.
        Kind::DefaultPrivileges => By(&["default_privilege_lost", "default_privilege_gained"]),
        Kind::Extension => By(&["extension_missing", "extension_unexpected"]),
        Kind::EventTrigger => By(&["event_trigger_missing", "event_trigger_unexpected", "event_trigger_renamed"]),
        Kind::Publication => By(&["publication_missing", "publication_unexpected"]),
        // It needs another server.
        Kind::Subscription => Edited(Kind::Subscription),
        Kind::ForeignServer => By(&["foreign_server_missing", "foreign_server_unexpected"]),
        Kind::Setting => By(&["setting_unexpected"]),
        Kind::Unmodelled => By(&["object_unmodelled"]),
    }
}

fn base() -> Snapshot {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/drift/base.json");
    Snapshot::read(&std::fs::read_to_string(path).expect("the file can be read")).expect("the file is a snapshot")
}

#[test]
fn every_kind_of_finding_has_a_case() {
    let found: BTreeSet<String> = FILES
        .iter()
        .flat_map(|file| cases(file))
        .flat_map(|case| case.findings)
        .map(|it| it.split(' ').nth(1).expect("severity and kind").to_owned())
        .collect();
    let reported = include_str!("../../../snapshots/drift__json.snap");
    let mut missing: Vec<&str> = Vec::new();
    let mut check = |shown: Shown| match shown {
        By(kinds) => missing.extend(kinds.iter().filter(|it| !found.contains(**it))),
        Reported(kind) if !reported.contains(&format!("\"kind\": \"{kind}\"")) => missing.push(kind),
        Reported(_) | Edited(_) | Silent => {}
    };
    Property::VARIANTS.iter().for_each(|it| check(change(Change::Differs(*it))));
    [
        Change::Moved,
        Change::Replaced,
        Change::Empty,
        Change::Order,
        Change::Lost,
        Change::Gained,
        Change::Unmanaged,
        Change::Unmodelled,
        Change::Expired,
        Change::Unused,
    ]
    .into_iter()
    .for_each(|it| check(change(it)));
    Kind::VARIANTS.iter().for_each(|it| check(kind(*it)));
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn what_a_test_server_can_not_have_is_found_all_the_same() {
    for property in Property::VARIANTS {
        let Edited(kind) = change(Change::Differs(*property)) else { continue };
        let expected = base().catalog;
        let mut live = expected.clone();
        let (_, object) = live
            .objects
            .iter_mut()
            .find(|it| it.0.kind == kind && it.0.schema != "bo_airflow" && !it.0.parent.starts_with("audit"))
            .expect("the base has something of every kind");
        object.insert(*property, Value::Text("something else".to_owned()));
        let found = compare(Expectation::of(expected), live, &RoleContext::default());
        let kinds: Vec<String> = found.iter().map(|it| it.kind()).collect();
        assert_eq!(kinds, [kind_of(kind, Change::Differs(*property))]);
    }
    for kind in Kind::VARIANTS {
        let Edited(_) = self::kind(*kind) else { continue };
        let expected = base().catalog;
        let mut live = expected.clone();
        let schema = if *kind == Kind::Subscription { "" } else { "padealing" };
        let id = pad_migrate::schema::catalog::Id {
            schema: schema.to_owned(),
            parent: String::new(),
            kind: *kind,
            name: "something new".to_owned(),
        };
        live.objects.insert(id, [(Property::Owner, Value::Text("somebody".to_owned()))].into());
        let there = compare(Expectation::of(expected.clone()), live.clone(), &RoleContext::default());
        let gone = compare(Expectation::of(live), expected, &RoleContext::default());
        let kinds: Vec<String> = there.iter().chain(&gone).map(|it| it.kind()).collect();
        assert_eq!(kinds, [kind_of(*kind, Change::Unexpected), kind_of(*kind, Change::Missing)]);
    }
}
