//! The sample functions over DPDK's drivers, with nothing changed but the names of the port elements.
use crate::common::{Folder, Layout, Net, SLUICE, balance, can_make_namespaces, iperf, must, number, run, wait};
use crate::drivers::{af_packet, af_xdp};
use crate::rig::{LONG, NO_HUGE, Sluice, huge_pages, over_dpdk};

const RULES: &str = "IN=allow icmp, allow tcp ack, allow src udp port 5201, deny all";
/// Each function with its layout and parameters.
const FUNCTIONS: &[(&str, Layout, &[&str])] = &[
    ("forward.click", Layout::OneNetwork, &[]),
    ("print.click", Layout::OneNetwork, &[]),
    ("rate-limiter.click", Layout::OneNetwork, &["RATE=50Mbps"]),
    ("bridge.click", Layout::OneNetwork, &[]),
    ("firewall.click", Layout::OneNetwork, &["OUT=deny tcp dst port 23, allow all", RULES]),
    ("router.click", Layout::TwoNetworks, &["A_ADDR=10.0.1.1/24", "B_ADDR=10.0.2.1/24"]),
];

fn seconds() -> String {
    std::env::var("SLUICE_SECONDS").unwrap_or_else(|_| "1".into())
}

/// Ping and iperf3 between the hosts through a function on two ports of a driver.
fn carry(driver: &str, dpdk: &str, (name, layout, parameters): &(&str, Layout, &[&str])) {
    // Whoever puts DPDK's driver on a veth pair has to have the hosts fill in checksums and cut segments.
    let net = Net::new(*layout, false);
    let folder = Folder::new(&format!("dpdk-{driver}-{name}"));
    let ports = [format!("A={driver}0"), format!("B={driver}1")];
    let mut more: Vec<&str> = ports.iter().map(String::as_str).collect();
    more.extend(*parameters);
    let sluice = Sluice::start_at(&folder, &over_dpdk(name), dpdk, Some(&net.r), &more).ready();
    if driver == "net_tap" {
        take_taps(&net, *layout);
    }
    let to = if *layout == Layout::OneNetwork { "10.0.1.3" } else { "10.0.2.2" };
    net.settle(to);
    let ping = net.in_a(&format!("ping -c 5 -i 0.2 {to}"));
    assert!(String::from_utf8_lossy(&ping.stdout).contains("5 received"), "{ping:?}");
    let tcp = iperf(&net, to, &seconds(), "");
    assert!(number(&tcp, &["end", "sum_received", "bytes"]) > 1e5, "{name}: TCP got stuck: {tcp}");
    let udp = iperf(&net, to, &seconds(), "-u -b 20M");
    assert!(number(&udp, &["end", "sum", "packets"]) > 100.0, "{name}: {udp}");
    let report = sluice.stop();
    let [received, _, transmitted, ..] = report.balance;
    assert!(received > 1000 && transmitted > 1000, "{}", report.text);
}

/// The kernel's sides of the two ports become the hosts' interfaces.
fn take_taps(net: &Net, layout: Layout) {
    let hosts = [(&net.a, "slt0", "10.0.1.2/24", "10.0.1.1"), (&net.b, "slt1", "10.0.2.2/24", "10.0.2.1")];
    for (host, tap, address, gateway) in hosts {
        let address = if layout == Layout::OneNetwork && tap == "slt1" { "10.0.1.3/24" } else { address };
        // Its own Ethernet address, for the port has the one that it was made with.
        must(&format!(
            "ip -n {host} link del eth0; ip -n {r} link set {tap} netns {host} &&
             ip -n {host} link set {tap} name eth0 address 02:00:00:00:aa:0{n} &&
             ip -n {host} addr add {address} dev eth0 && ip -n {host} link set eth0 up",
            r = net.r,
            n = &tap[3..],
        ));
        if layout == Layout::TwoNetworks {
            must(&format!("ip -n {host} route add default via {gateway}"));
        }
    }
    let up = |n: &str| must(&format!("ip -n {n} -o link show eth0")).contains("LOWER_UP");
    wait(LONG, "the interfaces", || up(&net.a) && up(&net.b));
}

fn all(driver: &str, dpdk: &str) {
    FUNCTIONS.iter().for_each(|f| carry(driver, dpdk, f));
}

#[test]
fn functions_over_af_packet() {
    if can_make_namespaces("functions over af_packet") {
        all("net_af_packet", &af_packet());
    }
}

#[test]
fn functions_over_af_xdp() {
    if can_make_namespaces("functions over af_xdp") && huge_pages("functions over af_xdp") {
        all("net_af_xdp", &af_xdp());
    }
}

#[test]
fn functions_over_tap() {
    if can_make_namespaces("functions over tap") {
        all("net_tap", &format!("{NO_HUGE} --vdev net_tap0,iface=slt0 --vdev net_tap1,iface=slt1"));
    }
}

#[test]
fn an_interface_that_the_kernel_gave_up_is_the_port_that_dpdk_has_instead() {
    let folder = Folder::new("given-up");
    let function = "FromDevice($A, PROMISC true) -> Counter -> ToDevice($B);\nIdle -> ToDevice($A);";
    std::fs::write(folder.file("function.click"), function).expect("write");
    let description = format!(
        "[vnf]\nid = '5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10'\n[function]\nfile = 'function.click'\n\
         [[port]]\nname = 'A'\ndevice = 'eth1'\ndpdk = 'net_null0'\n\
         [[port]]\nname = 'B'\ndevice = 'eth2'\ndpdk = 'net_null1'\n\
         [run]\ndpdk = '{NO_HUGE} --no-pci --vdev net_null0 --vdev net_null1'\nbuffers = 4096\n"
    );
    std::fs::write(folder.file("vnf.toml"), description).expect("write");
    let file = folder.file("vnf.toml");
    let o = run(&format!("{SLUICE} run {} --no-ems --for 500ms", file.display()));
    let told = String::from_utf8_lossy(&o.stderr).into_owned();
    assert!(o.status.success(), "{told}");
    let [received, _, transmitted, ..] = balance(&told);
    assert!(received > 10_000 && received == transmitted, "{told}");
    assert!(told.contains("eth1") && told.contains("eth2"), "{told}");
}
