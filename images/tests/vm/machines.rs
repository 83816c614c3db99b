//! Machines of every kind boot, and say what they are.
use crate::rig::{Plan, WIRE, image, tokens};
use sluice_images::qemu::Kind;

#[test]
fn a_pc_boots_with_dpdk_on_its_data_ports_and_says_where_each_value_came_from() {
    let Some(full) = image("full") else { return };
    let words = "sluice.function=bridge sluice.name=edge sluice.id=5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10";
    let mut plan = Plan::new("pc", &full, Kind::Pc, words);
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.file("tokens.toml", &tokens()).start().ready();
    let vnf = vm.get("/v1/vnf").is(200).json();
    assert_eq!((&vnf["name"], &vnf["id"]), (&"edge".into(), &"5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10".into()), "{vnf}");
    let system = vm.get("/v1/system").is(200).json();
    let from = |name: &str| {
        let all = system["settings"].as_array().expect("settings");
        all.iter().find(|s| s["name"] == name).map_or("-".into(), |s| s["from"].as_str().expect("from").to_string())
    };
    assert_eq!(from("function"), "kernel command line", "{system}");
    assert!(from("management.address").contains("DHCPv4"), "{system}");
    let roles: Vec<_> =
        system["interfaces"].as_array().expect("interfaces").iter().map(|i| i["role"].clone()).collect();
    assert_eq!(roles, ["management", "data", "data"], "{system}");
    let drivers = system["interfaces"].as_array().expect("interfaces").iter().filter(|i| i["role"] == "data");
    assert!(drivers.into_iter().all(|i| i["driver"].as_str().is_some_and(|d| d.starts_with("dpdk"))), "{system}");
    assert_eq!((&system["appliance"], &system["data"]), (&true.into(), &"memory".into()), "{system}");
}

#[test]
fn a_q35_boots() {
    let Some(full) = image("full") else { return };
    let mut plan = Plan::new("q35", &full, Kind::Q35, "");
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.file("function.click", WIRE).file("tokens.toml", &tokens()).start().ready();
    assert_eq!(vm.get("/v1/functions/main").is(200).body, WIRE);
}

#[test]
fn a_microvm_boots_with_packet_sockets() {
    let Some(socket) = image("socket") else { return };
    let mut plan = Plan::new("microvm", &socket, Kind::Microvm, "sluice.ports=52:54:00:00:01:02,52:54:00:00:01:01");
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.file("function.click", WIRE).file("tokens.toml", &tokens()).start().ready();
    let system = vm.get("/v1/system").is(200).json();
    let of = |n: usize, key: &str| system["interfaces"][n][key].as_str().unwrap_or("-").to_string();
    assert_eq!(
        [of(0, "role"), of(1, "mac"), of(1, "driver")],
        ["management", "52:54:00:00:01:02", "socket"],
        "{system}"
    );
}
