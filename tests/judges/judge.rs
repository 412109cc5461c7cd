//! A judge as a process: JSON lines in, JSON lines out.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

/// The folder that has the judges; `None` is said, and fails where nothing may be skipped.
pub(super) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TIGHTFIT_KUBE_JUDGES").map(PathBuf::from).filter(|folder| folder.join("rbac").is_file());
    if folder.is_none() {
        assert!(std::env::var_os("TIGHTFIT_REQUIRE_SHARED").is_none(), "TIGHTFIT_KUBE_JUDGES is required and names no judges");
        println!("skipped: TIGHTFIT_KUBE_JUDGES names no folder with judges (tests/judges/install.sh makes one)");
    }
    folder
}

/// What a judge answers, one value a line.
pub(super) fn judged(name: &str, arguments: &[&str], lines: &[Value]) -> Option<Vec<Value>> {
    folder().map(|folder| judged_text(&folder, name, arguments, lines.iter().map(|line| format!("{line}\n")).collect()))
}

/// The same of any text.
pub(super) fn judged_text(folder: &Path, name: &str, arguments: &[&str], text: String) -> Vec<Value> {
    let mut judge = Command::new(folder.join(name));
    let mut judge = judge.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = judge.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "{name} ended with {}", output.status);
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `count` values of a strategy, the same in every run.
pub(super) fn sampled<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let config = Config { cases: 1, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// One of these texts.
pub(super) fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    proptest::sample::select(texts).prop_map(str::to_owned)
}

/// Up to `most` of these texts, mostly at least one; sometimes `null`, which reads as none.
pub(super) fn some_of(texts: &'static [&'static str], most: usize) -> impl Strategy<Value = Value> + Clone {
    let list = proptest::collection::vec(one_of(texts), 1..=most).prop_map(Value::from);
    prop_oneof![24 => list, 1 => Just(Value::Null), 1 => Just(Value::Array(Vec::new()))]
}
