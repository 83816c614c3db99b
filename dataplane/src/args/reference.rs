//! Arguments that name something of the graph: an element, a handler, an annotation.
//!
//! They are checked for form only. Whether the element exists, the graph finds out.

use super::{FromArg, NameDb, Named, parse_int, quote::unquote_text, split::string_end};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// An element's name, relative to the compound that the argument stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ElementRef(pub String);

/// The names to try for `name` as seen from `element`: in its own compound, then outwards.
///
/// ```
/// use sluice_dataplane::args::candidates;
/// assert_eq!(candidates("a/b/c", "q"), ["a/b/q", "a/q", "q"]);
/// ```
pub fn candidates(element: &str, name: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut scope = element;
    while let Some((outer, _)) = scope.rsplit_once('/') {
        out.push(format!("{outer}/{name}"));
        scope = outer;
    }
    out.push(name.to_string());
    out
}

/// Whether a text is a name that an element may have: letters, digits, `_`, `@`, and slashes
/// between such parts.
pub fn is_element_name(text: &str) -> bool {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'@');
    text.split('/').all(part)
}

fn unquoted(text: &str) -> Option<String> {
    (!text.is_empty() && string_end(text) >= text.len()).then(|| unquote_text(text))
}

impl FromArg for ElementRef {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let name = Some(text).filter(|n| is_element_name(n));
        name.map(|n| ElementRef(n.into())).ok_or_else(|| "does not name an element".to_string())
    }
    fn blank() -> Self {
        ElementRef::default()
    }
}

/// A handler: `element.handler`, or `handler` alone for one of the router itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HandlerRef {
    /// The element's name, relative like [`ElementRef`]; `None` for the router.
    pub element: Option<String>,
    /// The handler's name.
    pub handler: String,
}

impl FromArg for HandlerRef {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let name = unquoted(text).ok_or_else(|| format!("bad handler name ‘{text}’"))?;
        // Element names have no dot, handler names may have some.
        let (element, handler) = match name.split_once('.') {
            Some(("", handler)) => (None, handler),
            Some((element, handler)) => (Some(element), handler),
            None => (None, &*name),
        };
        let word =
            |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b':' | b'/' | b'@' | b'-' | b'+' | b'%');
        if handler.is_empty() || !handler.bytes().all(word) || element.is_some_and(|e| !is_element_name(e)) {
            return Err(format!("bad handler name ‘{name}’"));
        }
        Ok(HandlerRef { element: element.map(String::from), handler: handler.into() })
    }
    fn blank() -> Self {
        HandlerRef::default()
    }
}

/// Click's packet annotations: name, byte offset and size among the 48 annotation bytes.
pub static ANNOTATIONS: [(&str, u16, u16); 22] = [
    ("AGGREGATE", 20, 4),
    ("DST_IP", 0, 4),
    ("DST_IP6", 0, 16),
    ("EXTRA_LENGTH", 28, 4),
    ("EXTRA_PACKETS", 24, 4),
    ("FIRST_TIMESTAMP", 32, 8),
    ("FIX_IP_SRC", 19, 1),
    ("FWD_RATE", 20, 4),
    ("GRID_ROUTE_CB", 27, 1),
    ("ICMP_PARAMPROB", 17, 1),
    ("IPREASSEMBLER", 28, 4),
    ("IPSEC_SA_DATA_REFERENCE", 40, 8),
    ("IPSEC_SPI", 32, 4),
    ("MISC_IP", 20, 4),
    ("PACKET_NUMBER", 32, 4),
    ("PAINT", 16, 1),
    ("PERFCTR", 40, 8),
    ("REV_RATE", 24, 4),
    ("SEQUENCE_NUMBER", 36, 4),
    ("VLAN", 20, 2),
    ("VLAN_TCI", 20, 2),
    ("WIFI_EXTRA", 16, 28),
];

/// How many bytes of annotations a packet has.
pub const ANNO_SIZE: u16 = 48;

/// A packet annotation: by Click's name (`PAINT`), a name given by AnnotationInfo, or its byte offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnnoRef {
    /// First byte, 0 to 47.
    pub offset: u16,
    /// Size in bytes; 0 if only an offset was given.
    pub size: u16,
}

impl AnnoRef {
    /// The offset, if the annotation can be used as one of `size` bytes: one that has a size has
    /// this one, and it lies within the annotations.
    ///
    /// # Errors
    /// Click's "parse error" if it cannot.
    pub fn sized(self, size: u16) -> Result<u16, String> {
        let fits = (self.size == 0 || self.size == size) && self.offset.saturating_add(size) <= ANNO_SIZE;
        if fits { Ok(self.offset) } else { Err("parse error".to_string()) }
    }
}

impl FromArg for AnnoRef {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        let named = names.find(text, |v| if let Named::Anno(offset, size) = v { Some((*offset, *size)) } else { None });
        let built_in = || ANNOTATIONS.binary_search_by(|a| a.0.cmp(text)).ok().map(|i| ANNOTATIONS[i]);
        let found = named.or_else(|| built_in().map(|(_, offset, size)| (offset, size)));
        let (offset, size) = match found {
            Some(found) => found,
            None => (parse_int(text).map_err(|_| "parse error".to_string())?, 0),
        };
        if offset >= ANNO_SIZE { Err("parse error".to_string()) } else { Ok(AnnoRef { offset, size }) }
    }
    fn blank() -> Self {
        AnnoRef::default()
    }
}
