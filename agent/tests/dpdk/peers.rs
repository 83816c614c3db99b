//! A peer that fails and comes back, three times, while traffic flows: the link's state is told, traffic flows again,
//! and every packet and buffer is accounted for.
use crate::common::{Folder, wait};
use crate::rig::{LONG, Peer, Sluice, testpmd};

/// A source of about 20,000 packets a second, whatever becomes of them.
fn steady(port: &str) -> String {
    format!(
        "RatedSource(LENGTH 64, RATE 20000) -> to :: ToDPDKDevice({port});
         FromDPDKDevice({port}) -> in :: Counter -> Discard;"
    )
}

fn comes_and_goes(name: &str, port: &str, ours: impl Fn(&str) -> String, its: impl Fn(&str) -> String) {
    if !testpmd(name) {
        return;
    }
    let folder = Folder::new(&format!("peer-{name}"));
    let socket = folder.file("s").display().to_string();
    let sluice = Sluice::start(&folder, &steady(port), &ours(&socket));
    let (sluice, first) = Peer::first(sluice, port, &its(&socket));
    let mut first = Some(first);
    let said = |what: &str| sluice.running.told().matches(&format!("{port}: the link is {what}")).count();
    let mut downs = 0;
    for turn in 1..=4 {
        let peer = first.take().unwrap_or_else(|| Peer::start(&its(&socket), "")).ready();
        sluice.linked("to");
        if turn == 1 {
            downs = said("down");
        }
        wait(LONG, "word of the link", || said("up") == turn - 1 + downs);
        let before = sluice.number("in.count");
        sluice.until("in.count", before + 2000);
        peer.kill();
        wait(LONG, "word of its end", || said("down") == turn + downs);
    }
    let report = sluice.stop();
    let [received, created, transmitted, consumed, dropped, held] = report.balance;
    assert_eq!((received, held), (consumed, 0), "{}", report.text);
    assert_eq!(created, transmitted + dropped, "{}", report.text);
    assert!(received >= 8000 && received <= transmitted, "{}", report.text);
    let other =
        report.text.lines().skip_while(|l| *l != "dropped").filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    let reasons: Vec<&str> = other.filter_map(|l| l.split_whitespace().next()).collect();
    assert!(reasons.iter().all(|r| ["port_down", "tx_full"].contains(r)), "{}", report.text);
}

#[test]
fn memif_clients_come_and_go() {
    let vdev = |role: &str, socket: &str| format!("--vdev net_memif0,role={role},socket={socket},socket-abstract=no");
    comes_and_goes("memif", "net_memif0", |s| vdev("server", s), |s| vdev("client", s));
}

#[test]
fn virtio_users_come_and_go() {
    let ours = |s: &str| format!("--vdev net_vhost0,iface={s},queues=1");
    let its = |s: &str| format!("--vdev net_virtio_user0,path={s},queues=1,queue_size=1024");
    comes_and_goes("vhost", "net_vhost0", ours, its);
}

#[test]
fn vhost_backends_come_and_go() {
    let ours = |s: &str| format!("--vdev net_virtio_user0,path={s},server=1,queues=1,queue_size=1024");
    let its = |s: &str| format!("--vdev net_vhost0,iface={s},client=1,queues=1");
    comes_and_goes("virtio-user", "net_virtio_user0", ours, its);
}
