//! What a program said last.
use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Lines that are kept.
const LINES: usize = 20;
/// Longest line that is taken whole, bytes.
const LONGEST: u64 = 512;
/// Bytes that are taken between two pauses. Who says more has to wait: to listen takes the VNF's time, not the program's.
const AT_ONCE: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(20);

/// The last lines of a program's output.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(Arc<Mutex<VecDeque<String>>>);

impl Words {
    pub(crate) fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Takes in what comes, on a thread of its own, until nobody can write there any more.
    ///
    /// # Errors
    /// There can be no thread.
    pub(crate) fn listen(&self, from: impl Read + Send + 'static) -> io::Result<JoinHandle<()>> {
        let words = self.clone();
        let read = move || {
            let mut from = BufReader::new(from);
            let (mut line, mut taken) = (Vec::new(), 0);
            while let Ok(n @ 1..) = from.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
                taken += n;
                if taken >= AT_ONCE {
                    taken = 0;
                    thread::sleep(PAUSE);
                }
                let text: String = String::from_utf8_lossy(&line).trim_end().replace(char::is_control, " ");
                words.add(text);
                line.clear();
            }
        };
        thread::Builder::new().name("words".into()).spawn(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_long_ones_cut() {
        let words = Words::default();
        (0..30).for_each(|n| words.add(format!("line {n}")));
        assert_eq!(words.lines().len(), LINES);
        assert_eq!(words.lines().last().map(String::as_str), Some("line 29"));
        let (from, mut to) = io::pipe().unwrap();
        words.listen(from).unwrap();
        io::Write::write_all(&mut to, &[b'x'; 2000]).unwrap();
        drop(to);
        for _ in 0..1000 {
            if words.lines().iter().filter(|l| l.starts_with('x')).map(String::len).sum::<usize>() == 2000 {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("{:?}", words.lines());
    }
}
