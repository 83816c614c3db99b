//! What there is to read, in the order of object identifiers: tables, and groups of scalars as tables of one row.
use async_snmp::{Oid, Value};
use std::sync::Arc;

/// A table (RFC 2578 section 7.7), or a group of scalars: those are one row with the index 0.
#[derive(Clone, Debug)]
pub struct Table {
    /// The identifier of its rows' type (`fooEntry`), or of the group. The numbers of columns are below it.
    entry: Oid,
    /// Numbers of its columns, ascending.
    columns: &'static [u32],
    /// Its rows in the order of their indices.
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    index: Vec<u32>,
    /// For each column; some have none.
    cells: Vec<Option<Value>>,
}

impl Table {
    /// A table without rows. `columns` ascend.
    pub fn new(entry: Oid, columns: &'static [u32]) -> Table {
        debug_assert!(columns.is_sorted_by(|a, b| a < b), "{entry}");
        Table { entry, columns, rows: Vec::new() }
    }

    /// A group of scalars: their numbers, ascending, and values.
    pub fn scalars<const N: usize>(group: Oid, columns: &'static [u32; N], values: [Value; N]) -> Table {
        let mut table = Table::new(group, columns);
        table.push(vec![0], values.map(Some).to_vec());
        table
    }

    /// Adds a row, in any order. Of two with the same index, one is left.
    pub fn push(&mut self, index: Vec<u32>, cells: Vec<Option<Value>>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "{}", self.entry);
        self.rows.push(Row { index, cells });
    }

    fn cell(&self, column: usize, row: usize) -> Option<&Value> {
        self.rows.get(row)?.cells.get(column)?.as_ref()
    }

    fn name(&self, column: usize, row: usize) -> Oid {
        let column = self.columns.get(column).copied().unwrap_or_default();
        let index = self.rows.get(row).map_or(&[][..], |r| &r.index);
        Oid::new(self.entry.arcs().iter().copied().chain([column]).chain(index.iter().copied()))
    }

    /// The first cell whose name is after `entry.rest`.
    fn next(&self, rest: &[u32]) -> Option<(Oid, &Value)> {
        let (mut column, mut row) = (0, 0);
        if let Some((number, index)) = rest.split_first() {
            column = self.columns.partition_point(|c| c < number);
            if self.columns.get(column) == Some(number) {
                row = self.rows.partition_point(|r| r.index.as_slice() <= index);
            }
        }
        while column < self.columns.len() {
            if let Some(at) = (row..self.rows.len()).find(|r| self.cell(column, *r).is_some()) {
                return Some((self.name(column, at), self.cell(column, at)?));
            }
            (column, row) = (column + 1, 0);
        }
        None
    }
}

/// Everything that there is to read, as it was at one moment.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// In the order of their identifiers. One may lie below a group of scalars, behind all of these: so does `sysORTable`.
    tables: Vec<Arc<Table>>,
}

impl Tree {
    /// Of these tables, in any order.
    pub fn new(mut tables: Vec<Table>) -> Tree {
        for table in &mut tables {
            table.rows.sort_by(|a, b| a.index.cmp(&b.index));
            table.rows.dedup_by(|b, a| a.index == b.index);
        }
        Tree::default().with(tables)
    }

    /// The same with these, too, whose rows are in order. What is there already is not copied.
    pub fn with(&self, more: Vec<Table>) -> Tree {
        let mut tables: Vec<Arc<Table>> = self.tables.iter().cloned().chain(more.into_iter().map(Arc::new)).collect();
        tables.sort_by(|a, b| a.entry.cmp(&b.entry));
        debug_assert!(tables.is_sorted_by(|a, b| {
            !b.entry.starts_with(&a.entry) || a.columns.last() < b.entry.arcs().get(a.entry.len())
        }));
        Tree { tables }
    }

    /// The value of an instance; `NoSuchObject` or `NoSuchInstance` (RFC 3416 section 4.2.1).
    pub fn get(&self, name: &Oid) -> Value {
        let at = self.tables.partition_point(|t| t.entry <= *name);
        let table = at.checked_sub(1).and_then(|at| self.tables.get(at)).filter(|t| name.starts_with(&t.entry));
        let Some(table) = table else { return Value::NoSuchObject };
        let Some((number, index)) = name.arcs()[table.entry.len()..].split_first() else { return Value::NoSuchObject };
        let Ok(column) = table.columns.binary_search(number) else { return Value::NoSuchObject };
        let row = table.rows.binary_search_by(|r| r.index.as_slice().cmp(index));
        row.ok().and_then(|row| table.cell(column, row)).cloned().unwrap_or(Value::NoSuchInstance)
    }

    /// The first instance behind a name, and its value.
    pub fn next(&self, name: &Oid) -> Option<(Oid, &Value)> {
        let at = self.tables.partition_point(|t| t.entry <= *name);
        let inside = at.checked_sub(1).and_then(|at| self.tables.get(at)).filter(|t| name.starts_with(&t.entry));
        let within = inside.and_then(|t| t.next(&name.arcs()[t.entry.len()..]));
        within.or_else(|| self.tables.get(at..)?.iter().find_map(|t| t.next(&[])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree() -> Tree {
        let oid = |arcs: &[u32]| Oid::from_slice(arcs);
        let mut table = Table::new(oid(&[1, 3, 7, 1]), &[2, 3]);
        let n = |n| Some(Value::Integer(n));
        table.push(vec![5, 1], vec![n(51), n(510)]);
        table.push(vec![4], vec![n(4), None]);
        table.push(vec![5], vec![None, n(50)]);
        let group = Table::scalars(oid(&[1, 3, 2]), &[1, 4], [Value::Integer(1), Value::Integer(2)]);
        let mut below = Table::new(oid(&[1, 3, 2, 5, 1]), &[1]);
        below.push(vec![3], vec![n(3)]);
        Tree::new(vec![table, Table::new(oid(&[1, 3, 6, 1]), &[1]), below, group])
    }

    fn walk(tree: &Tree) -> Vec<(String, i32)> {
        let (mut all, mut at) = (Vec::new(), Oid::empty());
        while let Some((name, value)) = tree.next(&at) {
            assert!(name > at);
            assert_eq!(tree.get(&name), *value);
            all.push((name.to_string(), value.as_i32().unwrap()));
            at = name;
        }
        all
    }

    #[test]
    fn a_walk_finds_every_instance_in_order() {
        let all = [
            ("1.3.2.1.0", 1),
            ("1.3.2.4.0", 2),
            ("1.3.2.5.1.1.3", 3),
            ("1.3.7.1.2.4", 4),
            ("1.3.7.1.2.5.1", 51),
            ("1.3.7.1.3.5", 50),
            ("1.3.7.1.3.5.1", 510),
        ];
        assert_eq!(walk(&tree()), all.map(|(name, n)| (name.to_string(), n)));
    }

    #[test]
    fn what_is_missing_is_an_object_or_an_instance() {
        let tree = tree();
        let get = |name: &str| tree.get(&Oid::parse(name).unwrap());
        for (name, value) in [
            ("1.3.7.1.3.4", Value::NoSuchInstance),
            ("1.3.7.1.2.9", Value::NoSuchInstance),
            ("1.3.7.1.2", Value::NoSuchInstance),
            ("1.3.6.1.1.7", Value::NoSuchInstance),
            ("1.3.7.1.4.4", Value::NoSuchObject),
            ("1.3.7.1", Value::NoSuchObject),
            ("1.3.8", Value::NoSuchObject),
            ("1.2", Value::NoSuchObject),
            ("1.3.2.1.0", Value::Integer(1)),
            ("1.3.2.1.1", Value::NoSuchInstance),
            ("1.3.2.5.1.1.3", Value::Integer(3)),
            ("1.3.2.5.2.1.3", Value::NoSuchObject),
        ] {
            assert_eq!(get(name), value, "{name}");
        }
        assert_eq!(tree.get(&Oid::empty()), Value::NoSuchObject);
    }

    proptest! {
        #[test]
        fn next_is_the_least_name_behind_any(arcs in proptest::collection::vec(0..9_u32, 0..8)) {
            let (tree, name) = (tree(), Oid::new(arcs));
            let least = walk(&tree).into_iter().map(|(n, _)| Oid::parse(&n).unwrap()).find(|n| *n > name);
            prop_assert_eq!(tree.next(&name).map(|n| n.0), least);
        }
    }
}
