//! A graph that somebody sends from elsewhere opens files beneath one folder, listens nowhere, and has no signals.
mod common;

use common::Bench;
use sluice_dataplane::confine::Confinement;
use sluice_dataplane::context::Stream;
use sluice_dataplane::lang::{Declared, Place, Reader, render_native};
use std::path::PathBuf;

/// A folder to be confined to, with what may be read in it; beside it is what may not.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> Scene {
        let path = std::env::temp_dir().join(format!("sluice-confinement-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("vnf")).expect("folder");
        for folder in ["", "vnf"] {
            std::fs::copy("tests/data/three.pcap", path.join(folder).join("in.pcap")).expect("capture");
            std::fs::write(path.join(folder).join("in.dump"), "!data ip_src\n1.0.0.1\n").expect("dump");
            std::fs::write(path.join(folder).join("text"), "some text").expect("text");
        }
        std::os::unix::fs::symlink("..", path.join("vnf/link")).expect("link");
        Scene(path)
    }
    fn folder(&self) -> PathBuf {
        self.0.join("vnf")
    }
    fn confinement(&self) -> Confinement {
        Confinement::beneath(&self.folder()).expect("folder")
    }
    /// An engine without a graph, whose graphs will be confined.
    fn bench(&self) -> Bench {
        let mut b = Bench::empty(1, 256);
        b.builder.confinement = self.confinement();
        b.builder.signals = true;
        b
    }
    /// Names of all that is beside the folder.
    fn outside(&self) -> Vec<String> {
        let list = std::fs::read_dir(&self.0).expect("list");
        let mut names: Vec<_> = list.map(|e| e.expect("entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How a class opens files: a configuration, %F for the name; and a name that is good for it.
struct Way {
    config: &'static str,
    good: &'static str,
    when: When,
}

/// When a name is known.
#[derive(PartialEq, Clone, Copy)]
enum When {
    Checked,
    /// The handler of this name gets the file.
    Written(&'static str),
    /// It is opened while the graph runs; the text is printed when that worked.
    Run(&'static str),
}

const fn way(config: &'static str, good: &'static str, when: When) -> Way {
    Way { config, good, when }
}

/// All classes that open a file whose name they are given.
const WAYS: &[Way] = &[
    way("FromDump(%F) -> Discard", "in.pcap", When::Checked),
    way("FromIPSummaryDump(%F) -> Discard", "in.dump", When::Checked),
    way("FromIPSummaryDump(%F, ALLOW_NONEXISTENT true) -> Discard", "none", When::Checked),
    way("Idle -> ToDump(%F)", "out.pcap", When::Checked),
    way("Idle -> ToIPSummaryDump(%F)", "out.dump", When::Checked),
    way("Idle -> IPPrint(OUTFILE %F) -> Discard", "out.txt", When::Checked),
    way("Idle -> ARPPrint(OUTFILE %F) -> Discard", "out.txt", When::Checked),
    way("Script(print >%F \"done\")", "out.txt", When::Checked),
    way("Script(print >>%F \"done\")", "out.txt", When::Checked),
    way("Script(set x 1, save get x %F)", "out.txt", When::Checked),
    way("Script(set x 1, append get x %F)", "out.txt", When::Checked),
    way("DriverManager(print >%F \"done\")", "out.txt", When::Checked),
    way("Script(print $(cat %F))", "text", When::Run("some text")),
    way("Script(print $(catq %F))", "text", When::Run("some text")),
    way("Script(read cat %F)", "text", When::Run("some text")),
    way("DriverManager(print $(cat %F))", "text", When::Run("some text")),
    way("Script(set f %F, print $(cat $f))", "text", When::Run("some text")),
    way("Idle -> a :: AggregateCounter -> Discard", "out.txt", When::Written("a.write_text_file")),
    way("Idle -> a :: AggregateCounter -> Discard", "out.txt", When::Written("a.write_ascii_file")),
    way("Idle -> a :: AggregateCounter -> Discard", "out.txt", When::Written("a.write_ip_file")),
    way("Idle -> a :: AggregateCounter -> Discard", "out.txt", When::Written("a.write_pdf_file")),
    way("Idle -> a :: AggregateCounter -> Discard", "out.txt", When::Written("a.write_file")),
];

/// Tries a name; all that was said.
fn attempt(scene: &Scene, way: &Way, name: &str) -> (bool, String) {
    let mut b = scene.bench();
    let plan = match b.plan(&way.config.replace("%F", name)) {
        Ok(plan) => plan,
        Err(errors) => return (false, render_native(&errors)),
    };
    drop(b.engine.swap(plan));
    b.engine.run_simulated(1_000_000);
    match way.when {
        When::Checked => {
            let said = b.printed(Stream::Err);
            (!said.contains("a function from the API"), said)
        }
        When::Written(handler) => match b.write(handler, name) {
            Ok(text) => (true, text),
            Err(why) => (false, why.to_string()),
        },
        When::Run(wanted) => {
            let said = b.printed(Stream::Out) + &b.printed(Stream::Err);
            (said.contains(wanted), said)
        }
    }
}

#[test]
fn every_class_opens_files_beneath_the_folder_and_none_outside() {
    let scene = Scene::new("classes");
    let before = scene.outside();
    for way in WAYS {
        let (done, said) = attempt(&scene, way, way.good);
        assert!(done, "{} of {}: {said}", way.config, way.good);
        let absolute = scene.0.join(way.good).to_string_lossy().into_owned();
        let inside = scene.folder().join(way.good).to_string_lossy().into_owned();
        let (up, link) = (format!("../{}", way.good), format!("link/{}", way.good));
        for name in [&absolute, &inside, &up, &link] {
            let (done, said) = attempt(&scene, way, name);
            assert!(!done, "{} of {name} was done: {said}", way.config);
            let why = format!("a function from the API opens files beneath {} only", scene.folder().display());
            assert!(said.contains(&why), "{} of {name}: {said}", way.config);
        }
    }
    assert_eq!(scene.outside(), before);
}

#[test]
fn names_known_beforehand_are_refused_when_a_configuration_is_checked() {
    let scene = Scene::new("checked");
    for way in WAYS.iter().filter(|w| w.when == When::Checked) {
        for name in ["/etc/passwd", "../text"] {
            let config = way.config.replace("%F", name);
            let errors = scene.bench().builder.load(&config, "main", &[], None).err().expect("refused");
            let text = render_native(&errors);
            assert!(text.starts_with("main:1:"), "{text}");
            assert!(text.contains(&format!("‘{name}’: a function from the API opens files beneath")), "{text}");
        }
    }
}

#[test]
fn the_table_above_misses_no_class_with_a_file_name() {
    let named = |text: &str| text.contains("file name") || text.contains("FILENAME") || text.contains("OUTFILE");
    for class in sluice_elements::TABLE.0 {
        let by_argument = class.info.args.iter().any(|a| named(a.kind) || named(a.name));
        let by_handler = class.info.handlers.iter().any(|h| {
            h.name.contains("write_") && h.name.contains("file") || h.name.starts_with("cat") || h.name == "save"
        });
        let known =
            WAYS.iter().any(|w| w.config.contains(&format!("{}(", class.name)) || w.config.contains(class.name));
        assert!(known || class.name == "ControlSocket" || !(by_argument || by_handler), "{}", class.name);
    }
}

#[test]
fn standard_input_and_raw_output_are_no_files_but_text_may_be_printed() {
    let scene = Scene::new("streams");
    for config in [
        "FromDump(-) -> Discard",
        "FromIPSummaryDump(-) -> Discard",
        "Idle -> ToDump(-)",
        "Idle -> ToIPSummaryDump(-, BINARY true)",
        "Idle -> IPPrint(OUTFILE -) -> Discard",
    ] {
        let errors = scene.bench().plan(config).err().expect(config);
        assert!(render_native(&errors).contains("‘-’: a function from the API"), "{config}");
    }
    let mut b = scene.bench();
    b.load("Idle -> a :: AggregateCounter -> ToIPSummaryDump(-); Script(print >- \"hello\")");
    b.engine.run_simulated(1000);
    assert!(b.printed(Stream::Out).contains("hello\n"));
    b.write("a.write_text_file", "-").expect("printed");
    assert!(b.printed(Stream::Out).contains("!IPAggregate"));
}

#[test]
fn fifos_are_refused_and_nothing_waits_for_them() {
    let scene = Scene::new("fifo");
    let made = std::process::Command::new("mkfifo").arg(scene.folder().join("fifo")).status().expect("mkfifo");
    assert!(made.success());
    for way in WAYS.iter().filter(|w| w.when == When::Checked) {
        let (done, said) = attempt(&scene, way, "fifo");
        assert!(
            !done && said.contains("fifo: a function from the API opens regular files only"),
            "{}: {said}",
            way.config
        );
    }
}

#[test]
fn listeners_are_errors_with_their_element_and_place() {
    let scene = Scene::new("listeners");
    for config in [
        "c :: ControlSocket(TCP, 0);",
        "c :: ControlSocket(UNIX, socket);",
        "c :: ControlSocket(SOCKET, 0);",
        "c :: McastSocket(239.0.0.1, 1234); c -> Discard;",
        "Idle -> c :: McastSocket(239.0.0.1, 1234);",
    ] {
        let errors = scene.bench().builder.load(config, "main", &[], None).err().expect(config);
        let text = render_native(&errors);
        assert!(text.contains("no listeners in a function from the API"), "{text}");
        assert!(text.starts_with("main:1:") && text.contains("c :: "), "{text}");
    }
    assert!(!scene.folder().join("socket").exists());
}

#[test]
fn a_socket_that_an_earlier_graph_has_open_is_not_taken_over() {
    let scene = Scene::new("earlier");
    let mut b = Bench::new("c :: ControlSocket(TCP, 0)", 1);
    b.builder.confinement = scene.confinement();
    let errors = b.plan("c :: ControlSocket(TCP, 0)").err().expect("refused");
    assert!(render_native(&errors).contains("no listeners"));
    assert_ne!(b.read("c.port").expect("the old graph runs on"), "");
}

#[test]
fn the_sockets_of_the_driver_itself_are_none_of_the_function() {
    let scene = Scene::new("own");
    let mut b = scene.bench();
    let table = common::table();
    let mut flat = Reader::new(&table).read("Idle -> Discard", "main").flat;
    let socket = Declared {
        name: "own@@ControlSocket".into(),
        class: "ControlSocket".into(),
        config: "TCP, 0".into(),
        at: Place::new("driver", 0, 0),
    };
    flat.elements.push(socket);
    flat.own = 1;
    let checked = b.builder.check(flat, "").unwrap_or_else(|e| panic!("{}", render_native(&e)));
    let (plan, _) = b.builder.prepare(checked, &mut |_| Err("no ports".into())).expect("opened");
    assert_eq!(plan.services.sockets.len(), 1);
}

#[test]
fn signals_are_neither_sent_nor_caught() {
    let scene = Scene::new("signals");
    let errors = scene.bench().plan("Script(TYPE SIGNAL USR1, stop)").err().expect("refused");
    assert!(render_native(&errors).contains("no signals in a function from the API"));
    let mut b = scene.bench();
    b.load("s :: Script(print \"before\", print $(kill 0 $$), print \"after\")");
    b.engine.run_simulated(1000);
    assert!(b.printed(Stream::Err).contains("no signals in a function from the API"), "{}", b.printed(Stream::Err));
    assert!(b.printed(Stream::Out).ends_with("after\n"));
}

#[test]
fn libraries_come_from_the_folder_whatever_else_is_offered() {
    use sluice_dataplane::lang::{Library, Loader};
    struct All;
    impl Loader for All {
        fn load(&mut self, name: &str, _from: &str) -> Result<Option<Library>, String> {
            let text = std::fs::read_to_string(name).map_err(|e| e.to_string())?;
            Ok(Some(Library { path: name.into(), text }))
        }
    }
    let scene = Scene::new("libraries");
    std::fs::write(scene.folder().join("mine.click"), "elementclass Mine { input -> output }").expect("library");
    std::fs::write(scene.0.join("other.click"), "elementclass Mine { input -> output }").expect("library");
    let load = |name: &str| {
        let config = format!("require(library {name}); Idle -> Mine -> Discard");
        scene.bench().builder.load(&config, "main", &[], Some(&mut All)).map_err(|e| render_native(&e)).map(|_| ())
    };
    assert_eq!(load("mine"), Ok(()));
    let outside = scene.0.join("other.click").to_string_lossy().into_owned();
    for name in [&*outside, "../other", "link/other.click"] {
        let said = load(name).expect_err(name);
        assert!(said.starts_with("main:1:") && said.contains("a function from the API opens files beneath"), "{said}");
    }
}

#[test]
fn each_graph_has_its_own_confinement_across_replacements() {
    let scene = Scene::new("swaps");
    let outside = scene.0.join("out.txt").to_string_lossy().into_owned();
    let config = "Idle -> a :: AggregateCounter -> Discard";
    let mut b = Bench::new(config, 1);
    b.write("a.write_text_file", &outside).expect("anywhere");
    std::fs::remove_file(&outside).expect("it was written");
    // A graph that was checked while it was confined stays so.
    b.builder.confinement = scene.confinement();
    let confined = b.builder.load(config, "main", &[], None).map_err(|e| render_native(&e)).expect("good");
    b.builder.confinement = Confinement::default();
    let (plan, _) = b.builder.prepare(confined, &mut |_| Err("no ports".into())).expect("opened");
    drop(b.engine.swap(plan));
    let why = b.write("a.write_text_file", &outside).expect_err("refused").to_string();
    assert!(why.contains("a function from the API opens files beneath"), "{why}");
    b.write("a.write_text_file", "out.txt").expect("beneath");
    assert!(scene.folder().join("out.txt").exists() && !std::path::Path::new(&outside).exists());
    b.load(config);
    b.write("a.write_text_file", &outside).expect("anywhere again");
}

#[test]
fn a_confined_graph_does_not_go_on_in_the_files_of_one_that_was_not() {
    let scene = Scene::new("continued");
    let name = format!("sluice-continued-{}", std::process::id());
    let config = format!(
        "f :: FromIPSummaryDump(DATA \"!data ip_src\\n1.0.0.1\\n\") -> d :: ToIPSummaryDump({name}, FIELDS ip_src) \
         -> t :: ToDump({name}.pcap, ENCAP IP) -> Discard"
    );
    let mut b = Bench::new(&config, 1);
    b.builder.confinement = scene.confinement();
    b.load(&config);
    b.engine.run_simulated(1000);
    drop(b);
    let (loose, loose_capture) = (std::fs::read(&name), std::fs::read(format!("{name}.pcap")));
    let _ = (std::fs::remove_file(&name), std::fs::remove_file(format!("{name}.pcap")));
    assert!(loose.is_ok() && loose_capture.is_ok());
    let lines = std::fs::read_to_string(scene.folder().join(&name)).expect("beneath");
    assert!(lines.ends_with("!data ip_src\n1.0.0.1\n"), "{lines}");
    assert!(std::fs::metadata(scene.folder().join(format!("{name}.pcap"))).expect("beneath").len() > 24);
}

#[test]
fn all_workers_are_confined() {
    let scene = Scene::new("workers");
    let mut b = scene.bench();
    b.builder.workers = 3;
    let checked = b.builder.load("Idle -> ARPPrint(OUTFILE link/out.txt) -> Discard", "main", &[], None);
    let checked = checked.map_err(|e| render_native(&e)).expect("good so far");
    let errors = b.builder.prepare_all(checked, &mut |_, _| Err("no ports".into())).err().expect("refused");
    assert!(render_native(&errors).contains("out.txt: a function from the API opens files beneath"));
    assert!(!scene.0.join("out.txt").exists());
}

#[test]
fn a_graph_that_never_runs_removes_what_it_made_beneath_the_folder() {
    let scene = Scene::new("never");
    let plan = scene.bench().plan("Idle -> ToDump(made.pcap)").map_err(|e| render_native(&e)).expect("good");
    assert!(scene.folder().join("made.pcap").exists());
    drop(plan);
    assert!(!scene.folder().join("made.pcap").exists());
}
