//! `catalog event`, `catalog action`, `catalog status`: answers, exits, and catalogs that cannot be used.

use std::fs;

use serde_json::Value;

use crate::harness::{ended, root};
use crate::run;

fn json(home: &std::path::Path, arguments: &[&str]) -> (i32, Value) {
    let mut with = arguments.to_vec();
    with.push("--json");
    let (code, said, error) = ended(&run(home, &with));
    (code, serde_json::from_str(&said).unwrap_or_else(|_| panic!("{arguments:?}: {said} {error}")))
}

#[test]
fn events_are_explained() {
    let home = tempfile::tempdir().unwrap();
    for source in ["lambda", "lambda.amazonaws.com"] {
        let (code, answer) = json(home.path(), &["catalog", "event", source, "UpdateFunctionCode20150331v2"]);
        assert_eq!((code, answer["schema"].as_u64()), (0, Some(1)));
        assert_eq!(answer["actions"][0]["action"], "lambda:UpdateFunctionCode");
        assert_eq!((&answer["actions"][0]["confidence"], &answer["origin"]), (&"derived".into(), &"version-cut".into()));
        assert_eq!(
            answer["actions"][0]["resources"][0]["arn"],
            "arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}"
        );
    }
    let (_, answer) = json(home.path(), &["catalog", "event", "s3", "HeadObject"]);
    assert_eq!((answer["data_event"].as_bool(), answer["actions"].as_array().map(Vec::len)), (Some(true), Some(2)));
    assert_eq!(answer["actions"][1]["when"]["parameter"], "versionId");
    let (_, answer) = json(home.path(), &["catalog", "event", "lambda", "CreateFunction"]);
    assert_eq!((&answer["passes"][0], &answer["slots"][0]["path"]), (&"Role".into(), &"FunctionName".into()));
    assert_eq!(json(home.path(), &["catalog", "event", "sts", "GetCallerIdentity"]).1["mapping"], "permissionless");
    let (code, said, _) = ended(&run(home.path(), &["catalog", "event", "dynamodb", "GetItem"]));
    assert_eq!(code, 0);
    for part in [
        "dynamodb:GetItem (exact)",
        "as a data event",
        "TableName from TableName",
        "kms:Decrypt (through dynamodb.amazonaws.com)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn actions_are_explained() {
    let home = tempfile::tempdir().unwrap();
    let (code, answer) = json(home.path(), &["catalog", "action", "S3:getobject"]);
    assert_eq!((code, &answer["facts"]["action"], &answer["facts"]["level"]), (0, &"s3:GetObject".into(), &"Read".into()));
    let events: Vec<&str> = answer["events"].as_array().unwrap().iter().filter_map(|event| event["event"].as_str()).collect();
    assert!(events.contains(&"HeadObject") && events.contains(&"GetObject"), "{events:?}");
    let (_, answer) = json(home.path(), &["catalog", "action", "iam:PassRole"]);
    assert_eq!(answer["events"].as_array().map(Vec::len), Some(0), "passing a role leaves no event of its own");
    assert!(answer["needed_by"].as_array().unwrap().contains(&"lambda:CreateFunction".into()));
}

#[test]
fn the_unknown_is_said_with_what_may_be_meant() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, near) in [
        (["catalog", "event", "s3", "GetObjct"].as_slice(), "GetObject"),
        (&["catalog", "event", "dynamdb", "GetItem"], "dynamodb"),
        (&["catalog", "action", "s3:GetObjct"], "s3:GetObject"),
        (&["catalog", "action", "lamda:Invoke"], "lambda"),
    ] {
        let (code, said, error) = ended(&run(home.path(), arguments));
        assert_eq!(code, 1, "{arguments:?}");
        assert!(error.starts_with("error: unknown") && error.contains(near) && said.is_empty(), "{arguments:?}: {said} {error}");
        let quiet: Vec<&str> = arguments.iter().copied().chain(["-q"]).collect();
        assert_eq!(ended(&run(home.path(), &quiet)).2, error, "an error is one with -q too");
        assert!(json(home.path(), arguments).1["nearest"].as_array().unwrap().iter().any(|name| name == near));
    }
    let (code, _, error) = ended(&run(home.path(), &["catalog", "event", "glue", "CreateGlossary"]));
    assert!(code == 1 && error.contains("no source says which action"), "{error}");
    for wrong in [["catalog", "action", "nonsense"].as_slice(), &["catalog", "event", "s3", ""], &["catalog", "event", " ", "x"]]
    {
        let (code, _, error) = ended(&run(home.path(), wrong));
        assert!(code == 2 && !error.contains("did you mean"), "{wrong:?}: {error}");
    }
    for malformed in [["catalog", "event", "s3", "*"].as_slice(), &["catalog", "event", "!", "x"], &["catalog", "action", "?:x"]]
    {
        let (code, _, error) = ended(&run(home.path(), malformed));
        assert!(code == 1 && !error.contains("did you mean"), "{malformed:?}: {error}");
    }
    let hostile = "\u{1b}[31m".repeat(5_000);
    let (code, _, error) = ended(&run(home.path(), &["catalog", "event", "s3", &hostile]));
    assert!(code == 1 && !error.contains("\u{1b}[31m\u{1b}"), "control characters are not passed on");
}

#[test]
fn what_leaves_no_event_is_not_said_to_be_recorded() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, page) in [
        (["catalog", "event", "logs", "PutLogEvents"].as_slice(), "logging_cw_api_calls_cwl"),
        (&["catalog", "event", "es", "ESHttpGet"], "managedomains-cloudtrailauditing"),
        (&["catalog", "action", "rds-db:connect"], "UsingWithRDS.IAMDBAuth"),
        (&["catalog", "action", "kafka-cluster:writedata"], "logging-API-using-cloudtrail"),
    ] {
        let (code, said, _) = ended(&run(home.path(), arguments));
        assert!(
            code == 0 && said.contains("leaves no event, whatever is switched on (https://") && said.contains(page),
            "{said}"
        );
        assert!(!said.contains("as a management event"), "{said}");
        let answer = json(home.path(), arguments).1;
        let unlogged = if arguments[1] == "event" { &answer["unlogged"] } else { &answer["facts"]["unlogged"] };
        assert!(unlogged.as_str().is_some_and(|url| url.contains(page)), "{answer}");
    }
    assert!(json(home.path(), &["catalog", "event", "s3", "GetObject"]).1["unlogged"].is_null());
}

#[test]
fn a_name_is_found_in_any_case_and_with_its_version() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [["catalog", "event", "S3", "headobject"], ["catalog", "event", "S3.AmazonAWS.com", "HeadObject"]] {
        let (code, answer) = json(home.path(), &arguments);
        assert_eq!((code, &answer["prefix"], &answer["data_event"]), (0, &"s3".into(), &true.into()));
    }
    let (_, plain) = json(home.path(), &["catalog", "event", "lambda", "CreateFunction"]);
    let (_, dated) = json(home.path(), &["catalog", "event", "lambda", "CreateFunction20150331"]);
    for field in ["slots", "passes"] {
        assert!(plain[field].as_array().is_some_and(|list| !list.is_empty()));
        assert_eq!(plain[field], dated[field], "{field}");
    }
    let (_, said, _) = ended(&run(home.path(), &["catalog", "action", "lambda:CreateFunction"]));
    assert!(said.contains("(to lambda.amazonaws.com)") && said.contains("iam:PassRole"), "{said}");
    let role = &json(home.path(), &["catalog", "action", "ec2:RunInstances"]).1["facts"]["passed_roles"][0];
    assert_eq!((&role["profile"], &role["to"]), (&true.into(), &"ec2.amazonaws.com".into()));
}

#[test]
fn tests_of_the_decoder_are_said_in_words() {
    let home = tempfile::tempdir().unwrap();
    for (event, words) in [
        ("CopyObject", "s3:PutObjectAcl (exact) where an access list is sent"),
        ("CreateBucket", "where an access list other than `private` is sent"),
        ("DeleteObjects", "where the batch names a version"),
        ("UploadPartCopy", "s3:GetObject or s3:GetObjectVersion on the copy's source"),
    ] {
        let (_, said, _) = ended(&run(home.path(), &["catalog", "event", "s3", event]));
        assert!(said.contains(words) && !said.contains('~'), "{said}");
        assert!(!json(home.path(), &["catalog", "event", "s3", event]).1.to_string().contains('~'));
    }
}

#[test]
fn status_names_the_catalog_and_its_sources() {
    let home = tempfile::tempdir().unwrap();
    let (code, answer) = json(home.path(), &["catalog", "status"]);
    assert_eq!((code, &answer["catalog"], &answer["date"]), (0, &"embedded".into(), &"2026-10-27".into()));
    let licences: Vec<&str> =
        answer["sources"].as_array().unwrap().iter().filter_map(|source| source["licence"].as_str()).collect();
    assert_eq!(licences, ["MIT", "MIT", "Apache-2.0", "MIT", "Apache-2.0"]);
    assert!(
        answer["operations"]["exact"].as_u64() > Some(18_000) && answer["conflicts"]["map-slot-differs"].as_u64() < Some(100)
    );
}

#[test]
fn a_named_catalog_is_used_and_a_damaged_one_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mine");
    let embedded = fs::read(root().join("src/catalog/aws/catalog.txt.zst")).unwrap();
    fs::write(&file, &embedded).unwrap();
    let place = |arguments: &[&str]| json(home.path(), arguments).1["catalog"].as_str().unwrap_or_default().to_owned();
    assert_eq!(place(&["catalog", "status", "--catalog", "mine"]), "mine");
    fs::write(home.path().join("tightfit.toml"), "[catalog]\nfile = \"mine\"\n").unwrap();
    assert_eq!(place(&["catalog", "status"]), "mine");
    fs::remove_file(home.path().join("tightfit.toml")).unwrap();
    fs::create_dir_all(home.path().join("data/tightfit")).unwrap();
    let default = home.path().join("data/tightfit/catalog");
    fs::write(&default, &embedded).unwrap();
    assert!(place(&["catalog", "status"]).ends_with("data/tightfit/catalog"));
    let middle = embedded.len() / 2;
    let flipped: Vec<u8> = embedded.iter().enumerate().map(|(at, byte)| if at == middle { byte ^ 1 } else { *byte }).collect();
    let older = zstd::bulk::compress(b"tightfit-catalog\t1\n", 1).unwrap();
    for bytes in [&flipped[..], &embedded[..middle], b"", b"text", &older] {
        fs::write(&default, bytes).unwrap();
        for command in [&["catalog", "status"][..], &["catalog", "event", "s3", "GetObject"], &["doctor", "."]] {
            let (code, _, error) = ended(&run(home.path(), command));
            assert_eq!(code, 1, "{command:?}");
            assert!(error.contains("cannot be used") && error.contains("catalog refresh"), "{error}");
        }
    }
    fs::write(home.path().join("text"), b"text").unwrap();
    fs::write(home.path().join("empty"), b"").unwrap();
    for name in ["absent", "text", "empty"] {
        let (code, _, error) = ended(&run(home.path(), &["catalog", "status", "--catalog", name]));
        assert!(code == 1 && error.contains("drop `--catalog`, or"), "{error}");
        assert!(error.contains(&format!("`tightfit catalog refresh --out {name}`")), "{error}");
        assert_eq!(error.contains("it is no catalog of tightfit"), name != "absent", "{error}");
        fs::write(home.path().join("tightfit.toml"), format!("[catalog]\nfile = \"{name}\"\n")).unwrap();
        let (code, _, error) = ended(&run(home.path(), &["catalog", "status"]));
        assert!(code == 1 && error.contains("drop the `[catalog] file` line, or"), "{error}");
        fs::remove_file(home.path().join("tightfit.toml")).unwrap();
    }
}
