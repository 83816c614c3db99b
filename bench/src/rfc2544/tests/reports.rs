//! What is written of a run.
use super::*;
use crate::guest::settings::Settings;
use crate::rfc2544::report::{compare, csv, html, markdown, recheck};
use crate::rfc2544::search::Verdict;
use crate::rfc2544::session::End;

/// All six tests, short, of a device that has something to show in each.
fn everything(name: &str) -> Report {
    let mut p = profile(&Test::ALL, &[64, 1518]);
    p.frames.push(Frames::imix());
    p.latency.repetitions = 2;
    p.back_to_back.repetitions = 2;
    run(name, &p)
}

fn written(report: &Report) -> Report {
    serde_json::from_str(&serde_json::to_string(report).unwrap()).unwrap()
}

#[test]
fn a_report_is_as_its_schema_says() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../report/schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut mlr = everything("slow-recovery");
    mlr.profile.throughput.search = Search::Mlr;
    let mut virtual_one = everything("frames");
    virtual_one.environment.machine = Some(machine("TCG"));
    for report in [everything("slow-recovery"), everything("crashes"), everything("drops-all"), mlr, virtual_one] {
        let json = serde_json::to_value(&report).unwrap();
        let errors: Vec<String> = validator.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{:#?}", errors.iter().take(10).collect::<Vec<_>>());
    }
    // It can fail: nothing may be missing, and nothing be there that it does not know.
    let mut json = serde_json::to_value(everything("frames")).unwrap();
    json["trials"][0]["outcome"]["counts"][0].as_object_mut().unwrap().remove("received");
    assert!(!validator.is_valid(&json));
    let mut json = serde_json::to_value(everything("frames")).unwrap();
    json["results"][0]["throughput"]["surprise"] = 1.into();
    assert!(!validator.is_valid(&json));
}

#[test]
fn a_recheck_finds_what_was_concluded() {
    for name in [
        "frames",
        "bits",
        "dies",
        "crashes",
        "drops-all",
        "lossy",
        "not-monotonic",
        "queues",
        "stalls",
        "slow-recovery",
    ] {
        let report = written(&everything(name));
        assert_eq!(recheck::differences(&report).unwrap(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_recheck_fails_when_a_verdict_or_a_trial_was_changed() {
    let report = everything("frames");
    let changed = |change: &dyn Fn(&mut Report)| {
        let mut report = report.clone();
        change(&mut report);
        recheck::differences(&report).unwrap().join("\n")
    };
    let rate = changed(&|r| r.results[0].throughput.as_mut().unwrap().rate = Some(3e6));
    assert!(rate.starts_with("results[0].throughput.rate: the report has 3000000.0, its trials give 2"), "{rate}");
    let headline = changed(&|r| r.headline = "Conforms to RFC 2544".into());
    assert!(headline.starts_with("headline: "), "{headline}");
    let bounds = changed(&|r| r.results[1].throughput.as_mut().unwrap().bounds[0].verdict = Verdict::Unfinished);
    assert!(bounds.contains("results[1].throughput.bounds[0].verdict"), "{bounds}");
    // The trial with the best rate loses a frame.
    let lost = changed(&|r| {
        let best = r.results[0].throughput.as_ref().unwrap().rate.unwrap();
        let is_best = |t: &&mut Record| {
            t.step == Step::Throughput && t.offered.phases[0].load == crate::rfc2544::trial::Load::Rate(best)
        };
        let trial = r.trials.iter_mut().find(is_best).unwrap();
        let counts = &mut trial.outcome.as_mut().unwrap().counts[0];
        counts.phases[0].lost += 1;
        counts.received -= 1;
    });
    assert!(lost.contains("results[0].throughput.rate"), "{lost}");
    let sums = changed(&|r| r.trials[3].outcome.as_mut().unwrap().counts[0].received += 1);
    assert!(sums.contains("trial 4: "), "{sums}");
    let gone = changed(&|r| drop(r.trials.remove(5)));
    assert!(gone.contains("trials[5]: number 7"), "{gone}");
}

#[test]
fn an_interrupted_run_still_has_a_report_that_says_so() {
    let stop = AtomicBool::new(false);
    let mut watch = Silent { stop: Some((&stop, 20)) };
    let p = profile(&Test::ALL, &[64, 128]);
    let report = measure(&mut simulation("frames").unwrap(), None, &p, &stop, &mut watch);
    assert_eq!((report.end.clone(), report.trials.len()), (End::Interrupted, 20));
    assert!(report.headline.starts_with("PARTIAL, interrupted. "), "{}", report.headline);
    for text in [markdown::page(&report), html::page(&report), csv::results(&report)] {
        assert!(text.contains("PARTIAL, interrupted. "));
    }
    assert!(only_rate(&report, 0).is_some());
    assert!(report.remarks.iter().any(|r| r.starts_with("There is no reset test")), "{:?}", report.remarks);
    assert_eq!(report.results[1].throughput.as_ref().unwrap().bounds[0].verdict, Verdict::Unfinished);
    assert_eq!(recheck::differences(&written(&report)).unwrap(), Vec::<String>::new());
}

fn only_rate(report: &Report, index: usize) -> Option<f64> {
    report.results[index].throughput.as_ref()?.rate
}

#[test]
fn the_first_line_of_each_form_says_what_the_run_is() {
    let report = everything("frames");
    assert!(markdown::page(&report).starts_with("NOT RFC 2544 conform: "));
    assert!(csv::results(&report).lines().nth(1).unwrap().contains("NOT RFC 2544 conform: "));
    let html = html::page(&report);
    let body = html.split_once("<main>").unwrap().1;
    assert!(body.trim_start().starts_with("<p class=\"headline bad\">NOT RFC 2544 conform: "));
}

/// How a virtual machine was set up.
fn machine(accelerator: &str) -> Settings {
    let text = |text: &str| text.to_owned();
    Settings {
        qemu: text("QEMU emulator version 7.2"),
        accelerator: text(accelerator),
        accelerator_because: text("as wanted"),
        machine: text("pc"),
        processors: 1,
        core: Some(1),
        memory_mib: 192,
        pages: text("not shared"),
        interfaces: vec![text("virtio-net-pci over tap")],
        system: text("image full"),
        kernel: text("6.1"),
        manifest_sha256: Some("0123456789abcdef".repeat(4)),
        command: text("qemu-system-x86_64"),
    }
}

#[test]
fn a_device_under_emulation_is_named_so_in_the_first_line_and_one_under_kvm_is_not() {
    let words = "Under emulation (TCG): rates say nothing about hardware. ";
    let mut report = everything("dies");
    report.environment.machine = Some(machine("TCG"));
    report.conclude();
    assert!(report.headline.starts_with("PARTIAL, the device died"), "{}", report.headline);
    assert!(markdown::page(&report).lines().next().unwrap().contains(words));
    assert!(html::page(&report).split("<h1>").next().unwrap().contains(words));
    assert_eq!(recheck::differences(&written(&report)).unwrap(), Vec::<String>::new());
    report.environment.machine = Some(machine("KVM"));
    report.conclude();
    assert!(!report.headline.contains(words.trim()), "{}", report.headline);
    let digest = "| SHA-256 of its image's manifest | 0123456789abcdef";
    assert!(markdown::page(&report).contains(digest) && html::page(&report).contains("virtio-net-pci over tap"));
}

#[test]
fn the_page_loads_nothing_and_has_every_plot() {
    let report = everything("slow-recovery");
    let html = html::page(&report);
    for outside in ["http:", "https:", "<script", "url(", "@import", "src="] {
        assert!(!html.contains(outside), "{outside}");
    }
    for title in [
        "Rate against frame size",
        "Latency at 50 % of the throughput",
        "Distribution, frames of 64",
        "Loss against rate",
    ] {
        assert!(html.contains(&format!("<figcaption>{title}</figcaption>")), "{title}");
    }
    for svg in html.split("<svg").skip(1).filter_map(|s| s.split("</svg>").next()) {
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "figures that are none");
    }
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    for section in ["26.1", "26.2", "26.3", "26.4", "26.5", "26.6"] {
        assert!(html.contains(section), "{section}");
    }
}

#[test]
fn names_of_devices_are_text_in_every_form() {
    let mut report = everything("wire");
    report.tester.device = "<b>a|b</b>, \"c\"".into();
    assert!(html::page(&report).contains("&lt;b&gt;a|b&lt;/b&gt;, &quot;c&quot;"));
    assert!(markdown::page(&report).contains("| device | <b>a\\|b</b>, \"c\" |"));
    report.results[0].remarks.push("a, \"b\"\nc".into());
    assert!(csv::results(&report).contains("remark,\"a, \"\"b\"\"\nc\","));
}

#[test]
fn reports_stand_side_by_side_as_ratios() {
    let a = ("a.json".to_owned(), everything("frames"));
    let mut p = profile(&[Test::Throughput], &[64, 512]);
    p.frames.push(Frames::imix());
    let b = ("b.json".to_owned(), run("bits", &p));
    let rate = |r: &Report| r.results[0].throughput.as_ref().unwrap().rate.unwrap();
    let ratio = rate(&b.1) / rate(&a.1);
    let table = compare::table(&[a, b]);
    let row = table.lines().find(|l| l.starts_with("| throughput, frames/s | 64 |")).unwrap();
    assert!(row.contains(&format!("({ratio:.3} x)")) && ratio > 4.6, "{row}");
    assert!(table.contains("Not in run 1: frames of 512."), "{table}");
}
