//! The frame: rows of a profile as polars columns, grouped by identity, request, outcome and word of days.
//!
//! One row stands for at most 64 days (a word of [`Days`]), so that days merge with a bitwise or. Columns:
//! `identity` text · `request` JSON · `outcome` text · `word` i32 · `days` u64 (bits) · `count` u64 · `first`, `last` i64
//! (microseconds since 1970 UTC) · `evidence`, `bases`, `context`, `issued_to` JSON.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use polars::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::ProfileError;
use crate::access::days::Days;
use crate::access::evidence::Evidence;
use crate::access::identity::Identity;
use crate::access::observation::{Basis, Outcome};
use crate::access::profile::{Profile, Tally, Values};
use crate::access::request::RequestKey;
use crate::access::times::Times;

/// One identity, request and outcome.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) identity: Identity,
    pub(super) request: RequestKey,
    pub(super) outcome: Outcome,
    pub(super) tally: Tally,
    pub(super) bases: BTreeSet<Basis>,
}

/// Columns that name a row; the rest is aggregated.
const KEYS: [&str; 4] = ["identity", "request", "outcome", "word"];

pub(super) fn frame_error(file: &str) -> impl Fn(PolarsError) -> ProfileError {
    move |source| ProfileError::Frame { file: file.to_owned(), source: Box::new(source) }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A frame of a profile; the counts and evidence of a row stand at its first word, its later words add only days.
pub(super) fn of(profile: &Profile) -> Result<DataFrame, ProfileError> {
    let mut columns = Columns::default();
    for (identity, part) in &profile.identities {
        let identity = identity.to_string();
        for (request, seen) in &part.requests {
            let request = json(request);
            for (outcome, tally) in &seen.outcomes {
                columns.push([&identity, &request, &json(outcome)], tally, &seen.bases);
            }
        }
    }
    columns.into_frame()
}

/// The columns of a frame while it is filled.
#[derive(Default)]
struct Columns {
    keys: [Vec<String>; 3],
    word: Vec<i32>,
    days: Vec<u64>,
    count: Vec<u64>,
    first: Vec<i64>,
    last: Vec<i64>,
    details: [Vec<String>; 4],
}

impl Columns {
    fn push(&mut self, keys: [&str; 3], tally: &Tally, bases: &BTreeSet<Basis>) {
        let Tally { times, context, issued_to } = tally;
        for (index, (number, bits)) in times.days.words().enumerate() {
            for (column, text) in self.keys.iter_mut().zip(keys) {
                column.push(text.to_owned());
            }
            self.word.push(number);
            self.days.push(bits);
            self.count.push(if index == 0 { times.count } else { 0 });
            self.first.push(times.first.as_microsecond());
            self.last.push(times.last.as_microsecond());
            let spelled = match index {
                0 => [json(&times.evidence), json(bases), json(context), json(issued_to)],
                _ => [json(&Evidence::default()), "[]".to_owned(), "{}".to_owned(), json(&Values::default())],
            };
            for (column, text) in self.details.iter_mut().zip(spelled) {
                column.push(text);
            }
        }
    }

    fn into_frame(self) -> Result<DataFrame, ProfileError> {
        let height = self.word.len();
        let [identity, request, outcome] = self.keys;
        let [evidence, bases, context, issued_to] = self.details;
        let columns = vec![
            Column::new("identity".into(), identity),
            Column::new("request".into(), request),
            Column::new("outcome".into(), outcome),
            Column::new("word".into(), self.word),
            Column::new("days".into(), self.days),
            Column::new("count".into(), self.count),
            Column::new("first".into(), self.first),
            Column::new("last".into(), self.last),
            Column::new("evidence".into(), evidence),
            Column::new("bases".into(), bases),
            Column::new("context".into(), context),
            Column::new("issued_to".into(), issued_to),
        ];
        DataFrame::new(height, columns).map_err(frame_error(""))
    }
}

/// One row for each key, in order: counts added, times and days united, details collected into lists.
pub(super) fn group(frame: DataFrame) -> Result<DataFrame, ProfileError> {
    frame
        .lazy()
        .group_by(KEYS.map(col))
        .agg([
            col("days").bitwise_or(),
            col("count").sum(),
            col("first").min(),
            col("last").max(),
            col("evidence"),
            col("bases"),
            col("context"),
            col("issued_to"),
        ])
        .sort(KEYS, SortMultipleOptions::default())
        .collect()
        .map_err(frame_error(""))
}

/// Calls `add` with each row of a grouped frame; `file` names it in errors.
pub(super) fn each_row(file: &str, frame: &DataFrame, mut add: impl FnMut(Row)) -> Result<(), ProfileError> {
    let damaged = |field: &str, detail: &str| ProfileError::Damaged {
        file: file.to_owned(),
        field: field.to_owned(),
        detail: detail.to_owned(),
    };
    let error = frame_error(file);
    let text = |name: &str| frame.column(name).and_then(|column| column.str().cloned()).map_err(&error);
    let number = |name: &str| frame.column(name).and_then(|column| column.i64().cloned()).map_err(&error);
    let unsigned = |name: &str| frame.column(name).and_then(|column| column.u64().cloned()).map_err(&error);
    let list = |name: &str| frame.column(name).and_then(|column| column.list().cloned()).map_err(&error);
    let (identity, request, outcome) = (text("identity")?, text("request")?, text("outcome")?);
    let word = frame.column("word").and_then(|column| column.i32().cloned()).map_err(&error)?;
    let (days, count) = (unsigned("days")?, unsigned("count")?);
    let (first, last) = (number("first")?, number("last")?);
    let (evidence, bases, context) = (list("evidence")?, list("bases")?, list("context")?);
    let issued_to = list("issued_to")?;
    let (mut evidence, mut bases) = (evidence.amortized_iter(), bases.amortized_iter());
    let (mut context, mut issued_to) = (context.amortized_iter(), issued_to.amortized_iter());
    let mut before: Option<(&str, Identity)> = None;
    for index in 0..frame.height() {
        let time = |column: &Int64Chunked, name: &str| {
            let micros = column.get(index).ok_or_else(|| damaged(name, "is null"))?;
            Timestamp::from_microsecond(micros).map_err(|_| damaged(name, "is out of range"))
        };
        let mut bits = Days::default();
        bits.insert_word(word.get(index).unwrap_or_default(), days.get(index).unwrap_or_default());
        let times = Times {
            count: count.get(index).unwrap_or_default(),
            first: time(&first, "first")?,
            last: time(&last, "last")?,
            days: bits,
            evidence: Evidence::default(),
        };
        let mut tally = Tally::of(times);
        tally.times.evidence = merged(parts(file, "evidence", evidence.next())?, |all, part| Evidence::merge(all, &part));
        tally.context = merged(parts(file, "context", context.next())?, |all: &mut BTreeMap<String, Values>, part| {
            part.into_iter().for_each(|(key, values)| all.entry(key).or_default().merge(&values));
        });
        tally.issued_to = merged(parts(file, "issued_to", issued_to.next())?, |all, part| Values::merge(all, &part));
        // Rows are in order: most stand behind another one of the same identity.
        let text = identity.get(index).unwrap_or_default();
        let bearer = match before.take().filter(|(before, _)| *before == text) {
            Some((_, bearer)) => bearer,
            None => Identity::parse(text).ok_or_else(|| damaged("identity", "is no identity"))?,
        };
        before = Some((text, bearer.clone()));
        add(Row {
            identity: bearer,
            request: parse(file, "request", request.get(index).unwrap_or_default())?,
            outcome: parse(file, "outcome", outcome.get(index).unwrap_or_default())?,
            tally,
            bases: merged(parts(file, "bases", bases.next())?, BTreeSet::<Basis>::extend),
        });
    }
    Ok(())
}

/// The JSON texts of one list cell.
fn parts<T: DeserializeOwned>(file: &str, field: &str, cell: Option<Option<impl AsRef<Series>>>) -> Result<Vec<T>, ProfileError> {
    let Some(cell) = cell.flatten() else { return Ok(Vec::new()) };
    let texts = cell.as_ref().str().map_err(frame_error(file))?;
    texts.iter().flatten().map(|text| parse(file, field, text)).collect()
}

/// All of them as one. Most cells hold one part.
fn merged<T: Default>(parts: Vec<T>, merge: impl Fn(&mut T, T)) -> T {
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    parts.for_each(|part| merge(&mut all, part));
    all
}

pub(super) fn parse<T: DeserializeOwned>(file: &str, field: &str, text: &str) -> Result<T, ProfileError> {
    serde_json::from_str(text).map_err(|error| ProfileError::Damaged {
        file: file.to_owned(),
        field: field.to_owned(),
        detail: error.to_string(),
    })
}
