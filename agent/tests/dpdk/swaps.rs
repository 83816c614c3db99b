//! A hundred changes of the running graph over DPDK, under load: no packet lost, counters kept.
use crate::common::{Folder, wait};
use crate::rig::{LONG, NO_HUGE, Sluice};

/// What is sent comes back through a ring.
fn graph(more: &str) -> String {
    format!(
        "src :: RatedSource(LENGTH 64, RATE 20000) -> sent :: Counter -> to :: ToDPDKDevice(net_ring0, IQUEUE 8192);
         FromDPDKDevice(net_ring0) -> {more} in :: Counter -> Discard;"
    )
}

#[test]
fn a_hundred_swaps_over_a_ring_lose_nothing() {
    let folder = Folder::new("dpdk-swap");
    let [plain, longer] = ["", "more :: Counter ->"].map(graph);
    let sluice = Sluice::start(&folder, &plain, &format!("{NO_HUGE} --vdev net_ring0")).ready();
    let said = |what: &str| sluice.running.told().matches(what).count();
    for i in 1..=100 {
        let before = sluice.number("in.count");
        std::fs::write(folder.file("config.click"), if i % 2 == 1 { &longer } else { &plain }).expect("write");
        sluice.running.signal("HUP");
        wait(LONG, "a swap", || said("is running now") == i);
        sluice.until("in.count", before + 1);
    }
    sluice.write("src.active", "false");
    let sent = sluice.number("sent.count");
    sluice.until("in.count", sent);
    assert_eq!(sluice.number("in.count"), sent);
    let report = sluice.stop();
    assert_eq!(report.balance, [sent, sent, sent, sent, 0, 0], "{}", report.text);
}
