//! What a guest is told, and what it makes of nonsense: it always boots, and its EMS names the cause.
use crate::rig::{Plan, WIRE, image, problem, tokens};
use sluice_images::qemu::{Bus, Drive, Kind, seed};
use std::fs;

fn socket(test: &str, words: &str) -> Option<Plan> {
    Some(Plan::new(test, &image("socket")?, Kind::Pc, words))
}

#[test]
fn a_seed_drive_brings_function_tokens_and_network() {
    let Some(mut plan) = socket("seed", "") else { return };
    let folder = plan.scratch.path("seed");
    fs::create_dir_all(folder.join("sluice")).expect("folder");
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("write");
    write("meta-data", "instance-id: 5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10\nlocal-hostname: edge\n");
    write(
        "user-data",
        &format!(
            "#cloud-config\nwrite_files:\n- path: /etc/sluice/tokens.toml\n  content: |\n    {}",
            tokens().replace('\n', "\n    ")
        ),
    );
    write("sluice/function.click", WIRE);
    let network = "version: 2\nethernets:\n  mgmt:\n    match: {name: 'eth0'}\n    addresses: [10.0.2.15/24]\n    routes:\n    - {to: default, via: 10.0.2.2}\n";
    write("network-config", network);
    let drive = plan.scratch.path("seed.iso");
    seed::make(&folder, &drive).expect("a seed drive");
    plan.machine.drives.push(Drive { file: drive, read_only: true, bus: Bus::Cdrom });
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.start().ready();
    let vnf = vm.get("/v1/vnf").is(200).json();
    assert_eq!((&vnf["name"], &vnf["id"]), (&"edge".into(), &"5f0a7d0e-9c40-4d5e-8a3e-0d8f3c1b2a10".into()), "{vnf}");
    let system = vm.get("/v1/system").is(200).json().to_string();
    assert!(system.contains("cidata") && system.contains("10.0.2.15/24"), "{system}");
    assert_eq!(vm.get("/v1/functions/main").is(200).body, WIRE);
}

#[test]
fn without_a_token_only_health_and_identity_are_served_and_it_says_how_to_supply_one() {
    let Some(mut plan) = socket("no-token", "sluice.function=bridge") else { return };
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.start().ready();
    assert_eq!(vm.ask(&[], "/livez").status, 200);
    vm.ask(&[], "/v1/vnf/identity").is(200);
    let refused = vm.ask(&[], "/v1/system").is(401);
    assert!(refused.body.contains("tokens.toml"), "{refused:?}");
    vm.get("/v1/stats").is(401);
}

#[test]
fn a_machine_with_one_interface_a_broken_function_and_a_broken_data_disk_boots_and_names_the_causes() {
    let Some(mut plan) = socket("broken", "sluice.ports=52:54:00:00:09:09 sluice.data=/dev/vda sluice.colour=red")
    else {
        return;
    };
    let disk = plan.scratch.path("data");
    fs::write(&disk, vec![7; 4 << 20]).expect("write");
    plan.machine.drives.push(Drive { file: disk.clone(), read_only: false, bus: Bus::Virtio });
    let vm = plan.file("tokens.toml", &tokens()).file("function.click", "FromDevice($A) -> Nonsense;\n").start();
    vm.until("the EMS", || vm.get("/livez").status == 200);
    vm.until("a verdict", || vm.get("/readyz").body.contains("failed"));
    assert!(vm.get("/readyz").is(503).body.contains("Nonsense"));
    assert!(problem(&vm, "data-disk").contains("left as it is"));
    assert!(problem(&vm, "sluice.ports").contains("52:54:00:00:09:09"));
    assert!(problem(&vm, "sluice.colour").contains("sluice.colour"));
    let alarms = vm.get("/v1/alarms").is(200).body;
    assert!(alarms.contains("system/data-disk") && alarms.contains("in memory"), "{alarms}");
    // The way out.
    vm.put("/v1/functions/main", "Idle -> Discard;\n").is(200);
    assert_eq!(vm.get("/readyz").status, 200);
    vm.post("/v1/system/shutdown").is(202);
    vm.until("the end", || vm.get("/livez").status == 0);
    assert!(fs::read(disk).expect("the disk").iter().all(|b| *b == 7), "it was written to");
}

#[test]
fn wrong_tokens_are_an_alarm_and_nobody_gets_in() {
    let Some(mut plan) = socket("wrong-tokens", "sluice.function=bridge") else { return };
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.file("tokens.toml", "this is no TOML").start().ready();
    let refused = vm.get("/v1/system").is(401);
    assert!(refused.body.contains("tokens.toml"), "{refused:?}");
}

#[test]
fn dpdk_without_room_for_huge_pages_falls_back_to_packet_sockets_and_says_why() {
    let Some(full) = image("full") else { return };
    let mut plan = Plan::new("no-huge", &full, Kind::Pc, "sluice.function=bridge sluice.hugepages=4096");
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.file("tokens.toml", &tokens()).start().ready();
    assert!(problem(&vm, "hugepages").contains("packet sockets are used instead"));
    let system = vm.get("/v1/system").is(200).json();
    assert_eq!(system["interfaces"][1]["driver"], "socket", "{system}");
}

#[test]
fn management_by_ipv6_alone_works() {
    let Some(mut plan) = socket("ipv6", "sluice.function=bridge sluice.ip=auto") else { return };
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.file("tokens.toml", &tokens()).start();
    // QEMU's own network forwards IPv4 only, so it is the console that tells.
    vm.until("an address", || vm.console().contains("EMS: http://[fec0:"));
    assert!(!vm.console().contains("EMS: http://10."), "{}", vm.console());
}

#[test]
fn a_description_that_stops_the_program_is_left_out_and_the_ems_says_so() {
    let Some(mut plan) = socket("description", "sluice.function=bridge") else { return };
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.file("tokens.toml", &tokens()).file("vnf.toml", "[vnf]\nnmae = 'edge'\n").start().ready();
    let why = problem(&vm, "vnf.toml");
    assert!(why.contains("without vnf.toml") && why.contains("nmae"), "{why}");
    assert!(vm.get("/v1/alarms").is(200).body.contains("system/vnf.toml"));
}
