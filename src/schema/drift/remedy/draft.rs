//! A remedy before it has its place among others. Pure.

use crate::schema::catalog::Id;
use crate::schema::drift::finding::Remedy;

/// A remedy, or what is to be done instead, in words.
pub(super) type Drafted = Result<Draft, String>;

/// Statements, and what to know before they are run.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) rank: u8,
    pub(super) statements: Vec<String>,
    /// Who must run them.
    roles: Vec<String>,
    /// Why they may fail.
    cautions: Vec<String>,
    /// The remedies that come first.
    after: Vec<String>,
    /// What is there afterwards under a name that nothing has now.
    pub(super) brings: Vec<Id>,
    /// What is called otherwise afterwards.
    pub(super) takes: Vec<Id>,
}

impl Draft {
    pub(super) fn of(statements: impl IntoIterator<Item = String>) -> Self {
        Self { statements: statements.into_iter().collect(), ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    pub(super) fn but(mut self, caution: impl Into<String>) -> Self {
        let caution = caution.into();
        if !self.cautions.contains(&caution) {
            self.cautions.push(caution);
        }
        self
    }

    pub(super) fn after(mut self, other: String) -> Self {
        if !self.after.contains(&other) {
            self.after.push(other);
        }
        self
    }

    pub(super) fn by(mut self, role: String) -> Self {
        if !self.roles.contains(&role) {
            self.roles.push(role);
        }
        self
    }

    pub(super) fn at(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    pub(super) fn brings(mut self, id: &Id) -> Self {
        self.brings.push(id.clone());
        self
    }

    pub(super) fn takes(mut self, id: &Id) -> Self {
        self.takes.push(id.clone());
        self
    }

    /// One of several, with the rank of the first. Which of them come first is no matter any more.
    pub(super) fn joined(drafts: impl Iterator<Item = Self>) -> Self {
        let mut whole: Option<Self> = None;
        for draft in drafts {
            let Some(so_far) = &mut whole else {
                whole = Some(draft);
                continue;
            };
            so_far.rank = so_far.rank.min(draft.rank);
            // What two of them do is done once.
            for statement in draft.statements {
                if !so_far.statements.contains(&statement) {
                    so_far.statements.push(statement);
                }
            }
            so_far.brings.extend(draft.brings);
            so_far.takes.extend(draft.takes);
            let taken = std::mem::take(so_far);
            let taken = draft.roles.into_iter().fold(taken, Self::by);
            *so_far = draft.cautions.into_iter().fold(taken, Self::but);
        }
        Self { after: Vec::new(), ..whole.unwrap_or_default() }
    }

    /// What a report says: first what has to be asked of others.
    pub(super) fn remedy(self, asked: Option<String>) -> Remedy {
        let advice: Vec<String> = asked.into_iter().chain(self.roles).chain(self.after).chain(self.cautions).collect();
        let colon = if advice.is_empty() { "" } else { ":" };
        let sql: Vec<String> = self.statements.into_iter().map(|it| it + ";").collect();
        Remedy { advice: advice.join("; ") + colon, sql: sql.join(" ") }
    }
}
