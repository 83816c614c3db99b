//! Time limits hold after a long rest, when nobody counts time any more.
mod common;

use common::{packets, process};
use sluice_dataplane::pool::Pool;
use sluice_wasm::config::{Limits, Work};
use sluice_wasm::fault::Fault;
use sluice_wasm::instance::Instance;
use sluice_wasm::module::Module;
use std::time::Duration;

#[test]
fn a_guest_that_loops_after_a_long_rest_is_stopped() {
    let work = Work::Time(5);
    // Loops on packets of more than 60 bytes.
    let body = "(loop (br_if 0 (i32.gt_u (i32.load offset=4 (local.get 0)) (i32.const 60))))";
    let module = Module::load(&process(body), work.metering()).expect("a module");
    let mut i = Instance::start(&module, Limits { work, memory: 1 << 20 }, "", 0).expect("started");
    let pool = Pool::new(4);
    let mut verdicts = [0];
    for rest in [0, 4500, 0, 4500] {
        std::thread::sleep(Duration::from_millis(rest));
        assert_eq!(i.process(&mut packets(&pool, &[60]), 1, &mut verdicts), Ok(()));
    }
    std::thread::sleep(Duration::from_millis(4500));
    assert_eq!(i.process(&mut packets(&pool, &[61]), 1, &mut verdicts), Err(Fault::Limit));
}
