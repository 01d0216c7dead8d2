//! The bounds of a sequence. Pure.

use squawk_syntax::quote::quote_ident as identifier;

use crate::base::quote::quote_literal as literal;
use crate::schema::catalog::{Id, Kind, Property};
use crate::schema::ddl::qualified;
use crate::schema::ddl::sequence::limit;
use crate::schema::drift::comparison::Difference;
use crate::schema::plan::planner::Planner;
use crate::schema::plan::planner::alter::rank_of_property;
use crate::schema::plan::planner::nodes::{Alteration, Part, rank, rank_of};
use crate::schema::plan::step::{Left, stop};

impl<'a> Planner<'a> {
    /// Has a sequence go on after the greatest number of its column, by expected names.
    pub(super) fn go_on(sequence: &Id, column: &Id) -> Part {
        let name = literal(&qualified(&sequence.schema, &sequence.name));
        let (of, from) = (identifier(&column.name), qualified(&column.schema, &column.parent));
        Part::from(format!("select setval({name}, coalesce(greatest(max({of}), 0), 0) + 1, false) from {from}"))
    }

    /// Why a column can't get its numbers from a sequence, and the query that shows the row.
    pub(super) fn last_number(&mut self, column: &Id) -> Option<(String, String)> {
        let live = self.comparison.live_part(column)?;
        let of_type = Self::property(self.wanted.objects.get(column), Property::Type)?;
        let query = format!(
            "select * from {} where {} >= {}",
            self.live_table(column),
            identifier(&live.name),
            limit(&of_type)
        );
        let reason = format!("a row has the last number of {of_type}, so that no row could get another");
        self.is_found(query).map(|query| (reason, query))
    }

    /// A new sequence of a column that has numbers already.
    pub(super) fn go_on_after_rows(&mut self, id: &'a Id) {
        let owner = Self::property(self.wanted.objects.get(id), Property::OwnedBy);
        let Some((table, column)) = owner.as_deref().and_then(|it| it.rsplit_once('.')) else { return };
        let (parent, name) = (table.to_owned(), column.to_owned());
        let column = Id { schema: id.schema.clone(), parent, kind: Kind::Column, name };
        if self.comparison.live_part(&column).is_none() {
            return;
        }
        if let Some((reason, query)) = self.last_number(&column) {
            self.left.push(Left { query: Some(query), ..stop("sequence_missing", id.object(), reason, None) });
        }
        let part = Self::go_on(id, &column);
        self.push(rank::OWNED, id, vec![part]);
    }

    /// How a sequence gets its type, its step and its limits. PostgreSQL checks them against each other, so one
    /// statement changes them all.
    pub(super) fn bounds(&mut self, id: &'a Id, difference: &Difference) -> Alteration {
        let Some(live) = self.live(&difference.id) else { return Alteration::Nothing };
        let wanted = self.wanted.objects.get(id);
        let number = |object, property| Self::property(object, property).and_then(|it| it.parse::<i128>().ok());
        let limits = [wanted, Some(live)].map(|it| (number(it, Property::Minimum), number(it, Property::Maximum)));
        if let [(Some(minimum), Some(maximum)), (Some(first), Some(last))] = limits
            && (minimum > first || maximum < last)
        {
            let sequence = qualified(&difference.id.schema, &difference.id.name);
            let query = format!("select * from {sequence} where last_value not between {minimum} and {maximum}");
            if let Some(query) = self.is_found(query) {
                let reason = format!(
                    "its last number isn't between {minimum} and {maximum}; set it to one that no row has, with setval"
                );
                return Alteration::Rows(reason, query);
            }
        }
        let rank = rank_of_property(Kind::Sequence, Property::Maximum).max(rank_of(Kind::Sequence));
        match self.ddl(id).alter_bounds(live) {
            Some(sql) => Alteration::Steps(rank, vec![Part::from(sql)]),
            None => Alteration::Nothing,
        }
    }
}
