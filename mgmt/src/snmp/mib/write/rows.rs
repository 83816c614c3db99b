//! The variable bindings of one table, by rows.
use super::cell::Cell;
use super::{Refused, refused};
use async_snmp::{ErrorStatus, RowStatus};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// What a SET asks for one row.
#[derive(Debug)]
pub(super) struct Row<K> {
    pub(super) key: K,
    /// The first variable binding that names it.
    pub(super) first: usize,
    status: Option<(usize, RowStatus)>,
    /// By column, with their variable bindings.
    cells: BTreeMap<u32, (usize, Cell)>,
}

/// What is to become of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Create,
    Change,
    Destroy,
    /// It is to be destroyed, and there is none.
    Nothing,
}

impl<K> Row<K> {
    /// RFC 2579 section 2, `RowStatus`, for a row that is there or not.
    pub(super) fn fate(&self, exists: bool) -> Result<Fate, Refused> {
        let Some((at, status)) = self.status else {
            return if exists { Ok(Fate::Change) } else { refused(ErrorStatus::InconsistentName, self.first) };
        };
        match (status, exists) {
            (RowStatus::CreateAndGo, false) => Ok(Fate::Create),
            (RowStatus::Active, true) => Ok(Fate::Change),
            (RowStatus::Destroy, _) => match self.cells.values().map(|(at, _)| *at).min() {
                Some(at) => refused(ErrorStatus::InconsistentValue, at),
                None => Ok(if exists { Fate::Destroy } else { Fate::Nothing }),
            },
            _ => refused(ErrorStatus::InconsistentValue, at),
        }
    }

    /// Whether it is to be made.
    pub(super) fn created(&self) -> bool {
        self.status.is_some_and(|(_, status)| status == RowStatus::CreateAndGo)
    }

    /// Whether it is to be destroyed.
    pub(super) fn destroyed(&self) -> bool {
        self.status.is_some_and(|(_, status)| status == RowStatus::Destroy)
    }

    pub(super) fn text(&self, column: u32) -> Option<&str> {
        match self.cells.get(&column) {
            Some((_, Cell::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// The same, of a column where nothing is written as an empty text.
    pub(super) fn optional(&self, column: u32) -> Option<Option<String>> {
        self.text(column).map(|t| Some(t.to_string()).filter(|t| !t.is_empty()))
    }

    /// A number; none if the column is not written, or the number does not fit.
    pub(super) fn number<N: TryFrom<i64>>(&self, column: u32) -> Option<N> {
        match self.cells.get(&column) {
            Some((_, Cell::Number(n))) => N::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The same, of a column where nothing is written as -1.
    pub(super) fn optional_number<N: TryFrom<i64>>(&self, column: u32) -> Option<Option<N>> {
        self.number::<i64>(column).map(|n| N::try_from(n).ok())
    }

    /// The variable binding of a column, else that of the row's status, else the first of the row.
    pub(super) fn blame(&self, column: u32) -> usize {
        self.cells.get(&column).map(|(at, _)| *at).or(self.status.map(|(at, _)| at)).unwrap_or(self.first)
    }
}

/// The rows that a SET names, in the order in which it does.
#[derive(Debug)]
pub(super) struct Rows<K> {
    rows: Vec<Row<K>>,
    at: HashMap<K, usize>,
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Rows { rows: Vec::new(), at: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash> Rows<K> {
    /// Adds a variable binding, number `at`. One that was there already with another value is inconsistent.
    pub(super) fn add(&mut self, key: K, column: u32, at: usize, cell: Cell) -> Result<(), Refused> {
        let place = *self.at.entry(key.clone()).or_insert(self.rows.len());
        if place == self.rows.len() {
            self.rows.push(Row { key, first: at, status: None, cells: BTreeMap::new() });
        }
        let Some(row) = self.rows.get_mut(place) else { return Ok(()) }; // it is there
        let same = match cell {
            Cell::Status(status) => row.status.get_or_insert((at, status)).1 == status,
            _ => row.cells.entry(column).or_insert_with(|| (at, cell.clone())).1 == cell,
        };
        if same { Ok(()) } else { refused(ErrorStatus::InconsistentValue, at) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Row<K>> {
        self.rows.iter()
    }
}
