//! VPC Flow Logs as text: one record a line, with a header line, in AWS's default format, or in one that was given.

use super::file::Outbox;
use crate::access::ledger::FileFault;
use crate::access::observation::Reject;
use crate::config::VpcFormat;
use crate::ingest::decoded::{Decoded, Surround};
use crate::ingest::flow;
use crate::ingest::open::{Opened, Stop};

/// The fields of such a file, told from its first line; `None` where it is no such file.
pub(super) fn format_of(start: &[u8], given: Option<&VpcFormat>) -> Option<VpcFormat> {
    let start = start.trim_ascii_start();
    if matches!(start.first(), None | Some(b'{' | b'[' | b'"')) {
        return None;
    }
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line).ok()?.trim();
    if let Some(format) = flow::vpc::header(line) {
        return Some(format);
    }
    let fits = |format: &&VpcFormat| format.fields.len() == line.split_ascii_whitespace().count();
    given.filter(fits).cloned().or_else(|| flow::vpc::is_default(line).then(flow::vpc::default_format).flatten())
}

/// Reads lines to the end; what is longer than a record may be is rejected and passed over.
pub(super) fn read(
    opened: &mut Opened,
    start: &[u8],
    mut stop: Option<Stop>,
    format: VpcFormat,
    line_bytes_max: usize,
    outbox: &mut Outbox<'_, '_>,
) -> Option<Stop> {
    let mut lines = Lines { format, partial: Vec::new(), dropped: false, line_bytes_max };
    let mut chunk = start.to_vec();
    while !chunk.is_empty() && !outbox.is_stopped() {
        lines.push(&chunk, outbox);
        if stop.is_some() {
            break;
        }
        if let Err(why) = opened.next(&mut chunk) {
            stop = Some(why);
            break;
        }
    }
    lines.end(outbox);
    stop
}

struct Lines {
    format: VpcFormat,
    partial: Vec<u8>,
    dropped: bool,
    line_bytes_max: usize,
}

impl Lines {
    fn push(&mut self, chunk: &[u8], outbox: &mut Outbox<'_, '_>) {
        let mut parts = chunk.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            if self.partial.len() + part.len() > self.line_bytes_max {
                self.dropped = true;
                self.partial.clear();
            } else if !self.dropped {
                self.partial.extend_from_slice(part);
            }
            if parts.peek().is_some() {
                self.end(outbox);
            }
        }
    }

    fn end(&mut self, outbox: &mut Outbox<'_, '_>) {
        let line = std::mem::take(&mut self.partial);
        if std::mem::take(&mut self.dropped) {
            let detail = format!("a line of more than {} bytes", self.line_bytes_max);
            return outbox.put(Decoded::rejected(Reject::TooLarge, detail), 0);
        }
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            return;
        }
        // Files that were joined bring their header lines along.
        if let Some(format) = flow::vpc::header(&text) {
            self.format = format;
            return;
        }
        let surround: Surround = outbox.surround().clone();
        let decoded = flow::of_line(text.as_bytes(), Some(&self.format), &surround)
            .unwrap_or_else(|| Decoded::rejected(Reject::Malformed, "a line that is no record"));
        outbox.put(decoded, line.len());
    }
}

/// A file that was cut short, or cannot be read on.
pub(super) fn fault(stop: Option<Stop>) -> Option<FileFault> {
    stop.map(super::file::fault_of)
}
