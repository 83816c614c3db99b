use super::*;

fn problems(text: &str) -> Vec<String> {
    let table: toml::Table = toml::from_str(text).unwrap();
    Spec::try_from(table).unwrap_err().0.iter().map(Problem::to_string).collect()
}

#[test]
fn a_command_is_enough() {
    let spec: Spec = toml::from_str("command = ['true']").unwrap();
    assert_eq!(spec.interfaces, ["eth0"]);
    assert_eq!((spec.returns, spec.fail, spec.ready), (true, Fail::Closed, Ready::Socket));
    assert_eq!(spec.stall_after, Some(Duration::from_millis(100)));
    assert_eq!((spec.limits.memory, spec.limits.files, spec.mtu), (None, 1024, 1500));
}

#[test]
fn everything_can_be_said() {
    let spec: Spec = toml::from_str(
        r#"
        command = ["/opt/nf", "--in", "left"]
        interfaces = 2
        names = ["left", "right"]
        addresses = { left = ["10.0.0.1/24", "2001:db8::1/64"] }
        mtu = 2000
        attach = "tap"
        returns = true
        fail = "open"
        stall_after = "250 ms"
        ready = "3 s"
        root = "/srv/nf"
        folder = "/var"
        user = "1000:1000"
        env = { MODE = "fast" }
        stop_within = "5 s"
        [limits]
        memory = "256 MiB"
        cpu = 0.5
        cpu_time = "1 h"
        processes = 16
        files = 64
        [restart]
        first = "1 s"
        longest = "1 min"
        tries = 5
        stalled = "10 s"
        "#,
    )
    .unwrap();
    assert_eq!(spec.interfaces, ["left", "right"]);
    assert_eq!(spec.addresses["left"].len(), 2);
    assert_eq!((spec.attach, spec.fail, spec.ready), (Attach::Tap, Fail::Open, Ready::After(Duration::from_secs(3))));
    assert_eq!((spec.limits.memory, spec.limits.cpu), (Some(256 << 20), Some(0.5)));
    assert_eq!((spec.restart.tries, spec.restart.longest), (5, Duration::from_secs(60)));
}

#[test]
fn all_errors_come_at_once_with_their_keys() {
    let text = r#"
        command = []
        interfaces = 3
        addresses = { eth7 = ["10.0.0.1"] }
        mtu = 9000
        attach = "usb"
        returns = "yes"
        stall_after = "soon"
        ready = 5
        root = "srv"
        shell = true
        [limits]
        memory = "64 quarts"
        cpu = "all"
        disk = 5
        [restart]
        first = "1 h"
        longest = "1 s"
    "#;
    let found = problems(text);
    let keys: Vec<&str> = found.iter().map(|p| p.split(':').next().unwrap()).collect();
    let wanted = [
        "command",
        "attach",
        "interfaces",
        "addresses",
        "addresses",
        "mtu",
        "returns",
        "stall_after",
        "ready",
        "root",
        "shell",
        "limits.memory",
        "limits.cpu",
        "limits.disk",
        "restart.longest",
    ];
    assert_eq!(keys, wanted, "{found:#?}");
    let said = |text: &str| assert!(found.iter().any(|p| p.contains(text)), "{text} in {found:#?}");
    said("attach: unknown variant `usb`");
    said("returns: invalid type: string \"yes\", expected a boolean");
    said("stall_after: a time is wanted");
    said("shell: unknown; there are: command, attach");
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    assert_eq!(problems("command = ['x']\nreturns = false\ninterfaces = 2\nstall_after = '1 s'").len(), 2);
    assert_eq!(problems("command = ['x']\nattach = 'memif'\nroot = '/a'\nuser = 'b'\naddresses = {}\n").len(), 2);
    assert_eq!(problems("command = ['x']\nnames = ['a', 'a']").len(), 1);
    assert_eq!(problems("command = ['x']\ninterfaces = 2\nnames = ['a']").len(), 1);
    for name in ["", "lo", "a/b", "a b", "sixteen-letters-", "ü", ".."] {
        assert_eq!(problems(&format!("command = ['x']\nnames = ['{name}']")).len(), 1, "{name}");
    }
    assert_eq!(problems("command = 'tcpdump -i eth0'").len(), 1);
    assert_eq!(
        problems(""),
        ["command: a list of the program and its arguments is wanted, such as [\"tcpdump\", \"-i\", \"eth0\"]"]
    );
}
