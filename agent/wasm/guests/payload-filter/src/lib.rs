//! Drops packets in which one of some words occurs. CONFIG gives the words, with spaces between them.
//!
//! Statistics: `passed`, `dropped`, and `word.WORD` for each of them.
#![no_std]
#![forbid(unsafe_code)]

use core::fmt::Write as _;
use sluice_guest::{Batch, Function, Level, Text, log};

const WORDS: usize = 16;
const LENGTH: usize = 32;

#[derive(Clone, Copy)]
struct Word {
    bytes: [u8; LENGTH],
    len: usize,
    found: u64,
}

const NONE: Word = Word { bytes: [0; LENGTH], len: 0, found: 0 };

struct Filter {
    words: [Word; WORDS],
    used: usize,
    /// A bit for each word, by the byte that it begins with.
    begins: [u16; 256],
    passed: u64,
    dropped: u64,
}

impl Word {
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Filter {
    /// The first word that occurs in `data`.
    fn find(&mut self, data: &[u8]) -> Option<&mut Word> {
        let (words, begins) = (&self.words, &self.begins);
        let found = data.iter().enumerate().find_map(|(at, &b)| {
            let mut some = begins[usize::from(b)];
            while some != 0 {
                let i = some.trailing_zeros() as usize;
                if data.get(at..)?.starts_with(words.get(i)?.text()) {
                    return Some(i);
                }
                some &= some - 1;
            }
            None
        });
        self.words.get_mut(found?)
    }
}

impl Function for Filter {
    fn configure(&mut self, text: &str) -> Result<(), &'static str> {
        let (mut words, mut used) = ([NONE; WORDS], 0);
        for text in text.split_ascii_whitespace() {
            let word = words.get_mut(used).ok_or("at most 16 words")?;
            let bytes = word.bytes.get_mut(..text.len()).ok_or("a word of more than 32 bytes")?;
            bytes.copy_from_slice(text.as_bytes());
            word.len = text.len();
            used += 1;
        }
        self.begins = [0; 256];
        for (i, word) in words.iter().enumerate().take(used) {
            self.begins[usize::from(word.bytes[0])] |= 1 << i;
        }
        (self.words, self.used) = (words, used);
        Ok(())
    }
    fn start(&mut self) {
        if self.used == 0 {
            log(Level::Warning, format_args!("no words: everything passes"));
        }
    }
    fn process(&mut self, batch: &mut Batch<'_>) {
        for mut p in batch.packets() {
            match self.find(p.data()) {
                Some(word) => {
                    word.found += 1;
                    self.dropped += 1;
                    p.discard();
                }
                None => self.passed += 1,
            }
        }
    }
    fn statistics(&mut self, out: &mut Text) {
        let _ = writeln!(out, "passed={}\ndropped={}", self.passed, self.dropped);
        for w in self.words.iter().take(self.used) {
            let _ = writeln!(out, "word.{}={}", core::str::from_utf8(w.text()).unwrap_or("?"), w.found);
        }
    }
}

sluice_guest::function!(Filter = Filter { words: [NONE; WORDS], used: 0, begins: [0; 256], passed: 0, dropped: 0 });
