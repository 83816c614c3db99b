//! The whole, between two network namespaces: this machine in one, dnsmasq or radvd in the other. They need root,
//! iproute2, dnsmasq and radvd, and are skipped without.
use super::*;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A test fails after this.
const LIMIT: Duration = Duration::from_secs(40);

/// Two namespaces with a cable; the test's thread is in the guest's.
struct Lab {
    host: String,
    guest: String,
    folder: PathBuf,
    servers: Vec<Child>,
}

impl Lab {
    fn new(name: &str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let here = format!("sn{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let tools = ["ip", "dnsmasq", "radvd"].iter().all(|tool| {
            ["/usr/sbin", "/sbin", "/usr/bin"].iter().any(|folder| std::path::Path::new(folder).join(tool).exists())
        });
        if !rustix::process::geteuid().is_root() || !tools {
            eprintln!("skipped: {name}: needs root, iproute2, dnsmasq and radvd");
            return None;
        }
        let lab = Self {
            host: format!("{here}h"),
            guest: format!("{here}g"),
            folder: std::env::temp_dir().join(&here),
            servers: Vec::new(),
        };
        fs::create_dir_all(&lab.folder).unwrap();
        if !ip(&format!("netns add {}", lab.host)) || !ip(&format!("netns add {}", lab.guest)) {
            eprintln!("skipped: {name}: no network namespaces");
            return None;
        }
        let (host, guest) = (&lab.host, &lab.guest);
        assert!(ip(&format!("link add veth0 netns {host} type veth peer name eth0 netns {guest}")));
        assert!(ip(&format!("-n {guest} link set eth0 address 02:00:00:00:00:01")));
        // The host's own duplicate address detection would only cost time.
        assert!(lab.on_host("sysctl", "-qw net.ipv6.conf.veth0.accept_dad=0 net.ipv6.conf.all.forwarding=1"));
        for line in ["link set lo up", "link set veth0 up", "addr add 10.9.0.1/24 dev veth0"] {
            assert!(ip(&format!("-n {host} {line}")));
        }
        assert!(ip(&format!("-n {host} addr add 2001:db8:9::1/64 dev veth0 nodad")));
        move_into_link_name_space(
            File::open(format!("/run/netns/{guest}")).unwrap().as_fd(),
            Some(LinkNameSpaceType::Network),
        )
        .unwrap();
        Some(lab)
    }

    fn on_host(&self, program: &str, arguments: &str) -> bool {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.host, program]).args(arguments.split_whitespace());
        command.status().is_ok_and(|status| status.success())
    }

    fn serve(&mut self, program: &str, arguments: &str) {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.host, program]).args(arguments.split_whitespace());
        self.servers.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    fn dnsmasq(&mut self, arguments: &str) {
        let leases = self.folder.join("leases");
        let leases = leases.display();
        self.serve(
            "dnsmasq",
            &format!(
                "-k -C /dev/null -p 0 -i veth0 --bind-interfaces --dhcp-leasefile={leases} --pid-file {arguments}"
            ),
        );
    }

    fn stop_servers(&mut self) {
        for mut server in self.servers.drain(..) {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    fn start(&self, wanted: Network) -> Handle {
        start("eth0", wanted, "vnf", Paths { resolver: self.resolver(), ..Paths::default() })
    }

    fn resolver(&self) -> PathBuf {
        self.folder.join("resolv.conf")
    }

    fn dns(&self) -> String {
        fs::read_to_string(self.resolver()).unwrap_or_default()
    }

    fn guest(&self, arguments: &str) -> String {
        let mut command = Command::new("ip");
        command.args(["-n", &self.guest]).args(arguments.split_whitespace());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop_servers();
        ip(&format!("netns del {}", self.host));
        ip(&format!("netns del {}", self.guest));
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn ip(arguments: &str) -> bool {
    Command::new("ip").args(arguments.split_whitespace()).status().is_ok_and(|status| status.success())
}

/// Waits until `what` holds.
#[track_caller]
fn until(what: impl Fn() -> bool) {
    for _ in 0..LIMIT.as_millis() / 50 {
        if what() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("it did not happen");
}

fn only4() -> Network {
    Network { slaac: false, dhcp6: Dhcp6::No, ..Network::default() }
}

fn only6() -> Network {
    Network { dhcp4: false, ..Network::default() }
}

fn listed(handle: &Handle) -> Vec<String> {
    handle.settings().into_iter().map(|setting| format!("{} {}", setting.value, setting.from)).collect()
}

#[test]
fn dhcpv4_gives_address_routes_dns_and_the_lease_is_renewed() {
    let Some(mut lab) = Lab::new("dhcpv4") else { return };
    let options =
        "--dhcp-option=3,10.9.0.1 --dhcp-option=6,10.9.0.53 --dhcp-option=15,lab.example --dhcp-option=26,1400";
    lab.dnsmasq(&format!(
        "--dhcp-range=10.9.0.50,10.9.0.50,120 {options} --dhcp-option=option:T1,3 --dhcp-option=option:T2,50"
    ));
    let handle = lab.start(only4());
    assert!(handle.wait(LIMIT));
    assert_eq!(listed(&handle), ["10.9.0.50/24 DHCPv4 of 10.9.0.1"]);
    assert_eq!(handle.problems(), []);
    until(|| lab.guest("route").contains("default via 10.9.0.1 dev eth0"));
    until(|| lab.dns().contains("nameserver 10.9.0.53\nsearch lab.example\n"));
    assert!(lab.guest("link show eth0").contains("mtu 1400"));
    assert!(lab.guest("link show lo").contains("UP"));
    let leases = fs::read_to_string(lab.folder.join("leases")).unwrap();
    assert!(leases.contains("02:00:00:00:00:01 10.9.0.50 vnf 01:02:00:00:00:00:01"), "{leases}");
    // The server writes the end of the lease down: it is later after a renewal.
    until(|| fs::read_to_string(lab.folder.join("leases")).is_ok_and(|now| now != leases));
    assert_eq!(listed(&handle).len(), 1);
}

#[test]
fn a_server_that_knows_another_subnet_refuses_and_a_new_address_is_taken() {
    let Some(mut lab) = Lab::new("nak") else { return };
    let t1 = "--dhcp-option=option:T1,3 --dhcp-option=option:T2,6 --dhcp-authoritative";
    lab.dnsmasq(&format!("--dhcp-range=10.9.0.50,10.9.0.50,120 {t1}"));
    let handle = lab.start(only4());
    assert!(handle.wait(LIMIT));
    lab.stop_servers();
    fs::remove_file(lab.folder.join("leases")).unwrap();
    lab.dnsmasq(&format!("--dhcp-range=10.9.0.60,10.9.0.60,120 {t1}"));
    until(|| listed(&handle) == ["10.9.0.60/24 DHCPv4 of 10.9.0.1"]);
}

#[test]
fn a_server_that_is_not_there_is_one_problem_until_it_is() {
    let Some(mut lab) = Lab::new("no server") else { return };
    let handle = lab.start(only4());
    assert!(!handle.wait(Duration::from_millis(100)));
    until(|| !handle.problems().is_empty());
    let problems = handle.problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].detail.contains("eth0 has no address: no DHCPv4 server answers."), "{problems:?}");
    lab.dnsmasq("--dhcp-range=10.9.0.50,10.9.0.50,120");
    assert!(handle.wait(LIMIT));
    assert_eq!(handle.problems(), []);
}

#[test]
fn slaac_takes_the_prefix_and_the_dns_server_of_the_router() {
    let Some(mut lab) = Lab::new("slaac") else { return };
    let configuration = "interface veth0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;
        prefix 2001:db8:9::/64 {}; RDNSS 2001:db8:9::53 {}; DNSSL lab.example {}; };";
    let file = lab.folder.join("radvd.conf");
    fs::write(&file, configuration).unwrap();
    lab.serve("radvd", &format!("-n -C {} -p {}", file.display(), lab.folder.join("radvd.pid").display()));
    let handle = lab.start(only6());
    assert!(handle.wait(LIMIT));
    assert_eq!(listed(&handle), ["2001:db8:9::ff:fe00:1/64 router advertisement"]);
    until(|| lab.dns().contains("nameserver 2001:db8:9::53\nsearch lab.example\n"));
    assert!(lab.guest("-6 route").contains("default via fe80::"));
    assert_eq!(handle.problems(), []);
}

#[test]
fn the_flag_o_of_the_router_asks_dhcpv6_for_dns_only() {
    let Some(mut lab) = Lab::new("stateless") else { return };
    lab.dnsmasq("--enable-ra --dhcp-range=2001:db8:9::,ra-stateless --dhcp-option=option6:domain-search,six.example --dhcp-option=option6:dns-server,[2001:db8:9::66]");
    let handle = lab.start(only6());
    until(|| listed(&handle) == ["2001:db8:9::ff:fe00:1/64 router advertisement"]);
    until(|| lab.dns().contains("nameserver 2001:db8:9::66\n") && lab.dns().contains("search six.example"));
}

#[test]
fn the_flag_m_of_the_router_asks_dhcpv6_for_an_address() {
    let Some(mut lab) = Lab::new("stateful") else { return };
    lab.dnsmasq("--enable-ra --dhcp-range=2001:db8:9::80,2001:db8:9::80,64,120 --dhcp-option=option6:dns-server,[2001:db8:9::66]");
    let handle = lab.start(Network { slaac: false, ..only6() });
    until(|| listed(&handle) == ["2001:db8:9::80/128 DHCPv6"]);
    until(|| lab.dns().contains("nameserver 2001:db8:9::66\n"));
    assert!(lab.guest("-6 route").contains("default via fe80::"));
    assert!(fs::read_to_string(lab.folder.join("leases")).unwrap().contains("00:03:00:01:02:00:00:00:00:01"));
}

#[test]
fn static_addresses_come_back_when_the_link_does() {
    let Some(lab) = Lab::new("static") else { return };
    let wanted = Network {
        dhcp4: false,
        slaac: false,
        dhcp6: Dhcp6::No,
        addresses: vec![("10.9.0.7".parse().unwrap(), 24), ("2001:db8:9::7".parse().unwrap(), 64)],
        gateways: vec!["10.9.0.1".parse().unwrap(), "2001:db8:9::1".parse().unwrap()],
        dns: vec!["10.9.0.53".parse().unwrap()],
        search: vec!["lab.example".into()],
        mtu: Some(1300),
    };
    let handle = lab.start(wanted);
    let whole = || {
        let (four, six) = (lab.guest("route"), lab.guest("-6 route"));
        listed(&handle) == ["10.9.0.7/24 static", "2001:db8:9::7/64 static"]
            && four.contains("default via 10.9.0.1 dev eth0")
            && six.contains("default via 2001:db8:9::1 dev eth0")
            && !format!("{four}{six}").contains("linkdown")
    };
    until(whole);
    assert!(lab.guest("link show eth0").contains("mtu 1300"));
    assert!(lab.dns().contains("nameserver 10.9.0.53\nsearch lab.example\n"));
    // The other end of the cable, then this one.
    assert!(ip(&format!("-n {} link set veth0 down", lab.host)));
    until(|| lab.guest("link show eth0").contains("NO-CARRIER"));
    assert!(ip(&format!("-n {} link set veth0 up", lab.host)));
    until(whole);
    lab.guest("link set eth0 down");
    until(whole);
    lab.guest("addr flush dev eth0");
    until(whole);
    assert_eq!(handle.problems(), []);
}

#[test]
fn after_the_link_came_back_the_same_lease_is_asked_for() {
    let Some(mut lab) = Lab::new("link") else { return };
    lab.dnsmasq("--dhcp-range=10.9.0.50,10.9.0.90,120");
    let handle = lab.start(only4());
    assert!(handle.wait(LIMIT));
    let (address, leases) = (listed(&handle), fs::read_to_string(lab.folder.join("leases")).unwrap());
    thread::sleep(Duration::from_millis(1100)); // the file counts in seconds
    assert!(ip(&format!("-n {} link set veth0 down", lab.host)));
    until(|| lab.guest("link show eth0").contains("NO-CARRIER"));
    assert!(ip(&format!("-n {} link set veth0 up", lab.host)));
    until(|| fs::read_to_string(lab.folder.join("leases")).is_ok_and(|now| now != leases));
    assert_eq!(listed(&handle), address);
}

#[test]
fn an_interface_that_turns_up_later_is_taken() {
    let Some(mut lab) = Lab::new("late") else { return };
    lab.guest("link set eth0 name later");
    lab.dnsmasq("--dhcp-range=10.9.0.50,10.9.0.50,120");
    let handle = lab.start(only4());
    until(|| !handle.problems().is_empty());
    assert!(handle.problems()[0].detail.contains("there is no such interface"));
    lab.guest("link set later name eth0");
    assert!(handle.wait(LIMIT));
}
