//! Names without end are folded while reading to what folding them at the end gives, however the log is divided.

use super::*;
use serde_json::json;
use tightfit::access::profile::Profile;
use tightfit::access::request::RequestKey;
use tightfit::aggregate::Aggregator;

const NAMES_MAX: usize = 6;

fn event(number: usize, key: &str, refused: bool) -> String {
    let role =
        json!({"type": "Role", "arn": "arn:aws:iam::111122223333:role/app", "accountId": "111122223333", "userName": "app"});
    let mut event = json!({
        "eventVersion": "1.09", "eventID": format!("e-{number}"), "eventTime": format!("2026-10-{:02}T00:00:00Z", 1 + number % 28),
        "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
        "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::111122223333:assumed-role/app/s{number}"),
            "accountId": "111122223333", "sessionContext": {"sessionIssuer": role}},
        "requestParameters": {"bucketName": "orders", "key": key},
        "resources": [{"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::orders/{key}")}],
    });
    if refused {
        event["errorCode"] = json!("AccessDenied");
    }
    event.to_string()
}

fn audit(number: usize, name: &str) -> String {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete", "auditID": format!("a-{number}"),
        "requestURI": format!("/api/v1/namespaces/shop/pods/{name}"), "verb": "get", "user": {"username": "system:serviceaccount:shop:web"},
        "objectRef": {"resource": "pods", "namespace": "shop", "name": name, "apiVersion": "v1"}, "responseStatus": {"code": 200},
        "requestReceivedTimestamp": format!("2026-10-{:02}T00:00:00.000001Z", 1 + number % 28),
    })
    .to_string()
}

/// What is read of these lines, with names folded on the way or not, before the last fold.
fn profile(lines: &[String], names_max: usize) -> Profile {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    fs::write(&path, lines.join("\n")).expect("write");
    let mut inputs = found(&[&path]);
    inputs.inputs.iter_mut().for_each(|input| input.name = "log".to_owned());
    let mut aggregator = Aggregator::default();
    let options = Options { names_max, ..options() };
    read(&inputs.inputs, &options, &mut aggregator, &|_, _| {});
    let mut profile = aggregator.finish().expect("profile");
    profile.ledger.names_max = NAMES_MAX;
    profile
}

fn folded(mut profile: Profile) -> Profile {
    profile.fold_names();
    profile
}

fn asked(profile: &Profile) -> Vec<String> {
    let requests = profile.identities.values().flat_map(|part| part.requests.keys());
    requests.map(RequestKey::to_string).collect()
}

#[test]
fn folding_on_the_way_is_folding_at_the_end() {
    let mut rng = fastrand::Rng::with_seed(7);
    for round in 0..60 {
        let (directories, files, days) = (1 + rng.usize(..9), 1 + rng.usize(..9), 1 + rng.usize(..4));
        let records = rng.usize(..80);
        let lines: Vec<String> = (0..records)
            .map(|number| {
                let (directory, file, day) = (rng.usize(..directories), rng.usize(..files), rng.usize(..days));
                let key = match rng.u8(..4) {
                    0 => format!("raw-{directory}/2026/10/{:02}/part-{file}.json", 1 + day),
                    1 => format!("exports/6e77e2c0-59b8-4937-a623-c22420a862d{day}/{file}.csv"),
                    2 => format!("top-{file}"),
                    _ => format!("deep/{directory}/{file}/x"),
                };
                if rng.u8(..3) == 0 {
                    audit(number, &format!("web-{file}{directory}"))
                } else {
                    event(number, &key, rng.u8(..9) == 0)
                }
            })
            .collect();
        let whole = folded(profile(&lines, 0));
        let early = folded(profile(&lines, NAMES_MAX));
        assert_eq!(asked(&early), asked(&whole), "round {round}");
        assert_eq!(early.identities, whole.identities, "round {round}");
        let (first, second) = lines.split_at(records / 3);
        let mut merged = folded(profile(second, NAMES_MAX));
        merged.merge(&folded(profile(first, NAMES_MAX)));
        // Evidence tells the record's number in its file, which is another in a part.
        assert_eq!(asked(&folded(merged)), asked(&whole), "round {round}");
    }
}

#[test]
fn many_names_stand_together_and_few_do_not() {
    let keys = |count: usize| -> Vec<String> {
        (0..count).map(|file| event(file, &format!("raw/2026/10/{:02}/{file}", 1 + file % 9), false)).collect()
    };
    assert_eq!(asked(&folded(profile(&keys(6), NAMES_MAX))).len(), 6);
    assert_eq!(asked(&folded(profile(&keys(7), NAMES_MAX))), ["s3:GetObject on arn:aws:s3:::orders/raw/*/*"]);
}

#[test]
fn what_follows_from_a_request_gives_it_no_name() {
    let stage = |stage: &str| {
        json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": stage, "auditID": "b-1", "verb": "create",
            "requestURI": "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings", "user": {"username": "deployer"},
            "objectRef": {"resource": "rolebindings", "namespace": "shop", "apiGroup": "rbac.authorization.k8s.io", "apiVersion": "v1"},
            "requestReceivedTimestamp": "2026-10-01T00:00:00.000001Z",
        })
    };
    let mut answered = stage("ResponseComplete");
    answered["responseStatus"] = json!({"code": 201});
    answered["requestObject"] = json!({
        "kind": "RoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "b", "namespace": "shop"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}, "subjects": [],
    });
    let (seen, reading) = read_bytes(format!("{}\n{answered}\n", stage("RequestReceived")).as_bytes(), &options());
    assert!(seen.observed.len() > 1, "binding follows: {:?}", seen.observed);
    assert_eq!((reading.duplicate_id_count, seen.count("observed")), (0, 1), "two stages of one request");
}
