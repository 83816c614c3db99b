//! Sets explicit congestion notification (RFC 3168).
use super::set_ip_dscp::set_tos;
use sluice_dataplane::args::{Args, Raw};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Sets explicit congestion notification.
pub struct SetIPECN {
    ecn: u8,
}

impl Configure for SetIPECN {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[Arg::required("ECN", "0 to 3, no, ect1, ect2 or ce", "the two bits")],
        doc: "Sets the ECN bits of the marked IP header and corrects the checksum; the code point stays. `no` or `-` \
              is 0, `ect1` or `ECT(1)` is 1, `ect2` or `ECT(0)` is 2, `ce` or `CE` is 3. A packet without a marked \
              header is dropped.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> SetIPECN(ce) -> Discard;",
        see: &["SetIPDSCP", "CheckIPHeader"],
        ..Info::new("SetIPECN", "ip", "sets explicit congestion notification")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let Raw(text) = args.required("ECN");
        let ecn = match text.trim() {
            "0" | "no" | "-" => 0,
            "1" | "ect1" | "ECT(1)" => 1,
            "2" | "ect2" | "ECT(0)" => 2,
            "3" | "ce" | "CE" => 3,
            _ => {
                args.error("bad ECN argument");
                0
            }
        };
        SetIPECN { ecn }
    }
}

impl Element for SetIPECN {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| set_tos(p, 3, self.ecn).err());
    }
}
