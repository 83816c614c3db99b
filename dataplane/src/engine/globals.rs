//! The handlers of the driver itself.
use super::{Core, Slot};
use crate::handler::{HandlerError, Op, Reply};
use crate::info::Access;
use alloc::format;
use alloc::string::{String, ToString};

/// Global handlers, in the order in which they are listed.
const GLOBALS: &[(&str, Access)] = &[
    ("version", Access::Read),
    ("driver", Access::Read),
    ("list", Access::Read),
    ("classes", Access::Read),
    ("config", Access::Read),
    ("flatconfig", Access::Read),
    ("requirements", Access::Read),
    ("packages", Access::Read),
    ("handlers", Access::Read),
    ("stop", Access::Write),
    ("hotconfig", Access::Write),
    ("timewarp", Access::ReadWrite),
];

/// Access to a global handler.
pub(super) fn access(handler: &str) -> Option<Access> {
    GLOBALS.iter().find(|g| g.0 == handler).map(|g| g.1)
}

impl Core {
    /// A call of a global handler.
    pub(super) fn global(&mut self, _slots: &mut [Slot], handler: &str, op: &Op) -> Reply {
        let lines = |names: &mut dyn Iterator<Item = &str>| names.fold(String::new(), |t, n| t + n + "\n");
        match (access(handler), op) {
            (None, _) => return Err(HandlerError::NoHandler(handler.to_string())),
            (Some(a), Op::Read(_)) if !a.reads() => return Err(HandlerError::NotReadable(handler.to_string())),
            (Some(a), Op::Write(_)) if !a.writes() => return Err(HandlerError::NotWritable(handler.to_string())),
            _ => {}
        }
        match (handler, op) {
            ("version", _) => Ok(env!("CARGO_PKG_VERSION").to_string()),
            ("driver", _) => Ok("userlevel".to_string()),
            ("list", _) => {
                let names = lines(&mut self.topo.nodes.iter().map(|n| n.name.as_str()));
                Ok(format!("{}\n{names}", self.topo.nodes.len()))
            }
            ("classes", _) => {
                let mut classes: alloc::vec::Vec<&str> = self.topo.nodes.iter().map(|n| n.class.info.class).collect();
                classes.sort_unstable();
                classes.dedup();
                Ok(lines(&mut classes.into_iter()))
            }
            ("config", _) => Ok(self.topo.source.clone()),
            ("flatconfig", _) => Ok(self.topo.flat.unparse()),
            ("requirements", _) => Ok(self.topo.flat.requirements.iter().map(|r| format!("{r}\n")).collect()),
            ("packages", _) => Ok(String::new()),
            ("handlers", _) => Ok(GLOBALS.iter().fold(String::new(), |t, (name, a)| {
                t + &format!(
                    "{name}\t{}\n",
                    match a {
                        Access::Read => "r",
                        Access::Write => "w",
                        Access::ReadWrite => "rw",
                    }
                )
            })),
            ("stop", _) => {
                self.stops += 1;
                Ok(String::new())
            }
            ("hotconfig", Op::Write(text)) => {
                let Some(compiler) = &mut self.compiler else {
                    return Err("hot reconfiguration is not allowed; start with -R".into());
                };
                self.next = Some(compiler(text)?);
                Ok(String::new())
            }
            ("timewarp", Op::Read(_)) => Ok(self.clock.speed()),
            ("timewarp", Op::Write(_)) if self.clock.is_simulated() => {
                Err(HandlerError::NotWritable(handler.to_string()))
            }
            ("timewarp", Op::Write(text)) if text.trim() == "nowait" => {
                self.clock.set_speed(None);
                Ok(String::new())
            }
            ("timewarp", Op::Write(text)) => match text.trim().parse::<f64>() {
                Ok(speed) if speed.is_finite() && speed > 0.0 => {
                    self.clock.set_speed(Some(speed));
                    Ok(String::new())
                }
                Ok(_) => Err("timefactor must be > 0".into()),
                Err(_) => Err("expected double".into()),
            },
            _ => Err(HandlerError::NoHandler(handler.to_string())),
        }
    }
}
