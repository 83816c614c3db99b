//! Gives names to packet annotations.
use alloc::format;
use alloc::vec::Vec;
use sluice_dataplane::args::{ANNOTATIONS, AnnoRef, Args, FromArg, NameDb, Named, is_word, parse_int, split_words};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Gives names to packet annotations.
pub struct AnnotationInfo;

impl Configure for AnnotationInfo {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        informs: true,
        args: &[Arg::rest("NAME OFFSET [SIZE]", "name, place, bytes", "a name for annotation bytes")],
        doc: "Each argument names annotation bytes, by their offset or another name, and their number if they have one. \
              `CHECK_OVERLAP NAME...` instead makes it an error if any two of these annotations share bytes.",
        example: "AnnotationInfo(COLOR PAINT, MARK 44 4, CHECK_OVERLAP COLOR MARK);",
        see: &["AddressInfo"],
        ..Info::new("AnnotationInfo", "control", "gives names to packet annotations")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        // The names given so far, also by this element.
        let mut names = args.names().clone();
        let mut checks = Vec::new();
        for arg in args.rest_strings() {
            let words = split_words(&arg);
            match words[..] {
                [] => {}
                [name, ..] if name.starts_with('#') => {}
                ["CHECK_OVERLAP", ..] => checks.push(arg),
                [name, ..]
                    if !is_word(name) || ANNOTATIONS.iter().any(|a| a.0 == name) || parse_int::<u64>(name).is_ok() =>
                {
                    args.error(format!("bad NAME ‘{name}’"));
                }
                [name, ref rest @ ..] => match entry(rest, &names) {
                    Some(a) => {
                        names.insert(env.name(), name, Named::Anno(a.offset, a.size));
                        env.bind(name, Named::Anno(a.offset, a.size));
                    }
                    None => args.error(format!("bad entry for ‘{name}’")),
                },
            }
        }
        for check in checks {
            overlap(args, &names, &check);
        }
        AnnotationInfo
    }
}

/// `OFFSET [SIZE]`.
fn entry(words: &[&str], names: &NameDb) -> Option<AnnoRef> {
    let (at, size) = match words {
        [at] => (at, 0),
        [at, size] => (at, parse_int::<u16>(size).ok()?),
        _ => return None,
    };
    let known = AnnoRef::from_arg(at, names).ok()?;
    let size = if size == 0 { known.size } else { size };
    known.sized(size).ok().map(|offset| AnnoRef { offset, size })
}

fn overlap(args: &mut Args<'_>, names: &NameDb, check: &str) {
    let mut seen: Vec<(&str, AnnoRef)> = Vec::new();
    for word in split_words(check).into_iter().skip(1) {
        let Ok(a) = AnnoRef::from_arg(word, names) else {
            args.error(format!("bad ANNO ‘{word}’"));
            continue;
        };
        let ends = |a: &AnnoRef| a.offset + a.size.max(1);
        for (other, b) in &seen {
            if a.offset < ends(b) && b.offset < ends(&a) {
                args.error(format!("annotations ‘{other}’ and ‘{word}’ conflict"));
            }
        }
        seen.push((word, a));
    }
}

impl Element for AnnotationInfo {}
