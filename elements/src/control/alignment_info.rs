//! Accepts what Click's tools say about alignment.
use alloc::format;
use sluice_dataplane::args::{Args, is_element_name, parse_int, split_words};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Accepts what Click's tools say about alignment.
pub struct AlignmentInfo;

impl Configure for AlignmentInfo {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        informs: true,
        args: &[Arg::rest("ELEMENT CHUNK OFFSET...", "name and numbers", "alignment of packets at each input")],
        doc: "Click's tool click-align writes such lines for machines that cannot read words at odd addresses. Headers are read \
              at any address here, so nothing follows from them; they are only checked.",
        example: "AlignmentInfo(c 4 2); c :: Counter; InfiniteSource(LIMIT 1) -> c -> Discard;",
        see: &["AddressInfo"],
        ..Info::new("AlignmentInfo", "control", "accepts what Click's tools say about alignment")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        for arg in args.rest_strings() {
            let Some((name, numbers)) = split_words(&arg).split_first().map(|(n, r)| (*n, r.to_vec())) else {
                continue;
            };
            let good = |w: &&str| parse_int::<u32>(w).is_ok();
            if !is_element_name(name) || numbers.len() % 2 == 1 || !numbers.iter().all(good) {
                args.error(format!("expected ‘ELEMENTNAME CHUNK OFFSET [CHUNK OFFSET...]’, got ‘{arg}’"));
            }
        }
        AlignmentInfo
    }
}

impl Element for AlignmentInfo {}
