//! The EMS through SNMP, by net-snmp's own tools: `snmpget`, `snmpwalk`, `snmpset`, `snmptrapd`.
use crate::common::{Running, SLUICE, must, run, wait};
use crate::rig::Rig;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const FILES: &[(&str, &str)] = &[("count.click", "input -> c :: Counter -> output;\n")];
const CHAIN: &str = "
[[functions]]
name = 'count'
file = 'count.click'
[agent]
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
hops = [{ function = 'count' }]
to = { port = 'B' }
[[agent.paths]]
id = 11
hops = []
to = { port = 'A' }
[[agent.paths]]
id = 12
hops = []
to = { port = 'B' }
";
const PASSWORDS: (&str, &str) = ("authentication-of-it", "privacy-of-it");
/// What net-snmp makes of `engineID receiver` (RFC 3411 section 5: its enterprise, a text).
const RECEIVER: &str = "80001f88047265636569766572";
const SYS_DESCR: &str = "1.3.6.1.2.1.1.1.0";
const SYS_CONTACT: &str = "1.3.6.1.2.1.1.4.0";
const SYS_NAME: &str = "1.3.6.1.2.1.1.5.0";
const IF_NAME: &str = "1.3.6.1.2.1.31.1.1.1.1.1";
/// `snmpInBadCommunityUses`
const BAD_COMMUNITY_USES: &str = "1.3.6.1.2.1.11.5.0";
/// `usmStats`: 2 not in time windows, 3 unknown user names, 4 unknown engine IDs, 5 wrong digests.
const USM_STATS: &str = "1.3.6.1.6.3.15.1.1";
/// `sluiceRulePath` of a rule with the length of its name.
const RULE_PATH: &str = "SLUICE-MIB::sluiceRulePath";

struct Managed {
    rig: Rig,
    sluice: Running,
}

impl Managed {
    /// A VNF with an SNMP agent, and with an operator `op`, a reader `ro`.
    fn start(name: &str, snmp: &str) -> Option<Managed> {
        let description = format!("{CHAIN}[ems]\nfolder = 'ems'\n[ems.snmp]\ncontact = 'noc@example.net'\n{snmp}");
        let rig = Rig::with(name, FILES, &description)?;
        let sluice = rig.start_and_settle();
        let managed = Managed { rig, sluice };
        managed.create("op", &["--group", "operator"]);
        managed.create("ro", &["--auth", "SHA-512", "--privacy", "AES-256"]);
        Some(managed)
    }

    fn ctl(&self, args: &[&str], input: &str) -> Output {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.rig.net.r, SLUICE, "ctl"]).args(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ctl");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("write");
        child.wait_with_output().expect("ctl")
    }

    fn create(&self, name: &str, more: &[&str]) {
        let args = [&["snmp-user", "create", name, "--passwords", "-"], more].concat();
        let o = self.ctl(&args, &format!("{}\n{}\n", PASSWORDS.0, PASSWORDS.1));
        assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    }

    /// One of net-snmp's tools; what it prints, errors as well.
    fn tool(&self, tool: &str, who: &str, rest: &str) -> (bool, String) {
        // Debian ships no MIBs of the IETF: names are of our own, others are numbers.
        let mibs = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../mgmt/mibs:",
            env!("CARGO_MANIFEST_DIR"),
            "/../mgmt/tests/data/mibs"
        );
        let home = self.rig.folder.0.display();
        let common = format!("-M {mibs} -m SLUICE-MIB -r 1 -t 3");
        let o = run(&format!(
            "SNMP_PERSISTENT_DIR={home}/net-snmp SNMPCONFPATH={home} ip netns exec {} {tool} {common} {who} 127.0.0.1 {rest} 2>&1",
            self.rig.net.r
        ));
        let said = String::from_utf8_lossy(&o.stdout).into_owned();
        let said: Vec<&str> = said.lines().filter(|l| !l.starts_with("Created directory")).collect();
        (o.status.success(), said.join("\n"))
    }

    fn user(name: &str) -> String {
        let (digest, cipher) = if name == "ro" { ("SHA-512", "AES-256") } else { ("SHA-256", "AES") };
        format!("-v3 -l authPriv -u {name} -a {digest} -A {} -x {cipher} -X {}", PASSWORDS.0, PASSWORDS.1)
    }

    fn get(&self, what: &str) -> String {
        let (ok, said) = self.tool("snmpget -Oqv", &Managed::user("ro"), what);
        assert!(ok, "{said}");
        said.trim().trim_end_matches(" packets").trim_matches('"').to_string()
    }

    fn set(&self, who: &str, what: &str) -> (bool, String) {
        self.tool("snmpset", &Managed::user(who), what)
    }

    fn rule(&self, name: &str) -> Value {
        let rules = self.rig.ems.get("/v1/agent/rules").is(200).json();
        rules.as_array().expect("rules").iter().find(|r| r["name"] == name).cloned().unwrap_or_default()
    }

    fn revision(&self) -> u64 {
        let functions = self.rig.ems.get("/v1/functions").is(200).json();
        functions[0]["revision"].as_u64().expect("a number")
    }

    /// What the structural agent is configured with.
    fn configuration(&self) -> String {
        self.rig.ems.get("/v1/functions/agent").is(200).body
    }

    /// Packets that came to the end of path 12.
    fn around(&self) -> u64 {
        let paths = self.rig.ems.get("/v1/agent/paths").is(200).json();
        paths[2]["packets"][0].as_u64().expect("a count")
    }
}

#[test]
fn a_rule_that_snmpset_moves_changes_where_packets_go_and_rest_shows_the_same() {
    let Some(m) = Managed::start("snmp-moves", "") else { return };
    assert_eq!(m.get(SYS_CONTACT), "noc@example.net");
    let walked = m.tool("snmpwalk", &Managed::user("ro"), "SLUICE-MIB::sluiceRuleTable").1;
    assert!(walked.contains("sluiceRulePath.\"there\" = Gauge32: 10"), "{walked}");
    let (mut traffic, before) = (m.rig.traffic(3), m.around());
    assert_eq!(before, 0);
    let (ok, said) = m.set("op", &format!("'{RULE_PATH}.\"there\"' u 12"));
    assert!(ok, "{said}");
    wait(Duration::from_secs(5), "packets on the other path", || m.around() > 10);
    assert!(traffic.flows());
    traffic.arrived();
    assert_eq!(m.rule("there")["path"], 12);
    assert_eq!(m.revision(), 2);
    let audit = m.rig.ems.get("/v1/audit").is(200).json();
    let last = audit.as_array().and_then(|a| a.last()).expect("an entry");
    assert_eq!((last["actor"].as_str(), last["client"].as_str()), (Some("snmp/op"), Some("127.0.0.1")), "{last}");
    // And back by REST: SNMP shows it at once.
    let rules = json!([{ "name": "there", "from": "A", "path": 10 }, { "name": "back", "from": "B", "path": 11 }]);
    m.rig.ems.put_json("/v1/agent/rules", &rules.to_string()).is(200);
    assert_eq!(m.get(&format!("'{RULE_PATH}.\"there\"'")), "10");
    // The same numbers on both sides.
    let matched = m.get("'SLUICE-MIB::sluiceRuleMatched.\"there\"'").parse::<u64>().expect("a number");
    assert!(matched > 100 && matched <= m.rule("there")["matched"].as_u64().expect("a count"), "{matched}");
    let name = m.get(IF_NAME);
    let ports = m.rig.ems.get("/v1/ports").is(200).json();
    assert!(ports.as_array().expect("ports").iter().any(|p| p["name"] == name.as_str()), "{name} {ports}");
    m.rig.shut_down(m.sluice);
}

#[test]
fn rows_are_made_and_taken_out_and_one_that_is_wrong_changes_nothing() {
    let Some(m) = Managed::start("snmp-rows", "") else { return };
    let column = |column: &str, row: &str| format!("'SLUICE-MIB::sluice{column}.{row}'");
    let of_rule = |name: &str| column(name, "\"web\"");
    let row = format!(
        "{} i createAndGo {} u 1 {} s 'tcp dst port 80' {} u 12",
        of_rule("RuleRowStatus"),
        of_rule("RulePosition"),
        of_rule("RulePackets"),
        of_rule("RulePath")
    );
    let before = m.configuration();
    for (more, why) in [
        (format!("{} u 99999999", column("RulePath", "\"there\"")), "wrongValue"),
        (format!("{} i createAndWait", column("RuleRowStatus", "\"other\"")), "wrongValue"),
        (format!("{} u 77", column("RulePath", "\"there\"")), "inconsistentValue"), // there is no such path
        (format!("{} u 5", column("RulePath", "\"nobody\"")), "noCreation|inconsistentName"),
        (format!("{SYS_NAME} s x"), "noAccess"),
    ] {
        let (ok, said) = m.set("op", &format!("{row} {more}"));
        assert!(!ok && why.split('|').any(|why| said.contains(why)), "{more}: {said}");
        assert_eq!(m.configuration(), before, "{more}");
    }
    assert_eq!(m.revision(), 1);
    let (ok, said) = m.set("op", &row);
    assert!(ok, "{said}");
    assert_eq!(m.rule("web")["packets"], "tcp dst port 80");
    let first = &m.rig.ems.get("/v1/agent/rules").is(200).json()[0];
    assert_eq!(first["name"], "web");
    // A path with a hop, and both away again.
    let path = format!(
        "{} i createAndGo {} s B {} i createAndGo {} s count",
        column("PathRowStatus", "20"),
        column("PathToPort", "20"),
        column("NextHopRowStatus", "20.255.1"),
        column("NextHopFunction", "20.255.1")
    );
    let (ok, said) = m.set("op", &path);
    assert!(ok, "{said}");
    let paths = m.rig.ems.get("/v1/agent/paths").is(200).json();
    assert_eq!(paths[3]["hops"][0]["function"], "count", "{paths}");
    let away = format!("{} i destroy {} i destroy", column("PathRowStatus", "20"), of_rule("RuleRowStatus"));
    let (ok, said) = m.set("op", &away);
    assert!(ok, "{said}");
    assert_eq!(m.rig.ems.get("/v1/agent/paths").is(200).json().as_array().map(Vec::len), Some(3));
    assert!(m.rule("web").is_null());
    assert_eq!(m.revision(), 4);
    m.rig.shut_down(m.sluice);
}

#[test]
fn whoever_is_not_who_it_says_or_may_not_is_refused_and_counted() {
    let Some(m) = Managed::start("snmp-refused", "") else { return };
    let (ok, said) = m.tool("snmpget", "-v2c -c public", SYS_DESCR);
    assert!(!ok && said.contains("Timeout"), "{said}");
    let (ok, said) = m.set("ro", &format!("'{RULE_PATH}.\"there\"' u 12"));
    assert!(!ok && said.contains("authorizationError"), "{said}");
    let count = |counter: u32| m.get(&format!("{USM_STATS}.{counter}.0")).parse::<u64>().expect("a number");
    let wrong = |who: String, why: &str, counter: u32| {
        let before = count(counter);
        let (ok, said) = m.tool("snmpget", &who, SYS_DESCR);
        assert!(!ok && said.contains(why), "{who}: {said}");
        assert!(count(counter) > before, "{counter}");
    };
    let op = Managed::user("op");
    wrong(op.replace("-u op", "-u nobody"), "Unknown user name", 3);
    wrong(op.replace(PASSWORDS.0, "another-password"), "Authentication failure", 5);
    wrong(format!("{op} -Z 1,90000"), "Timeout", 2);
    wrong(format!("{op} -e 0x8000000001020304"), "Unknown engine ID", 4);
    let (ok, said) = m.tool("snmpget", &format!("{op} -n elsewhere"), SYS_DESCR);
    assert!(!ok, "{said}");
    // Less protection than its group asks for.
    let (ok, said) = m.tool("snmpget", &op.replace("authPriv", "authNoPriv"), SYS_DESCR);
    assert!(!ok && said.contains("authorizationError"), "{said}");
    assert_eq!(m.rule("there")["path"], 10);
    // Other keys count at once, and nothing of the old ones is left; passwords are in no file and no log.
    let o = m.ctl(&["snmp-user", "rotate", "op", "--passwords", "-"], "something-else-1\nsomething-else-2\n");
    assert!(o.status.success());
    assert!(!m.tool("snmpget", &op, SYS_DESCR).0);
    let new = op.replace(PASSWORDS.0, "something-else-1").replace(PASSWORDS.1, "something-else-2");
    let (ok, said) = m.tool("snmpget", &new, SYS_DESCR);
    assert!(ok, "{said}");
    let listed = String::from_utf8_lossy(&m.ctl(&["snmp-user", "list"], "").stdout).into_owned();
    assert!(listed.contains("SHA-512") && listed.contains("operator"), "{listed}");
    let file = fs::read_to_string(m.rig.folder.file("ems/snmp-users.toml")).expect("users");
    let log = m.rig.ems.get("/v1/log").is(200).body + &m.rig.ems.get("/v1/audit").is(200).body;
    for secret in [PASSWORDS.0, PASSWORDS.1, "something-else"] {
        assert!(!file.contains(secret) && !log.contains(secret), "{secret}");
    }
    assert!(m.ctl(&["snmp-user", "remove", "op"], "").status.success());
    let (ok, said) = m.tool("snmpget", &new, SYS_DESCR);
    assert!(!ok && said.contains("Unknown user name"), "{said}");
    m.rig.shut_down(m.sluice);
}

#[test]
fn communities_read_when_they_are_switched_on_and_never_write() {
    let Some(m) = Managed::start("snmp-communities", "communities = 'communities.toml'\n") else { return };
    let file = m.rig.folder.file("communities.toml");
    let hash = run("printf %s s3cret | sha256sum | cut -d' ' -f1").stdout;
    let entry = format!("[[community]]\nname = 'noc'\nsha256 = '{}'\n", String::from_utf8_lossy(&hash).trim());
    fs::write(&file, entry).expect("write");
    run(&format!("chmod 600 {}", file.display()));
    for version in ["-v2c", "-v1"] {
        let who = format!("{version} -c s3cret");
        wait(Duration::from_secs(5), "the community", || m.tool("snmpget", &who, SYS_DESCR).0);
        let walked = m.tool("snmpwalk", &who, "1.3.6.1.2.1").1;
        // SNMPv1 has no 64 bit counters, and leaves them out.
        assert_eq!(walked.contains("Counter64"), version == "-v2c", "{walked}");
        assert!(walked.contains("mib-2.2.2.1.2.1 = STRING"), "{walked}");
        let (ok, said) = m.tool("snmpset", &who, &format!("'{RULE_PATH}.\"there\"' u 12"));
        let why = if version == "-v1" { "noSuchName" } else { "noAccess" };
        assert!(!ok && said.contains(why), "{said}");
        assert!(!m.tool("snmpget", &format!("{version} -c public"), SYS_DESCR).0);
    }
    assert_eq!(m.rule("there")["path"], 10);
    assert_eq!(m.get(BAD_COMMUNITY_USES), "2");
    m.rig.shut_down(m.sluice);
}

#[test]
fn snmptrapd_is_told_of_swaps_and_alarms_by_traps_and_informs() {
    let targets = "[[ems.snmp.targets]]\naddress = '127.0.0.1:10162'\nuser = 'trapper'\n\
                   [[ems.snmp.targets]]\naddress = '127.0.0.1:11162'\nuser = 'informer'\ninform = true\n";
    let Some(m) = Managed::start("snmp-told", targets) else { return };
    m.create("trapper", &[]);
    m.create("informer", &["--engine", RECEIVER]);
    let engine = fs::read_to_string(m.rig.folder.file("ems/snmp-engine.toml")).expect("the engine");
    let engine = engine.split('"').nth(1).expect("its identifier");
    let receiver = |name: &str, port: u16, user: &str, of: &str| {
        let folder = m.rig.folder.file(name);
        fs::create_dir_all(&folder).expect("folder");
        let file = folder.join("snmptrapd.conf");
        let keys = format!("SHA-256 {} AES {}", PASSWORDS.0, PASSWORDS.1);
        fs::write(&file, format!("engineID receiver\ncreateUser {of}{user} {keys}\nauthUser log {user} priv\n"))
            .expect("write");
        let args = format!("-f -Lo -C -c {} -n -On 127.0.0.1:{port}", file.display());
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &m.rig.net.r, "snmptrapd"]).args(args.split(' '));
        command.env("SNMP_PERSISTENT_DIR", &folder).env("MIBS", "");
        let running = Running::start(command, Stdio::null());
        let listening = || run(&format!("ip netns exec {} ss -lun", m.rig.net.r));
        wait(Duration::from_secs(5), "snmptrapd", || {
            String::from_utf8_lossy(&listening().stdout).contains(&format!(":{port}"))
        });
        running
    };
    let traps = receiver("traps", 10162, "trapper", &format!("-e 0x{engine} "));
    let informs = receiver("informs", 11162, "informer", "");
    assert!(m.set("op", &format!("'{RULE_PATH}.\"there\"' u 12")).0);
    must(&format!("ip -n {} link set left down", m.rig.net.r));
    // snmpTrapOID of a swap, of an alarm, and of IF-MIB's linkDown.
    let told = [".1.3.6.1.4.1.32473.1.1.0.4", ".1.3.6.1.4.1.32473.1.1.0.2", ".1.3.6.1.6.3.1.1.5.3"];
    for receiver in [&traps, &informs] {
        for what in told {
            let there = || receiver.printed().contains(&format!(".1.3.6.1.6.3.1.1.4.1.0 = OID: {what}"));
            wait(Duration::from_secs(20), what, there);
        }
        assert!(receiver.printed().contains("snmp/op"), "{}", receiver.printed());
    }
    must(&format!("ip -n {} link set left up", m.rig.net.r));
    m.rig.ems.post("/v1/system/shutdown", "").is(202);
    assert!(m.sluice.wait().0);
}
