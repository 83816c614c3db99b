//! Small things of the operating system that more than one part needs.
use alloc::string::{String, ToString};

/// What the operating system says about an error, as C's `strerror` gives it: without the number
/// that Rust appends.
pub fn strerror(e: &std::io::Error) -> String {
    let text = e.to_string();
    match (e.raw_os_error(), text.rfind(" (os error ")) {
        (Some(_), Some(end)) => text[..end].to_string(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn errors_are_worded_as_in_c() {
        let e = std::io::Error::from_raw_os_error(2);
        assert_eq!(super::strerror(&e), "No such file or directory");
        assert_eq!(super::strerror(&std::io::Error::other("x")), "x");
    }
}
