//! Packets through a guest: every one is accounted for, whatever moves them, also while the function is replaced.
use crate::rig::{Image, Plan, Vm, WIRE, carry, image, tokens};
use sluice_images::qemu::Kind;
use sluice_images::qemu::wire::Wire;

const FRAMES: u32 = 10_000;

fn start(test: &str, image: &Image, words: &str) -> (Vm, [Wire; 2]) {
    let mut plan = Plan::new(test, image, Kind::Pc, words);
    let wires = [plan.wire(), plan.wire()];
    let vm = plan.file("function.click", WIRE).file("tokens.toml", &tokens()).start().ready();
    (vm, wires)
}

fn all_come(vm: &Vm, [a, b]: &[Wire; 2]) {
    let came = carry(a, b, 0, FRAMES / 2);
    assert_eq!(came, (0..FRAMES / 2).collect::<Vec<_>>(), "{}", vm.console());
    let back = carry(b, a, 0, 100);
    assert_eq!(back, (0..100).collect::<Vec<_>>(), "{}", vm.console());
    // Replaced while they are on their way: at this pace the rest takes longer than the request.
    let rest = std::thread::scope(|s| {
        let carrying = s.spawn(|| carry(a, b, FRAMES / 2, FRAMES));
        vm.put("/v1/functions/main", &WIRE.replace("a :: Queue(4096)", "Counter -> a :: Queue(4096)")).is(200);
        carrying.join().expect("frames")
    });
    assert_eq!(rest, (FRAMES / 2..FRAMES).collect::<Vec<_>>(), "{}", vm.console());
    let stats = vm.get("/v1/stats").is(200).json();
    assert!(!stats.to_string().contains("\"dropped\":{\""), "{stats}");
}

#[test]
fn ten_thousand_frames_pass_by_dpdk_and_none_is_lost() {
    let Some(full) = image("full") else { return };
    let (vm, wires) = start("dpdk", &full, "sluice.driver=dpdk");
    let system = vm.get("/v1/system").is(200).json();
    assert!(system["interfaces"][1]["driver"].as_str().is_some_and(|d| d.starts_with("dpdk")), "{system}");
    all_come(&vm, &wires);
}

#[test]
fn ten_thousand_frames_pass_by_packet_sockets_and_none_is_lost() {
    let Some(socket) = image("socket") else { return };
    let (vm, wires) = start("sockets", &socket, "");
    all_come(&vm, &wires);
}
