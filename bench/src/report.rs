//! The table as a person reads it, and the same figures for programs.
use crate::harness::{Bench, Goal, Line, Sheet, Table};
use anyhow::Context as _;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// All tables of a run, with the machine they were made on.
#[derive(Serialize)]
pub(crate) struct Report {
    machine: Machine,
    tables: Vec<Table>,
    sheets: Vec<Sheet>,
    notes: Vec<String>,
    /// What was printed.
    #[serde(skip)]
    text: String,
}

#[derive(Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
}

impl Machine {
    fn this() -> Machine {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            processor: model.map_or("unknown", |m| m.1).trim().into(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().into(),
        }
    }
}

impl Report {
    pub(crate) fn new() -> Report {
        let machine = Machine::this();
        let head = format!("{}, {} cores, Linux {}\n", machine.processor, machine.cores, machine.kernel);
        let mut report =
            Report { machine, tables: Vec::new(), sheets: Vec::new(), notes: Vec::new(), text: String::new() };
        report.say(&head);
        report
    }

    /// Prints a line, and keeps it.
    fn say(&mut self, line: &str) {
        println!("{line}");
        self.text += line;
        self.text.push('\n');
    }

    /// Prints what a subject has measured, and keeps it.
    pub(crate) fn show(&mut self, bench: Bench) {
        for table in bench.tables {
            self.say(&format!("| {} | median {} | min | max | ratio | instructions | goal |", table.title, table.unit));
            self.say("|---|---|---|---|---|---|---|");
            table.lines.iter().for_each(|line| self.say(&row(line, &table.unit)));
            self.say("");
            self.tables.push(table);
        }
        for sheet in bench.sheets {
            self.say(&format!("{}\n", sheet.title));
            self.say(&format!("| {} |", sheet.columns.join(" | ")));
            self.say(&format!("|{}", "---|".repeat(sheet.columns.len())));
            sheet.rows.iter().for_each(|row| self.say(&format!("| {} |", row.join(" | "))));
            self.say("");
            self.sheets.push(sheet);
        }
        for note in bench.notes {
            self.say(&format!("{note}\n"));
            self.notes.push(note);
        }
    }

    /// Saves everything as JSON, and what was printed as Markdown beside it.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        let text = path.with_extension("md");
        fs::write(&text, &self.text).with_context(|| format!("cannot write {}", text.display()))?;
        println!("saved as {} and {}", path.display(), text.display());
        Ok(())
    }
}

fn row(line: &Line, unit: &str) -> String {
    let instructions = line.instructions.map(|n| format!("{n:.1}")).unwrap_or_default();
    let goals: Vec<String> = line.goals.iter().map(|g| goal(line, *g, unit)).collect();
    let c = line.cost;
    format!(
        "| {} | {:.2} | {:.2} | {:.2} | {:.2} x {} | {instructions} | {} |",
        line.name,
        c.median,
        c.min,
        c.max,
        line.ratio,
        line.baseline,
        goals.join(", ")
    )
}

fn goal(line: &Line, goal: Goal, unit: &str) -> String {
    let (text, met) = match goal {
        Goal::AtMost(n) => (format!("<= {n} {unit}"), line.cost.median <= n),
        Goal::Ratio(r) => (format!("<= {r} x"), line.ratio <= r),
        Goal::RateRatio(r) => (format!(">= {r} x"), line.ratio >= r),
    };
    format!("{text}: {}", if met { "met" } else { "missed" })
}
