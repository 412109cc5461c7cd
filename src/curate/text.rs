//! The text of a catalog, being written.
//!
//! Invariant: no field holds a character that separates fields.

use std::collections::BTreeMap;

use super::CurateError;
use super::reference::{Reference, ServiceRows};
use crate::catalog::{Catalog, FORMAT_VERSION, Source};

/// How hard the text is compressed; a catalog is made rarely and read often.
const COMPRESSION_LEVEL: i32 = 19;

/// Host to prefixes.
pub(super) type Hosts = BTreeMap<String, Vec<String>>;

/// Lines that were written so far.
#[derive(Debug, Default)]
pub(super) struct Lines(String);

impl Lines {
    /// The lines before the first service.
    pub(super) fn head<K: AsRef<str>>(
        date: &str,
        sources: &[Source],
        conflicts: &BTreeMap<K, u64>,
        hosts: &Hosts,
    ) -> Result<Lines, CurateError> {
        let mut lines = Lines::default();
        lines.line(&["tightfit-catalog", FORMAT_VERSION])?;
        lines.line(&["date", date])?;
        for source in sources {
            lines.line(&["source", &source.name, &source.version, &source.licence, &source.home])?;
        }
        for (kind, count) in conflicts {
            lines.line(&["conflict", kind.as_ref(), &count.to_string()])?;
        }
        for (host, prefixes) in hosts {
            lines.line(&["host", host, &prefixes.join(" ")])?;
        }
        Ok(lines)
    }

    pub(super) fn line(&mut self, fields: &[&str]) -> Result<(), CurateError> {
        if let Some(field) = fields.iter().find(|field| field.contains(['\t', '\n', '\r'])) {
            return Err(CurateError::Separator { name: (*field).to_owned() });
        }
        self.0.push_str(&fields.join("\t"));
        self.0.push('\n');
        Ok(())
    }

    /// One service; `calls` are whole lines.
    pub(super) fn service(&mut self, prefix: &str, rows: &ServiceRows, calls: &str) -> Result<(), CurateError> {
        self.line(&["service", prefix])?;
        for (name, arn) in &rows.types {
            list_safe(name)?;
            self.line(&["type", name, arn])?;
        }
        for row in rows.actions.values() {
            let mut uses = Vec::new();
            for (name, required) in &row.types {
                list_safe(name)?;
                uses.push(if *required { format!("{name}*") } else { name.clone() });
            }
            let joined = |names: &std::collections::BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join("|");
            self.line(&["action", &row.name, &row.access, &uses.join("|"), &joined(&row.dependent), &joined(&row.keys)])?;
        }
        self.0.push_str(calls);
        Ok(())
    }

    /// One service as another catalog has it; both parts are whole lines.
    pub(super) fn copied(&mut self, prefix: &str, reference: &str, calls: &str) -> Result<(), CurateError> {
        self.line(&["service", prefix])?;
        self.0.push_str(reference);
        self.0.push_str(calls);
        Ok(())
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Compressed, with a checksum, so that a damaged file is noticed; read back before it is given out.
    pub(super) fn into_bytes(self) -> Result<Vec<u8>, CurateError> {
        let packed = || {
            let mut compressor = zstd::bulk::Compressor::new(COMPRESSION_LEVEL)?;
            compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true))?;
            compressor.compress(self.0.as_bytes())
        };
        let bytes = packed().map_err(CurateError::Compress)?;
        Catalog::from_bytes(&bytes).map_err(CurateError::Unreadable)?;
        Ok(bytes)
    }
}

/// A name that stands in a list of names.
pub(super) fn list_safe(name: &str) -> Result<(), CurateError> {
    if name.contains(['|', '>', '*']) || name.is_empty() {
        return Err(CurateError::Separator { name: name.to_owned() });
    }
    Ok(())
}

/// The reference and its operations, as a catalog to ask.
pub(super) fn with_calls(reference: &Reference, hosts: &Hosts, calls: &BTreeMap<String, String>) -> Result<Catalog, CurateError> {
    let mut lines = Lines::head(&reference.date, &reference.sources, &BTreeMap::<&str, u64>::new(), hosts)?;
    for (prefix, service) in &reference.services {
        lines.service(prefix, service, calls.get(prefix).map_or("", String::as_str))?;
    }
    Catalog::from_text(lines.into_text()).map_err(CurateError::Unreadable)
}
