//! How the readings of several workers become one.
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use hashbrown::HashMap;

/// How the answers of an element's replicas to one read become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Merge {
    /// As the class's state suggests: numbers that can only be read add up where the state is
    /// [`Replicated`](crate::info::State::Replicated); else the first counts.
    Auto,
    /// The first worker speaks for all.
    First,
    /// Numbers add up; answers that are none are taken as with `First`.
    Sum,
    /// Lines of fields between separators: those that are the same but for the number in this field (from 0
    /// on) become one, with the sum. A line without such a number comes once.
    Column(usize, char),
    /// All lines, one worker's after the other's.
    Lines,
}

impl Merge {
    /// One answer from those of all workers, in their order.
    pub fn join(self, answers: &[String]) -> String {
        let first = || answers.first().cloned().unwrap_or_default();
        match self {
            _ if answers.len() < 2 => first(),
            Merge::Auto | Merge::First => first(),
            Merge::Sum => sum(answers).unwrap_or_else(first),
            Merge::Column(field, separator) => columns(answers, field, separator),
            Merge::Lines => answers.iter().map(|a| format!("{}\n", a.trim_end_matches('\n'))).collect(),
        }
    }
}

/// The sum, in the form of the first answer.
fn sum(answers: &[String]) -> Option<String> {
    let end = if answers.first()?.ends_with('\n') { "\n" } else { "" };
    let whole: Option<Vec<i128>> = answers.iter().map(|a| a.trim().parse().ok()).collect();
    if let Some(whole) = whole {
        return Some(format!("{}{end}", whole.iter().sum::<i128>()));
    }
    let real: Option<Vec<f64>> = answers.iter().map(|a| a.trim().parse().ok()).collect();
    let places = |a: &String| a.trim().split_once('.').map_or(0, |d| d.1.len());
    let places = answers.iter().map(places).max().unwrap_or(0);
    real.map(|real| format!("{:.places$}{end}", real.iter().sum::<f64>()))
}

fn columns(answers: &[String], field: usize, separator: char) -> String {
    // Lines and their numbers, in the order in which they come first; and where each is, by what it is without its number.
    let mut lines: Vec<(&str, Option<u64>)> = Vec::new();
    let mut places: HashMap<(String, bool), usize> = HashMap::new();
    let between = separator.to_string();
    for line in answers.iter().flat_map(|a| a.lines()) {
        let mut fields: Vec<&str> = line.split(separator).collect();
        let number = fields.get(field).and_then(|f| f.parse::<u64>().ok());
        if let (Some(_), Some(at)) = (number, fields.get_mut(field)) {
            *at = "";
        }
        let place = *places.entry((fields.join(&between), number.is_some())).or_insert(lines.len());
        match lines.get_mut(place) {
            Some((_, known)) => *known = known.zip(number).map(|(a, b)| a.saturating_add(b)),
            None => lines.push((line, number)),
        }
    }
    let mut text = String::new();
    for (line, number) in lines {
        let mut fields: Vec<&str> = line.split(separator).collect();
        let number = number.map(|n| n.to_string());
        if let (Some(n), Some(at)) = (&number, fields.get_mut(field)) {
            *at = n;
        }
        text += &fields.join(&between);
        text.push('\n');
    }
    if !answers.iter().any(|a| a.ends_with('\n')) {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(merge: Merge, answers: &[&str]) -> String {
        merge.join(&answers.iter().map(|a| a.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn numbers_add_up_and_other_answers_are_the_first() {
        assert_eq!(join(Merge::Sum, &["1", "2", "39"]), "42");
        assert_eq!(join(Merge::Sum, &["1.5\n", "2.25\n"]), "3.75\n");
        assert_eq!(join(Merge::Sum, &["<none>", "<none>"]), "<none>");
        assert_eq!(join(Merge::First, &["1", "2"]), "1");
        assert_eq!(join(Merge::Lines, &["0", "1"]), "0\n1\n");
        assert_eq!(join(Merge::Lines, &["0"]), "0");
    }

    #[test]
    fn lines_that_differ_in_their_number_only_become_one() {
        let drops = ["queue_full\t3\nloop\t1\n", "no_route\t2\nqueue_full\t4\n"];
        assert_eq!(join(Merge::Column(1, '\t'), &drops), "queue_full\t7\nloop\t1\nno_route\t2\n");
        let ports = ["1 input\npush\t5\ta [0]\n0 outputs\n", "1 input\npush\t6\ta [0]\n0 outputs\n"];
        assert_eq!(join(Merge::Column(1, '\t'), &ports), "1 input\npush\t11\ta [0]\n0 outputs\n");
        assert_eq!(join(Merge::Column(0, '\t'), &["12/0800", "12/0800"]), "12/0800");
        assert_eq!(join(Merge::Column(0, ' '), &["2 packets killed\n", "3 packets killed\n"]), "5 packets killed\n");
    }
}
