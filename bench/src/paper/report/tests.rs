use super::*;

fn rate(received: f64) -> Result<Measured, String> {
    Ok(Measured::Rate(Rate { received, sent: received, retransmits: 0, seconds: 1.0 }))
}

fn delay(mean: f64, dropped: u64) -> Result<Measured, String> {
    let (packets, seconds) = (100, 1.0);
    Ok(Measured::Delay(Delay { packets, dropped, seconds, mean, min: mean, max: mean, jitter: 0.0, deviation: 0.0 }))
}

/// A guest that was emulated and a bridge that was not; a third one was left out.
fn report() -> Report {
    let subject = |platform, function| Subject { platform, function };
    let runs = |scale: f64| {
        let mut runs = Vec::new();
        for number in 1..=4 {
            let n = f64::from(number);
            runs.push(Run { workload: Workload::Stream(64), number, outcome: rate((100.0 + n) * 1e6 * scale) });
            runs.push(Run { workload: Workload::Stream(1500), number, outcome: rate((200.0 + n) * 1e6 * scale) });
            for flow in Flow::ALL {
                let outcome =
                    if (flow, number) == (Flow::Telnet, 2) { Err("too late".into()) } else { delay(n / 1e4, 1) };
                runs.push(Run { workload: Workload::Flow(flow), number, outcome });
            }
        }
        runs
    };
    let tested = |s, emulated, scale| Tested { runs: runs(scale), ..Tested::new(s, emulated, vec![]) };
    let mut report = Report {
        format: FORMAT.into(),
        headline: String::new(),
        interrupted: false,
        began: 1_795_000_000,
        took: 100.0,
        settings: Settings { runs: 4, seconds: 1, sizes: vec![64, 1500], offloads: false, accelerator: "TCG".into() },
        tools: vec![("iperf3".into(), "iperf 3.12".into())],
        environment: Environment::this(),
        remarks: vec![],
        devices: vec![
            tested(subject(Platform::Host, Function::Bridge), false, 10.0),
            tested(subject(Platform::Qemu, Function::Full), true, 1.0),
        ],
        left_out: vec![LeftOut {
            subject: subject(Platform::XenPv, Function::Socket),
            why: "there is no <Xen>".into(),
        }],
    };
    report.conclude();
    report
}

#[test]
fn results_are_means_with_intervals_of_the_runs_that_did_not_fail() {
    let report = report();
    let result = |workload| report.devices[1].result(workload).unwrap();
    let rate = result(Workload::Stream(64)).estimate.unwrap();
    assert_eq!((rate.mean, rate.runs), (102.5e6, 4));
    // Student's t for 3 degrees of freedom: 3.182.
    assert!((rate.half.unwrap() - 3.182 * (5.0f64 / 3.0).sqrt() / 2.0 * 1e6).abs() < 300.0);
    let telnet = result(Workload::Flow(Flow::Telnet));
    assert_eq!((telnet.failed, telnet.dropped, telnet.estimate.unwrap().runs), (1, 3, 3));
}

#[test]
fn what_was_emulated_and_what_was_left_out_is_said_everywhere() {
    let report = report();
    assert!(report.headline.contains("1 UNDER EMULATION"), "{}", report.headline);
    let (text, page) = (report.markdown(), html::page(&report));
    for form in [&text, &page] {
        assert!(form.contains("Sluice full (QEMU), EMULATED"));
        assert!(!form.contains("Linux bridge (no virtual machine), EMULATED"));
        assert!(form.contains("Left out: Sluice socket (Xen, PV)"));
        assert!(form.contains("(1 of 4 runs failed) (3 packets lost)"), "{form}");
    }
    assert!(text.contains("| Sluice full (QEMU), EMULATED | 102 ± 2 | 202 ± 2 |"), "{text}");
    assert!(page.contains("there is no &lt;Xen&gt;"));
    let mut alone = report.clone();
    alone.devices.truncate(1);
    alone.conclude();
    assert!(alone.headline.contains("none under emulation"));
}

#[test]
fn each_platform_has_a_plot_of_rates_and_one_of_delays_with_intervals() {
    let page = html::page(&report());
    assert_eq!(page.matches("<svg ").count(), 4);
    assert_eq!(page.matches("<figcaption>Throughput, QEMU: EMULATED</figcaption>").count(), 1);
    assert_eq!(page.matches("<figcaption>Round-trip delay, no virtual machine</figcaption>").count(), 1);
    // Two sizes and three flows, of two devices.
    assert_eq!(page.matches("<path class=\"bar ").count(), 10);
    assert!(!page.contains("NaN") && !page.contains("http"), "nothing comes from elsewhere");
}

#[test]
fn the_json_has_every_run_and_reads_back() {
    let report = report();
    let json = serde_json::to_string(&report).unwrap();
    let back: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(back, report);
    assert_eq!(back.devices.iter().map(|d| d.runs.len()).sum::<usize>(), 2 * 4 * 5);
}

#[test]
fn an_interrupted_run_is_partial() {
    let mut report = report();
    report.interrupted = true;
    report.devices.clear();
    report.conclude();
    assert!(report.headline.starts_with("PARTIAL"), "{}", report.headline);
    assert!(!html::page(&report).contains("<svg "));
}
