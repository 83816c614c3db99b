//! Subscriptions to indicators, and what subscribers are told; some of them hang, fail, or want to know who calls.
#![allow(clippy::unwrap_used)] // helpers of tests, too
mod callback;
#[allow(missing_docs)]
mod fake;
mod schemas;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use callback::Subscriber;
use fake::{Got, Rig};
use serde_json::{Value, json};
use sluice_mgmt::clock;
use sluice_mgmt::journal::Journal;
use sluice_mgmt::sol002::{Settings, callback::Outgoing, subscriptions::MOST};
use sluice_mgmt::tls::client::Trust;
use sluice_mgmt::vnf::{Port, State};
use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls;

const HERE: &str = "/vnfind/v1/subscriptions";
const HEADERS: [&str; 3] = ["version: 1.4.0", "content-type: application/json", "host: vnf.example:8000"];

/// An EMS whose callbacks have so long.
fn rig(within: Duration) -> Rig {
    let rig = Rig::new();
    let outgoing = Outgoing { within, ..Outgoing::default() };
    rig.ems.sol002.subscriptions.open(Settings { folder: None, outgoing }, Arc::new(Journal::default())).unwrap();
    rig
}

fn patient() -> Rig {
    rig(Duration::from_secs(10))
}

async fn subscribe(rig: &Rig, body: &Value) -> Got {
    rig.send("POST", HERE, &HEADERS, &body.to_string()).await
}

async fn subscribed(rig: &Rig, body: &Value) -> String {
    let got = subscribe(rig, body).await;
    assert_eq!(got.status, 201, "{}", got.text());
    got.json()["id"].as_str().unwrap().to_string()
}

async fn get(rig: &Rig, path: &str) -> Got {
    rig.send("GET", path, &HEADERS, "").await
}

/// Waits until the counts of a subscription are so.
fn until(rig: &Rig, id: &str, sent: u64, lost: u64) {
    let end = clock::monotonic() + Duration::from_secs(20);
    loop {
        let counts = rig.ems.sol002.subscriptions.counts(id).unwrap();
        if (counts.sent, counts.lost) == (sent, lost) {
            return;
        }
        assert!(clock::monotonic() < end, "{counts:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_subscription_is_created_after_its_callback_answered_and_ends_when_it_is_deleted() {
    let (rig, subscriber) = (patient(), Subscriber::new());
    let body = json!({"callbackUri": subscriber.uri("/ok"), "filter": {"indicatorIds": ["state"]}});
    let made = subscribe(&rig, &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(subscriber.next("GET").path, "/ok");
    schemas::fits(&schemas::subscription(), &made.json());
    assert_eq!(made.json()["callbackUri"], body["callbackUri"]);
    assert_eq!(made.json()["filter"], body["filter"]);
    let location = made.header("location");
    assert_eq!(location, made.json()["_links"]["self"]["href"]);
    let path = location.strip_prefix("http://vnf.example:8000").unwrap();
    assert_eq!(get(&rig, path).await.json(), made.json());
    let again = subscribe(&rig, &body).await;
    assert_eq!((again.status.as_u16(), again.header("location"), again.text().as_str()), (303, location, ""));
    let list = get(&rig, &format!("{HERE}?callbackUri={}", subscriber.uri("/ok"))).await;
    schemas::fits(&schemas::list_of(schemas::subscription()), &list.json());
    assert_eq!(list.json(), json!([made.json()]));
    assert_eq!(get(&rig, &format!("{HERE}?callback=x")).await.status, 400);
    assert_eq!(get(&rig, &format!("{HERE}?callbackUri=http://127.0.0.1/other")).await.json(), json!([]));
    let gone = rig.send("DELETE", path, &HEADERS, "").await;
    assert_eq!((gone.status.as_u16(), gone.text().as_str()), (204, ""));
    for method in ["GET", "DELETE"] {
        let none = rig.send(method, path, &HEADERS, "").await;
        assert_eq!(none.status, 404);
        schemas::fits(&schemas::problem(), &none.json());
    }
}

#[tokio::test]
async fn a_callback_that_fails_hangs_or_is_not_there_is_422() {
    let (rig, subscriber) = (rig(Duration::from_millis(300)), Subscriber::new());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for uri in [subscriber.uri("/fail"), subscriber.uri("/hang"), format!("http://{closed}/")] {
        let got = subscribe(&rig, &json!({"callbackUri": uri})).await;
        assert_eq!(got.status, 422, "{uri}: {}", got.text());
        schemas::fits(&schemas::problem(), &got.json());
    }
    for uri in ["ftp://127.0.0.1/", "/path", "http://user:pass@127.0.0.1/", "file:///etc/passwd", "http://"] {
        assert_eq!(subscribe(&rig, &json!({"callbackUri": uri})).await.status, 422, "{uri}");
    }
    for body in [json!({}), json!({"callbackUri": 7}), json!({"callbackUri": "http://x/", "filter": {"wrong": 1}})] {
        assert_eq!(subscribe(&rig, &body).await.status, 400, "{body}");
    }
    let of_vnfd =
        json!({"callbackUri": subscriber.uri("/ok"), "filter": {"vnfInstanceSubscriptionFilter": {"vnfdIds": ["x"]}}});
    assert_eq!(subscribe(&rig, &of_vnfd).await.status, 422);
    assert_eq!(get(&rig, HERE).await.json(), json!([]));
}

#[tokio::test]
async fn subscribers_are_told_of_values_and_of_other_indicators() {
    let (rig, subscriber) = (patient(), Subscriber::new());
    let id = subscribed(&rig, &json!({"callbackUri": subscriber.uri("/ok")})).await;
    rig.ems.tick();
    rig.vnf.set_status(State::Stopped, "done");
    rig.ems.tick();
    let call = subscriber.next("POST");
    assert!(call.head.contains("content-type: application/json\n"), "{}", call.head);
    assert!(call.head.contains("version: 1.4.0\n"), "{}", call.head);
    let told: Value = serde_json::from_str(&call.body).unwrap();
    schemas::fits(&schemas::value_change(), &told);
    assert_eq!((&told["vnfIndicatorId"], &told["value"]["state"]), (&json!("state"), &json!("stopped")));
    assert_eq!(told["subscriptionId"], id);
    assert_eq!(told["_links"]["subscription"]["href"], format!("http://vnf.example:8000{HERE}/{id}"));
    rig.vnf.0.lock().unwrap().snapshot.ports = vec![Port { name: "eth1".into(), ..Port::default() }];
    rig.ems.tick();
    let told: Value = serde_json::from_str(&subscriber.next("POST").body).unwrap();
    schemas::fits(&schemas::set_change(), &told);
    assert!(told["supportedIndicators"].as_array().unwrap().iter().any(|i| i["vnfIndicatorId"] == "link-eth1"));
    rig.ems.tick();
    until(&rig, &id, 2, 0);
    assert!(subscriber.so_far("POST").is_empty());
}

#[tokio::test]
async fn a_filter_lets_through_only_what_it_names() {
    let (rig, subscriber) = (patient(), Subscriber::new());
    let instance = rig.ems.identity.id.clone();
    let filters = [
        json!({"indicatorIds": ["memory"]}),
        json!({"notificationTypes": ["SupportedIndicatorsChangeNotification"]}),
        json!({"vnfInstanceSubscriptionFilter": {"vnfInstanceIds": ["other"]}}),
        json!({"vnfInstanceSubscriptionFilter": {"vnfInstanceNames": ["other"]}}),
        json!({"vnfInstanceSubscriptionFilter": {"vnfProductsFromProviders": [{"vnfProvider": "other"}]}}),
        json!({"notificationTypes": ["VnfIndicatorValueChangeNotification"], "indicatorIds": ["x", "state"],
            "vnfInstanceSubscriptionFilter": {"vnfInstanceIds": [instance], "vnfProductsFromProviders": [{"vnfProvider": ""}]}}),
    ];
    let mut ids = Vec::new();
    for (n, filter) in filters.iter().enumerate() {
        ids.push(subscribed(&rig, &json!({"callbackUri": subscriber.uri(&format!("/ok{n}")), "filter": filter})).await);
    }
    rig.ems.tick();
    rig.vnf.set_status(State::Stopped, "done");
    rig.ems.tick();
    assert_eq!(subscriber.next("POST").path, "/ok5");
    until(&rig, &ids[5], 1, 0);
    assert!(subscriber.so_far("POST").is_empty());
}

#[tokio::test]
async fn a_subscriber_that_hangs_keeps_nobody_waiting_and_loses_its_oldest() {
    let (rig, subscriber) = (patient(), Subscriber::new());
    let deaf = subscribed(&rig, &json!({"callbackUri": subscriber.uri("/deaf")})).await;
    let other = Subscriber::new();
    let well = subscribed(&rig, &json!({"callbackUri": other.uri("/ok")})).await;
    rig.ems.tick();
    for n in 0..70 {
        rig.vnf.set_status(if n % 2 == 0 { State::Stopped } else { State::Running }, "done");
        rig.ems.tick();
        assert_eq!(other.next("POST").path, "/ok");
    }
    until(&rig, &well, 70, 0);
    // One is on its way, 64 wait.
    until(&rig, &deaf, 0, 5);
    assert_eq!(rig.send("DELETE", &format!("{HERE}/{deaf}"), &HEADERS, "").await.status, 204);
}

#[tokio::test]
async fn a_notification_is_tried_again_unless_it_is_refused() {
    let (rig, subscriber) = (patient(), Subscriber::new());
    let flaky = subscribed(&rig, &json!({"callbackUri": subscriber.uri("/flaky")})).await;
    let gone = subscribed(&rig, &json!({"callbackUri": subscriber.uri("/gone")})).await;
    rig.ems.tick();
    rig.vnf.set_status(State::Stopped, "done");
    rig.ems.tick();
    until(&rig, &flaky, 1, 0);
    until(&rig, &gone, 0, 1);
    let calls = subscriber.so_far("POST");
    let of = |path: &str| calls.iter().filter(|c| c.path == path).map(|c| c.body.clone()).collect::<Vec<_>>();
    assert_eq!((of("/flaky").len(), of("/gone").len()), (2, 1));
    assert_eq!(of("/flaky")[0], of("/flaky")[1]);
}

#[tokio::test]
async fn the_ems_proves_who_it_is_and_shows_no_secret() {
    let (rig, subscriber) = (patient(), Subscriber::new());
    let basic = json!({"authType": ["BASIC"], "paramsBasic": {"userName": "user", "password": "pass"}});
    let wrong = json!({"authType": ["BASIC"], "paramsBasic": {"userName": "user", "password": "other"}});
    let oauth2 = json!({"authType": ["TLS_CERT", "OAUTH2_CLIENT_CREDENTIALS"], "paramsOauth2ClientCredentials":
        {"clientId": "client", "clientPassword": "pass", "tokenEndpoint": subscriber.uri("/token")}});
    let none = json!({"authType": ["TLS_CERT"]});
    let at = |path: &str, a: &Value| json!({"callbackUri": subscriber.uri(path), "authentication": a});
    assert_eq!(subscribe(&rig, &json!({"callbackUri": subscriber.uri("/basic")})).await.status, 422);
    assert_eq!(subscribe(&rig, &at("/basic", &wrong)).await.status, 422);
    assert_eq!(subscribe(&rig, &at("/ok", &none)).await.status, 422);
    let ids = [subscribed(&rig, &at("/basic", &basic)).await, subscribed(&rig, &at("/bearer", &oauth2)).await];
    rig.ems.tick();
    rig.vnf.set_status(State::Stopped, "done");
    rig.ems.tick();
    // The second one's first token does not hold any more: it fetches another.
    ids.iter().for_each(|id| until(&rig, id, 1, 0));
    let shown = get(&rig, HERE).await.text();
    assert!(!shown.contains("pass") && !shown.contains("user"), "{shown}");
    let log: Vec<String> = rig.ems.journal.lines(0, usize::MAX).into_iter().map(|l| l.text).collect();
    assert!(log.iter().any(|l| l.contains("subscribe http")) && log.iter().all(|l| !l.contains("pass")), "{log:?}");
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sluice-sol002-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn kept_in(folder: &std::path::Path) -> (Rig, std::io::Result<usize>) {
    let rig = Rig::new();
    let settings = Settings { folder: Some(folder.into()), outgoing: Outgoing::default() };
    let opened = rig.ems.sol002.subscriptions.open(settings, rig.ems.journal.clone());
    (rig, opened)
}

#[tokio::test]
async fn subscriptions_outlive_the_process_in_a_file_that_only_its_owner_reads() {
    let (folder, subscriber) = (folder("kept"), Subscriber::new());
    let (rig, opened) = kept_in(&folder);
    assert_eq!(opened.unwrap(), 0);
    let basic = json!({"authType": ["BASIC"], "paramsBasic": {"userName": "user", "password": "pass"}});
    let id = subscribed(&rig, &json!({"callbackUri": subscriber.uri("/basic"), "authentication": basic})).await;
    let file = folder.join("subscriptions.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (rig, opened) = kept_in(&folder);
    assert_eq!(opened.unwrap(), 1);
    rig.ems.tick();
    rig.vnf.set_status(State::Stopped, "done");
    rig.ems.tick();
    until(&rig, &id, 1, 0);
    assert_eq!(rig.send("DELETE", &format!("{HERE}/{id}"), &HEADERS, "").await.status, 204);
    assert_eq!(kept_in(&folder).1.unwrap(), 0);
    std::fs::write(&file, "{").unwrap();
    let (rig, opened) = kept_in(&folder);
    assert!(opened.is_err() && folder.join("subscriptions.json.bad").exists());
    subscribed(&rig, &json!({"callbackUri": subscriber.uri("/ok")})).await;
    assert_eq!(kept_in(&folder).1.unwrap(), 1);
    // A folder that cannot be written: nothing is promised.
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "a file").unwrap();
    let got = subscribe(&rig, &json!({"callbackUri": subscriber.uri("/ok2")})).await;
    assert_eq!(got.status, 507, "{}", got.text());
    assert_eq!(get(&rig, HERE).await.json().as_array().unwrap().len(), 1);
    std::fs::remove_file(&folder).unwrap();
}

#[tokio::test]
async fn there_are_no_more_subscriptions_than_can_be_served() {
    let (rig, subscriber) = (patient(), Subscriber::new());
    for n in 0..MOST {
        subscribed(&rig, &json!({"callbackUri": subscriber.uri(&format!("/ok{n}"))})).await;
    }
    let full = subscribe(&rig, &json!({"callbackUri": subscriber.uri("/ok")})).await;
    assert_eq!((full.status.as_u16(), full.header("retry-after").is_empty()), (503, false));
    assert_eq!(subscribe(&rig, &json!({"callbackUri": subscriber.uri("/ok0")})).await.status, 303);
}

#[tokio::test]
async fn with_tls_cert_the_callback_sees_the_certificate_of_the_ems() {
    let server = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_string()]).unwrap();
    let client = rcgen::generate_simple_self_signed(vec!["ems".to_string()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(client.cert.der().clone()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let key = rustls::pki_types::PrivateKeyDer::try_from(server.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server.cert.der().clone()], key)
        .unwrap();
    let (to, certificates) = std::sync::mpsc::channel();
    let uri = listen(config, move |session| {
        let _ = to.send(session.peer_certificates().map(|c| c[0].as_ref().to_vec()));
    });
    let key = BASE64_STANDARD.encode(client.signing_key.serialize_der());
    let key = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
    let key = ureq::tls::PrivateKey::from_pem(key.as_bytes()).unwrap();
    let certificate = |der: &[u8]| ureq::tls::Certificate::from_der(der).to_owned();
    let trust = Trust {
        certificate: Some(ureq::tls::ClientCert::new_with_certs(&[certificate(client.cert.der())], key)),
        authorities: vec![certificate(server.cert.der())],
        ..Trust::default()
    };
    let outgoing = Outgoing { trust, ..Outgoing::default() };
    let rig = Rig::new();
    rig.ems.sol002.subscriptions.open(Settings { folder: None, outgoing }, rig.ems.journal.clone()).unwrap();
    subscribed(&rig, &json!({"callbackUri": uri, "authentication": {"authType": ["TLS_CERT"]}})).await;
    let seen = certificates.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(seen.as_deref(), Some(client.cert.der().as_ref()));
    // Without it the server does not talk to us.
    let got = subscribe(&rig, &json!({"callbackUri": format!("{uri}other")})).await;
    assert_eq!(got.status, 422, "{}", got.text());
}

#[tokio::test]
async fn an_https_callback_takes_authorities_and_the_systems_do_if_none_are_named() {
    let server = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_string()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(server.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![server.cert.der().clone()], key)
        .unwrap();
    let uri = listen(config, |_| {});
    let file = std::env::temp_dir().join(format!("sluice-authorities-{}.pem", std::process::id()));
    let trusting = |pem: Option<String>| {
        match pem {
            Some(pem) => std::fs::write(&file, pem).unwrap(),
            None => drop(std::fs::remove_file(&file)),
        }
        let rig = Rig::new();
        let outgoing = Outgoing { trust: Trust { bundle: file.clone(), ..Trust::default() }, ..Outgoing::default() };
        rig.ems.sol002.subscriptions.open(Settings { folder: None, outgoing }, rig.ems.journal.clone()).unwrap();
        rig
    };
    let body = json!({"callbackUri": uri});
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_string()]).unwrap();
    for (pem, says) in [
        (None, "knows no authorities"),
        (Some("nothing".to_string()), "no certificate in it"),
        (Some(other.cert.pem()), "the callback's test failed"),
    ] {
        let got = subscribe(&trusting(pem), &body).await;
        assert_eq!(got.status, 422);
        assert!(got.json()["detail"].as_str().unwrap().contains(says), "{}", got.text());
    }
    subscribed(&trusting(Some(server.cert.pem())), &body).await;
    // Without TLS nobody has to vouch.
    subscribed(&trusting(None), &json!({"callbackUri": Subscriber::new().uri("/ok")})).await;
}

/// A callback behind TLS that answers 204 to all. Where it is.
fn listen(config: rustls::ServerConfig, seen: impl Fn(&rustls::ServerConnection) + Send + 'static) -> String {
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let uri = format!("https://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let session = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(rustls::StreamOwned::new(session, socket));
            while callback::read(&mut stream).is_some() {
                seen(&stream.get_ref().conn);
                let _ = stream.get_mut().write_all(b"HTTP/1.1 204 X\r\n\r\n");
            }
        }
    });
    uri
}
