//! What is told by itself, what waits, and what ends the flow of packets on purpose: over a real socket, around traffic of
//! which nothing is lost.
use crate::callback::Subscriber;
use crate::client::Got;
use crate::common::{Running, wait};
use crate::rig::{ID, Rig};
use crate::rows::sol;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::time::Duration;

const WIRE: &str = "FromDevice($A, PROMISC true) -> in :: Counter -> q :: Queue -> ToDevice($B);\n\
                    FromDevice($B, PROMISC true) -> q2 :: Queue -> ToDevice($A);\n";
const SOON: Duration = Duration::from_secs(10);

/// The wire with one more counter.
fn with(name: &str) -> String {
    WIRE.replace("q2 ::", &format!("{name} :: Counter -> q2 ::"))
}

/// Listens to events.
fn listen(rig: &Rig, arguments: &str) -> Running {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {}", rig.ems.curl(&format!("-N --max-time 60 {arguments}"), "/v1/events"))]);
    let events = Running::start(command, Stdio::null());
    wait(SOON, "that somebody listens", || events.printed().contains("retry:"));
    events
}

/// The events of a type that were told so far; each has its number both ways.
fn told(events: &Running, kind: &str) -> Vec<Value> {
    let printed = events.printed();
    let message = |text: &str| {
        let field = |name: &str| text.lines().find_map(|l| Some(l.strip_prefix(name)?.trim().to_string()));
        let data: Value = serde_json::from_str(&field("data:")?).ok()?;
        assert_eq!(field("id:"), Some(data["id"].to_string()), "{text}");
        (field("event:")? == kind).then_some(data)
    };
    printed.split("\n\n").filter_map(message).collect()
}

#[test]
fn events_arrive_and_who_comes_back_gets_what_it_missed_while_traffic_flows() {
    let Some(rig) = Rig::new("events", WIRE, "") else { return };
    let sluice = rig.start_and_settle();
    let mut traffic = rig.traffic(8);
    let first = listen(&rig, "");
    rig.ems.put("/v1/functions/main", &with("c")).is(200);
    wait(SOON, "the swap", || !told(&first, "swap").is_empty());
    let swap = told(&first, "swap")[0].clone();
    let said = (swap["function"].as_str(), swap["revision"].as_u64(), swap["author"].as_str());
    assert_eq!(said, (Some("main"), Some(2), Some("local")), "{swap}");
    drop(first);
    // Nobody listens to this one.
    rig.ems.put("/v1/functions/main", &with("d")).is(200);
    let number = swap["id"].as_u64().expect("a number");
    let second = listen(&rig, &format!("-H 'Last-Event-ID: {number}'"));
    wait(SOON, "what was missed", || !told(&second, "swap").is_empty());
    let missed = told(&second, "swap")[0].clone();
    assert_eq!(missed["revision"], 3, "{missed}");
    assert!(missed["id"].as_u64() > Some(number), "{missed}");
    assert!(!second.printed().contains("event: missed"), "{}", second.printed());
    rig.ems.send("-H 'Last-Event-ID: x'", "/v1/events").is(400);
    assert!(traffic.flows());
    traffic.arrived();
    rig.shut_down(sluice);
}

#[test]
fn a_change_that_waits_is_confirmed_or_taken_back_while_traffic_flows() {
    let Some(rig) = Rig::new("waits", WIRE, "") else { return };
    let sluice = rig.start_and_settle();
    let mut traffic = rig.traffic(5);
    let change = |text: &str| rig.ems.put("/v1/functions/main?confirm-within=600", text).is(200);
    let post = |what: &str| rig.ems.post(&format!("/v1/functions/main/{what}"), "");
    change(&with("c"));
    rig.ems.get("/v1/elements/c").is(200);
    rig.ems.put("/v1/functions/main", &with("d")).is(409);
    post("revert").is(200);
    assert_eq!(rig.function(), WIRE);
    rig.ems.get("/v1/elements/c").is(404);
    post("revert").is(409);
    post("confirm").is(409);
    change(&with("d"));
    post("confirm").is(200);
    post("confirm").is(409);
    post("revert").is(409);
    assert_eq!(rig.function(), with("d"));
    rig.ems.get("/v1/elements/d").is(200);
    // Whoever moves packets meanwhile says so.
    let packets = || rig.ems.get("/v1/workers").is(200).json()[0]["packets"].as_u64().expect("packets");
    let before = packets();
    wait(SOON, "packets of worker 0", || packets() > before);
    assert!(traffic.flows());
    traffic.arrived();
    rig.shut_down(sluice);
}

#[test]
fn a_subscriber_is_notified_of_the_traffic_that_begins() {
    let Some(rig) = Rig::new("subscribed", WIRE, "") else { return };
    let sluice = rig.start_and_settle();
    let namespace = File::open(format!("/run/netns/{}", rig.net.r)).expect("a namespace");
    let subscriber = std::thread::spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("to move there");
        Subscriber::new()
    });
    let subscriber = subscriber.join().expect("a subscriber");
    let uri = subscriber.uri("/ok");
    let ask = |method: &str, path: &str, body: &str| sol(&rig.ems, method, path, "1.4.0", body);
    let subscriptions = "/vnfind/v1/subscriptions";
    let wanted = format!(r#"{{"callbackUri":"{uri}","filter":{{"indicatorIds":["received"]}}}}"#);
    let subscribed = ask("POST", subscriptions, &wanted).is(201);
    assert_eq!(subscriber.next("GET").path, "/ok");
    let id = subscribed.json()["id"].as_str().expect("an id").to_string();
    assert_eq!(subscribed.field("location"), Some(format!("{}{subscriptions}/{id}", rig.ems.url).as_str()));
    assert_eq!(ask("POST", subscriptions, &wanted).status, 303);
    let traffic = rig.traffic(6);
    let notified: Value = loop {
        let call = subscriber.next("POST");
        assert!(call.head.contains("content-type: application/json\n"), "{}", call.head);
        let notified: Value = serde_json::from_str(&call.body).expect("JSON");
        if notified["value"]["packetsPerSecond"].as_f64() > Some(200.0) {
            break notified;
        }
    };
    assert_eq!(notified["notificationType"], "VnfIndicatorValueChangeNotification", "{notified}");
    assert_eq!((&notified["subscriptionId"], &notified["vnfIndicatorId"]), (&id.as_str().into(), &"received".into()));
    assert_eq!(notified["vnfInstanceId"], ID, "{notified}");
    let it = format!("{subscriptions}/{id}");
    ask("GET", &it, "").is(200);
    ask("DELETE", &it, "").is(204);
    ask("GET", &it, "").is(404);
    traffic.arrived();
    rig.shut_down(sluice);
}

/// Whether a packet finds its way through.
fn passes(rig: &Rig) -> bool {
    rig.net.in_a("ping -c 1 -W 1 10.0.1.3").status.success()
}

fn state(rig: &Rig) -> String {
    rig.ems.get("/v1/vnf").is(200).json()["state"].as_str().expect("a state").to_string()
}

#[test]
fn a_vnf_that_was_stopped_runs_again_and_loses_nothing_from_then_on() {
    let Some(rig) = Rig::new("stopped", WIRE, "") else { return };
    let sluice = rig.start_and_settle();
    let set = |state: &str| rig.ems.put_json("/v1/vnf/state", &format!(r#"{{"state":"{state}"}}"#)).is(200);
    rig.traffic(2).arrived();
    assert_eq!(set("stopped").json()["state"], "stopped");
    assert!(!passes(&rig));
    assert!(rig.ready(), "it is stopped on purpose");
    assert_eq!(set("running").json()["state"], "running");
    rig.settle();
    rig.traffic(2).arrived();
    rig.shut_down(sluice);
}

#[test]
fn a_manager_drains_quiesces_and_resumes_the_vnf() {
    let Some(rig) = Rig::new("coordinated", WIRE, "") else { return };
    let sluice = rig.start_and_settle();
    let begin = |action: &str| -> Got {
        let ask = format!(
            r#"{{"vnfInstanceId":"{ID}","vnfLcmOpOccId":"1","lcmOperationType":"OPERATE","coordinationActionName":"{action}","_links":{{"vnfLcmOpOcc":{{"href":"http://localhost/1"}},"vnfInstance":{{"href":"http://localhost/2"}}}}}}"#
        );
        sol(&rig.ems, "POST", "/lcmcoord/v1/coordinations", "1.0.0", &ask)
    };
    let ended = |got: Got| {
        let got = got.is(201);
        assert_eq!(got.json()["coordinationResult"], "CONTINUE", "{}", got.body);
    };
    rig.traffic(2).arrived();
    // The entrances are closed, and nothing is inside.
    let begun = begin("drain").is(202);
    assert!(begun.field("retry-after").is_some(), "{}", begun.head);
    let there = begun.field("location").and_then(|l| l.strip_prefix(&rig.ems.url)).expect("a location").to_string();
    let look = || sol(&rig.ems, "GET", &there, "1.0.0", "");
    wait(SOON, "the drain", || look().status != 202);
    let drained = look().is(200).json();
    assert_eq!((&drained["coordinationResult"], &drained["outputParams"]["held"]), (&"CONTINUE".into(), &0.into()));
    assert_eq!(drained["outputParams"]["closed"].as_array().map(Vec::len), Some(2), "{drained}");
    assert_eq!(state(&rig), "running");
    assert!(!passes(&rig));
    sol(&rig.ems, "POST", &format!("{there}/cancel"), "1.0.0", "").is(409);
    ended(begin("resume"));
    rig.settle();
    rig.traffic(2).arrived();
    ended(begin("quiesce"));
    assert_eq!(state(&rig), "stopped");
    assert!(!passes(&rig));
    ended(begin("resume"));
    assert_eq!(state(&rig), "running");
    rig.settle();
    rig.traffic(2).arrived();
    begin("dance").is(403);
    rig.shut_down(sluice);
}

#[test]
fn a_reboot_begins_again_with_the_same_function() {
    let Some(rig) = Rig::new("reboot", WIRE, "") else { return };
    let sluice = rig.start_and_settle();
    rig.ems.put("/v1/functions/main", &with("c")).is(200);
    let started = || {
        let got = rig.ems.get("/v1/vnf");
        (got.status == 200).then(|| got.json()["started"].to_string())
    };
    let before = started();
    rig.ems.post("/v1/system/reboot", "").is(202);
    wait(SOON, "the next life", || started().is_some_and(|s| Some(s) != before));
    rig.settle();
    assert_eq!(rig.function(), with("c"));
    assert_eq!(rig.ems.get("/v1/vnf").is(200).json()["revisions"]["main"], 2);
    rig.traffic(2).arrived();
    rig.shut_down(sluice);
}
