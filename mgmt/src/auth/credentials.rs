//! The token that a request shows in its header field `Authorization`.
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A token as it was shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) token: String,
    /// A browser that was told it once shows it with every request, whatever page made it.
    pub(super) by_itself: bool,
}

impl Shown {
    /// `Bearer TOKEN` (RFC 6750 section 2.1), as SOL 013 clause 8.3 wants it. Or, for managers that can do nothing else, the
    /// token as the password of `Basic` (RFC 7617 section 2): the token says whose it is, so any user name will do.
    pub(super) fn of(field: &HeaderValue) -> Option<Shown> {
        // RFC 9110 section 11.1: the scheme's case does not matter.
        let (scheme, shown) = field.to_str().ok()?.split_once(' ')?;
        let shown = shown.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Shown { token: shown.into(), by_itself: false });
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(BASE64_STANDARD.decode(shown).ok()?).ok()?;
        let (_, password) = pair.split_once(':')?;
        Some(Shown { token: password.into(), by_itself: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_as_a_bearers_or_as_a_password() {
        let of = |field: &str| Shown::of(&HeaderValue::from_str(field).unwrap());
        let shown = |token: &str, by_itself| Some(Shown { token: token.into(), by_itself });
        assert_eq!(of("Bearer   abc"), shown("abc", false));
        assert_eq!(of("bearer abc"), shown("abc", false));
        // RFC 7617 section 2: Aladdin, open sesame.
        assert_eq!(of("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), shown("open sesame", true));
        assert_eq!(of(&format!("BASIC {}", BASE64_STANDARD.encode(":a:b"))), shown("a:b", true));
        for wrong in ["", "abc", "Bearer", "Digest abc", "Basic abc", "Basic YWJj", "Basic gIA6gA=="] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
