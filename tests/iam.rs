//! Laws of the IAM column, on generated profiles: sufficiency, restraint, necessity, monotone, order-blind; and the reading of
//! AWS's own policies.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy does not count functions beside #[test] as tests"
)]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use proptest::prelude::*;
use serde_json::Value;
use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Context, Resource};
use tightfit::access::identity::{Identity, Name};
use tightfit::access::observation::{Basis, Outcome};
use tightfit::access::profile::{IdentityProfile, Profile, Seen};
use tightfit::access::request::{Request, RequestKey};
use tightfit::catalog::Catalog;
use tightfit::config::{Config, UncheckedConfig};
use tightfit::finding::{Code, Finding};
use tightfit::load;
use tightfit::policy::grant::{Permit, Reason};
use tightfit::policy::iam::{PolicyDocument, Principal, decide};
use tightfit::policy::set::{Documents, Policy};
use tightfit::synthesize::iam;

fn role() -> Identity {
    Identity::aws("aws", "111122223333", Name::Role("app".into()))
}

/// Compiling the patterns of a configuration takes longer than writing a policy: each text is compiled once.
fn config(toml: &str) -> Config {
    static COMPILED: Mutex<BTreeMap<String, Config>> = Mutex::new(BTreeMap::new());
    let compile = || UncheckedConfig::parse("t.toml", toml).unwrap().check().unwrap();
    COMPILED.lock().unwrap().entry(toml.to_owned()).or_insert_with(compile).clone()
}

fn seen(outcomes: &[Outcome], bases: &[Basis]) -> Seen {
    Seen {
        outcomes: outcomes.iter().map(|outcome| (*outcome, harness::tally())).collect(),
        bases: bases.iter().cloned().collect(),
    }
}

fn key(action: &str, resource: Resource) -> RequestKey {
    RequestKey::Aws(AwsRequestKey { action: Action::parse(action).unwrap(), resource, via: None })
}

fn arn(text: &str) -> Resource {
    Resource::Arn(Arn::literal(text).unwrap())
}

fn stated(rows: &[(&str, &str, Outcome)]) -> IdentityProfile {
    let mut part = IdentityProfile::default();
    for (action, resource, outcome) in rows {
        let resource = match *resource {
            "*" => Resource::NoResourceLevel,
            "?" => Resource::NotBuilt,
            text => arn(text),
        };
        part.requests.entry(key(action, resource)).or_default().merge(&seen(&[*outcome], &[Basis::Stated]));
    }
    part
}

fn write(part: &IdentityProfile, toml: &str) -> (Option<Policy>, Vec<Finding>) {
    let mut findings = Vec::new();
    let policy = iam::policy(
        &role(),
        part,
        &tightfit::synthesize::iam::Setting::of(
            &tightfit::access::profile::Profile::default(),
            &config(toml),
            Catalog::embedded(),
            None,
        ),
        &mut findings,
    );
    (policy, findings)
}

fn documents(policy: &Policy) -> &[PolicyDocument] {
    let Documents::Iam(documents) = &policy.documents else { panic!("{:?}", policy.documents) };
    documents
}

fn request(key: &RequestKey) -> AwsRequest {
    let Request::Aws(request) = key.to_request(Context::new()) else { panic!("{key}") };
    request
}

fn permits(part: &IdentityProfile, toml: &str) -> Vec<String> {
    let (policy, _) = write(part, toml);
    policy.map_or(Vec::new(), |policy| policy.grants.iter().map(|grant| grant.permit.to_string()).collect())
}

const GENERATED: &[&str] = &[
    "6e77e2c0-59b8-4937-a623-c22420a862dc",
    "0b5d2f3a-59b8-4937-a623-c22420a862dc",
    "9f86d081884c7d65",
    "1700000000",
    "2026-11-21",
];

/// Names with what trips policies: wildcards, `$`, quotes, delimiters, generated words, characters that IAM does not take.
fn name() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[a-c]{1,2}",
        2 => proptest::sample::select(GENERATED).prop_map(str::to_owned),
        1 => "[*?$\"'{}%é ]{1,3}",
        1 => Just("日".to_owned()),
    ];
    let delimiter = proptest::sample::select(&["/", "-", ".", ":"][..]);
    proptest::collection::vec((word, delimiter), 1..5).prop_map(|parts| {
        let joined: String = parts.iter().flat_map(|(word, delimiter)| [word.as_str(), delimiter]).collect();
        joined.strip_suffix(['/', '-', '.', ':']).unwrap_or(&joined).to_owned()
    })
}

/// Actions have a fixed nature, as the catalog gives them: no resource level, S3 objects, another resource.
fn row() -> impl Strategy<Value = (RequestKey, Seen)> {
    let object =
        (proptest::sample::select(&["s3:GetObject", "s3:PutObject"][..]), proptest::sample::select(&["b", "c"][..]), name())
            .prop_map(|(action, bucket, name)| (action, arn(&format!("arn:aws:s3:::{bucket}/{name}"))));
    let other = (proptest::sample::select(&["ecs:StopTask", "ecs:RunTask"][..]), name())
        .prop_map(|(action, name)| (action, arn(&format!("arn:aws:ecs:eu-west-1:111122223333:task/{name}"))));
    let listed = proptest::sample::select(&["ec2:DescribeInstances", "s3:ListAllMyBuckets"][..])
        .prop_map(|action| (action, Resource::NoResourceLevel));
    let unbuilt = proptest::sample::select(&["ecs:StopTask", "s3:PutObject"][..]).prop_map(|action| (action, Resource::NotBuilt));
    let outcomes = prop_oneof![
        5 => Just(vec![Outcome::Allowed]),
        2 => Just(vec![Outcome::Refused]),
        1 => Just(vec![Outcome::Allowed, Outcome::Refused]),
        1 => Just(vec![Outcome::Failed]),
        1 => Just(vec![Outcome::Unknown]),
    ];
    let bases = prop_oneof![3 => Just(vec![Basis::Stated]), 1 => Just(vec![Basis::Implied("a rule".to_owned())])];
    (prop_oneof![6 => object, 3 => other, 1 => listed, 1 => unbuilt], outcomes, bases)
        .prop_map(|((action, resource), outcomes, bases)| (key(action, resource), seen(&outcomes, &bases)))
}

fn part(rows: &[(RequestKey, Seen)]) -> IdentityProfile {
    let mut part = IdentityProfile::default();
    for (key, seen) in rows {
        part.requests.entry(key.clone()).or_default().merge(seen);
    }
    part
}

/// Whether every observed name is one that a policy can carry.
fn is_carried(key: &RequestKey) -> bool {
    !key.to_string().contains('日')
}

const LOOSE: &str = "[generalize]\nobject-keys-min = 3\ngenerated-names-min = 2\n";
const EXACT: &str = "[generalize]\nexact = true\n";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn sufficiency_and_restraint(rows in proptest::collection::vec(row(), 0..40), exact: bool) {
        let part = part(&rows);
        let (policy, findings) = write(&part, if exact { EXACT } else { LOOSE });
        let documents = policy.as_ref().map_or(&[][..], documents);
        let left_out = findings.iter().any(|finding| finding.code == Code::NameNotCarried && finding.note.contains("left out"));
        for (key, seen) in &part.requests {
            let allowed = decide(documents, &request(key)).is_allow();
            if seen.is_evidence(true) {
                prop_assert!(allowed || (left_out && !is_carried(key)), "gap: {key}");
            } else if seen.count(Outcome::Refused) > 0 && is_carried(key) {
                // What a refusal's message alone names is not denied beside `*`: the same call may have been allowed on it.
                let open = !seen.is_stated() && part.requests.iter().any(|(wider, used)| used.is_evidence(true) && wider.implies(key));
                prop_assert!(!allowed || open || matches!(key, RequestKey::Aws(AwsRequestKey { resource: Resource::NoResourceLevel | Resource::NotBuilt, .. })),
                    "leak: {key}");
            }
        }
    }

    #[test]
    fn necessity(rows in proptest::collection::vec(row(), 0..40)) {
        let part = part(&rows);
        let Some(policy) = write(&part, LOOSE).0 else { return Ok(()) };
        let evidence: Vec<_> = part.requests.iter().filter(|(_, seen)| seen.is_evidence(true)).collect();
        let permits = policy.documents.permits();
        let stated: Vec<Permit> = policy.grants.iter().map(|grant| grant.permit.clone()).collect();
        prop_assert_eq!(&permits, &stated, "every unit has exactly one reason");
        for grant in &policy.grants {
            let alone = evidence.iter().filter(|(key, _)| {
                let request = key.to_request(Context::new());
                grant.permit.covers(&request) && permits.iter().filter(|permit| permit.covers(&request)).count() == 1
            });
            let alone: Vec<_> = alone.collect();
            prop_assert!(!alone.is_empty(), "nothing needs {}", grant.permit);
            let has_stated = evidence.iter().any(|(key, seen)| seen.is_stated() && grant.permit.covers(&key.to_request(Context::new())));
            prop_assert_eq!(grant.reason == Reason::Observed, has_stated, "{}", grant.permit);
            let Permit::Iam { resource, .. } = &grant.permit else { panic!("{}", grant.permit) };
            let pattern = Arn::from_policy(resource).is_some_and(|arn| arn.resource.as_literal().is_none());
            let wide = resource != "*" && pattern;
            prop_assert_eq!(wide, grant.generalization.is_some(), "{}", grant.permit);
        }
    }

    #[test]
    fn monotone_and_order_blind(rows in proptest::collection::vec(row(), 0..30), more in proptest::collection::vec(row(), 0..10)) {
        let less = part(&rows);
        let all = [rows.clone(), more].concat();
        let whole = part(&all);
        let reversed = part(&all.iter().rev().cloned().collect::<Vec<_>>());
        prop_assert_eq!(write(&whole, LOOSE), write(&reversed, LOOSE));
        let Some(policy) = write(&whole, LOOSE).0 else { return Ok(()) };
        for (key, seen) in less.requests.iter().filter(|(key, _)| is_carried(key)) {
            if seen.is_evidence(true) {
                prop_assert!(decide(documents(&policy), &request(key)).is_allow(), "taken away: {key}");
            }
        }
    }
}

#[test]
fn only_refused_gets_nothing_but_a_finding() {
    let (policy, findings) = write(&stated(&[("ec2:TerminateInstances", "?", Outcome::Refused)]), "");
    assert_eq!(policy, None);
    assert_eq!(findings.iter().map(|finding| (finding.code, finding.count)).collect::<Vec<_>>(), [(Code::OnlyRefused, 1)]);
    assert_eq!(write(&IdentityProfile::default(), ""), (None, Vec::new()));
}

#[test]
fn failed_calls_are_evidence_unless_configured() {
    let part = stated(&[("s3:GetObject", "arn:aws:s3:::b/k", Outcome::Failed)]);
    let (policy, findings) = write(&part, "");
    assert!(policy.is_some() && findings.iter().any(|finding| finding.code == Code::FailedAsEvidence && finding.count == 1));
    assert_eq!(write(&part, "[evidence]\nfailed = false\n").0, None);
}

#[test]
fn an_action_without_a_known_resource_says_star_and_nothing_else() {
    let part = stated(&[
        ("ec2:RunInstances", "?", Outcome::Allowed),
        ("ec2:RunInstances", "arn:aws:ec2:r:111122223333:subnet/s", Outcome::Allowed),
        ("ec2:RunInstances", "arn:aws:ec2:r:111122223333:subnet/refused", Outcome::Refused),
        ("ec2:DescribeInstances", "*", Outcome::Allowed),
    ]);
    let (policy, findings) = write(&part, "");
    let policy = policy.unwrap();
    assert_eq!(permits(&part, ""), ["ec2:DescribeInstances on *", "ec2:RunInstances on *"]);
    let statements: Vec<_> =
        documents(&policy).iter().flat_map(|document| &document.statements).filter_map(|one| one.sid.clone()).collect();
    assert_eq!(statements, ["NoResourceLevel", "ResourceNotInLog", "KeepRefusedEc2WriteRefused"]);
    assert!(findings.iter().any(|finding| finding.code == Code::NoResourceLevel && finding.count == 1));
    assert!(findings.iter().filter(|finding| finding.code == Code::ArnNotBuilt).count() == 3, "{findings:?}");
}

#[test]
fn widenings_are_named_and_stop_at_refusals() {
    let rows: Vec<(String, Outcome)> = (0..12).map(|number| (format!("arn:aws:s3:::b/in/k{number}"), Outcome::Allowed)).collect();
    let rows: Vec<(&str, &str, Outcome)> = rows.iter().map(|(arn, outcome)| ("s3:GetObject", arn.as_str(), *outcome)).collect();
    let part = stated(&rows);
    let (policy, findings) = write(&part, "");
    let grant = policy.unwrap().grants.remove(0);
    let generalization = grant.generalization.unwrap();
    assert_eq!(
        (grant.permit.to_string().as_str(), generalization.rule.as_str()),
        ("s3:GetObject on arn:aws:s3:::b/in/*", "object-prefix")
    );
    assert_eq!((generalization.names, generalization.examples.len()), (12, 3));
    assert!(findings.iter().any(|finding| finding.code == Code::Generalized && finding.count == 1));
    assert_eq!(permits(&part, EXACT).len(), 12);
    let refused = stated(&[rows.as_slice(), &[("s3:GetObject", "arn:aws:s3:::b/in/secret", Outcome::Refused)]].concat());
    assert_eq!(permits(&refused, "").len(), 12);
}

#[test]
fn other_accounts_and_risky_grants_are_said() {
    let (_, findings) = write(
        &stated(&[
            ("sqs:SendMessage", "arn:aws:sqs:r:999999999999:q", Outcome::Allowed),
            ("iam:PassRole", "arn:aws:iam::111122223333:role/r", Outcome::Allowed),
            ("secretsmanager:GetSecretValue", "?", Outcome::Allowed),
            ("iam:GetPolicy", "arn:aws:iam::aws:policy/AdministratorAccess", Outcome::Allowed),
        ]),
        "",
    );
    let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes.iter().filter(|code| **code == Code::CrossAccount).count(), 1);
    assert_eq!(codes.iter().filter(|code| **code == Code::RiskyGrant).count(), 2);
}

#[test]
fn a_large_policy_is_split_without_widening() {
    let names: Vec<String> =
        (0..400).map(|number| format!("arn:aws:sqs:eu-west-1:111122223333:queue-of-orders-{number}")).collect();
    let part = stated(&names.iter().map(|name| ("sqs:SendMessage", name.as_str(), Outcome::Allowed)).collect::<Vec<_>>());
    let (policy, findings) = write(&part, EXACT);
    let policy = policy.unwrap();
    assert!(
        documents(&policy).len() > 2 && documents(&policy).iter().all(|one| serde_json::to_string(one).unwrap().len() <= 6_144)
    );
    assert_eq!(policy.documents.permits().len(), 400);
    assert!(findings.iter().all(|finding| finding.code != Code::OverQuota));
    let sids: BTreeSet<_> = documents(&policy).iter().flat_map(|one| &one.statements).filter_map(|one| one.sid.clone()).collect();
    assert_eq!(sids.len(), documents(&policy).iter().map(|one| one.statements.len()).sum::<usize>());
}

fn assumed(identity: Identity, action: &str, context: &[(&str, &str)]) -> Profile {
    let mut seen = seen(&[Outcome::Allowed], &[Basis::Stated]);
    for (name, value) in context {
        let values = seen.outcomes.get_mut(&Outcome::Allowed).unwrap().context.entry((*name).to_owned()).or_default();
        values.values.insert((*value).to_owned());
        values.present = 1;
    }
    let requests = BTreeMap::from([(key(action, arn("arn:aws:iam::111122223333:role/app")), seen)]);
    let part = IdentityProfile { groups: BTreeSet::new(), requests };
    Profile { identities: BTreeMap::from([(identity, part)]), ..Profile::default() }
}

#[test]
fn trust_advice_names_the_caller_and_only_the_needed_condition() {
    let aws = |name| Identity::aws("aws", "111122223333", name);
    let cases = [
        (
            aws(Name::Role("ci/deploy".into())),
            "sts:AssumeRole",
            vec![("aws:SourceIp", "1.2.3.4")],
            r#"{"Sid":"AssumedByPrincipal1","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:role/ci/deploy"]},"Action":["sts:AssumeRole"]}"#,
        ),
        (
            aws(Name::AwsService("lambda.amazonaws.com".into())),
            "sts:AssumeRole",
            vec![],
            r#"{"Sid":"AssumedService1","Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com"]},"Action":["sts:AssumeRole"]}"#,
        ),
        (
            Identity::aws("aws", "999999999999", Name::AwsAccount("999999999999".into())),
            "sts:AssumeRole",
            vec![("sts:ExternalId", "x*")],
            r#"{"Sid":"AssumedByPrincipal1","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::999999999999:root"]},"Action":["sts:AssumeRole"],"Condition":{"StringEquals":{"sts:ExternalId":["x${*}"]}}}"#,
        ),
        (
            aws(Name::WebIdentity("token.actions.githubusercontent.com repo:o/r:ref:refs/heads/main".into())),
            "sts:AssumeRoleWithWebIdentity",
            vec![("token.actions.githubusercontent.com:aud", "sts.amazonaws.com")],
            r#"{"Sid":"AssumedFederated1","Effect":"Allow","Principal":{"Federated":["arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"]},"Action":["sts:AssumeRoleWithWebIdentity"],"Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":["sts.amazonaws.com"],"token.actions.githubusercontent.com:sub":["repo:o/r:ref:refs/heads/main"]}}}"#,
        ),
    ];
    for (identity, action, context, expected) in cases {
        let mut findings = Vec::new();
        let advice = iam::trust(&assumed(identity, action, &context), &config(""), &mut findings);
        assert_eq!(advice[0].role, role());
        let written = serde_json::to_string(&advice[0].document.clone()).unwrap();
        assert_eq!(written, format!(r#"{{"Version":"2012-10-17","Statement":[{expected}]}}"#));
        assert!(matches!(advice[0].document.statements[0].principal, Some(Principal::ByKind(_))));
        assert!(findings.iter().all(|finding| finding.code == Code::TrustAdvice) && !findings.is_empty());
    }
    let mut findings = Vec::new();
    let anonymous = assumed(Identity::aws("aws", "", Name::AwsAccount("anonymous".into())), "sts:AssumeRole", &[]);
    assert!(iam::trust(&anonymous, &config(""), &mut findings).is_empty() && findings.len() == 1);
}

/// One value and a list of one mean the same, and so do a boolean and its text.
fn normal(value: &Value, inside_condition: bool) -> Value {
    const LISTS: &[&str] = &["Action", "NotAction", "Resource", "NotResource", "Statement"];
    match value {
        Value::Object(all) => Value::Object(
            all.iter()
                .map(|(key, value)| {
                    let value = normal(value, inside_condition || key == "Condition");
                    let listed = LISTS.contains(&key.as_str()) || (inside_condition && !value.is_object());
                    let value = if listed && !value.is_array() { Value::Array(vec![value]) } else { value };
                    (key.clone(), value)
                })
                .collect(),
        ),
        Value::Array(all) => Value::Array(all.iter().map(|value| normal(value, inside_condition)).collect()),
        Value::Bool(bool) if inside_condition => Value::String(bool.to_string()),
        Value::Number(number) if inside_condition => Value::String(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[test]
fn aws_managed_policies_are_read_and_written_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/policies/aws-managed-policies");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: ../shared/data/policies/aws-managed-policies is absent");
        return;
    };
    let mut read = 0;
    for file in files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let name = file.display().to_string();
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let wanted = &whole["document"];
        let document = load::iam::parse(&name, &wanted.to_string()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let written = serde_json::to_value(&document).unwrap();
        assert_eq!(normal(&written, false), normal(wanted, false), "{name}");
        read += 1;
    }
    assert_eq!(read, 102);
}

/// A request that follows from a record by a rule, on a resource as a policy writes it.
fn implied(part: &mut IdentityProfile, action: &str, resource: &str, outcome: Outcome) {
    let resource = Resource::Arn(Arn::from_policy(resource).unwrap());
    let basis = Basis::Implied("a rule".into());
    part.requests.entry(key(action, resource)).or_default().merge(&seen(&[outcome], &[basis]));
}

#[test]
fn what_was_asked_by_a_wildcard_takes_in_no_refusal() {
    let mut part = stated(&[("s3:DeleteObject", "arn:aws:s3:::b/secret", Outcome::Refused)]);
    implied(&mut part, "s3:DeleteObject", "arn:aws:s3:::b/*", Outcome::Allowed);
    let (policy, findings) = write(&part, "");
    let policy = policy.unwrap();
    let judged = |text: &str| decide(documents(&policy), &request(&key("s3:DeleteObject", arn(text)))).is_allow();
    assert!(judged("arn:aws:s3:::b/k") && !judged("arn:aws:s3:::b/secret"));
    let told = |code| findings.iter().filter(move |finding| finding.code == code).map(|finding| finding.note.as_str());
    assert_eq!(told(Code::ArnNotBuilt).count(), 1, "{findings:?}");
    let derived: Vec<&str> = told(Code::Generalized).collect();
    assert!(derived.len() == 1 && derived[0].contains("1 of them on a wildcard: a rule (1)"), "{derived:?}");
}

#[test]
fn a_refusal_that_could_be_anothers_is_not_denied() {
    // Several kinds in one call: the image may have been the reason.
    let mut part = stated(&[
        ("ec2:RunInstances", "arn:aws:ec2:r:111122223333:subnet/s", Outcome::Refused),
        ("ec2:RunInstances", "arn:aws:ec2:r::image/i", Outcome::Refused),
    ]);
    implied(&mut part, "ec2:RunInstances", "arn:aws:ec2:r:111122223333:subnet/*", Outcome::Allowed);
    let (policy, _) = write(&part, "");
    let wanted = request(&key("ec2:RunInstances", arn("arn:aws:ec2:r:111122223333:subnet/s")));
    assert!(decide(documents(&policy.unwrap()), &wanted).is_allow());
    // A refused wildcard stands for what the same policy must allow.
    let mut part = stated(&[("ec2:CreateVolume", "?", Outcome::Allowed)]);
    implied(&mut part, "ec2:CreateVolume", "arn:aws:ec2:r:111122223333:volume/*", Outcome::Refused);
    let (policy, _) = write(&part, "");
    let wanted = request(&key("ec2:CreateVolume", arn("arn:aws:ec2:r:111122223333:volume/v")));
    assert!(decide(documents(&policy.unwrap()), &wanted).is_allow());
}
