//! Fragments of the kernel's configuration, and whether the configuration that came out is what they say.
//!
//! Kconfig drops silently what depends on something that is not there, and turns on what something else selects. Both
//! end the build here.
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Symbols and what they shall be: `y`, a number, a text, or `n`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment(BTreeMap<String, String>);

impl Fragment {
    /// Reads fragments; of a symbol that several set, the last says.
    ///
    /// # Errors
    /// A file cannot be read, or a line is neither comment nor symbol.
    pub fn read(files: &[impl AsRef<Path>]) -> Result<Self> {
        let mut all = Self::default();
        for file in files {
            let file = file.as_ref();
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            all.0.extend(Self::parse(&text).with_context(|| format!("in {}", file.display()))?.0);
        }
        Ok(all)
    }

    /// What a fragment says. Its comments are free; `# CONFIG_A is not set` is none.
    ///
    /// # Errors
    /// A line is neither comment nor symbol, or a symbol is said twice.
    pub fn parse(text: &str) -> Result<Self> {
        let mut all = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            let (symbol, value) = match line.strip_prefix("# ").and_then(|l| l.strip_suffix(" is not set")) {
                Some(symbol) if symbol.starts_with("CONFIG_") => (symbol, "n"),
                _ if line.is_empty() || line.starts_with('#') => continue,
                _ => line.split_once('=').with_context(|| format!("line {number}: no symbol: {line}"))?,
            };
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !symbol.starts_with("CONFIG_") || !symbol.chars().all(plain) || value.is_empty() {
                bail!("line {number}: no symbol: {line}");
            }
            if all.0.insert(symbol.to_string(), value.to_string()).is_some() {
                bail!("line {number}: {symbol} was set before");
            }
        }
        Ok(all)
    }

    /// The fragment as Kconfig reads it, sorted and without comments.
    pub fn text(&self) -> String {
        let line = |(symbol, value): (&String, &String)| match value.as_str() {
            "n" => format!("# {symbol} is not set\n"),
            _ => format!("{symbol}={value}\n"),
        };
        self.0.iter().map(line).collect()
    }

    /// Compares with the configuration that Kconfig made.
    ///
    /// # Errors
    /// Something is not as this says; the message lists all of it.
    pub fn check(&self, config: &str) -> Result<()> {
        let found: BTreeMap<&str, &str> = config.lines().filter_map(|l| l.split_once('=')).collect();
        let (mut dropped, mut on) = (Vec::new(), Vec::new());
        for (symbol, wanted) in &self.0 {
            match (wanted.as_str(), found.get(symbol.as_str())) {
                ("n", Some(&value)) => on.push(format!("{symbol}={value}")),
                ("n", None) => {}
                (wanted, found) if found == Some(&wanted) => {}
                (wanted, found) => dropped.push(format!("{symbol}={wanted} (is {})", found.unwrap_or(&"not set"))),
            }
        }
        let list = |what: &str, symbols: Vec<String>| match symbols.len() {
            0 => String::new(),
            _ => format!("\n{what}:\n  {}", symbols.join("\n  ")),
        };
        if dropped.is_empty() && on.is_empty() {
            return Ok(());
        }
        bail!(
            "this kernel cannot be configured as the fragments say{}{}",
            list("wanted, but dropped", dropped),
            list("not wanted, but needed by something that is", on)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_free_and_symbols_are_read() {
        let fragment = Fragment::parse("# Why.\nCONFIG_A=y\n# CONFIG_B is not set\n\nCONFIG_C=\"text\"\n").unwrap();
        assert_eq!(fragment.text(), "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"text\"\n");
    }

    #[test]
    fn what_is_neither_comment_nor_symbol_is_refused_with_its_line() {
        for (text, line) in [("CONFIG_A", 1), ("# x\nA=y", 2), ("CONFIG_A=", 1), ("CONFIG_A B=y", 1)] {
            let refusal = Fragment::parse(text).unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("line {line}: ")), "{refusal}");
        }
    }

    #[test]
    fn a_symbol_that_is_said_twice_is_refused() {
        let refusal = Fragment::parse("CONFIG_A=y\n# CONFIG_A is not set").unwrap_err().to_string();
        assert_eq!(refusal, "line 2: CONFIG_A was set before");
    }

    #[test]
    fn what_was_dropped_and_what_was_forced_on_is_listed() {
        let fragment = Fragment::parse("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_N=4\nCONFIG_OK=y").unwrap();
        let refusal =
            fragment.check("# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_N=8\nCONFIG_OK=y\n").unwrap_err().to_string();
        for part in ["CONFIG_A=y (is not set)", "CONFIG_N=4 (is 8)", "CONFIG_B=y"] {
            assert!(refusal.contains(part), "{refusal}");
        }
        assert!(!refusal.contains("CONFIG_OK"), "{refusal}");
    }

    #[test]
    fn a_configuration_that_says_the_same_passes() {
        let fragment = Fragment::parse("CONFIG_A=y\n# CONFIG_B is not set\n# CONFIG_GONE is not set").unwrap();
        fragment.check("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_MORE=y\n").unwrap();
    }

    #[test]
    fn every_fragment_here_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernel");
        for file in fs::read_dir(folder).unwrap() {
            Fragment::read(&[file.unwrap().path()]).unwrap();
        }
    }
}
