//! YAML read-back: what `render::yaml` spells, other parsers read as the same value.
//!
//! The judges: serde-saphyr (YAML 1.2) here, and PyYAML (YAML 1.1) where `python3` can import `yaml`
//! (`pip install pyyaml`); without it that test says that it was skipped.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use serde_json::{Value, json};
use tightfit::render::yaml;

/// Texts that some parser reads as something else, or that end a scalar.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "  lead",
    "trail  ",
    "yes",
    "Yes",
    "NO",
    "on",
    "Off",
    "y",
    "N",
    "true",
    "FALSE",
    "null",
    "Null",
    "~",
    "none",
    "1",
    "-1",
    "1e3",
    "1E400",
    "0x1f",
    "0o17",
    "012",
    "0b101",
    "1_000",
    "1:30",
    "190:20:30",
    "1.5",
    ".5",
    ".inf",
    "-.INF",
    ".nan",
    "+1",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "<<",
    "=",
    "-",
    "--",
    "---",
    "...",
    "--- a",
    "#",
    "# a",
    "a #b",
    "a: b",
    "a:",
    ":a",
    ": ",
    "? a",
    "- a",
    "&a",
    "*a",
    "!x",
    "!!str x",
    "%YAML 1.1",
    "@a",
    "`a`",
    "|",
    ">",
    "|-\n a",
    "[a]",
    "{a: b}",
    "a,b",
    "'",
    "\"",
    "\\",
    "\\n",
    "it's",
    "say \"hi\"",
    "a\tb",
    "\t",
    "a\nb",
    "\n",
    "a\r\nb",
    "\r",
    "\u{0}",
    "a\u{0}b",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{feff}a",
    "\u{fffe}",
    "\u{ffff}",
    "\u{202e}abc",
    "😀",
    "é",
    "日本",
    "${x}",
    "{{ x }}",
    "{% x %}",
    "</script>",
    "key: value\n- evil",
    "a\n---\nkind: ClusterRoleBinding",
];

fn hostile_document() -> Value {
    let long = "k".repeat(3000);
    let mut keys: BTreeMap<String, Value> = HOSTILE.iter().map(|text| ((*text).to_owned(), json!(text))).collect();
    keys.insert(long.clone(), json!({"nested": [long, {"\u{0}": []}]}));
    json!({"values": HOSTILE, "keys": keys, "numbers": [0, -1, 18_446_744_073_709_551_615_u64, 1.5], "flags": [true, false, null]})
}

#[test]
fn hostile_texts_are_read_back() {
    let document = hostile_document();
    let text = yaml::document(&document).unwrap();
    let read: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(read, document);
}

/// Reads YAML from standard input with PyYAML's 1.1 resolver and prints JSON.
const JUDGE: &str = "import sys, json, yaml; print(json.dumps(yaml.safe_load(sys.stdin.buffer.read().decode('utf-8'))))";

#[test]
fn pyyaml_reads_the_same() {
    let found = Command::new("python3").args(["-c", "import yaml"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        println!("skipped: python3 with PyYAML is not here");
        return;
    }
    let document = hostile_document();
    let text = yaml::document(&document).unwrap();
    let mut child = Command::new("python3").args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "PyYAML refused the document");
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read, document);
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![any::<String>(), proptest::sample::select(HOSTILE).prop_map(str::to_owned), "[a-z0-9:._/*-]{0,6}"];
    let leaf =
        prop_oneof![text.clone().prop_map(Value::from), any::<i64>().prop_map(Value::from), any::<bool>().prop_map(Value::from)];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text.clone(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_read_back(value in value()) {
        let text = yaml::document(&value).unwrap();
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        prop_assert_eq!(read, value);
    }
}
