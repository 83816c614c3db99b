//! A VNF that is all there is on its machine: what the first process told it is in the API, and nothing keeps its EMS away.
use crate::client::Client;
use crate::common::{Folder, Layout, Net, Running, SLUICE, can_make_namespaces, must, wait};
use std::fs;
use std::time::Duration;

const DESCRIPTION: &str = r#"
boot = "boot.toml"
[vnf]
id = "5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10"
name = "wire"
[function]
file = "function.click"
"#;
const BOOT: &str = r#"
data = "memory"
restarts = 1
last_words = "signal 9"
[[setting]]
name = "management.address"
value = "10.0.0.2/24"
from = "kernel command line"
[[interface]]
name = "eth1"
mac = "52:54:00:00:00:02"
bus = "0000:00:04.0"
role = "data"
driver = "socket"
reason = "no huge pages"
[[problem]]
object = "hugepages"
severity = "minor"
detail = "64 MiB of memory have no room for them"
"#;

fn start(net: &Net, folder: &Folder) -> (Running, Client) {
    let file = folder.file("vnf.toml");
    let supervised = format!("SLUICE_SUPERVISED={}", folder.file("ready").display());
    let sluice = net.spawn(&net.r, "env", &[&supervised, SLUICE, "run", file.to_str().expect("path")]);
    let ems = Client::new(&net.r);
    wait(Duration::from_secs(5), "the EMS", || ems.get("/livez").status == 200);
    (sluice, ems)
}

#[test]
fn without_a_function_the_ems_says_so_and_takes_one_and_a_reboot_is_asked_of_the_machine() {
    if !can_make_namespaces("machine") {
        return;
    }
    let net = Net::new(Layout::OneNetwork, true);
    must(&format!("ip -n {} link set lo up", net.r));
    let folder = Folder::new("machine");
    fs::write(folder.file("vnf.toml"), DESCRIPTION).expect("write");
    fs::write(folder.file("boot.toml"), BOOT).expect("write");
    fs::write(folder.file("revisions"), "no folder can be made here").expect("write");
    let (sluice, ems) = start(&net, &folder);
    wait(Duration::from_secs(5), "a verdict", || ems.get("/readyz").body.contains("there is no function"));

    let system = ems.get("/v1/system").is(200).json();
    assert_eq!((&system["appliance"], &system["restarts"]), (&true.into(), &1.into()), "{system}");
    assert_eq!(system["settings"][0]["from"], "kernel command line", "{system}");
    assert_eq!(system["interfaces"][0]["reason"], "no huge pages", "{system}");
    let alarms = ems.get("/v1/alarms").is(200).json();
    let of = |object: &str| alarms.as_array().and_then(|all| all.iter().find(|a| a["object"] == object)).cloned();
    assert_eq!(of("system/hugepages").map(|a| a["severity"].clone()), Some("MINOR".into()), "{alarms}");
    let died = of("system/vnf").expect("an alarm of the process that died");
    assert!(died["text"].as_str().is_some_and(|t| t.contains("signal 9")), "{died}");
    assert!(of("store").is_some_and(|a| a["text"].as_str().is_some_and(|t| t.contains("in memory only"))), "{alarms}");

    assert!(!folder.file("ready").exists());
    fs::write(folder.file("boot.toml"), BOOT.replace("hugepages", "management")).expect("write");
    wait(Duration::from_secs(5), "other alarms", || {
        let all = ems.get("/v1/alarms").is(200).body;
        all.contains("system/management") && !all.contains("system/hugepages")
    });

    let wire = "FromDevice(left) -> Queue -> ToDevice(right);\n";
    ems.put("/v1/functions/main", wire).is(200);
    ems.get("/readyz").is(200);
    wait(Duration::from_secs(5), "the first process to be told", || folder.file("ready").exists());
    ems.post("/v1/system/reboot", "").is(202);
    assert_eq!(sluice.code(), Some(75));
}
