//! The binary from outside: exit codes, help of every subcommand, JSON, settings, what is replaced and what never is.
#![cfg(test)]

mod harness;

use std::fs;
use std::path::Path;

use harness::{audit, ended, event, role, root, tightfit, tree, write_lines};
use serde_json::{Value, json};

/// A log of thirty days with data events: nothing is missing from it.
fn whole_log(folder: &Path) -> String {
    let caller = role("app", "s");
    let records: Vec<Value> = (0..60)
        .map(|number| {
            let mut record =
                event(number * 11, &caller, "s3", "GetObject", &json!({"bucketName": "b", "key": "config/a.json"}), None);
            record["eventCategory"] = json!("Data");
            record["managementEvent"] = json!(false);
            record
        })
        .collect();
    write_lines(folder, "log.jsonl", &records).display().to_string()
}

#[test]
fn help_of_every_subcommand_is_as_reviewed() {
    let bless = std::env::var_os("TIGHTFIT_BLESS").is_some();
    for command in ["", "generate", "verify", "profile", "doctor", "merge", "explain", "catalog", "completions"] {
        let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let (code, said, _) = ended(&tightfit(&root(), &arguments));
        assert_eq!(code, 0);
        let file = root().join("tests/cli").join(format!("help{}{command}.txt", if command.is_empty() { "" } else { "-" }));
        if bless {
            fs::write(&file, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&file).unwrap_or_default(), "{}", file.display());
    }
}

#[test]
fn exit_codes_say_how_it_ended() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let log = whole_log(here);
    let code = |arguments: &[&str]| ended(&tightfit(here, arguments));
    assert_eq!(code(&["generate", &log, "--out", "p"]).0, 0, "{:?}", code(&["generate", &log, "--out", "p"]));
    assert_eq!(code(&["generate", &log, "--out", "p", "--fail-on", "note"]).0, 0, "no finding at all");
    assert_eq!(code(&["verify", &log, "--policies", "p"]).0, 0);
    assert_eq!(code(&["generate", &log]).0, 2, "--out is missing");
    assert_eq!(code(&["frobnicate"]).0, 2);
    assert_eq!(code(&["generate", "absent", "--out", "p"]).0, 1);
    let caller = role("app", "s");
    let new = write_lines(here, "new.jsonl", &[event(1, &caller, "sqs", "ListQueues", &json!({}), None)]).display().to_string();
    assert_eq!(code(&["verify", &new, "--policies", "p"]).0, 3, "a gap");
    let short =
        write_lines(here, "short.jsonl", &[event(1, &caller, "s3", "ListBuckets", &json!({}), None)]).display().to_string();
    assert_eq!(code(&["generate", &short, "--out", "q"]).0, 5, "a short window without data events");
    let (findings, said, _) = code(&["generate", &log, "--out", "p", "--exclude", "app", "--fail-on", "note"]);
    assert_eq!(findings, 4, "{said}");
}

#[test]
fn nothing_seen_replaces_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let log = whole_log(here);
    assert_eq!(ended(&tightfit(here, &["generate", &log, "--out", "p"])).0, 0);
    let before = tree(&here.join("p"));
    fs::write(here.join("empty.json"), "").unwrap();
    assert_eq!(ended(&tightfit(here, &["profile", &log, "--out", "p.parquet"])).0, 0);
    for arguments in [
        &["empty.json"][..],
        &["empty.json", "--lenient"],
        &[&log, "--since", "2090-01-01"],
        &[&log, "--since", "2026-10-02", "--until", "2026-10-01"],
        &[&log, "--identity", "ap"],
        &[&log, "--account", "999"],
        &["p.parquet", "--since", "2026-10-02"],
    ] {
        let (code, said, errors) = ended(&tightfit(here, &[&["generate", "--out", "p"], arguments].concat()));
        assert_eq!(code, 1, "{arguments:?} {said}");
        assert!(errors.contains("error"), "{arguments:?} {errors}");
        assert_eq!(tree(&here.join("p")), before, "{arguments:?}");
    }
    let (code, said, _) = ended(&tightfit(here, &["verify", &log, "--policies", "p", "--since", "2090-01-01"]));
    assert_ne!(code, 0, "no verdict is clean over nothing: {said}");
}

#[test]
fn explain_answers_where_an_object_key_is_cut() {
    let scratch = tempfile::tempdir().unwrap();
    let log = whole_log(scratch.path());
    for (request, answer) in
        [("s3:GetObject arn:aws:s3:::b/config/a.json", "allowed, by"), ("s3:GetObject arn:aws:s3:::b/x", "denied")]
    {
        let (_, said, _) = ended(&tightfit(scratch.path(), &["explain", "app", request, "-i", &log]));
        assert!(said.contains(answer) && said.contains("[redacted]") && !said.contains("config"), "{said}");
    }
}

#[test]
fn a_profile_is_taken_where_a_log_is_expected_and_never_proves() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let log = whole_log(here);
    assert_eq!(ended(&tightfit(here, &["profile", &log, "--out", "p.parquet"])).0, 0);
    let (code, said, _) = ended(&tightfit(here, &["generate", "p.parquet", "--out", "q"]));
    assert_eq!(code, 5);
    assert!(said.contains("not proven against a log"), "{said}");
    assert_eq!(ended(&tightfit(here, &["generate", &log, "--out", "r"])).0, 0);
    let policy = |folder: &str| fs::read(here.join(folder).join("aws/111122223333/role/app/policy.json")).unwrap();
    assert_eq!(policy("q"), policy("r"));
    let (code, said, _) = ended(&tightfit(here, &["explain", "app", "-i", "p.parquet"]));
    assert_eq!(code, 0);
    assert!(said.contains("e-0") && said.contains("s3:GetObject"), "{said}");
    assert_eq!(ended(&tightfit(here, &["verify", "p.parquet", "--policies", "r"])).0, 5);
}

#[test]
fn explain_tells_why_and_why_not() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let caller = role("app", "s");
    let object = json!({"resource": "secrets", "namespace": "shop", "name": "tls", "apiVersion": "v1"});
    let records = [
        event(1, &caller, "dynamodb", "GetItem", &json!({"tableName": "orders"}), None),
        event(2, &caller, "dynamodb", "DeleteTable", &json!({"tableName": "orders"}), Some("AccessDenied")),
        audit(3, "system:serviceaccount:shop:web", "get", &object, 200),
        audit(4, "system:serviceaccount:shop:web", "delete", &object, 403),
    ];
    write_lines(here, "log", &records);
    let explain = |arguments: &[&str]| {
        let (code, said, complaints) = ended(&tightfit(here, &[&["explain"], arguments, &["-i", "log"]].concat()));
        assert_eq!(code, 0, "{said}{complaints}");
        said
    };
    let table = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";
    let granted = explain(&["app", &format!("dynamodb:GetItem {table}")]);
    assert!(granted.contains("allowed") && granted.contains("reason: observed") && granted.contains("e-1"), "{granted}");
    let refused = explain(&["app", &format!("dynamodb:DeleteTable on {table}")]);
    assert!(refused.contains("denied") && refused.contains("refused 1 time ") && refused.contains("e-2"), "{refused}");
    let unseen = explain(&["app", "dynamodb:Scan arn:aws:dynamodb:eu-central-1:111122223333:table/other"]);
    assert!(unseen.contains("denied") && unseen.contains("the log never shows this request"), "{unseen}");
    let web = explain(&["shop/web", "get secrets tls in shop"]);
    assert!(web.contains("allowed") && web.contains("a-3"), "{web}");
    assert!(explain(&["shop/web", "delete secrets tls in shop"]).contains("denied"));
    assert_eq!(ended(&tightfit(here, &["explain", "nobody", "-i", "log"])).0, 1);
    assert_eq!(ended(&tightfit(here, &["explain", "app", "not a request at all", "-i", "log"])).0, 1);
}

#[test]
fn json_is_one_document_with_a_schema() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let log = whole_log(here);
    for arguments in [
        vec!["generate", &log, "--out", "p", "--json"],
        vec!["verify", &log, "--policies", "p", "--json"],
        vec!["profile", &log, "--out", "p.parquet", "--json"],
        vec!["doctor", &log, "--json"],
        vec!["explain", "app", "-i", &log, "--json"],
    ] {
        let (code, said, complaints) = ended(&tightfit(here, &arguments));
        assert_eq!(code, 0, "{complaints}");
        let document: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"));
        assert_eq!(
            (&document["schema"], &document["tool"], &document["command"]),
            (&json!(1), &json!("tightfit"), &json!(arguments[0]))
        );
        assert_eq!(document["records"]["observed"], json!(60));
    }
}

#[test]
fn settings_are_checked_and_overridden() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let log = whole_log(here);
    let run = |settings: &str, more: &[&str]| {
        fs::write(here.join("tightfit.toml"), settings).unwrap();
        ended(&tightfit(here, &[&["generate", &log, "--out", "p"], more].concat()))
    };
    let (code, _, complaints) = run("[choose]\nidentitys = []", &[]);
    assert_eq!(code, 1);
    assert!(complaints.contains("identitys") && complaints.contains("tightfit.toml"), "{complaints}");
    assert!(run("generalize.kube-names-min = 1", &[]).2.contains("at least 2"));
    assert!(run("choose.identities = [\"[\"]", &[]).2.contains("not a valid glob"));
    assert_eq!(run("choose.exclude = [\"*app\"]", &[]).0, 0);
    assert!(!here.join("p/aws").exists());
    let (code, _, complaints) = run("", &["--cluster", "x"]);
    assert!(code == 2 && complaints.contains("NAME=GLOB"), "{complaints}");
    let (code, _, complaints) = run("", &["--since", "yesterday"]);
    assert!(code == 2 && complaints.contains("30d"), "{complaints}");
    assert_eq!(run("", &["--since", "2026-10-02", "--until", "2026-10-20T00:00:00Z", "-q"]).1, "");
}

#[test]
fn only_its_own_folder_is_replaced_and_stale_files_go() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let log = whole_log(here);
    fs::create_dir(here.join("mine")).unwrap();
    fs::write(here.join("mine/thesis.txt"), "irreplaceable").unwrap();
    let (code, _, complaints) = ended(&tightfit(here, &["generate", &log, "--out", "mine"]));
    assert_eq!(code, 1);
    assert!(complaints.contains("no folder that tightfit wrote"), "{complaints}");
    assert_eq!(tree(&here.join("mine")).len(), 1);
    assert_eq!(ended(&tightfit(here, &["generate", &log, "--out", "ours"])).0, 0);
    assert!(here.join("ours/aws").exists());
    assert_eq!(ended(&tightfit(here, &["generate", &log, "--out", "ours", "--exclude", "app"])).0, 0);
    assert!(!here.join("ours/aws").exists(), "a stale grant outlives its reason");
    let left: Vec<String> =
        fs::read_dir(here).unwrap().map(|listed| listed.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| !name.contains("tightfit-")), "{left:?}");
}

#[test]
fn colours_and_progress_stay_out_of_pipes() {
    let scratch = tempfile::tempdir().unwrap();
    let log = whole_log(scratch.path());
    let (_, said, complaints) = ended(&tightfit(scratch.path(), &["generate", &log, "--out", "p"]));
    assert!(!said.contains('\u{1b}') && complaints.is_empty(), "{said}{complaints}");
    let (_, said, _) = ended(&tightfit(scratch.path(), &["generate", &log, "--out", "p", "--color", "always"]));
    assert!(said.contains('\u{1b}'));
    let (code, script, _) = ended(&tightfit(scratch.path(), &["completions", "bash"]));
    assert!(code == 0 && script.contains("tightfit"));
}
