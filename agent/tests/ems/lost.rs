//! A change that cuts off whoever made it.
use crate::client::Client;
use crate::common::{Folder, Layout, Net, SLUICE, can_make_namespaces, must, wait};
use std::fs;
use std::time::Duration;

/// The manager sits on host a; the EMS listens on an address that a reaches only through the function itself:
/// a -- left, Sluice, right -- b -- the management interface of the namespace that Sluice runs in.
#[test]
fn a_change_that_loses_the_management_path_reverts_by_itself() {
    if !can_make_namespaces("a lost management path") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, false);
    let Net { a, b, r } = &net;
    must(&format!("ip -n {b} link add mgr type veth peer name mgmt netns {r}"));
    must(&format!("ip -n {b} addr add 10.9.0.2/24 dev mgr && ip -n {b} link set mgr up"));
    must(&format!("ip -n {r} addr add 10.9.0.1/24 dev mgmt && ip -n {r} link set mgmt up && ip -n {r} link set lo up"));
    must(&format!("ip netns exec {b} sysctl -qw net.ipv4.ip_forward=1"));
    must(&format!("ip -n {a} route add 10.9.0.0/24 via 10.0.1.3 && ip -n {r} route add 10.0.1.0/24 via 10.9.0.2"));
    let folder = Folder::new("lost");
    let wire = "FromDevice(left, PROMISC true) -> q :: Queue -> ToDevice(right);\nFromDevice(right, PROMISC true) -> q2 :: Queue -> ToDevice(left);\n";
    fs::write(folder.file("wire.click"), wire).expect("write");
    let description = "[vnf]\nid = 'f2'\n[function]\nfile = 'wire.click'\n[ems]\nlisten = '10.9.0.1:8443'\n[ems.tls]\n";
    fs::write(folder.file("vnf.toml"), description).expect("write");
    let file = folder.file("vnf.toml");
    let sluice = net.spawn(r, SLUICE, &["run", file.to_str().expect("path")]);
    wait(Duration::from_secs(5), "the first token", || sluice.told().contains("token"));
    let told = sluice.told();
    let token = told.lines().find_map(|l| l.split_once("shown this once: ")).map(|l| l.1.trim().to_string());
    let token = token.unwrap_or_else(|| panic!("no token in {told}"));
    let certificate = folder.file("ems/certificate.pem");
    wait(Duration::from_secs(5), "the certificate", || certificate.exists());
    let ems = Client {
        namespace: a.clone(),
        url: "https://10.9.0.1:8443".into(),
        more: format!("--cacert {} -H 'Authorization: Bearer {token}'", certificate.display()),
    };
    net.settle("10.0.1.3");
    wait(Duration::from_secs(5), "readiness", || ems.get("/readyz").status == 200);
    assert_eq!(
        Client { more: format!("--cacert {}", certificate.display()), ..Client::new(a) }.get("/v1/vnf").status,
        0
    );
    let reachable = || ems.send("--connect-timeout 1 --max-time 1", "/v1/vnf").status == 200;
    assert!(reachable());
    // It compiles, and drops everything: also the answer.
    let cut = wire.replace("FromDevice(left, PROMISC true) ->", "FromDevice(left, PROMISC true) -> Discard; Idle ->");
    let lost = ems.send(
        &format!("--max-time 2 -X PUT -H 'content-type: text/plain' --data-binary '{cut}'"),
        "/v1/functions/main?confirm-within=4",
    );
    assert!(matches!(lost.status, 0 | 200), "{}", lost.status);
    assert!(!reachable(), "the path should be lost");
    wait(Duration::from_secs(15), "the way back", reachable);
    assert_eq!(ems.get("/v1/functions/main").is(200).body, wire);
    assert_eq!(ems.get("/v1/vnf").is(200).json()["revisions"]["main"], 1);
    // A change that leaves the path is confirmed, and stays.
    let better = wire.replace("q ::", "c :: Counter -> q ::");
    let put = format!("-X PUT -H 'content-type: text/plain' --data-binary '{better}'");
    ems.send(&put, "/v1/functions/main?confirm-within=4").is(200);
    ems.post("/v1/functions/main/confirm", "").is(200);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(ems.get("/v1/functions/main").is(200).body, better);
    sluice.signal("INT");
    assert!(sluice.wait().0);
}
