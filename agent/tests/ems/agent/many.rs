//! As many rules as an operator may have.
use super::{CHAIN, FILES};
use crate::common::wait;
use crate::rig::Rig;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

#[test]
fn of_ten_thousand_rules_the_first_that_matches_counts_and_keeps_its_count_when_it_moves() {
    const RULES: usize = 10_000;
    let Some(rig) = Rig::with("agent-many", FILES, CHAIN) else { return };
    let sluice = rig.start_and_settle();
    let mut rules: Vec<Value> = (0..RULES - 3)
        .map(|n| {
            let packets = format!("dst host 10.{}.{}.{}", 100 + n / 65536, n / 256 % 256, n % 256);
            json!({ "name": format!("r{n}"), "packets": packets, "path": 10 + n % 2 })
        })
        .collect();
    rules.push(json!({ "name": "seen", "from": "A", "packets": "udp dst port 5001", "path": 10 }));
    rules.push(json!({ "name": "there", "from": "A", "path": 10 }));
    rules.push(json!({ "name": "back", "from": "B", "path": 11 }));
    let put = |rules: &[Value]| {
        let file = rig.folder.file("rules.json");
        fs::write(&file, Value::from(rules).to_string()).expect("write");
        let json = "-X PUT -H 'content-type: application/json' --max-time 120";
        rig.ems.send(&format!("{json} --data-binary '@{}'", file.display()), "/v1/agent/rules").is(200);
    };
    let all = || rig.ems.send("--max-time 120", "/v1/agent/rules").is(200).json().as_array().expect("rules").clone();
    let seen = |all: &[Value]| all.iter().find(|r| r["name"] == "seen").and_then(|r| r["matched"].as_u64());
    put(&rules);
    let send = || assert!(rig.net.in_a("bash -c 'echo x > /dev/udp/10.0.1.3/5001'").status.success());
    (0..3).for_each(|_| send());
    wait(Duration::from_secs(10), "the count", || seen(&all()) == Some(3));
    assert_eq!(all().len(), RULES);
    rules.rotate_left(RULES / 2);
    put(&rules);
    let now = all();
    assert_eq!((seen(&now), now.len(), &now[0]["name"]), (Some(3), RULES, &rules[0]["name"]));
    rig.shut_down(sluice);
}
