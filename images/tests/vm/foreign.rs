//! Programs of somebody else's as functions of the structural agent: they come by the root file system of a recipe.
use crate::common::{Scratch, have};
use crate::rig::{Image, Plan, TOKEN, Vm, carry, image, tokens};
use serde_json::{Value, json};
use sluice_images::build;
use sluice_images::qemu::Kind;
use sluice_images::qemu::wire::Wire;
use sluice_images::recipe::Recipe;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Its source: sends back what comes, and dies of one frame. It needs nothing but a packet socket.
const ECHO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vm/echo.c");

/// From A to B by a graph and by two programs, attached in the two ways that there are without DPDK; back by none.
const VNF: &str = "
[[functions]]
name = 'filter'
file = '/functions/filter.click'
[[functions]]
name = 'pair'
framework = 'external'
[functions.program]
command = ['echo']
user = '65534:65534'
[functions.program.limits]
memory = '16 MB'
cpu = 0.9
processes = 4
[[functions]]
name = 'tap'
framework = 'external'
[functions.program]
command = ['/usr/local/bin/echo']
attach = 'tap'
[agent]
foreign = 'drop'
[[agent.rules]]
name = 'there'
from = 'A'
path = 10
[[agent.rules]]
name = 'back'
from = 'B'
path = 11
[[agent.paths]]
id = 10
hops = [{ function = 'filter' }, { function = 'pair' }, { function = 'tap' }]
to = { port = 'B' }
[[agent.paths]]
id = 11
hops = []
to = { port = 'A' }
";

/// Frames whose number is below this pass; the others do not.
const PASS: u32 = 1 << 24;
const FILTER: &str = "input -> Classifier(14/00) -> output;\n";
/// The program dies of the frame with this number.
const DEADLY: u32 = PASS - 1;

/// An image with that program, made as somebody would who has one: by a recipe in a folder of their own. The kernel and the
/// program `sluice` are those of the image `foreign`.
fn own_image(foreign: &Image, folder: &Path) -> Image {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        fs::write(&path, text).expect("write");
        path
    };
    let done = |command: &mut Command| {
        let out = command.output().expect("it runs");
        assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    let bin = folder.join("root/usr/local/bin");
    fs::create_dir_all(&bin).expect("folder");
    done(Command::new("cc").args(["-static", "-O1", "-o"]).arg(bin.join("echo")).arg(ECHO));
    write("functions/filter.click", FILTER);
    write("overlay/etc/sluice/vnf.toml", VNF);
    let ours = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recipe = format!(
        "name = 'mine'
         kernel = ['{ours}/kernel/vnf.config', '{ours}/kernel/foreign.config']
         functions = ['functions']
         root = 'root'
         overlay = ['{ours}/overlay', 'overlay']
         command_line = 'quiet'",
        ours = ours.display()
    );
    let recipe = Recipe::read(&write("mine.toml", &recipe)).expect("a recipe");
    let archive = folder.join("foreign.cpio");
    let packed = fs::File::open(foreign.folder.join("initramfs")).expect("an initramfs");
    fs::write(&archive, zstd::decode_all(packed).expect("zstd")).expect("write");
    let sluice = folder.join("sluice");
    let archive = fs::File::open(&archive).expect("an archive");
    fs::write(&sluice, done(Command::new("cpio").args(["-i", "--quiet", "--to-stdout", "init"]).stdin(archive)))
        .expect("write");
    let out = folder.join("mine");
    let made = build::image(&recipe, Some(&sluice), &out, &|line| println!("{line}")).expect("an image");
    Image { folder: out, command_line: made.command_line, tls: foreign.tls }
}

/// What the EMS says of a function.
fn function(vm: &Vm, name: &str) -> Value {
    let all = vm.get("/v1/functions").is(200).json();
    all.as_array().and_then(|all| all.iter().find(|f| f["name"] == name).cloned()).expect("a function of this name")
}

/// What the gate before a program says.
fn gate(vm: &Vm, name: &str, handler: &str) -> String {
    vm.get(&format!("/v1/elements/gate/handlers/{handler}?function={name}")).is(200).body.trim().to_string()
}

fn count(vm: &Vm, name: &str, handler: &str) -> u64 {
    gate(vm, name, handler).parse().expect("a number")
}

/// Waits until both programs take packets.
fn work(vm: &Vm) {
    for name in ["pair", "tap"] {
        vm.until(name, || gate(vm, name, "state") == "up" && function(vm, name)["state"] == "running");
    }
}

fn pass(vm: &Vm, [a, b]: &[Wire; 2], from: u32, to: u32) {
    assert_eq!(carry(a, b, from, to), (from..to).collect::<Vec<_>>(), "{}", vm.console());
}

fn set(vm: &Vm, name: &str, state: &str) {
    let (token, path) = (format!("Authorization: Bearer {}", TOKEN), format!("/v1/functions/{name}/state"));
    let body = format!("{{\"state\":\"{state}\"}}");
    let json = ["-H", "Content-Type: application/json", "-X", "PUT", "--data", &body];
    vm.ask(&[&["-H", token.as_str()][..], &json].concat(), &path).is(200);
}

#[test]
fn programs_of_a_root_file_system_are_functions_and_every_frame_is_accounted_for() {
    let Some(foreign) = image("foreign") else { return };
    if !have(&["cc", "cpio", "strip"]) {
        return;
    }
    let scratch = Scratch::new("foreign-image");
    let mine = own_image(&foreign, &scratch.0);
    let mut plan = Plan::new("foreign", &mine, Kind::Pc, "");
    let wires = [plan.wire(), plan.wire()];
    let [a, b] = &wires;
    let vm = plan.file("tokens.toml", &tokens()).start().ready();
    work(&vm);
    let frameworks: Vec<Value> =
        ["filter", "pair", "tap"].iter().map(|f| function(&vm, f)["framework"].clone()).collect();
    assert_eq!(frameworks, ["click", "external", "external"]);
    pass(&vm, &wires, 0, 1000);
    assert_eq!(carry(b, a, 0, 10), (0..10).collect::<Vec<_>>(), "back");
    for name in ["pair", "tap"] {
        assert_eq!((count(&vm, name, "given"), count(&vm, name, "returned")), (1000, 1000), "{name}");
    }

    // It dies, and is back: the EMS says of what.
    a.send(DEADLY).expect("a machine");
    let history = || vm.get("/v1/alarms/history").is(200).body + &vm.get("/v1/alarms").is(200).body;
    vm.until("the alarm", || history().contains("a frame that it cannot bear"));
    assert!(history().contains("function/pair") && history().contains("signal 6 ended it"), "{}", history());
    work(&vm);
    pass(&vm, &wires, 1000, 2000);

    // Stopped, it takes none; what does not pass has a name.
    set(&vm, "tap", "stopped");
    vm.until("its end", || function(&vm, "tap")["state"] == "stopped");
    (0..20).for_each(|n| a.send(n).expect("a machine"));
    (0..30).for_each(|n| a.send(PASS + n).expect("a machine"));
    let dropped = |reason: &str| vm.get("/v1/stats").is(200).json()["dropped"][reason].as_u64().unwrap_or(0);
    vm.until("all drops", || dropped("function_down") + dropped("unmatched") >= 50);
    set(&vm, "tap", "running");
    work(&vm);
    pass(&vm, &wires, 2000, 3000);

    let stats = vm.get("/v1/stats").is(200).json();
    assert_eq!(stats["dropped"], json!({ "function_down": 20, "unmatched": 30 }), "{stats}");
    let port = |name: &str, side: &str| {
        let all = stats["ports"].as_array().expect("ports");
        let found = all.iter().find(|p| p["name"] == name).unwrap_or_else(|| panic!("{name}: {stats}"));
        found[side]["packets"].as_u64().expect("a number")
    };
    // One died with the program.
    assert_eq!((port("eth1", "received"), port("eth2", "sent")), (3000 + 50 + 1, 3000), "{stats}");
    assert_eq!(count(&vm, "pair", "given"), count(&vm, "pair", "returned") + 1);
    let totals = |name: &str| stats["totals"][name].as_u64().expect("a number");
    let ended = totals("transmitted") + totals("consumed") + totals("dropped") + totals("held");
    assert_eq!(totals("received") + totals("created"), ended, "{stats}");
    vm.post("/v1/system/shutdown").is(202);
    let console = vm.off();
    assert!(console.contains("(exact)"), "{console}");
}
