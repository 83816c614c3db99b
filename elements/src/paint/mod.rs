//! The paint annotation.
pub mod check_paint;
#[allow(clippy::module_inception)] // the family is called like its first class
pub mod paint;
pub mod paint_switch;
pub mod paint_tee;

use sluice_dataplane::args::{AnnoRef, Args};
use sluice_dataplane::packet::Anno;

/// The argument ANNO: an annotation of one byte, PAINT when left out.
fn anno(args: &mut Args<'_>) -> Anno {
    let Some(wanted) = args.optional_some::<AnnoRef>("ANNO") else { return Anno::Paint };
    match wanted.sized(1).map(|offset| Anno::by_offset(offset.into(), 1)) {
        Ok(Some(anno)) if anno.size() == 1 => return anno,
        Ok(_) => args.error_in("ANNO", "no annotation of one byte is kept there"),
        Err(why) => args.error_in("ANNO", &why),
    }
    Anno::Paint
}
