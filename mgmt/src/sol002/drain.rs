//! Draining: no packet comes in any more, and those inside find their way out.
//!
//! An entrance is an element that packets come out of and none go into; one that has a handler `active` that can be written
//! can be closed and opened again (FromDevice, FromDPDKDevice, sources).
use crate::vnf::{Element, ManagedVnf, Refusal};
use std::collections::HashSet;
use std::time::Duration;

/// Between two looks at what is still inside.
const LOOK: Duration = Duration::from_millis(100);
/// Looks in a row that must find nothing: what is counted may be some 50 ms old.
const QUIET: u32 = 2;

/// An entrance: function and element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The function.
    pub function: String,
    /// The element, as `name :: Class`.
    pub shown: String,
    /// Its name.
    pub element: String,
    /// It can be closed.
    pub closable: bool,
}

/// How draining ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is inside any more.
    Empty,
    /// Its time is over, and so many packets are inside.
    Late(u64),
    /// Somebody cancelled it.
    Cancelled,
}

/// The entrances of all functions.
///
/// # Errors
/// A function does not run.
pub fn entrances(vnf: &dyn ManagedVnf) -> Result<Vec<Entrance>, Refusal> {
    let mut all = Vec::new();
    for function in vnf.functions() {
        let graph = vnf.graph(&function.name)?;
        let to: HashSet<&str> = graph.connections.iter().map(|c| c.to.as_str()).collect();
        let from: HashSet<&str> = graph.connections.iter().map(|c| c.from.as_str()).collect();
        let closable = |e: &Element| e.handlers.iter().any(|h| h.name == "active" && h.write);
        let elements = vnf.elements(&function.name)?;
        let entrance = |e: &&Element| from.contains(e.name.as_str()) && !to.contains(e.name.as_str());
        all.extend(elements.iter().filter(entrance).map(|e| Entrance {
            function: function.name.clone(),
            shown: format!("{} :: {}", e.name, e.class),
            element: e.name.clone(),
            closable: closable(e),
        }));
    }
    Ok(all)
}

/// Opens or closes entrances. When one does not obey, those before it are put back.
///
/// # Errors
/// What the handler says.
pub fn set(vnf: &dyn ManagedVnf, entrances: &[Entrance], open: bool) -> Result<(), Refusal> {
    let write = |e: &Entrance, open: bool| {
        let value = if open { "true" } else { "false" };
        vnf.write_handler(&e.function, &e.element, "active", value)
    };
    for (n, e) in entrances.iter().enumerate() {
        if let Err(why) = write(e, open) {
            for e in &entrances[..n] {
                let _ = write(e, !open); // it obeyed a moment ago
            }
            return Err(why);
        }
    }
    Ok(())
}

/// Waits until nothing is inside. `wait` sleeps so long, and says whether somebody cancelled it meanwhile.
pub fn until_empty(vnf: &dyn ManagedVnf, within: Duration, mut wait: impl FnMut(Duration) -> bool) -> End {
    let (mut waited, mut quiet) = (Duration::ZERO, 0);
    loop {
        if wait(LOOK) {
            return End::Cancelled;
        }
        waited += LOOK;
        let held = vnf.snapshot().totals.held;
        quiet = if held == 0 { quiet + 1 } else { 0 };
        if quiet == QUIET {
            return End::Empty;
        }
        if waited >= within {
            return End::Late(held);
        }
    }
}
