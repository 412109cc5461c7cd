//! Shards: a trail read in parts on several machines and merged in any order is, byte for byte, the trail read at once.

#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

fn tightfit(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tightfit")).args(arguments).current_dir(folder).output().expect("runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A trail of small files, with records that other files repeat but for id and time.
fn trail(folder: &Path, files: usize) {
    fs::create_dir_all(folder.join("log")).expect("folder");
    for file in 0..files {
        let mut records = String::new();
        for record in 0..(file * 7) % 5 + 1 {
            let comma = if record > 0 { "," } else { "" };
            let (user, event, error) = (file % 3, ["ListBuckets", "GetCallerIdentity"][record % 2], record % 4 == 3);
            let source = if event == "ListBuckets" { "s3" } else { "sts" };
            let error = if error { r#","errorCode":"AccessDenied""# } else { "" };
            let _ = write!(
                records,
                r#"{comma}{{"eventID":"{file}-{record}","eventTime":"2026-10-{:02}T10:00:00Z","eventSource":"{source}.amazonaws.com","eventName":"{event}","eventType":"AwsApiCall","awsRegion":"eu-west-1","recipientAccountId":"111122223333","userIdentity":{{"type":"IAMUser","accountId":"111122223333","arn":"arn:aws:iam::111122223333:user/u{user}","userName":"u{user}"}}{error}}}"#,
                file % 28 + 1
            );
        }
        fs::write(folder.join(format!("log/{file:03}.json")), format!(r#"{{"Records":[{records}]}}"#)).expect("write");
    }
}

#[test]
fn merged_shards_are_the_single_run_byte_for_byte() {
    let scratch = tempfile::tempdir().expect("folder");
    let here = scratch.path();
    trail(here, 40);
    assert_eq!(tightfit(here, &["profile", "log", "--out", "whole.parquet"]).0, Some(0));
    let whole = fs::read(here.join("whole.parquet")).expect("profile");
    for of in [1, 2, 7, 31] {
        let mut parts: Vec<String> = Vec::new();
        for number in 1..=of {
            let name = format!("part-{of}-{number}.parquet");
            let (code, said) = tightfit(here, &["profile", "log", "--shard", &format!("{number}/{of}"), "--out", &name]);
            assert_eq!(code, Some(0), "{said}");
            parts.push(name);
        }
        // In any order, and as a tree.
        parts.reverse();
        let half = parts.len() / 2;
        let merge = |parts: &[String], out: &str| {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let (code, said) = tightfit(here, &[&["merge"], parts.as_slice(), &["--out", out]].concat());
            assert_eq!(code, Some(0), "{said}");
            fs::read(here.join(out)).expect("profile")
        };
        assert!(merge(&parts, "merged.parquet") == whole, "{of} parts");
        if half > 0 {
            merge(&parts[..half], "one.parquet");
            merge(&parts[half..], "other.parquet");
            assert!(
                merge(&["one.parquet".to_owned(), "other.parquet".to_owned()], "tree.parquet") == whole,
                "{of} parts as a tree"
            );
        }
    }
}

#[test]
fn overlapping_profiles_are_refused_or_said() {
    let scratch = tempfile::tempdir().expect("folder");
    let here = scratch.path();
    trail(here, 4);
    for (input, out) in [("log", "all.parquet"), ("log/002.json", "one.parquet")] {
        assert_eq!(tightfit(here, &["profile", input, "--out", out]).0, Some(0));
    }
    let (code, said) = tightfit(here, &["merge", "all.parquet", "one.parquet", "--out", "both.parquet"]);
    assert!(code == Some(1) && said.contains("002.json") && said.contains("--overlapping"), "{said}");
    assert!(!here.join("both.parquet").exists());
    assert_eq!(tightfit(here, &["merge", "all.parquet", "one.parquet", "--overlapping", "--out", "both.parquet"]).0, Some(0));
    let (_, said) = tightfit(here, &["generate", "both.parquet", "--out", "policies"]);
    assert!(
        said.contains("counts-upper-bound")
            || fs::read_to_string(here.join("policies/report.md")).expect("report").contains("counts-upper-bound"),
        "{said}"
    );
    let (code, said) = tightfit(here, &["merge", "all.parquet", "log/002.json", "--out", "both.parquet"]);
    assert!(code == Some(1) && said.contains("tightfit profile"), "{said}");
    for shard in ["0/3", "4/3", "x", "1/0", "-1/2"] {
        assert_eq!(tightfit(here, &["profile", "log", "--shard", shard, "--out", "x.parquet"]).0, Some(2), "{shard}");
    }
}

proptest! {
    #[test]
    fn every_input_is_in_exactly_one_shard(names in proptest::collection::btree_set("[ -~]{0,40}", 0..50), of in 1_u64..40) {
        let shards: Vec<tightfit::ingest::Shard> = (1..=of).map(|number| format!("{number}/{of}").parse().unwrap()).collect();
        let held: Vec<&String> = names.iter().filter(|name| shards.iter().filter(|shard| shard.holds(name)).count() == 1).collect();
        prop_assert_eq!(held.len(), names.len());
    }
}
