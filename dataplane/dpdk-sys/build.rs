//! Bindings to the DPDK that is installed (22.11 or newer): its own headers say what there is, so they
//! cannot disagree with the library.
use std::env;
use std::path::{Path, PathBuf};

/// Functions and data. An expression each; nothing else becomes Rust.
const FUNCTIONS: &[&str] = &[
    "rte_eal_(init|cleanup|get_runtime_dir)",
    "rte_thread_(register|unregister)",
    "rte_(lcore_count|get_next_lcore|lcore_to_cpu_id)",
    "rte_(strerror|version|openlog_stream|log_set_global_level)",
    "rte_pktmbuf_(pool_create|free)",
    "rte_mempool_(in_use_count|get_bulk|put_bulk)",
    "rte_eth_dev_(get_port_by_name|get_name_by_port|info_get|configure|start|stop|close)",
    "rte_eth_dev_(adjust_nb_rx_tx_desc|set_link_up|set_link_down|set_mtu|get_mtu|socket_id|is_valid_port)",
    "rte_eth_dev_(default_mac_addr_set|rx_intr_ctl_q|rx_intr_enable|rx_intr_disable)|rte_epoll_wait",
    "rte_eth_(rx|tx)_queue_setup",
    "rte_eth_promiscuous_(enable|disable|get)",
    "rte_eth_macaddr_get|rte_eth_link_get_nowait|rte_eth_stats_(get|reset)|rte_eth_xstats_(get|get_names|reset)",
    "rte_eth_find_next",
    "fopencookie|setvbuf",
    "sluice_.*",
];
const ITEMS: &[&str] = &["SLUICE_.*", "rte_eth_fp_ops"];
const TYPES: &[&str] =
    &["rte_mbuf", "rte_mempool", "rte_mempool_objhdr", "rte_eth_fp_ops", "rte_eth_conf", "rte_eth_rx_mq_mode"];

/// Libraries that the functions above are in.
const LIBRARIES: &[&str] = &["rte_eal", "rte_ethdev", "rte_mempool", "rte_mbuf", "rte_ring"];
/// For a static program: drivers that register themselves when the program starts, then what they need.
const DRIVERS: &[&str] = &[
    "bus_pci",
    "bus_vdev",
    "mempool_ring",
    "net_virtio",
    "net_af_packet",
    "net_null",
    "net_memif",
    "net_vhost",
    "net_ring",
];
const BEHIND: &[&str] = &[
    "vhost",
    "cryptodev",
    "dmadev",
    "ethdev",
    "meter",
    "net",
    "mbuf",
    "mempool",
    "pci",
    "ring",
    "rcu",
    "stack",
    "hash",
    "timer",
    "security",
    "eal",
    "telemetry",
    "kvargs",
];

fn main() {
    println!("cargo:rerun-if-changed=dpdk.h");
    let is_static = env::var_os("CARGO_FEATURE_STATIC").is_some();
    let library = match pkg_config::Config::new().atleast_version("22.11").cargo_metadata(false).probe("libdpdk") {
        Ok(library) => library,
        Err(why) => {
            eprintln!(
                "DPDK 22.11 or newer is needed (Debian: libdpdk-dev), or build without the feature `dpdk`.\n{why}"
            );
            std::process::exit(1);
        }
    };
    // What the crate pkg-config leaves out: -march=... and -include rte_config.h.
    let flags = flags();
    let includes: Vec<String> = library.include_paths.iter().map(|p| format!("-I{}", p.display())).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let wrappers = out.join("inline.c");
    let mut bindings = bindgen::builder()
        .header("dpdk.h")
        .clang_args(includes.iter().chain(&flags))
        .use_core()
        .layout_tests(false)
        .generate_comments(false)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .wrap_static_fns(true)
        .wrap_static_fns_path(&wrappers);
    for f in FUNCTIONS {
        bindings = bindings.allowlist_function(f);
    }
    for i in ITEMS {
        bindings = bindings.allowlist_var(i);
    }
    for t in TYPES {
        bindings = bindings.allowlist_type(t);
    }
    let bindings = bindings.generate().unwrap_or_else(|why| fail(&format!("bindings to DPDK: {why}")));
    bindings.write_to_file(out.join("dpdk.rs")).unwrap_or_else(|why| fail(&why.to_string()));
    if wrappers.exists() {
        compile(&wrappers, &library.include_paths, &flags);
    }
    match is_static {
        true => link_static(&library.link_paths),
        false => LIBRARIES.iter().for_each(|l| println!("cargo:rustc-link-lib={l}")),
    }
}

fn fail(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}

/// The flags of `pkg-config --cflags` that are neither folders nor definitions.
fn flags() -> Vec<String> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let out = std::process::Command::new(program).args(["--cflags-only-other", "libdpdk"]).output();
    let text = out.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().map(String::from).collect()
}

fn compile(wrappers: &Path, includes: &[PathBuf], flags: &[String]) {
    let here = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let mut cc = cc::Build::new();
    cc.file(wrappers).includes(includes).include(here).warnings(false).opt_level(2);
    flags.iter().for_each(|f| {
        cc.flag(f);
    });
    cc.compile("sluice_dpdk_inline");
}

/// DPDK's archives whole: nothing refers to a driver by name, and each registers itself when the program starts. What
/// nobody reaches the linker takes out again.
fn link_static(paths: &[PathBuf]) {
    let default = PathBuf::from("/usr/lib/x86_64-linux-gnu");
    let folder = paths.iter().chain([&default]).find(|p| p.join("librte_eal.a").exists());
    let Some(folder) = folder else { fail("DPDK's static libraries (librte_eal.a) are not there") };
    println!("cargo:rustc-link-search=native={}", folder.display());
    DRIVERS.iter().chain(BEHIND).for_each(|l| println!("cargo:rustc-link-lib=static:+whole-archive,-bundle=rte_{l}"));
    ["numa", "bsd", "md"].iter().for_each(|l| println!("cargo:rustc-link-lib=static:-bundle={l}"));
    println!("cargo:rustc-link-lib=static:-bundle=atomic");
}
