//! Rules and routes that change while packets run: what survives, what is refused, what is taken
//! back.
mod common;

use common::Bench;

const ROUTES: &str =
    "InfiniteSource(ACTIVE false) -> r :: RadixIPLookup(10.0.0.0/8 0, 0/0 10.0.0.1 1) -> Discard; r[1] -> Discard;";

#[test]
fn a_group_of_route_changes_is_made_whole_or_not_at_all() {
    let mut b = Bench::new(ROUTES, 8);
    let before = b.read("r.table").expect("table");
    let wrong = [
        ("add 11/8 1\nset 10/8 1.1.1.1 1\nremove 0/0\nadd 11/8 0", "conflict with existing route '11.0.0.0/8 - 1'"),
        ("remove 10/8\nremove 10/8", "route '10.0.0.0/8 - -1' not found"),
        ("add 11/8 1\n\n// a comment\ndelete 11/8", "bad command 'delete'"),
        ("add 11/8 1\nadd 12/8 2", "bad OUTPUT"),
        ("add 11/8 1\nadd 12/8", "expected 'ADDR/MASK [GATEWAY] OUTPUT'"),
    ];
    for (group, why) in wrong {
        assert_eq!(b.write("r.ctrl", group).expect_err(group).to_string(), why);
        assert_eq!(b.read("r.lookup 11.0.0.1").expect("lookup"), "1 10.0.0.1", "{group}");
        let mut now: Vec<String> = b.read("r.table").expect("table").lines().map(String::from).collect();
        now.sort();
        let mut then: Vec<&str> = before.lines().collect();
        then.sort_unstable();
        assert_eq!(now, then, "{group}");
    }
    b.write("r.ctrl", "add 11/8 1\nset 10/8 1.1.1.1 1\nremove 0/0").expect("good changes");
    assert_eq!(b.read("r.lookup 10.0.0.1").expect("lookup"), "1 1.1.1.1");
    assert_eq!(b.read("r.lookup 12.0.0.1").expect("lookup"), "-1");
    b.write("r.flush", "").expect("flush");
    assert_eq!(b.read("r.table").expect("table"), "");
}

#[test]
fn route_handlers_say_what_is_wrong() {
    let mut b = Bench::new(ROUTES, 8);
    for (handler, value, why) in [
        ("r.add", "10/8 1", "conflict with existing route '10.0.0.0/8 - 0'"),
        ("r.remove", "10/8 1", "route '10.0.0.0/8 - 1' not found"),
        ("r.remove", "0/0 1.1.1.1 1", "route '0.0.0.0/0 1.1.1.1 1' not found"),
        ("r.remove", "nonsense", "expected 'ADDR/MASK [GATEWAY OUTPUT]'"),
        ("r.remove", "10/8 9", "bad OUTPUT"),
        ("r.set", "10/8 -1", "bad OUTPUT"),
    ] {
        assert_eq!(b.write(handler, value).expect_err(value).to_string(), why);
    }
    assert_eq!(b.read("r.lookup x").expect_err("no address").to_string(), "expected IP address");
    let fixed = ROUTES.replace("RadixIPLookup", "StaticIPLookup");
    let mut b = Bench::new(&fixed, 8);
    assert!(b.write("r.add", "11/8 0").is_err(), "a static table has no such handler");
}

#[test]
fn routes_survive_a_swap_unless_the_arguments_change() {
    let mut b = Bench::new(ROUTES, 8);
    b.write("r.add", "11/8 1").expect("add");
    b.load(ROUTES);
    assert_eq!(b.read("r.lookup 11.0.0.1").expect("lookup"), "1");
    b.load(&ROUTES.replace("10.0.0.0/8 0", "10.0.0.0/8 1"));
    assert_eq!(b.read("r.lookup 11.0.0.1").expect("lookup"), "1 10.0.0.1");
}

const RULES: &str = "InfiniteSource(DATA \\<45000014 00000000 40110000 0a000001 0a000002>, LIMIT 10) -> Null -> \
                     f :: IPFilter(allow tcp, deny udp, allow all) -> Discard;";

#[test]
fn rule_counts_survive_while_the_rule_stays_the_same() {
    let mut b = Bench::new(RULES, 8);
    b.engine.run_simulated(1000);
    // No network header annotation: only the last rule matches.
    assert_eq!(b.read("f.rules").expect("rules"), "0\t0\tallow\ttcp\n1\t0\tdeny\tudp\n2\t10\tallow\tall\n");
    b.write("f.config", "deny icmp, allow all, deny udp").expect("new rules");
    assert_eq!(b.read("f.rules").expect("rules"), "0\t0\tdeny\ticmp\n1\t10\tallow\tall\n2\t0\tdeny\tudp\n");
    b.write("f.pattern0", "drop tcp opt syn").expect("one rule");
    assert_eq!(b.read("f.config").expect("config"), "drop tcp opt syn, allow all, deny udp");
    let why = b.write("f.pattern0", "drop tcp opt 300").expect_err("bad rule").to_string();
    assert_eq!(why, "pattern 0: ‘tcp opt’: value 300 out of range");
    assert_eq!(b.read("f.rules").expect("rules"), "0\t0\tdrop\ttcp opt syn\n1\t10\tallow\tall\n2\t0\tdeny\tudp\n");
    b.write("f.reset_counts", "").expect("reset");
    assert_eq!(b.read("f.rules").expect("rules"), "0\t0\tdrop\ttcp opt syn\n1\t0\tallow\tall\n2\t0\tdeny\tudp\n");
}

#[test]
fn names_of_the_configuration_are_known_to_rules_at_run_time() {
    let text = "InfiniteSource(ACTIVE false) -> c :: IPClassifier(dst port www, -); c[0] -> Discard; c[1] -> Discard;";
    let mut b = Bench::new(text, 8);
    b.write("c.pattern0", "dst port ssh or 10.0.0.0/8").expect("a good pattern");
    assert!(b.write("c.pattern0", "dst port gibberish").is_err());
    assert_eq!(b.read("c.pattern0").expect("pattern"), "dst port ssh or 10.0.0.0/8");
}

#[test]
fn what_can_never_happen_is_a_warning() {
    let warnings = |text: &str| {
        let checked = Bench::empty(8, 8).builder.load(text, "config", &[], None).expect("a good configuration");
        checked.warnings.iter().map(|w| w.message.clone()).collect::<Vec<_>>()
    };
    let sorted = |class: &str, patterns: &str| {
        let outs: String = (0..3).map(|i| format!("c[{i}] -> Discard;")).collect();
        warnings(&format!("InfiniteSource(ACTIVE false) -> c :: {class}({patterns}); {outs}"))
    };
    assert_eq!(sorted("Classifier", "1/00, 1/00 2/01, -"), ["output 1 matches no packets"]);
    assert_eq!(
        sorted("IPClassifier", "tcp, src port 1 and src port 2, ip ttl < 900"),
        ["pattern 2: relation ‘< 900’ is always true (range 0-255)", "output 1 matches no packets"]
    );
    assert_eq!(
        sorted("IPFilter", "0 tcp, deny src udp"),
        [
            "pattern 1: meaning of ‘deny’ has changed (now it means ‘drop’)",
            "pattern 1: ‘src proto’: ‘src’ or ‘dst’ ignored"
        ]
    );
    let routes = |other: &str| warnings(&ROUTES.replace("0/0 10.0.0.1 1", other));
    assert_eq!(routes("10.0.0.0/8 1"), ["1 route replaced by later versions"]);
    assert_eq!(routes("12.1.1.1/8 1"), ["route '12.1.1.1/8 1' has host bits, taken as 12.0.0.0"]);
    assert_eq!(
        routes("12.1.1.1/8 1, 13.1.0.0/8 0, 13.2.0.0/15 0, 10.0.0.1/8 1"),
        ["route '12.1.1.1/8 1' has host bits, taken as 12.0.0.0, and 2 more", "1 route replaced by later versions"]
    );
}
