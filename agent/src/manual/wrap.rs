//! Breaking text into lines.

/// Words after `first`; further lines are indented as far as that is wide, or by 8 if that would
/// leave no room.
pub(super) fn hanging(first: &str, text: &str, width: usize) -> String {
    let indent = first.chars().count();
    let indent = if indent * 2 > width { 8 } else { indent };
    let mut out = String::new();
    let mut line = first.to_string();
    let mut bare = true;
    for word in text.split_whitespace() {
        if !bare && line.chars().count() + 1 + word.chars().count() > width {
            out += line.trim_end();
            out.push('\n');
            line = " ".repeat(indent);
            bare = true;
        }
        if !bare {
            line.push(' ');
        }
        line += word;
        bare = false;
    }
    out += line.trim_end();
    out.push('\n');
    out
}

/// Paragraphs, indented. Lines that begin with a space are kept as they are.
pub(super) fn block(text: &str, indent: usize, width: usize) -> String {
    let margin = " ".repeat(indent);
    let mut out = String::new();
    let mut paragraph = String::new();
    let flush = |paragraph: &mut String, out: &mut String| {
        if !paragraph.is_empty() {
            *out += &hanging(&margin, paragraph, width);
            paragraph.clear();
        }
    };
    for line in text.trim_end().lines() {
        if line.trim().is_empty() || line.starts_with(' ') {
            flush(&mut paragraph, &mut out);
            let kept = format!("{margin}{line}");
            out += kept.trim_end();
            out.push('\n');
        } else {
            paragraph += line;
            paragraph.push(' ');
        }
    }
    flush(&mut paragraph, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_before_the_width() {
        assert_eq!(hanging("  x  ", "one two three", 12), "  x  one two\n     three\n");
        assert_eq!(hanging("    ", "averyveryverylongword b", 12), "    averyveryverylongword\n    b\n");
        assert_eq!(block("a b\nc\n\n  kept  as is\nd", 2, 8), "  a b c\n\n    kept  as is\n  d\n");
        assert_eq!(block("", 4, 80), "");
    }
}
