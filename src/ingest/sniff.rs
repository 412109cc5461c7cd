//! Sniffed: what form the first bytes of an input promise; a foreign file is told here, before it makes a million rejected records.

use memchr::memmem;

/// How many decompressed bytes are looked at.
pub(super) const SNIFF_BYTES: usize = 64 << 10;

/// What was expected, for messages.
pub(super) const EXPECTED: &str =
    "expected CloudTrail records (JSON, or CSV with `eventName` and `eventSource`), Kubernetes audit events (JSON) or flow logs";

/// The form of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON values.
    Json,
    /// Lines of a container runtime: `TIME stdout F {..}`.
    /// <https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>
    CriLines,
    /// Lines of text that hold JSON.
    TextLines,
    /// A table with a header.
    Csv,
    /// None of these; says what it looks like.
    Foreign(String),
}

/// Bytes without a byte order mark.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Tells the form from the first bytes.
pub(super) fn form_of(bytes: &[u8]) -> Form {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Form::Foreign("UTF-16 text: store it as UTF-8".to_owned());
    }
    let text = without_mark(bytes).trim_ascii_start();
    if text.is_empty() {
        return Form::Foreign("empty file".to_owned());
    }
    if text.contains(&0) {
        return Form::Foreign("binary".to_owned());
    }
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    if matches!(line.first(), Some(b'{' | b'[')) && !is_bracketed_text(line) {
        return Form::Json;
    }
    let lower = String::from_utf8_lossy(line).to_ascii_lowercase();
    let columns: Vec<&str> = lower.split([',', '\t']).map(|name| name.trim_matches(['"', ' '])).collect();
    if columns.contains(&"eventname") && columns.contains(&"eventsource") {
        return Form::Csv;
    }
    if cri_prefix(line).is_some() {
        return Form::CriLines;
    }
    let holds_json = memmem::find(text, b"{\"").is_some() || memmem::find(text, b"{ \"").is_some();
    if columns.len() > 2 && !line.contains(&b'{') {
        return Form::Foreign("a table without the columns `eventName` and `eventSource`".to_owned());
    }
    if line.starts_with(b"\"") && holds_json_text(line) {
        return Form::Json;
    }
    if holds_json {
        Form::TextLines
    } else {
        Form::Foreign(
            "neither JSON nor a table that is known (VPC Flow Logs without a header line need `--vpc-format`)".to_owned(),
        )
    }
}

/// `[2026-11-21 00:00:00] {..}` begins like an array and is none.
fn is_bracketed_text(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"[") else { return false };
    match rest.iter().position(|byte| *byte == b']') {
        Some(end) => !rest.get(..end).unwrap_or_default().iter().any(|byte| matches!(byte, b'{' | b'"' | b'[')) && end > 0,
        None => false,
    }
}

/// A line that is one JSON text holding JSON: `"{\"kind\":..}"`.
fn holds_json_text(line: &[u8]) -> bool {
    line.ends_with(b"\"") && memmem::find(line, b"{\\\"").is_some()
}

/// Splits a container runtime's prefix off a line: whether the line is complete, and what was written.
pub(super) fn cri_prefix(line: &[u8]) -> Option<(bool, &[u8])> {
    let mut fields = line.splitn(4, |byte| *byte == b' ');
    let (time, stream, tag, rest) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let timed = time.len() >= 20 && time.first().is_some_and(u8::is_ascii_digit) && time.contains(&b'T');
    let full = match tag.split(|byte| *byte == b':').next() {
        Some(b"F") => true,
        Some(b"P") => false,
        _ => return None,
    };
    (timed && matches!(stream, b"stdout" | b"stderr")).then_some((full, rest))
}

/// Takes the container runtime's prefixes off a stream of lines and joins partial ones.
#[derive(Debug, Default)]
pub(super) struct CriLines {
    prefix: Vec<u8>,
    in_line: bool,
    partial: bool,
}

/// The longest prefix that is looked for.
const PREFIX_BYTES_MAX: usize = 128;

impl CriLines {
    /// Replaces `out` by what the lines of `chunk` hold.
    pub(super) fn strip(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        out.clear();
        for byte in chunk {
            if self.in_line {
                if *byte != b'\n' {
                    out.push(*byte);
                    continue;
                }
                self.in_line = false;
                if !self.partial {
                    out.push(b'\n');
                }
                continue;
            }
            self.prefix.push(*byte);
            let spaces = self.prefix.iter().filter(|byte| **byte == b' ').count();
            if *byte == b'\n' || spaces == 3 || self.prefix.len() > PREFIX_BYTES_MAX {
                let found = cri_prefix(&self.prefix).map(|(full, _)| full);
                self.partial = found == Some(false);
                self.in_line = *byte != b'\n';
                if found.is_none() {
                    out.extend_from_slice(&self.prefix);
                }
                self.prefix.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_from_the_first_bytes() {
        type Expected = fn(&Form) -> bool;
        let table: &[(&[u8], Expected)] = &[
            (b"\xef\xbb\xbf {\"a\":1}", |form| *form == Form::Json),
            (b"[\n{", |form| *form == Form::Json),
            (b"[]", |form| *form == Form::Json),
            (b"[2026-11-21] {\"a\":1}\n", |form| *form == Form::TextLines),
            (b"2026-11-21T00:00:00.000000000Z stdout F {\"a\":1}\n", |form| *form == Form::CriLines),
            (b"Nov 21 host audit: {\"a\":1}\n", |form| *form == Form::TextLines),
            (b"cut\"}\n{\"a\":1}\n", |form| *form == Form::TextLines),
            (b"\"{\\\"kind\\\":1}\"\n", |form| *form == Form::Json),
            (b"\"eventVersion\",\"EventName\",\"eventsource\"\n", |form| *form == Form::Csv),
            (b"Event Type,Event Name,Request ID\n{\"x\"", |form| matches!(form, Form::Foreign(why) if why.contains("columns"))),
            (b"  \n", |form| matches!(form, Form::Foreign(why) if why.contains("empty"))),
            (b"\x7fELF\0\0", |form| matches!(form, Form::Foreign(why) if why.contains("binary"))),
            (b"# A readme\n", |form| matches!(form, Form::Foreign(_))),
        ];
        for (bytes, expected) in table {
            let form = form_of(bytes);
            assert!(expected(&form), "{}: {form:?}", bytes.escape_ascii());
        }
    }

    #[test]
    fn partial_lines_are_joined() {
        let log = b"2026-11-21T00:00:00.000000000Z stdout P {\"a\"\n2026-11-21T00:00:00.000000000Z stdout F :1}\nraw\n";
        for cut in 0..log.len() {
            let mut lines = CriLines::default();
            let (mut first, mut second) = (Vec::new(), Vec::new());
            lines.strip(&log[..cut], &mut first);
            lines.strip(&log[cut..], &mut second);
            first.extend(second);
            assert_eq!(first, b"{\"a\":1}\nraw\n", "{cut}");
        }
    }
}
