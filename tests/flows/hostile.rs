//! Hostile flow records: any type in any field, cut files, lies about lengths. No panic, and an honest end for each.

use serde_json::{Value, json};
use tightfit::catalog::Catalog;
use tightfit::ingest::Options;
use tightfit::ingest::decoded::{End, Surround};
use tightfit::ingest::flow::decode;

use crate::read::{profile, profile_with};
use crate::{forms, shop, truth};

fn odd() -> Vec<Value> {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(65536),
        json!(""),
        json!("-"),
        json!("\u{0}"),
        json!("a\nb: c"),
        json!("*"),
        json!("999999999999999999999999"),
        json!("10.0.0.1/8"),
        json!([]),
        json!(["x", 1]),
        json!({}),
        json!({"a": {"b": [null]}}),
        deep,
    ]
}

/// Every place of a record, replaced by every odd value.
fn broken(record: &Value) -> Vec<Value> {
    fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| {
                let path = format!("{path}/{}", key.replace('/', "~1"));
                found.push(path.clone());
                paths(value, &path, found);
            }),
            Value::Array(values) => values.iter().enumerate().for_each(|(place, value)| {
                let path = format!("{path}/{place}");
                found.push(path.clone());
                paths(value, &path, found);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    paths(record, "", &mut found);
    let mut all = Vec::new();
    for path in &found {
        for odd in odd() {
            let mut broken = record.clone();
            *broken.pointer_mut(path).unwrap() = odd;
            all.push(broken);
        }
    }
    all
}

#[test]
fn any_type_in_any_field_ends_honestly() {
    let happened = shop::happened(7);
    let mut records: Vec<Value> = Vec::new();
    for log in [forms::hubble(&happened), forms::goldmane(&happened), forms::enterprise(&happened), forms::ipfix(&happened)] {
        records.extend(log.lines().step_by(97).take(3).map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    for line in forms::istio(&happened).lines().step_by(97).take(3) {
        let wrapped: Value = serde_json::from_str(line).unwrap();
        records.push(serde_json::from_str(wrapped["log"].as_str().unwrap()).unwrap());
    }
    let mut tried = 0_usize;
    for record in records.iter().flat_map(broken) {
        tried += 1;
        let Some(decoded) = decode(record.to_string().as_bytes(), &Surround::default()) else { continue };
        if let End::Observed(asked) = &decoded.end {
            assert_eq!(asked.len(), 1);
            let text = asked.first().unwrap().request.key().to_string();
            assert!(!text.contains(['\u{0}', '\n']), "{text:?} of {record}");
        }
    }
    assert!(tried > 3000, "{tried}");
}

#[test]
fn cut_and_garbled_lines_are_counted_and_the_others_stand() {
    let tcp = |line: &String| line.contains(" 6 ") && line.contains("ACCEPT");
    let lines: Vec<String> = forms::vpc(&shop::happened(7)).into_iter().filter(tcp).collect();
    let mut text = format!("{}\n", forms::VPC_FIELDS);
    text += "5 eni-1\n";
    text += "\u{0}\u{0} nul\n\n   \n";
    text += &format!("{}\n", lines[0]);
    text += &format!("{}\n", forms::VPC_FIELDS);
    text += &lines[1].replace(" 6 ", " 999 ");
    text += "\n";
    text += &lines[2].replace("ACCEPT", "MAYBE");
    text += "\n";
    text += "5 eni-1 - - - - - 1795132800 1795132860 - - - - SKIPDATA\n";
    text += "5 eni-1 - - - - - 1795132800 1795132860 - - - - NODATA\n";
    text += &lines[3].replace(" 6 ", " 1 ");
    let found = profile(&[("flows", text.as_bytes())]);
    assert_eq!(found.ledger.observed, 1, "{:?}", found.ledger);
    assert_eq!(found.ledger.rejected_count(), 4, "{:?}", found.ledger.rejected);
    assert_eq!(found.ledger.skipped_count(), 3);
    let flows = found.coverage.flows.get("cluster").expect("seen");
    assert_eq!(flows.lost.get("vpc"), Some(&1));
}

#[test]
fn a_line_over_the_limit_takes_no_memory() {
    let lines = forms::vpc(&shop::happened(7));
    let text = format!("{}\n{}\n{}", forms::VPC_FIELDS, "x".repeat(300_000), lines[0]);
    let options = Options { record_bytes_max: 10_000, ..Options::new(Catalog::embedded()) };
    let found = profile_with(&[("flows", text.as_bytes())], &options);
    assert_eq!((found.ledger.observed, found.ledger.rejected_count()), (1, 1));
}

#[test]
fn damaged_tables_are_faults() {
    let whole = truth::parquet(&forms::vpc(&shop::happened(7)));
    let mut dice = shop::Dice(1);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        let place = usize::try_from(dice.roll(u64::try_from(bytes.len() - 8).unwrap())).unwrap() + 4;
        bytes[place] ^= u8::try_from(dice.roll(255)).unwrap() + 1;
        let end = bytes.len() - 4;
        bytes.truncate(end);
        bytes.extend_from_slice(b"PAR1");
        let found = profile(&[("flows", &bytes)]);
        assert_eq!(found.ledger.files.len(), 1);
    }
}
