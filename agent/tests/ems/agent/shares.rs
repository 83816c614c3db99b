//! Next hops that share the flows of a hop.
use super::{CHAIN, FILES};
use crate::common::wait;
use crate::rig::Rig;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn flows_are_shared_among_functions_and_their_counts_add_up() {
    let shared = "{ share = [{ function = 'count', weight = 3 }, { function = 'other' }] }";
    let description =
        CHAIN.replace("{ function = 'count' }", shared) + "[[functions]]\nname = 'other'\nfile = 'count.click'\n";
    let Some(rig) = Rig::with("agent-shares", FILES, &description) else { return };
    let sluice = rig.start_and_settle();
    let path = || rig.ems.get("/v1/agent/paths").is(200).json()[0].clone();
    let numbers =
        |list: &Value| -> Vec<u64> { list.as_array().expect("counts").iter().filter_map(Value::as_u64).collect() };
    // Flows of a packet each, to as many ports.
    let send = || {
        let before = numbers(&path()["shared"][1]);
        let sent = rig.net.in_a("bash -c 'for n in $(seq 5001 5080); do echo x > /dev/udp/10.0.1.3/$n; done'");
        assert!(sent.status.success(), "{sent:?}");
        let more =
            || numbers(&path()["shared"][1]).iter().zip(&before).map(|(now, then)| now - then).sum::<u64>() >= 80;
        wait(Duration::from_secs(5), "the packets", more);
    };
    send();
    let first = path();
    assert_eq!(first["hops"][1], json!({ "share": [{ "function": "count", "weight": 3 }, { "function": "other" }] }));
    let (hops, next) = (numbers(&first["packets"]), numbers(&first["shared"][1]));
    assert_eq!((first["shared"][0].clone(), next.iter().sum::<u64>()), (json!([]), hops[1]), "{first}");
    assert!(next[0] > next[1] && next[1] > 5, "{first}");
    // Other weights, the same next hops: counts go on.
    let back = json!({ "id": 11, "hops": [], "to": { "port": "A" } });
    let hop = json!({ "share": [{ "function": "count" }, { "function": "other", "weight": 65535 }] });
    let there = json!({ "id": 10, "hops": [{ "function": "filter" }, hop], "to": { "port": "B" } });
    rig.ems.put_json("/v1/agent/paths", &json!([there, back]).to_string()).is(200);
    send();
    let now = numbers(&path()["shared"][1]);
    assert!(now[0] >= next[0] && now[1] >= next[1] + 70, "{next:?} {now:?}");
    rig.shut_down(sluice);
}
