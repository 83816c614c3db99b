//! A VNF with a description between two hosts, its EMS, and traffic that must not be lost.
use crate::client::Client;
use crate::common::{
    Folder, Layout, Net, Running, SLUICE, balance, can_make_namespaces, must, number, run, udp_overruns, wait,
};
use std::fs;
use std::time::Duration;

/// Identifier of the VNF.
pub(crate) const ID: &str = "5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10";

/// A program in Python that sends back whatever comes.
pub(crate) const ECHO: &str = "import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(('eth0', 0))
while True:
  frame, at = s.recvfrom(2048)
  if at[2] != 4: s.send(frame)
";

pub(crate) struct Rig {
    pub(crate) net: Net,
    pub(crate) folder: Folder,
    pub(crate) ems: Client,
}

impl Rig {
    /// The function `text` between the ports A and B, and what else its description says. Nothing without root.
    pub(crate) fn new(name: &str, text: &str, more: &str) -> Option<Rig> {
        Rig::with(name, &[("wire.click", text)], &format!("[function]\nfile = 'wire.click'\n{more}"))
    }

    /// A VNF with these files, and what its description says beside its ports.
    pub(crate) fn with(name: &str, files: &[(&str, &str)], more: &str) -> Option<Rig> {
        if !can_make_namespaces(name) {
            return None;
        }
        let net = Net::new(Layout::OneNetwork, true);
        must(&format!("ip -n {} link set lo up", net.r));
        let folder = Folder::new(name);
        files.iter().for_each(|(file, text)| fs::write(folder.file(file), text).expect("write"));
        let description = format!(
            "[vnf]\nid = '{ID}'\nname = 'wire'\n\
             [[port]]\nname = 'A'\ndevice = 'left'\n[[port]]\nname = 'B'\ndevice = 'right'\n{more}"
        );
        fs::write(folder.file("vnf.toml"), description).expect("write");
        let ems = Client::new(&net.r);
        Some(Rig { net, folder, ems })
    }

    /// Starts it, and waits until its EMS answers.
    pub(crate) fn start(&self) -> Running {
        let file = self.folder.file("vnf.toml");
        let sluice = self.net.spawn(&self.net.r, SLUICE, &["run", file.to_str().expect("path")]);
        wait(Duration::from_secs(5), "the EMS", || self.ems.get("/livez").status == 200);
        sluice
    }

    /// The same, until packets pass.
    pub(crate) fn start_and_settle(&self) -> Running {
        let sluice = self.start();
        self.settle();
        sluice
    }

    pub(crate) fn settle(&self) {
        wait(Duration::from_secs(5), "readiness", || self.ready());
        self.net.settle("10.0.1.3");
    }

    pub(crate) fn ready(&self) -> bool {
        self.ems.get("/readyz").status == 200
    }

    pub(crate) fn function(&self) -> String {
        self.ems.get("/v1/functions/main").is(200).body
    }

    /// iperf3 from host a to host b, for so long.
    pub(crate) fn traffic(&self, seconds: u32) -> Traffic<'_> {
        let net = &self.net;
        let server = net.spawn(&net.b, "iperf3", &["-s", "-1"]);
        let listening = || run(&format!("ip netns exec {} ss -ltn", net.b));
        wait(Duration::from_secs(5), "iperf3", || String::from_utf8_lossy(&listening().stdout).contains(":5201"));
        let overruns = udp_overruns(&net.b);
        let seconds = seconds.to_string();
        let client = net.spawn(&net.a, "iperf3", &["-J", "-c", "10.0.1.3", "-u", "-b", "10M", "-t", &seconds]);
        std::thread::sleep(Duration::from_millis(300));
        Traffic { net, server, client, overruns }
    }

    /// Ends the VNF by its EMS, and wants each of its packets accounted for.
    pub(crate) fn shut_down(&self, sluice: Running) {
        self.ems.post("/v1/system/shutdown", "").is(202);
        let (ok, _, report) = sluice.wait();
        assert!(ok, "{report}");
        assert_eq!(balance(&report)[4], 0, "{report}");
    }
}

/// Packets that are on their way.
pub(crate) struct Traffic<'a> {
    net: &'a Net,
    server: Running,
    client: Running,
    overruns: f64,
}

impl Traffic<'_> {
    /// Whether it still flows.
    pub(crate) fn flows(&mut self) -> bool {
        !self.client.ended()
    }

    /// Waits for its end, and wants that no packet was lost between the hosts' sockets.
    pub(crate) fn arrived(self) {
        assert_eq!(self.lost().0, 0.0);
    }

    /// Waits for its end: packets that were lost between the hosts' sockets, and milliseconds from one to the next.
    pub(crate) fn lost(self) -> (f64, f64) {
        let (ok, json, _) = self.client.wait();
        assert!(ok, "{json}");
        drop(self.server);
        let sum = |name| number(&json, &["end", "sum", name]);
        assert!(sum("packets") > 500.0, "{json}");
        let overruns = udp_overruns(&self.net.b) - self.overruns;
        (sum("lost_packets") - overruns, 1000.0 * sum("seconds") / sum("packets"))
    }
}
