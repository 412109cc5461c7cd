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
        assert!(error.contains("unknown") && said.contains(near), "{arguments:?}: {said} {error}");
        assert!(json(home.path(), arguments).1["nearest"].as_array().unwrap().iter().any(|name| name == near));
    }
    let (code, _, error) = ended(&run(home.path(), &["catalog", "event", "glue", "CreateGlossary"]));
    assert!(code == 1 && error.contains("no source says which action"), "{error}");
    assert_eq!(ended(&run(home.path(), &["catalog", "action", "nonsense"])).0, 2);
    let hostile = "\u{1b}[31m".repeat(5_000);
    let (code, _, error) = ended(&run(home.path(), &["catalog", "event", "s3", &hostile]));
    assert!(code == 1 && !error.contains("\u{1b}[31m\u{1b}"), "control characters are not passed on");
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
    assert_eq!(ended(&run(home.path(), &["catalog", "status", "--catalog", "absent"])).0, 1);
}
