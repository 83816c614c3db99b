//! Tables for people.

/// Columns with their titles; numbers stand at the right.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    right: &'static [usize],
}

impl Table {
    /// An empty table; `right` are the columns of numbers.
    pub(super) fn new(titles: &[&str], right: &'static [usize]) -> Table {
        Table { rows: vec![titles.iter().map(|t| t.to_string()).collect()], right }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table, or these words if nothing is in it.
    pub(super) fn or(self, nothing: &str) -> String {
        if self.rows.len() == 1 { format!("{nothing}\n") } else { self.text() }
    }

    pub(super) fn text(self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |i: usize| self.rows.iter().filter_map(move |r| r.get(i));
        let widths: Vec<usize> = (0..columns).map(|i| cells(i).map(|c| c.chars().count()).max().unwrap_or(0)).collect();
        let mut out = String::new();
        for row in &self.rows {
            let pad = |(i, cell): (usize, &String)| {
                let space = " ".repeat(widths[i].saturating_sub(cell.chars().count()));
                if self.right.contains(&i) { space + cell } else { cell.clone() + &space }
            };
            let line: Vec<String> = row.iter().enumerate().map(pad).collect();
            out += line.join("  ").trim_end();
            out.push('\n');
        }
        out
    }
}

/// What a terminal would take as a command is shown as `?`: names and log lines come from elsewhere.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '?' } else { c }).collect()
}

/// 1d 02:03:04.
pub(super) fn uptime(seconds: u64) -> String {
    let (days, h, m, s) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let clock = format!("{h:02}:{m:02}:{s:02}");
    if days == 0 { clock } else { format!("{days}d {clock}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut t = Table::new(&["name", "packets"], &[1]);
        t.row(["é".to_string(), "12".to_string()]);
        t.row(["longer".to_string(), "1".to_string()]);
        assert_eq!(t.text(), "name    packets\né            12\nlonger        1\n");
        assert_eq!(Table::new(&["x"], &[]).or("nothing"), "nothing\n");
        assert_eq!(uptime(93_784), "1d 02:03:04");
        assert_eq!(plain("a\x1b[2J\nb"), "a?[2J\nb");
    }
}
