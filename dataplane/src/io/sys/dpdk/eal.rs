//! DPDK's environment: started once, with the user's arguments; every worker joins it.
use super::mempool::{self, Mempool};
use super::{c, error_text, last_error, log};
use crate::pool::{MAX_FRAME, Pool};
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

static STARTED: AtomicBool = AtomicBool::new(false);

/// The running environment. There is one in a process, and it cannot be started again after its end.
pub struct Eal {
    cores: Vec<usize>,
}

impl Eal {
    /// Starts DPDK with `arguments` as `dpdk-testpmd` takes them before its `--`, and makes a pool of `buffers`
    /// buffers. Unless the arguments say otherwise, `cores` are those to work on, and nothing is left
    /// behind in the file system (`--in-memory`, `--no-telemetry`).
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub fn start(arguments: &str, buffers: u32, cores: &[usize]) -> Result<Eal, String> {
        Eal::start_for(arguments, buffers, MAX_FRAME, cores)
    }

    /// The same with buffers for frames of up to `frame` bytes, as [`Pool::for_frames`] has them.
    ///
    /// # Errors
    /// As [`Eal::start`].
    pub fn start_for(arguments: &str, buffers: u32, frame: usize, cores: &[usize]) -> Result<Eal, String> {
        let arguments = with_defaults(words(arguments)?, cores);
        if Pool::own_ones() > 0 {
            return Err("DPDK must be started before the first packet buffer is made".into());
        }
        if STARTED.swap(true, AcqRel) {
            return Err("DPDK has been started already".into());
        }
        log::capture();
        let ours = rustix::thread::sched_getaffinity(None);
        let (result, printed) = log::captured(|| init(&arguments));
        // DPDK has pinned this thread to its first core, where a worker shall run.
        if let Ok(set) = ours {
            let _ = rustix::thread::sched_setaffinity(None, &set);
        }
        if let Err(number) = result {
            remove_runtime_dir();
            let mut said = log::take();
            said.extend(printed.lines().filter_map(|l| l.strip_prefix("sluice: ")).map(String::from).take(1));
            return Err(explain(&arguments, &said, number));
        }
        eprint!("{printed}");
        let missing = missing_devices(&arguments, &log::take());
        if !missing.is_empty() {
            close_all();
            return Err(missing);
        }
        if !arguments.iter().any(|a| a.starts_with("--log-level")) {
            // SAFETY: DPDK is started. Peers that come and go are told by the ports.
            unsafe { c::rte_log_set_global_level(c::SLUICE_LOG_WARNING) };
        }
        match Mempool::create(buffers, frame) {
            Ok(_) => {}
            Err(why) => {
                close_all();
                return Err(format!(
                    "{why}; give fewer with --buffers, or reserve more huge pages (with --no-huge, a larger -m)"
                ));
            }
        }
        log::pass_on(true);
        Ok(Eal { cores: cores_in_use() })
    }

    /// The cores that the arguments name, for the workers.
    pub fn cores(&self) -> &[usize] {
        &self.cores
    }

    /// Ends DPDK when nobody has a packet any more: closes every port, and says whether every buffer came back.
    pub fn end(self) -> Buffers {
        log::pass_on(false);
        super::device::close_all();
        let kept = super::device::kept_by_drivers();
        Mempool::get().map_or(Buffers::default(), |p| Buffers { in_use: p.out(), count: p.count(), kept })
    }
}

/// Where the buffers of the pool are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Those that are not free.
    pub in_use: usize,
    /// All.
    pub count: usize,
    /// Most that drivers are known not to give back when their ports are closed.
    pub kept: usize,
}

impl Drop for Eal {
    /// Closes every port, which takes their sockets away; then gives the memory back, if no packet is left.
    fn drop(&mut self) {
        log::pass_on(false);
        close_all();
    }
}

/// DPDK's name and version: `DPDK 22.11.11`.
pub fn version() -> String {
    // SAFETY: it returns a string that lives as long as the process.
    unsafe { CStr::from_ptr(c::rte_version()) }.to_string_lossy().into_owned()
}

/// Whether DPDK runs.
pub fn is_running() -> bool {
    Mempool::get().is_some()
}

fn close_all() {
    super::device::close_all();
    if mempool::is_idle() {
        // SAFETY: the ports are closed, and nobody can reach the memory that this gives back.
        unsafe { c::rte_eal_cleanup() };
    }
    remove_runtime_dir();
}

/// DPDK makes a folder for the process even if it puts nothing there, and leaves it.
fn remove_runtime_dir() {
    // SAFETY: a C string that stays.
    let path = unsafe { CStr::from_ptr(c::rte_eal_get_runtime_dir()) };
    if let Ok(path) = path.to_str()
        && !path.is_empty()
    {
        let _ = std::fs::remove_dir(path); // what is not empty stays
    }
}

/// This thread's place in DPDK, which gives it a cache of buffers of its own.
#[must_use]
pub struct Joined(bool);

/// Makes the calling thread one of DPDK's, if DPDK runs. A thread for which there is no place works all the same,
/// only slower.
pub fn join() -> Joined {
    // SAFETY: DPDK is started.
    Joined(STARTED.load(Acquire) && is_running() && unsafe { c::rte_thread_register() } == 0)
}

impl Drop for Joined {
    fn drop(&mut self) {
        if self.0 {
            // SAFETY: this thread was registered by `join`; the guard does not leave it.
            unsafe { c::rte_thread_unregister() };
        }
    }
}

fn init(arguments: &[String]) -> Result<(), c_int> {
    let strings: Vec<CString> = arguments.iter().filter_map(|a| CString::new(a.as_str()).ok()).collect();
    // DPDK keeps the pointers, and getopt moves them: they stay for ever.
    let list: Vec<*mut c_char> = strings.into_iter().map(CString::into_raw).chain([std::ptr::null_mut()]).collect();
    let count = list.len() as c_int - 1;
    // SAFETY: an array of C strings with a null pointer behind the last, never freed; called once.
    match unsafe { c::rte_eal_init(count, list.leak().as_mut_ptr()) } {
        n if n < 0 => Err(last_error()),
        _ => Ok(()),
    }
}

/// The words of a command line; quotes keep blanks together.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut all, mut word, mut quote): (Vec<String>, Option<String>, _) = (Vec::new(), None, None);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(q), l) if l == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, l) if l.is_whitespace() => all.extend(word.take()),
            (_, l) => word.get_or_insert_default().push(l),
        }
    }
    all.extend(word);
    if quote.is_some() {
        return Err(format!("--dpdk: a quote is not closed in ‘{text}’"));
    }
    Ok(all)
}

/// Adds the program's name and what the user has not decided.
fn with_defaults(user: Vec<String>, cores: &[usize]) -> Vec<String> {
    let has = |options: &[&str]| {
        user.iter().any(|a| {
            options.iter().any(|o| a == o || a.strip_prefix(o).is_some_and(|r| r.starts_with('=') || o.len() == 2))
        })
    };
    let mut all = vec!["sluice".to_string()];
    if !has(&["-l", "-c", "--lcores", "-s", "-S"]) {
        let list: Vec<String> = cores.iter().map(usize::to_string).collect();
        all.extend(["-l".into(), if list.is_empty() { "0".into() } else { list.join(",") }]);
    }
    let no_huge = has(&["--no-huge"]);
    if !has(&["--in-memory", "--huge-dir", "--huge-unlink", "--proc-type", "--no-shconf", "--legacy-mem"]) {
        // Without huge pages DPDK knows no --in-memory; what is shared with other processes are then its files alone.
        all.push(if no_huge { "--no-shconf" } else { "--in-memory" }.into());
        if !has(&["--file-prefix"]) {
            // A folder of its own beneath /var/run/dpdk, for it is removed at the end.
            all.push(format!("--file-prefix=sluice-{}", std::process::id()));
        }
        if !no_huge {
            // One file a segment of memory would be more than the protocol of vhost can name.
            all.push("--single-file-segments".into());
        }
    }
    if !has(&["--telemetry", "--no-telemetry"]) {
        all.push("--no-telemetry".into());
    }
    all.extend(user);
    all
}

/// The processor of each of DPDK's threads, in order.
fn cores_in_use() -> Vec<usize> {
    let mut all = Vec::new();
    // SAFETY: DPDK is started; these read its tables.
    unsafe {
        let mut lcore = c::rte_get_next_lcore(u32::MAX, 0, 0);
        while all.len() < c::rte_lcore_count() as usize {
            all.push(c::rte_lcore_to_cpu_id(lcore as c_int) as usize);
            lcore = c::rte_get_next_lcore(lcore, 0, 0);
        }
    }
    all
}

/// What went wrong when DPDK started, with the remedy where we know one.
fn explain(arguments: &[String], log: &[String], number: c_int) -> String {
    let said = |text: &str| log.iter().any(|l| l.contains(text));
    let given = |option: &str| arguments.iter().any(|a| a.starts_with(option));
    let memory = ["Cannot get hugepage information", "No free", "Cannot init memory", "Not enough memory available"];
    let wrong = log.iter().find(|l| l.contains("option '") || l.contains("option requires"));
    let remedy = if memory.iter().any(|m| said(m)) && given("--no-huge") {
        "there is not so much memory: give a smaller -m"
    } else if memory.iter().any(|m| said(m)) && given("--huge-dir") {
        "no huge pages are to be had there: is a hugetlbfs mounted at --huge-dir, and are pages free \
         (/sys/kernel/mm/hugepages)? Or leave --huge-dir out"
    } else if memory.iter().any(|m| said(m)) {
        "not enough huge pages are free: reserve some (as root: echo 256 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages), \
         or do without (--dpdk \"--no-huge -m 512 ...\")"
    } else if number == libc::EACCES || number == libc::EPERM || said("Permission denied") {
        "the process may not: run it as root, or give it the huge pages and devices (--huge-dir, /dev/vfio)"
    } else if wrong.is_some() {
        "its arguments are not understood"
    } else if said("Unable to parse device") {
        "--vdev or -a names what no driver knows (net_null0, net_memif0, net_af_packet0, net_tap0, ..., or a PCI address)"
    } else if log.iter().any(|l| l.contains("core") && ["invalid", "unavailable", "No "].iter().any(|w| l.contains(w)))
    {
        "-l or --lcores names a core that does not exist or that this process may not use"
    } else if said("Invalid 'command line' arguments") {
        "its arguments are not understood"
    } else {
        ""
    };
    let general = |l: &str| l.contains("Invalid 'command line'") || l.starts_with("EAL: FATAL");
    let first = wrong.or(log.iter().rfind(|l| !l.is_empty() && !general(l))).or(log.last());
    let first = first.map_or("", |l| l.trim_start_matches("EAL: "));
    let mut text = "DPDK cannot start".to_string();
    for part in [remedy, first] {
        if !part.is_empty() {
            text += &format!(": {part}");
        }
    }
    if first.is_empty() && remedy.is_empty() {
        text += &format!(": {}", error_text(number));
    }
    text + &format!(" (arguments: {})", arguments[1..].join(" "))
}

/// Names the devices of `--vdev` and `-a` that there is no port for: DPDK starts without them.
fn missing_devices(arguments: &[String], log: &[String]) -> String {
    let mut wanted = Vec::new();
    let mut list = arguments.iter();
    while let Some(a) = list.next() {
        let value = match a.as_str() {
            "--vdev" | "-a" | "--allow" => list.next().cloned(),
            a => a.strip_prefix("--vdev=").or(a.strip_prefix("--allow=")).map(String::from),
        };
        wanted.extend(value.map(|v| v.split(',').next().unwrap_or_default().to_string()));
    }
    let mut text = String::new();
    for name in wanted.iter().filter(|n| super::device::find(n).is_none()) {
        // What the driver itself says comes first, then what DPDK says about it. Other devices that there are, and
        // that DPDK cannot share them with another process, is not what is asked.
        let beside = |l: &str| l.contains("PCI device") || l.contains("mp action");
        let mut told = log.iter().filter(|l| l.contains(name.as_str()) || !l.starts_with("EAL: ") && !l.is_empty());
        let why = told.find(|l| !beside(l)).map_or("", |l| l.trim_start_matches("EAL: "));
        let driver = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let hint = match name.contains(':') {
            true => "is it bound to vfio-pci or uio, not to the kernel's driver (dpdk-devbind.py --status)?".into(),
            false => format!("is there a driver {driver}, and are its arguments right?"),
        };
        let root =
            if rustix::process::geteuid().is_root() { "" } else { " This process is not root, and it may need root:" };
        text += &format!("DPDK has no port {name}: {hint}{root}{}{why}\n", if why.is_empty() { "" } else { " " });
    }
    text.trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_blanks_outside_of_quotes() {
        assert_eq!(words(" -l 1  --vdev 'net_x,a=b c' \"\"").unwrap(), ["-l", "1", "--vdev", "net_x,a=b c", ""]);
        assert!(words("-l '1").is_err());
    }

    #[test]
    fn what_the_user_says_is_not_said_again() {
        let all = |text: &str| with_defaults(words(text).unwrap(), &[3, 4]).join(" ");
        let prefix = format!("--file-prefix=sluice-{}", std::process::id());
        assert_eq!(
            all("--vdev x"),
            format!("sluice -l 3,4 --in-memory {prefix} --single-file-segments --no-telemetry --vdev x")
        );
        assert_eq!(all("-l1 --no-huge --telemetry"), format!("sluice --no-shconf {prefix} -l1 --no-huge --telemetry"));
        assert_eq!(all("-l1 --huge-dir=/x --telemetry"), "sluice -l1 --huge-dir=/x --telemetry");
        assert_eq!(
            all("--lcores=0@1 --file-prefix=a --no-telemetry"),
            "sluice --in-memory --single-file-segments --lcores=0@1 --file-prefix=a --no-telemetry"
        );
    }
}
