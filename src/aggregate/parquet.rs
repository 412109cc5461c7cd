//! Profiles on disk: one Parquet file with a versioned schema; what is no row stands in its key-value metadata as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};
use std::path::Path;

use polars::prelude::*;

use super::ProfileError;
use super::frame::{self, frame_error, parse};
use super::seal;
use super::table::add_row;
use crate::access::identity::Identity;
use crate::access::profile::Profile;

/// The version of the columns and metadata that this version of tightfit writes and reads.
pub const SCHEMA_VERSION: u32 = 2;

const VERSION_KEY: &str = "tightfit.schema";
const GROUPS_KEY: &str = "tightfit.groups";
const INVENTORY_KEY: &str = "tightfit.inventory";
const COVERAGE_KEY: &str = "tightfit.coverage";
const LEDGER_KEY: &str = "tightfit.ledger";

/// Writes a profile as Parquet; `file` names the target in errors.
///
/// # Errors
/// When the target cannot be written.
pub fn write(profile: &Profile, file: &str, mut target: impl Write) -> Result<(), ProfileError> {
    let groups: BTreeMap<&Identity, &BTreeSet<String>> = profile
        .identities
        .iter()
        .filter(|(_, part)| !part.groups.is_empty())
        .map(|(identity, part)| (identity, &part.groups))
        .collect();
    let json = |field: &str, value: Result<String, serde_json::Error>| {
        value.map(Some).map_err(|error| ProfileError::Damaged {
            file: file.to_owned(),
            field: field.to_owned(),
            detail: error.to_string(),
        })
    };
    let metadata = KeyValueMetadata::from_static(vec![
        (VERSION_KEY.to_owned(), SCHEMA_VERSION.to_string()),
        (GROUPS_KEY.to_owned(), json(GROUPS_KEY, serde_json::to_string(&groups))?.unwrap_or_default()),
        (INVENTORY_KEY.to_owned(), json(INVENTORY_KEY, serde_json::to_string(&profile.inventory))?.unwrap_or_default()),
        (COVERAGE_KEY.to_owned(), json(COVERAGE_KEY, serde_json::to_string(&profile.coverage))?.unwrap_or_default()),
        (LEDGER_KEY.to_owned(), json(LEDGER_KEY, serde_json::to_string(&profile.ledger))?.unwrap_or_default()),
    ]);
    let mut frame = frame::group(frame::of(profile)?)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).with_key_value_metadata(Some(metadata)).finish(&mut frame).map_err(frame_error(file))?;
    let sealed = seal::close(bytes).ok_or_else(|| ProfileError::Foreign { file: file.to_owned() })?;
    target.write_all(&sealed).map_err(|source| ProfileError::Write { file: file.to_owned(), source })
}

/// Reads a profile that [`write`] wrote.
///
/// # Errors
/// When the file is no such profile, of another version, or damaged.
pub fn read(file: &str, path: &Path) -> Result<Profile, ProfileError> {
    let bytes = std::fs::read(path).map_err(|source| ProfileError::Open { file: file.to_owned(), source })?;
    match seal::check(&bytes) {
        Some(true) => {}
        Some(false) => {
            let detail = "is not that of the content; store the profile again from its logs".to_owned();
            return Err(ProfileError::Damaged { file: file.to_owned(), field: "digest".to_owned(), detail });
        }
        None => return Err(ProfileError::Foreign { file: file.to_owned() }),
    }
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let pairs = reader.get_metadata().map_err(frame_error(file))?.key_value_metadata().clone().unwrap_or_default();
    let metadata: BTreeMap<String, String> =
        pairs.into_iter().filter_map(|pair| Some((pair.key.to_string(), pair.value?.to_string()))).collect();
    let version = metadata.get(VERSION_KEY).ok_or_else(|| ProfileError::Foreign { file: file.to_owned() })?;
    if *version != SCHEMA_VERSION.to_string() {
        return Err(ProfileError::Version { file: file.to_owned(), found: version.clone(), expected: SCHEMA_VERSION });
    }
    let text = |key: &str| {
        let missing = || ProfileError::Damaged { file: file.to_owned(), field: key.to_owned(), detail: "is missing".to_owned() };
        metadata.get(key).map(String::as_str).ok_or_else(missing)
    };
    let groups: BTreeMap<Identity, BTreeSet<String>> = parse(file, GROUPS_KEY, text(GROUPS_KEY)?)?;
    let inventory = parse(file, INVENTORY_KEY, text(INVENTORY_KEY)?)?;
    let coverage = parse(file, COVERAGE_KEY, text(COVERAGE_KEY)?)?;
    let ledger = parse(file, LEDGER_KEY, text(LEDGER_KEY)?)?;
    let frame = reader.finish().map_err(frame_error(file))?;
    let mut profile = Profile { identities: BTreeMap::new(), inventory, coverage, ledger };
    frame::each_row(file, &frame, |row| add_row(&mut profile.identities, row))?;
    for (identity, groups) in groups {
        profile.identities.entry(identity).or_default().groups = groups;
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::aws::{Action, AwsRequest, AwsRequestKey, Resource};
    use crate::access::evidence::EventRef;
    use crate::access::identity::Name;
    use crate::access::observation::{Basis, Observation, Outcome, Record, Sink};
    use crate::access::request::Request;
    use crate::access::times::Times;
    use crate::aggregate::Aggregator;

    fn push(aggregator: &mut Aggregator, number: u64, outcome: Outcome) {
        let identity = Identity::aws("aws", "111122223333", Name::Role(format!("app-{}", number % 3)));
        let action = Action { service: "sqs".to_owned(), name: "SendMessage".to_owned() };
        let key = AwsRequestKey { action, resource: Resource::NotBuilt, via: None };
        let context = BTreeMap::from([("aws:CalledVia".to_owned(), vec![format!("s{}", number % 20)])]);
        let request = Request::Aws(AwsRequest { key, context });
        let time = jiff::Timestamp::from_second(1_700_000_000 + i64::try_from(number).unwrap() * 400_000).unwrap();
        let event = EventRef { time, id: format!("id-{number}"), file: "f".to_owned(), record: number };
        let observation = Observation {
            identity: &identity,
            groups: &[],
            request: &request,
            basis: &Basis::Stated,
            outcome,
            issued_to: "",
            allowed_by: "",
            folded: 0,
            times: &Times::once(&event),
        };
        aggregator.record(&Record::Observed { observations: vec![observation], count: 1 });
    }

    fn profile(numbers: impl Iterator<Item = u64>) -> Profile {
        let mut aggregator = Aggregator::default();
        for number in numbers {
            push(&mut aggregator, number, if number % 5 == 0 { Outcome::Refused } else { Outcome::Allowed });
        }
        aggregator.finish().unwrap()
    }

    #[test]
    fn a_stored_profile_is_read_back_equal() {
        let whole = profile(0..200);
        let file = tempfile::NamedTempFile::new().unwrap();
        write(&whole, "p", file.reopen().unwrap()).unwrap();
        assert_eq!(read("p", file.path()).unwrap(), whole);
    }

    #[test]
    fn a_flipped_bit_or_a_cut_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(&profile(0..40), "p", file.reopen().unwrap()).unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        for at in (0..bytes.len()).step_by(5) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            std::fs::write(file.path(), &flipped).unwrap();
            assert!(read("p", file.path()).is_err(), "byte {at}");
            std::fs::write(file.path(), &bytes[..at]).unwrap();
            assert!(read("p", file.path()).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn any_split_in_any_order_merges_to_the_whole() {
        let whole = profile(0..100);
        let mut merged = profile((60..100).rev());
        merged.merge(&profile((0..60).rev()));
        assert_eq!(merged, whole);
        assert_eq!(whole.ledger.observed, 100);
    }

    #[test]
    fn a_foreign_file_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"PAR1 not really").unwrap();
        assert!(read("p", file.path()).is_err());
    }
}
