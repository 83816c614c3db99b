//! What takes long: boots in a row, and machines side by side. `make test-boots` runs them.
use crate::rig::{Plan, Vm, image, tokens};
use sluice_images::qemu::Kind;

#[test]
#[ignore = "takes minutes: make test-boots"]
fn fifty_boots_in_a_row_all_become_ready_and_end() {
    let Some(socket) = image("socket") else { return };
    for n in 0..50 {
        let kind = [Kind::Pc, Kind::Q35][n % 2];
        let mut plan = Plan::new(&format!("row{n}"), &socket, kind, "sluice.function=bridge");
        plan.machine.once = true;
        let _wires = [plan.wire(), plan.wire()];
        let vm = plan.file("tokens.toml", &tokens()).start().ready();
        vm.post("/v1/system/shutdown").is(202);
        vm.off();
    }
}

#[test]
#[ignore = "takes minutes: make test-boots"]
fn twenty_machines_side_by_side_answer() {
    let Some(socket) = image("socket") else { return };
    let start = |n: usize| {
        let mut plan = Plan::new(&format!("beside{n}"), &socket, Kind::Pc, "sluice.function=bridge");
        plan.machine.memory = 64;
        let wires = [plan.wire(), plan.wire()];
        (plan.file("tokens.toml", &tokens()).start_beside(), wires)
    };
    let all: Vec<_> = (0..20).map(start).collect();
    let all: Vec<(Vm, _)> = all.into_iter().map(|(vm, wires)| (vm.ready(), wires)).collect();
    // Once all are up, each still answers.
    for (vm, _) in &all {
        let stats = vm.get("/v1/stats").is(200).json();
        assert!(stats["ports"].as_array().is_some_and(|p| p.len() == 2), "{stats}");
    }
}
