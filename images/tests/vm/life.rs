//! How the VNF's process and the machine end, and come back.
use crate::rig::{Plan, Vm, WIRE, carry, image, tokens};
use sluice_images::qemu::{Kind, Serial};
use std::io::Write as _;
use std::os::unix::net::UnixStream;

fn small(test: &str, kind: Kind) -> Option<Plan> {
    let socket = image("socket")?;
    let mut plan = Plan::new(test, &socket, kind, "").file("tokens.toml", &tokens()).file("function.click", WIRE);
    plan.machine.once = true;
    Some(plan)
}

#[test]
fn the_api_switches_the_machine_off() {
    let Some(mut plan) = small("off", Kind::Pc) else { return };
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.start().ready();
    vm.post("/v1/system/shutdown").is(202);
    vm.off();
}

#[test]
fn the_power_button_switches_the_machine_off() {
    let Some(mut plan) = small("button", Kind::Q35) else { return };
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.start().ready();
    vm.qmp(&[r#"{"execute":"system_powerdown"}"#]);
    let console = vm.off();
    assert!(console.contains("the machine is switched off"), "{console}");
}

#[test]
fn the_api_starts_the_machine_again() {
    let Some(mut plan) = small("again", Kind::Pc) else { return };
    plan.machine.once = false;
    let _wires = [plan.wire(), plan.wire()];
    let vm = plan.start().ready();
    vm.post("/v1/system/reboot").is(202);
    let boots = |vm: &Vm| vm.console().matches("EMS: http://10.").count();
    vm.until("the second boot", || boots(&vm) >= 2);
    let vm = vm.ready();
    assert_eq!(vm.get("/v1/functions/main").is(200).body, WIRE);
}

#[test]
fn a_process_that_is_killed_is_back_and_forwards_and_its_end_is_an_alarm() {
    let Some(mut plan) = small("killed", Kind::Pc) else { return };
    let serial = plan.scratch.path("serial");
    plan.machine.serial = Serial::Unix(serial.clone());
    let [a, b] = [plan.wire(), plan.wire()];
    let vm = plan.start();
    vm.until("the console", || serial.exists());
    let mut console = UnixStream::connect(&serial).expect("console");
    let vm = vm.ready();
    assert_eq!(carry(&a, &b, 0, 10), (0..10).collect::<Vec<_>>());
    // SysRq-i: the kernel kills every process but the first.
    vm.qmp(&[r#"{"execute":"chardev-send-break","arguments":{"id":"serial"}}"#]);
    console.write_all(b"i").expect("console");
    vm.until("a new process", || {
        let system = vm.get("/v1/system");
        system.status == 200 && system.json()["restarts"] == 1
    });
    let vm = vm.ready();
    assert_eq!(carry(&a, &b, 10, 20), (10..20).collect::<Vec<_>>());
    let system = vm.get("/v1/system").is(200).json();
    assert!(system["last_words"].as_str().is_some_and(|w| w.contains("signal 9 ended it")), "{system}");
    let alarms = vm.get("/v1/alarms").is(200).body;
    assert!(alarms.contains("system/vnf"), "{alarms}");
}
