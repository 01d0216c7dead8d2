//! The columns of a legacy row that the data model doesn't name.

use std::sync::Arc;

/// Names in order, which all rows of a source share.
pub type Names = Arc<[Arc<str>]>;

/// Texts by the names of their columns, in the order of the names.
#[derive(Clone, Debug)]
pub struct Unknown<T> {
    names: Names,
    texts: Vec<Option<T>>,
}

impl<T> Default for Unknown<T> {
    fn default() -> Self {
        Self { names: Names::default(), texts: Vec::new() }
    }
}

impl<T: PartialEq> PartialEq for Unknown<T> {
    fn eq(&self, other: &Self) -> bool {
        (Arc::ptr_eq(&self.names, &other.names) || self.names == other.names) && self.texts == other.texts
    }
}

impl<T: Eq> Eq for Unknown<T> {}

impl<T> Unknown<T> {
    /// Columns that are all null.
    pub fn null(names: &Names) -> Self {
        Self { names: Arc::clone(names), texts: names.iter().map(|_| None).collect() }
    }

    /// Sets the column at a place among the names.
    pub(crate) fn set(&mut self, place: usize, text: Option<T>) {
        self.texts[place] = text;
    }

    /// Sets a column, and adds it if it isn't there. Rows of a source get all of theirs at once, by [`Unknown::null`].
    pub fn insert(&mut self, name: Arc<str>, text: Option<T>) {
        match self.names.binary_search(&name) {
            Ok(place) => self.texts[place] = text,
            Err(place) => {
                let mut names = self.names.to_vec();
                names.insert(place, name);
                self.names = names.into();
                self.texts.insert(place, text);
            }
        }
    }

    /// The text of a column, null or not; none if there is no such column.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Option<T>> {
        let place = self.names.binary_search_by(|it| (**it).cmp(name)).ok()?;
        self.texts.get_mut(place)
    }

    /// Their names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Each with its text.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Option<&T>)> {
        self.names.iter().zip(self.texts.iter().map(Option::as_ref))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

impl<T> Extend<(Arc<str>, Option<T>)> for Unknown<T> {
    fn extend<I: IntoIterator<Item = (Arc<str>, Option<T>)>>(&mut self, columns: I) {
        columns.into_iter().for_each(|(name, text)| self.insert(name, text));
    }
}
