use super::*;
use proptest::prelude::*;

fn root(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = std::env::temp_dir().join(format!("sluice-config-{}-{name}", std::process::id()));
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn whoever_says_it_first_is_heard_and_it_is_known_who_that_was() {
    let fw_cfg = "sys/firmware/qemu_fw_cfg/by_name/opt/org.sluice";
    let root = root(
        "first",
        &[
            (&format!("{fw_cfg}/tokens.toml/raw"), "from fw_cfg"),
            (&format!("{fw_cfg}/files/list.txt/raw"), "a list"),
            ("proc/cmdline", "quiet sluice.function=bridge sluice.name=line sluice.slot=b sluice.trial=1\n"),
            ("etc/sluice/tokens.toml", "from the image"),
            ("etc/sluice/function.click", "Idle -> Discard;"),
            ("etc/sluice/vnf.toml", "[vnf]\n"),
            ("etc/sluice/strange", "?"),
        ],
    );
    let config = gather(&Sources { root: root.clone() });
    fs::remove_dir_all(root).unwrap();
    let file =
        |name: &str| (String::from_utf8_lossy(&config.files[name].value).into_owned(), config.files[name].from.clone());
    assert_eq!(file("tokens.toml"), ("from fw_cfg".into(), "fw_cfg".into()));
    assert_eq!(file("files/list.txt").0, "a list");
    assert_eq!(file("vnf.toml").1, "image");
    assert_eq!(
        config.function,
        Some(Given { value: Function::Named("bridge".into()), from: "kernel command line".into() })
    );
    assert_eq!((config.slot, config.trial), (Some('b'), true));
    assert!(config.problems.iter().any(|p| p.object == "strange"), "{:?}", config.problems);
    let settings = config.settings();
    assert!(settings.iter().any(|s| (s.name.as_str(), s.value.as_str()) == ("tokens.toml", "")), "{settings:?}");
    assert!(settings.iter().any(|s| (s.name.as_str(), s.value.as_str()) == ("slot", "b")), "{settings:?}");
}

#[test]
fn a_file_that_is_too_long_is_left_out_and_named() {
    let mut config = Config::default();
    config.file("files/long", vec![0; LONGEST as usize + 1], "seed");
    config.file("files/../etc", Vec::new(), "seed");
    assert!(config.files.is_empty());
    assert_eq!(config.problems.len(), 2);
}

proptest! {
    #[test]
    fn nothing_that_is_said_panics(text in ".{0,300}") {
        let mut config = Config::default();
        words::read(&text, &mut config);
        words::read(&format!("sluice.ip={text} sluice.ports={text} sluice.function=base64:{text}"), &mut config);
        cloud::meta_data(&text, "x", &mut config);
        cloud::user_data(&format!("#cloud-config\n{text}"), "x", &mut config);
        network::read(&text, "x", &mut config);
        let _ = config.settings();
    }
}
