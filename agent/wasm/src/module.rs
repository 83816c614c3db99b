//! From the bytes of a module to code that can be started: once, however many workers and functions use it.
use crate::config::{Metering, engine};
use crate::fault::Fault;
use crate::host::{Host, NAMESPACE, linker};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use wasmtime::{ExternType, InstancePre, ValType};

/// Longest module, bytes.
pub const MAX_BYTES: usize = 8 << 20;

/// A module that was compiled and found to speak the interface.
pub struct Module {
    pub(crate) code: InstancePre<Host>,
    metering: Metering,
    digest: [u8; 32],
    size: usize,
    uses_clock: bool,
}

/// What one process has compiled, while somebody uses it.
static COMPILED: Mutex<Vec<Weak<Module>>> = Mutex::new(Vec::new());

/// A function that guests export.
struct Export {
    name: &'static str,
    required: bool,
    takes: &'static [Kind],
    gives: &'static [Kind],
}

/// Types of the interface.
#[derive(Clone, Copy)]
enum Kind {
    I32,
    I64,
}

impl Kind {
    fn is(self, t: &ValType) -> bool {
        matches!((self, t), (Kind::I32, ValType::I32) | (Kind::I64, ValType::I64))
    }
}

const fn export(name: &'static str, required: bool, takes: &'static [Kind], gives: &'static [Kind]) -> Export {
    Export { name, required, takes, gives }
}

/// All functions that the host calls.
const EXPORTS: &[Export] = &[
    export("sluice_abi", true, &[], &[Kind::I32]),
    export("sluice_area", true, &[Kind::I32], &[Kind::I32]),
    export("sluice_process", true, &[Kind::I32, Kind::I32, Kind::I32], &[]),
    export("sluice_configure", false, &[Kind::I32, Kind::I32], &[Kind::I32]),
    export("sluice_start", false, &[], &[]),
    export("sluice_stop", false, &[], &[]),
    export("sluice_statistics", false, &[], &[Kind::I64]),
    export("sluice_snapshot", false, &[], &[Kind::I64]),
    export("sluice_restore", false, &[Kind::I32, Kind::I32], &[Kind::I32]),
    export("_initialize", false, &[], &[]),
];

impl Module {
    /// Compiles a module, unless the process has done so already.
    ///
    /// # Errors
    /// It is no module, too long, imports what there is not, or lacks what the interface asks for.
    pub fn load(bytes: &[u8], metering: Metering) -> Result<Arc<Module>, Fault> {
        if bytes.len() > MAX_BYTES {
            return Err(Fault::Resources(format!("a module of more than {MAX_BYTES} bytes")));
        }
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.retain(|m| m.strong_count() > 0);
        let mut known = compiled.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.find(|m| m.digest == digest && m.metering == metering) {
            return Ok(known);
        }
        let module = Arc::new(Module::compile(bytes, metering, digest)?);
        compiled.push(Arc::downgrade(&module));
        Ok(module)
    }

    fn compile(bytes: &[u8], metering: Metering, digest: [u8; 32]) -> Result<Module, Fault> {
        let engine = engine(metering)?;
        let code = wasmtime::Module::from_binary(engine, bytes).map_err(|e| Fault::Invalid(one_line(&e)))?;
        exports(&code)?;
        let uses_clock = imports(&code)?;
        let code = linker(engine)?.instantiate_pre(&code).map_err(|e| Fault::Invalid(one_line(&e)))?;
        Ok(Module { code, metering, digest, size: bytes.len(), uses_clock })
    }

    /// SHA-256 of its bytes.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
    /// Bytes before it was compiled.
    pub fn size(&self) -> usize {
        self.size
    }
    /// Whether it wants to know the time.
    pub fn uses_clock(&self) -> bool {
        self.uses_clock
    }
}

/// An error with its causes.
fn one_line(e: &wasmtime::Error) -> String {
    let all: Vec<String> = e.chain().map(|c| crate::log::plain(c.to_string().as_bytes())).collect();
    all.join(": ")
}

/// Whether what the module exports is what the host will call.
fn exports(code: &wasmtime::Module) -> Result<(), Fault> {
    match code.get_export("memory") {
        Some(ExternType::Memory(m)) if !m.is_shared() && !m.is_64() => {}
        Some(_) => return Err(Fault::invalid("‘memory’ is no memory of 32-bit addresses")),
        None => return Err(Fault::invalid("exports no ‘memory’")),
    }
    for e in EXPORTS {
        match code.get_export(e.name) {
            Some(ExternType::Func(f)) => {
                let same = |kinds: &[Kind], mut types: Box<dyn ExactSizeIterator<Item = ValType> + '_>| {
                    kinds.len() == types.len() && kinds.iter().all(|k| types.next().is_some_and(|t| k.is(&t)))
                };
                if !same(e.takes, Box::new(f.params())) || !same(e.gives, Box::new(f.results())) {
                    return Err(Fault::Invalid(format!("‘{}’ does not have the type that it should have", e.name)));
                }
            }
            Some(_) => return Err(Fault::Invalid(format!("‘{}’ is no function", e.name))),
            None if e.required => return Err(Fault::Invalid(format!("exports no function ‘{}’", e.name))),
            None => {}
        }
    }
    Ok(())
}

/// Whether the module imports only what there is; true if it asks for the time.
fn imports(code: &wasmtime::Module) -> Result<bool, Fault> {
    let mut clock = false;
    for i in code.imports() {
        match (i.module(), i.name()) {
            (NAMESPACE, "log") => {}
            (NAMESPACE, "clock") => clock = true,
            (module, name) => {
                let name = crate::log::plain(format!("{module}.{name}").as_bytes());
                return Err(Fault::Invalid(format!("imports ‘{name}’, which there is not")));
            }
        }
    }
    Ok(clock)
}
