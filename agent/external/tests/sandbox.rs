//! What a program may and sees, and that nothing of it stays.
mod common;

use common::{
    ECHO, Folder, Graph, command, in_a_namespace, interfaces, program, python, running, sandbox, signal, somebody_has,
    start, through, until, until_state,
};
use sluice_external::{Ended, External, Spec, State};
use std::process::{Command, Stdio};

/// What a program of the shell's says until it ends.
fn said(name: &str, script: &str, more: &str) -> Vec<String> {
    let text = format!("command = ['sh', '-c', '''{script}; echo the end; sleep 1000''']\nready = '0'\n{more}");
    let function = start(name, &text);
    until("the end", || function.status().words.iter().any(|w| w == "the end"));
    function.status().words
}

#[test]
fn a_program_sees_its_own_network_and_processes_only() {
    if !in_a_namespace("sees") {
        return;
    }
    let words = said("sees", "ls /sys/class/net; echo $$; ls -d /proc/[0-9]* | wc -l; env", "");
    assert!(words.contains(&"eth0".into()) && words.contains(&"lo".into()), "{words:?}");
    assert!(!words.iter().any(|w| w.starts_with("slx")), "{words:?}");
    assert!(words.contains(&"2".into()), "its number, behind that of its warden: {words:?}");
    let variables: Vec<&String> = words.iter().filter(|w| w.contains('=')).collect();
    let known = |w: &&String| ["PATH=", "HOME=/", "LANG=", "PWD=/", "_=", "SHLVL="].iter().any(|k| w.starts_with(k));
    assert!(variables.iter().all(known), "{variables:?}");
}

#[test]
fn a_program_gets_no_rights_over_the_machine() {
    if !in_a_namespace("rights") {
        return;
    }
    let show = "grep -E \"^(CapBnd|CapEff|NoNewPrivs|Uid):\" /proc/self/status; mount -t tmpfs none /mnt || echo no mount; ls -l /proc/self/fd | grep -c /";
    let words = said("rights", show, "");
    let line =
        |start: &str| words.iter().find(|w| w.starts_with(start)).unwrap_or_else(|| panic!("{start}: {words:?}"));
    assert!(line("NoNewPrivs:").ends_with('1') && words.contains(&"no mount".into()), "{words:?}");
    // NET_RAW is 13, SYS_ADMIN 21, SYS_MODULE 16, SYS_PTRACE 19, SYS_BOOT 22.
    let bits = |start: &str| u64::from_str_radix(line(start).split_whitespace().last().unwrap(), 16).unwrap();
    assert_eq!(bits("CapBnd:") & (1 << 16 | 1 << 19 | 1 << 21 | 1 << 22), 0);
    assert_eq!(bits("CapEff:") >> 13 & 1, 1);
    let words = said("rights-user", show, "user = '65534'");
    let uid = words.iter().find(|w| w.starts_with("Uid:")).unwrap();
    assert_eq!(uid.split_whitespace().nth(1), Some("65534"));
}

#[test]
fn a_program_that_is_root_changes_its_network_and_reaches_no_disk() {
    if !in_a_namespace("switches") {
        return;
    }
    // What is written is what was there.
    let same = |file: &str| {
        format!(
            "v=$(cat {file}); if echo $v > {file}; then echo changed {file}; else echo kept {file}; fi 2> /dev/null"
        )
    };
    let [machine, own] = ["/proc/sys/vm/swappiness", "/proc/sys/net/ipv4/ip_forward"].map(same);
    let script = format!(
        "{machine}; {own}; echo devices $(ls /dev); echo x > /dev/null && echo null; touch /dev/shm/x && echo shared; \
         touch /dev/x || echo no device; ls -l /dev/stdin > /dev/null && echo input"
    );
    let words = said("switches", &script, "");
    let has = |word: &str| assert!(words.iter().any(|w| w == word), "{word}: {words:?}");
    has("kept /proc/sys/vm/swappiness");
    has("changed /proc/sys/net/ipv4/ip_forward");
    ["null", "shared", "no device", "input"].into_iter().for_each(has);
    let devices = words.iter().find_map(|w| w.strip_prefix("devices ")).unwrap();
    let known = "fd full hugepages net null random shm stderr stdin stdout tty urandom zero";
    assert!(devices.split(' ').all(|d| known.split(' ').any(|k| k == d)), "{devices}");
    assert!(!std::path::Path::new("/dev/shm/x").exists(), "it is the program's own");
}

#[test]
fn another_user_can_open_packet_sockets() {
    if !in_a_namespace("user") {
        return;
    }
    let echo = start("user", &format!("{}user = '65534:65534'", command(&python(&["eth0"], ECHO))));
    running(&echo);
    let graph = Graph::new(&through(&echo, 200));
    graph.go();
    until("all packets", || graph.number("swapped.count") == 200);
}

#[test]
fn another_root_is_all_that_a_program_sees() {
    if !in_a_namespace("root") {
        return;
    }
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|p| std::path::Path::new(p).exists());
    let Some(busybox) = busybox else { return println!("skipped: another_root needs busybox") };
    let folder = Folder::new("root");
    for name in ["bin", "proc", "dev", "sys"] {
        std::fs::create_dir_all(folder.0.join(name)).unwrap();
    }
    std::fs::copy(busybox, folder.0.join("bin/busybox")).unwrap();
    let script = "/bin/busybox ls /; /bin/busybox ls /sys/class/net; echo x > /dev/null && echo null";
    let text = format!(
        "command = ['busybox', 'sh', '-c', '{script}; /bin/busybox sleep 1000']\nready = '0'\nroot = '{}'",
        folder.0.display()
    );
    let function = start("root", &text);
    until("its words", || function.status().words.iter().any(|w| w == "null"));
    let words = function.status().words;
    assert_eq!(words, ["bin", "dev", "proc", "sys", "eth0", "lo", "null"]);
    drop(function);
    assert!(std::fs::read_dir(folder.0.join("proc")).unwrap().next().is_none(), "nothing stays mounted");
}

#[test]
fn the_limit_of_memory_holds() {
    if !in_a_namespace("memory") {
        return;
    }
    let script = python(
        &[],
        "print('begun', flush=True)\nx = bytearray(512 * 1024 * 1024)\nprint('got it', flush=True)\ntime.sleep(1000)",
    );
    let text =
        |limit: &str| format!("{}ready = '0'\n[limits]\nmemory = '{limit}'\n[restart]\ntries = 1", command(&script));
    let small = start("small", &text("128 MiB"));
    until_state(&small, State::Failed);
    let status = small.status();
    let killed = status.ended == Some(Ended::Signal(9)); // by the kernel, in a control group
    assert!(killed || status.words.iter().any(|w| w.contains("MemoryError")), "{status:?}");
    assert!(status.words.iter().any(|w| w == "begun") && !status.words.iter().any(|w| w == "got it"), "{status:?}");
    let large = start("large", &text("1 GiB"));
    until("its memory", || large.status().words.iter().any(|w| w == "got it"));
}

#[test]
fn the_limits_of_files_and_of_processor_time_hold() {
    if !in_a_namespace("files") {
        return;
    }
    let words = said("files", "ulimit -n; ulimit -c; ulimit -t", "[limits]\nfiles = 77\ncpu_time = '90 s'");
    assert_eq!(words[..3], ["77", "0", "90"]);
    let busy = start(
        "busy",
        "command = ['sh', '-c', 'while :; do :; done']\nready = '0'\n[limits]\ncpu_time = '1 s'\n[restart]\ntries = 1",
    );
    until_state(&busy, State::Failed);
    assert!(matches!(busy.status().ended, Some(Ended::Signal(9 | 24))), "{:?}", busy.status());
}

#[test]
fn a_limit_that_nobody_holds_is_an_error() {
    if !in_a_namespace("unheld") || std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        return println!("skipped: a_limit_that_nobody_holds needs a kernel without the controllers of version 2");
    }
    let spec: Spec = toml::from_str("command = ['true']\n[limits]\ncpu = 0.5").unwrap();
    let error = External::start("unheld", spec, sandbox()).unwrap_err();
    assert!(error.contains("limits.cpu: ") && error.contains("cpu_time"), "{error}");
    assert_eq!(interfaces(), Vec::<String>::new());
}

#[test]
fn all_children_end_with_the_function() {
    if !in_a_namespace("children") {
        return;
    }
    let mark = format!("9{}", std::process::id());
    let script = format!(
        "for i in 1 2 3; do sleep {mark} & done; setsid sleep {mark} & trap \"\" TERM; echo up; while :; do wait; done"
    );
    let parent = start("children", &format!("command = ['sh', '-c', '{script}']\nready = '0'\nstop_within = '100 ms'"));
    until("children", || parent.status().words.iter().any(|w| w == "up") && somebody_has(&mark));
    drop(parent);
    assert!(!somebody_has(&mark), "a child is left");
    assert_eq!(interfaces(), Vec::<String>::new());
}

#[test]
fn children_end_with_the_program() {
    if !in_a_namespace("orphans") {
        return;
    }
    let mark = format!("8{}", std::process::id());
    let script = format!("setsid sleep {mark} & sleep 0.1; exit 3");
    let parent = start("orphans", &format!("command = ['sh', '-c', '{script}']\nready = '0'\n[restart]\ntries = 1"));
    until_state(&parent, State::Failed);
    assert_eq!(parent.status().ended, Some(Ended::Status(3)));
    assert!(!somebody_has(&mark), "a child is left");
}

#[test]
fn a_program_that_always_ends_is_given_up_and_can_be_started_again() {
    if !in_a_namespace("gives-up") {
        return;
    }
    let text = "command = ['sh', '-c', 'echo last words; exit 7']\nready = '0'\n[restart]\ntries = 3\nfirst = '10 ms'";
    let function = start("gives-up", text);
    until_state(&function, State::Failed);
    let status = function.status();
    assert_eq!((status.starts, status.ended, status.process), (3, Some(Ended::Status(7)), None));
    assert_eq!(status.words, ["last words"; 3]);
    assert_eq!(status.detail, "it ended with status 7");
    function.restart();
    until("another start", || function.status().starts >= 4);
}

#[test]
fn a_program_that_is_not_there_is_an_error_that_says_so() {
    let spec: Spec = toml::from_str("command = ['no-such-program']").unwrap();
    let error = External::start("missing", spec, sandbox()).unwrap_err();
    assert!(error.contains("no-such-program") && error.contains("plain image"), "{error}");
}

#[test]
fn two_functions_of_one_name_are_refused_and_the_name_is_free_afterwards() {
    if !in_a_namespace("twice") {
        return;
    }
    let text = "command = ['sleep', '1000']\nready = '0'";
    let first = start("twice", text);
    let error = External::start("twice", toml::from_str(text).unwrap(), sandbox()).unwrap_err();
    assert!(error.contains("already"), "{error}");
    let click = first.click();
    drop(first);
    assert_eq!(start("twice", text).click(), click, "the same interfaces");
}

#[test]
fn interfaces_of_a_maker_that_is_gone_are_removed_and_others_are_not() {
    if !in_a_namespace("stale") {
        return;
    }
    let text = "command = ['sleep', '1000']\nready = '0'";
    let function = start("stale", text);
    let [name] = interfaces().try_into().unwrap();
    drop(function);
    let ip =
        |words: &str| assert!(Command::new("ip").args(words.split(' ')).status().expect("ip").success(), "{words}");
    let alias = |alias: &str| {
        ip(&format!("link add {name} type veth peer name other"));
        assert!(Command::new("ip").args(["link", "set", &name, "alias", alias]).status().unwrap().success());
    };
    alias("sluice external function stale 1.99999999999999");
    let function = start("stale", text);
    assert_eq!(interfaces(), [name.as_str()], "taken over, and its peer is gone");
    drop(function);
    alias("somebody's own");
    let function = start("stale", text);
    assert!(interfaces().contains(&name) && !function.click().contains(&name));
    drop(function);
    assert!(interfaces().contains(&name));
}

/// Not a test: the supervisor that the next one kills.
#[test]
#[ignore = "it is started by another test"]
fn helper_that_supervises() {
    let Ok(mark) = std::env::var("SLUICE_TEST_MARK") else { return };
    let script = format!("sleep {mark} & sleep {mark} & wait");
    let function = start("helper", &format!("command = ['sh', '-c', '{script}']\nready = '0'"));
    running(&function);
    println!("program {}", program(&function));
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn nothing_is_left_when_the_supervisor_is_killed() {
    if !in_a_namespace("supervisor") {
        return;
    }
    let mark = format!("7{}", std::process::id());
    let mut supervisor = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "helper_that_supervises", "--nocapture"])
        .env("SLUICE_TEST_MARK", &mark)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("the program", || somebody_has(&mark));
    let before = interfaces();
    assert_eq!(before.len(), 1);
    signal(supervisor.id(), "KILL");
    supervisor.wait().unwrap();
    let next = start("helper", "command = ['sleep', '1000']\nready = '0'");
    running(&next);
    until("its end", || !somebody_has(&mark));
    until("the interface", || interfaces().len() == 1);
    drop(next);
    assert_eq!(interfaces(), Vec::<String>::new());
}
