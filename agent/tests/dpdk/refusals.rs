//! What DPDK cannot do is said in one line with the remedy, ends with status 1, and leaves nothing behind.
use crate::common::{Folder, Layout, Net, SLUICE, can_make_namespaces, must, run};
use crate::rig::{NO_HUGE, huge_pages};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a configuration of one line, which is refused; what is said.
fn refused(folder: &Folder, text: &str, dpdk: Option<&str>, more: &[&str]) -> String {
    let file = folder.file("config.click");
    std::fs::write(&file, text).expect("write");
    let mut command = Command::new(SLUICE);
    command.args(["run", "--for", "10s"]).arg(file).args(more);
    if let Some(arguments) = dpdk {
        command.args(["--dpdk", arguments]);
    }
    let o = leaves_nothing(command);
    let said = stderr(&o);
    assert_eq!(o.status.code(), Some(1), "{dpdk:?} {text}: {said}");
    assert!(o.stdout.is_empty(), "{}", String::from_utf8_lossy(&o.stdout));
    said
}

/// Runs a command to its end; its folder beneath DPDK's is gone then.
fn leaves_nothing(mut command: Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start");
    let folder = format!("sluice-{}", child.id());
    let o = child.wait_with_output().expect("end");
    for parent in ["/var/run/dpdk", "/tmp/dpdk"] {
        assert!(!Path::new(parent).join(&folder).exists(), "{parent}/{folder} is left: {o:?}");
    }
    o
}

/// Buffers that fit the memory that is asked for here.
const FEW: &[&str] = &["--buffers", "4096"];

fn stderr(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

#[test]
fn what_dpdk_does_not_start_with_is_said_with_the_remedy() {
    let folder = Folder::new("dpdk-refused");
    let receive = "FromDPDKDevice(net_null0) -> Discard;";
    let cases = [
        ("--no-huge -m 128 --vdev net_nix0", "--vdev or -a names what no driver knows"),
        ("--no-huge -m 128 --vdev net_null0,banana=3", "is there a driver net_null, and are its arguments right?"),
        (
            "--no-huge -m 128 --vdev net_memif0,role=banana",
            "are its arguments right? memif_set_role(): Unknown role: banana",
        ),
        ("--no-huge -m 128 --vdev net_pcap0,rx_pcap=/no/such.pcap", "Couldn't open /no/such.pcap"),
        ("--no-huge -m 128 --vdev net_af_packet0,iface=nosuch0", "No such device"),
        ("--no-huge -m 128 -a 0000:7f:1f.7", "is it bound to vfio-pci or uio, not to the kernel's driver"),
        ("-l 1022,1023 --no-huge -m 128", "names a core that does not exist"),
        ("-l banana --no-huge -m 128", "names a core that does not exist"),
        ("--banana", "its arguments are not understood: unrecognized option '--banana'"),
        ("--no-huge -m 128 --vdev", "option '--vdev' requires an argument"),
        ("--vdev 'net_null0", "a quote is not closed"),
        ("--no-huge -m 8 --vdev net_null0", "packet buffers: Cannot allocate memory; give fewer with --buffers"),
        ("--huge-dir /no/such --file-prefix slt-refused", "is a hugetlbfs mounted at --huge-dir"),
    ];
    for (dpdk, wanted) in cases {
        let said = refused(&folder, receive, Some(dpdk), FEW);
        assert!(said.contains(wanted), "{dpdk}: {wanted} in:\n{said}");
        assert_eq!(said.lines().count(), 1, "{dpdk}: one line: {said}");
    }
    // With --huge-dir DPDK works for several processes, and its files stay for them.
    let _ = std::fs::remove_dir_all("/var/run/dpdk/slt-refused");
}

#[test]
fn too_few_huge_pages_say_how_to_have_more() {
    if !huge_pages("too few huge pages") {
        return;
    }
    let folder = Folder::new("dpdk-pages");
    let said = refused(&folder, "FromDPDKDevice(net_null0) -> Discard;", Some("-m 9000000 --vdev net_null0"), FEW);
    assert!(said.contains("not enough huge pages are free") && said.contains("--no-huge -m 512"), "{said}");
    let said = refused(&folder, "Idle -> Discard;", Some("--vdev net_null0"), &["--buffers", "4194304"]);
    assert!(said.contains("4194304 packet buffers: ") && said.contains("reserve more huge pages"), "{said}");
}

#[test]
fn what_a_port_cannot_do_is_said_at_its_element() {
    let folder = Folder::new("dpdk-port");
    let socket = folder.file("m");
    let memif = format!("net_memif0,role=server,socket={},socket-abstract=no", socket.display());
    let dpdk = format!("{NO_HUGE} --vdev {memif} --vdev net_null0");
    let cases = [
        ("net_x", "DPDK has no port ‘net_x’ (there is net_memif0, net_null0)"),
        ("17", "DPDK has no port ‘17’ (there is net_memif0, net_null0)"),
        ("net_memif0, MODE rss", "its driver cannot spread frames by a hash (RSS): leave MODE out, or say MODE none"),
        ("net_memif0, N_QUEUES 300", "300 receiving queues are wanted"),
        ("net_memif0, N_QUEUES 2000", "N_QUEUES must be between 1 and 1024"),
        ("net_null0, NDESC 60000", "a queue of 60000 descriptors would take nearly all 4096 packet buffers"),
        ("net_null0, NDESC 100000", "NDESC: out of range"),
        ("net_null0, N_QUEUES 100", "100 queues of 1024 descriptors would take nearly all 4096 packet buffers"),
        ("net_null0, MTU 1", "MTU 1: Invalid argument"),
        ("net_null0, MTU 60000", "MTU must be at most "),
        ("net_null0, CHECKSUM true", "its driver checks no checksums: leave it out"),
        ("net_null0, VLAN_STRIP true", "its driver takes no VLAN tags off: leave it out"),
    ];
    for (arguments, wanted) in cases {
        let said = refused(&folder, &format!("FromDPDKDevice({arguments}) -> Discard;"), Some(&dpdk), FEW);
        assert!(said.contains(":1:1: error: FromDPDKDevice@1 :: FromDPDKDevice: "), "{arguments}: {said}");
        assert!(said.contains(wanted), "{arguments}: {wanted} in:\n{said}");
        assert!(said.ends_with("1 error, nothing was started\n") && said.lines().count() == 2, "{arguments}: {said}");
        assert!(!socket.exists(), "{arguments}: a socket is left");
    }
}

#[test]
fn an_element_of_dpdk_without_dpdk_says_how_to_start_it() {
    let folder = Folder::new("dpdk-none");
    for text in ["FromDPDKDevice(net_null0) -> Discard;", "Idle -> ToDPDKDevice(net_null0);"] {
        let said = refused(&folder, text, None, &[]);
        assert!(said.contains("net_null0: DPDK is not running: start with --dpdk \"ARGUMENTS\""), "{said}");
    }
}

#[test]
fn click_takes_the_arguments_as_fastclick_does() {
    let folder = Folder::new("dpdk-click");
    let file = folder.file("a.click").display().to_string();
    std::fs::write(&file, "FromDPDKDevice(0) -> c :: Counter(COUNT_CALL 10000 stop) -> ToDPDKDevice(0);")
        .expect("write");
    let click = |args: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["60", SLUICE, "click"]).args(args);
        command.output().expect("sluice")
    };
    let words = ["--dpdk", "--no-huge", "-m", "512", "--vdev", "net_null0", "--", "-h", "c.count", &file];
    let one = ["--dpdk", "--no-huge -m 512 --vdev net_null0", "-h", "c.count", &file];
    for args in [&words[..], &one] {
        let o = click(args);
        let count = String::from_utf8_lossy(&o.stdout).trim().parse::<u64>();
        assert!(o.status.success() && count.is_ok_and(|n| n >= 10_000), "{args:?}: {o:?}");
        assert_eq!(stderr(&o), "", "{args:?}");
    }
    let o = click(&["--dpdk", "--no-huge", "-m", "256", "--vdev", "net_nix0", "--", &file]);
    assert!(o.status.code() == Some(1) && stderr(&o).contains("names what no driver knows"), "{o:?}");
}

#[test]
fn who_may_not_is_told_so() {
    if !can_make_namespaces("a user who may not use DPDK's ports") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    let folder = Folder::new("dpdk-nobody");
    let program = folder.file("sluice");
    must(&format!("cp {SLUICE} {}", program.display()));
    let config = folder.file("a.click");
    std::fs::write(&config, "FromDPDKDevice(0) -> Discard;").expect("write");
    let cases = [
        (
            format!("{NO_HUGE} --vdev net_af_packet0,iface=left"),
            "it may need root: open_packet_iface(): Could not open",
        ),
        (format!("{NO_HUGE} --vdev net_tap0,iface=slt9"), "it may need root: tun_alloc(): "),
    ];
    for (dpdk, wanted) in cases {
        let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_RUNTIME_DIR";
        let command = format!(
            "timeout 60 ip netns exec {} {nobody} {} run --for 10s --buffers 4096 --dpdk '{dpdk}' {}",
            net.r,
            program.display(),
            config.display()
        );
        let o = run(&command);
        assert!(o.status.code() == Some(1) && stderr(&o).contains(wanted), "{dpdk}: {}", stderr(&o));
    }
}
