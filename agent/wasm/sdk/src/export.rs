//! The functions that the host calls, made of a [`Function`](crate::Function).

/// Makes `$value` of type `$type` the function of this module; with `stateful` it hands its state over, too. The value is
/// that of a static, so it is made by constant code.
#[macro_export]
macro_rules! function {
    ($type:ty = $value:expr) => {
        static GUEST: $crate::raw::Guest<$type> = $crate::raw::Guest::new($value);
        const _: () = {
            use $crate::Function as _;

            #[unsafe(no_mangle)]
            extern "C" fn sluice_abi() -> u32 {
                $crate::VERSION
            }
            #[unsafe(no_mangle)]
            extern "C" fn sluice_area(bytes: u32) -> u32 {
                $crate::raw::area(bytes)
            }
            #[unsafe(no_mangle)]
            extern "C" fn sluice_configure(at: u32, len: u32) -> u32 {
                // SAFETY: the host wrote this text to the area.
                let text = unsafe { $crate::raw::bytes(at, len) };
                let Ok(text) = core::str::from_utf8(text) else { return 1 };
                match GUEST.with(|f, _| f.configure(text)) {
                    Ok(()) => 0,
                    Err(why) => {
                        $crate::log($crate::Level::Error, format_args!("{why}"));
                        1
                    }
                }
            }
            #[unsafe(no_mangle)]
            extern "C" fn sluice_start() {
                GUEST.with(|f, _| f.start())
            }
            #[unsafe(no_mangle)]
            extern "C" fn sluice_stop() {
                GUEST.with(|f, _| f.stop())
            }
            #[unsafe(no_mangle)]
            extern "C" fn sluice_process(at: u32, count: u32, outputs: u32) {
                // SAFETY: the host wrote these descriptors.
                let descriptors = unsafe { $crate::raw::descriptors(at, count) };
                GUEST.with(|f, _| f.process(&mut $crate::Batch::new(descriptors, outputs)))
            }
            #[unsafe(no_mangle)]
            extern "C" fn sluice_statistics() -> u64 {
                GUEST.with(|f, text| {
                    text.clear();
                    f.statistics(text);
                    $crate::packed(text.written())
                })
            }
        };
    };
    ($type:ty = $value:expr, stateful) => {
        $crate::function!($type = $value);
        const _: () = {
            use $crate::Stateful as _;

            #[unsafe(no_mangle)]
            extern "C" fn sluice_snapshot() -> u64 {
                GUEST.with(|f, _| $crate::packed(f.snapshot()))
            }
            #[unsafe(no_mangle)]
            extern "C" fn sluice_restore(at: u32, len: u32) -> u32 {
                // SAFETY: the host wrote this state to the area.
                let state = unsafe { $crate::raw::bytes(at, len) };
                GUEST.with(|f, _| u32::from(!f.restore(state)))
            }
        };
    };
}

/// Address (upper half) and length (lower half) of bytes.
#[doc(hidden)]
pub fn packed(bytes: &[u8]) -> u64 {
    (bytes.as_ptr().expose_provenance() as u64) << 32 | bytes.len() as u64
}
