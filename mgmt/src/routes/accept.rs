//! Which of several forms a client wants (RFC 9110 section 12.5.1).
use axum::http::{HeaderMap, HeaderName, header};

/// For answers that depend on what the client accepts.
pub(super) const VARY: (HeaderName, &str) = (header::VARY, "Accept");

/// The form of `offers` that the client likes best. The first one if it does not say, likes several as much, or none: then
/// an answer that it did not ask for is of more use than an error.
pub(super) fn preferred(headers: &HeaderMap, offers: &[&'static str]) -> &'static str {
    let fields: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).collect();
    let mut best = (offers[0], 0.0);
    for &offer in offers {
        let quality = quality(&fields, offer);
        if quality > best.1 {
            best = (offer, quality);
        }
    }
    best.0
}

/// How much a client likes a form, 0 to 1: what the range says that fits it most closely.
fn quality(fields: &[&str], offer: &str) -> f32 {
    let kind = offer.split('/').next().unwrap_or_default();
    let mut best = (0, 0.0);
    for range in fields.iter().flat_map(|f| f.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let close = match parts.next().unwrap_or_default().to_ascii_lowercase() {
            r if r == offer => 3,
            r if r.strip_suffix("/*") == Some(kind) => 2,
            r if r == "*/*" => 1,
            _ => continue,
        };
        let q = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
        let q = q.map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0));
        if close > best.0 {
            best = (close, q);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_is_liked_best_wins_and_the_first_without_a_wish() {
        let offers = ["application/json", "image/svg+xml", "text/vnd.graphviz"];
        for (accept, wanted) in [
            ("", 0),
            ("*/*", 0),
            ("text/html", 0),
            ("image/svg+xml", 1),
            ("IMAGE/SVG+XML;q=0.5, application/json;q=0.4", 1),
            ("image/*, application/json;q=0.9", 1),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 0),
            ("*/*, application/json;q=0", 1),
            ("text/*;q=0.3", 2),
            ("image/svg+xml;q=nan, text/vnd.graphviz;q=x, ;;,/", 0),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(preferred(&headers, &offers), offers[wanted], "{accept}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &offers), offers[0]);
    }
}
