//! Rules that look at SNMP messages.
use super::{CHAIN, FILES, packets};
use crate::common::{run, wait};
use crate::rig::Rig;
use serde_json::json;
use std::time::Duration;

#[test]
fn messages_of_net_snmp_go_on_the_path_of_the_rule_that_names_their_community_or_user() {
    if !run("command -v snmpget").status.success() {
        return println!("skipped: there is no snmpget");
    }
    let Some(rig) = Rig::with("agent-snmp", FILES, CHAIN) else { return };
    let sluice = rig.start_and_settle();
    let rules = json!([
        { "name": "secret", "snmp": "version 2c community \"the secret\"", "path": 10, "index": 254 },
        { "name": "admin", "from": "A", "packets": "dst host 10.0.1.3", "snmp": "user admin pdu get", "path": 10, "index": 254 },
        { "name": "there", "from": "A", "path": 10 },
        { "name": "back", "from": "B", "path": 11 },
    ]);
    rig.ems.put_json("/v1/agent/rules", &rules.to_string()).is(200);
    let count = |name: &str| {
        let all = rig.ems.get("/v1/agent/rules").is(200).json();
        all.as_array().expect("rules").iter().find(|r| r["name"] == name).and_then(|r| r["matched"].as_u64())
    };
    // Nobody answers: one message each.
    let ask = |options: &str| rig.net.in_a(&format!("snmpget {options} -t 0.2 -r 0 10.0.1.3 .1.3.6.1.2.1.1.1.0"));
    (0..3).for_each(|_| drop(ask("-v2c -c 'the secret'")));
    ask("-v1 -c 'the secret'");
    ask("-v2c -c public");
    // The engine is named, so that it need not be discovered first.
    let known = "-e 0x80001f8880e9630000d61ff449 -l noAuthNoPriv";
    (0..2).for_each(|_| drop(ask(&format!("-v3 -u admin {known}"))));
    ask(&format!("-v3 -u stranger {known}"));
    wait(Duration::from_secs(5), "the counts", || count("secret") == Some(3) && count("admin") == Some(2));
    // They began behind the first function, which the others went through.
    let seen = packets(&rig, 0);
    assert!(seen[1] >= seen[0] + 5, "{seen:?}");
    rig.shut_down(sluice);
}
