//! What the elements of a graph may reach outside of it.
//!
//! A graph that somebody sends from elsewhere is confined: it opens files beneath one folder only, listens nowhere, and
//! neither sends nor catches signals. Its ports are its purpose, so it has those. Each graph has a confinement of its own,
//! from when it is checked to when it goes; elements take theirs along, for what they do while they run.
use crate::files::Files;
use alloc::string::String;

/// What the elements of a graph may reach outside of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confinement(Files);

impl Confinement {
    /// They may do what the process may.
    pub const NONE: &'static Confinement = &Confinement(Files::anywhere());

    /// They open files beneath a folder only; they do not listen, nor send or catch signals.
    ///
    /// # Errors
    /// As [`Files::beneath`].
    #[cfg(feature = "std")]
    pub fn beneath(folder: &std::path::Path) -> Result<Confinement, String> {
        Files::beneath(folder).map(Confinement)
    }

    /// Where they open files.
    pub fn files(&self) -> &Files {
        &self.0
    }

    /// Asked by all that others can connect or send to.
    ///
    /// # Errors
    /// They may not.
    pub fn listeners(&self) -> Result<(), String> {
        self.allow("listeners")
    }

    /// Asked by all that sends signals, or wants to get them.
    ///
    /// # Errors
    /// They may not.
    pub fn signals(&self) -> Result<(), String> {
        self.allow("signals")
    }

    fn allow(&self, what: &str) -> Result<(), String> {
        if self.0.is_confined() {
            return Err(alloc::format!("no {what} in a function from the API"));
        }
        Ok(())
    }
}
