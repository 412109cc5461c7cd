//! Parse after render is the identity: whatever a name holds, JSON and HCL read back as the document, and nothing widens.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy does not count functions beside #[test] as tests"
)]

mod harness;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Context, Resource};
use tightfit::access::identity::{Identity, Name};
use tightfit::access::observation::Outcome;
use tightfit::access::profile::IdentityProfile;
use tightfit::access::request::RequestKey;
use tightfit::artifact::Artifact;
use tightfit::catalog::Catalog;
use tightfit::config::UncheckedConfig;
use tightfit::load;
use tightfit::policy::iam::model::{
    ActionPattern, Actions, Conditions, Effect, ResourcePattern, Resources, Statement, Version, Written,
};
use tightfit::policy::iam::{PolicyDocument, decide};
use tightfit::policy::set::Documents;
use tightfit::render::{Templates, iam};

/// What ends, opens or hides something in JSON, HCL, IAM, HTML, YAML or a shell.
const HOSTILE: &[&str] = &[
    "",
    "plain",
    "\"",
    "\\",
    "\\\"",
    "'",
    "`id`",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{1}",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "${",
    "${}",
    "${*}",
    "$${*}",
    "$$${x}",
    "%{",
    "%{ if true }",
    "%%{x}",
    "%${x}",
    "$%{x}",
    "a${b}%${file(\"/etc/passwd\")}",
    "$",
    "%",
    "}",
    "*",
    "?",
    "**",
    "<script>alert(1)</script>",
    "&amp;",
    "{{ x }}",
    "{% x %}",
    "{# x #}",
    "#",
    "//",
    "/*",
    "EOT",
    "<<EOT\n",
    "&anchor",
    "!!tag",
    "- x",
    "日本語",
    "é",
    "e\u{301}",
    "\u{1f600}",
    ":",
    "::::::",
    "/",
    "../..",
    "null",
    "true",
    "]",
    "})",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => proptest::sample::select(HOSTILE).prop_map(str::to_owned), 1 => "\\PC{0,4}", 1 => any::<char>().prop_map(String::from)];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn document(sid: &str, resource: &Arn, raw: &str, condition: &str) -> PolicyDocument {
    let value = Written::new(condition, Version::V2012);
    let statement = |resource| Statement {
        sid: Some(sid.to_owned()),
        effect: Effect::Allow,
        principal: None,
        actions: Actions::Action(vec![ActionPattern::new("s3:GetObject")]),
        resources: Resources::Resource(vec![resource]),
        condition: Conditions::from([("StringEquals".to_owned(), [(condition.to_owned(), vec![value.clone()])].into())]),
    };
    let resources = [ResourcePattern::from_arn(resource), ResourcePattern::new(raw, Version::V2012)];
    PolicyDocument { version: Version::V2012, id: None, statements: resources.into_iter().map(statement).collect() }
}

fn role(name: &str) -> Identity {
    Identity::aws("aws", "111122223333", Name::Role(name.to_owned()))
}

fn rendered(identity: &Identity, documents: &[PolicyDocument]) -> Vec<Artifact> {
    iam::artifacts(identity, documents, tightfit::config::Attach::Managed, &Templates::new(None).unwrap()).unwrap()
}

/// An expression without anything that Terraform would evaluate.
fn literal(expression: &hcl::Expression) -> serde_json::Value {
    if let hcl::Expression::String(text) = expression {
        return serde_json::Value::String(text.clone());
    }
    if let hcl::Expression::Array(all) = expression {
        return all.iter().map(literal).collect();
    }
    let hcl::Expression::Object(all) = expression else { panic!("not plain: {expression:?}") };
    let key = |key: &hcl::ObjectKey| {
        if let hcl::ObjectKey::Expression(hcl::Expression::String(text)) = key { text.clone() } else { key.to_string() }
    };
    serde_json::Value::Object(all.iter().map(|(name, value)| (key(name), literal(value))).collect())
}

/// What `jsonencode` was given, per policy block; and the file's blocks by type and labels.
fn terraform(body: &str) -> (Vec<serde_json::Value>, Vec<String>) {
    let body: hcl::Body = hcl::parse(body).unwrap_or_else(|error| panic!("{error}\n{body}"));
    let mut policies = Vec::new();
    let mut blocks = Vec::new();
    for block in body.blocks() {
        let labels: Vec<&str> = block.labels().iter().map(hcl::BlockLabel::as_str).collect();
        blocks.push(format!("{} {}", block.identifier(), labels.join(" ")));
        for attribute in block.body().attributes().filter(|attribute| attribute.key() == "policy") {
            let hcl::Expression::FuncCall(call) = attribute.expr() else { panic!("{:?}", attribute.expr()) };
            assert_eq!(call.name.name.as_str(), "jsonencode");
            policies.push(literal(&call.args[0]));
        }
    }
    (policies, blocks)
}

fn check(name: &str, document: &PolicyDocument) {
    let files = rendered(&role(name), std::slice::from_ref(document));
    let [json, tf] = files.as_slice() else { panic!("{files:?}") };
    let read = load::iam::parse(&json.path, &json.body).unwrap();
    assert_eq!(&read, document);
    let (policies, blocks) = terraform(&tf.body);
    assert_eq!(policies, [serde_json::to_value(document).unwrap()], "{}", tf.body);
    assert_eq!(blocks.len(), 3, "{blocks:?}");
    // Parsers differ over a third marker in front of `{`, so that is never written.
    let odd = |line: &str| ["$$${", "%%%{", "$%%{", "%$${"].iter().any(|odd| line.contains(odd));
    assert!(!tf.body.lines().any(|line| !line.starts_with('#') && odd(line)), "{}", tf.body);
    let label = blocks[1].strip_prefix("resource aws_iam_policy ").unwrap();
    assert!(
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') && label.len() < 100,
        "{label}"
    );
    assert!(tf.body.lines().take(2).all(|line| line.starts_with('#')) && tf.body.lines().nth(2) == Some(""), "{}", tf.body);
}

#[test]
fn every_hostile_text_reads_back() {
    for text in HOSTILE {
        let arn = Arn::literal(&format!("arn:aws:s3:::b/{text}")).unwrap();
        check(text, &document(text, &arn, text, text));
    }
    let large = "\"${%{*".repeat(50_000);
    let arn = Arn::literal(&format!("arn:aws:s3:::b/{large}")).unwrap();
    check(&large, &document("Large", &arn, &large, &large));
}

#[test]
fn labels_of_different_roles_never_meet() {
    let documents = [PolicyDocument::default()];
    let labels: BTreeSet<String> =
        HOSTILE.iter().map(|name| terraform(&rendered(&role(name), &documents)[1].body).1[1].clone()).collect();
    assert_eq!(labels.len(), HOSTILE.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_text_reads_back(name in hostile(), resource in hostile(), raw in hostile(), condition in hostile()) {
        let arn = Arn::literal(&format!("arn:aws:s3:::b/{resource}")).unwrap();
        check(&name, &document(&name, &arn, &raw, &condition));
    }

    /// What was written for one observed name lets nothing else through, even after the way through JSON.
    #[test]
    fn an_observed_name_never_widens(name in hostile(), probes in proptest::collection::vec(hostile(), 8)) {
        let observed = Arn::literal(&format!("arn:aws:s3:::b/x{name}")).unwrap();
        let exact = UncheckedConfig::parse("t.toml", "[generalize]\nexact = true\n").unwrap().check().unwrap();
        let policy = tightfit::synthesize::iam::policy(
            &role("r"),
            &used(&observed),
            &tightfit::synthesize::iam::Setting::of(&tightfit::access::profile::Profile::default(), &exact, Catalog::embedded(), None),
            &mut Vec::new(),
        );
        let Some(policy) = policy else {
            // Left out, since IAM does not take such characters.
let carried = |character| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{ff}');
            prop_assert!(!name.chars().all(carried), "left out without need");
            return Ok(());
        };
        let Documents::Iam(documents) = policy.documents else { panic!() };
        let files = rendered(&role("r"), &documents);
        let read = [load::iam::parse("p", &files[0].body).unwrap()];
        prop_assert!(decide(&read, &request(&observed)).is_allow());
        let near = [format!("{name}y"), name.replace('*', "anything"), name.replace('?', "q"), name.replace('$', ""), "anything".to_owned()];
        for probe in probes.iter().chain(&near).filter(|probe| **probe != name) {
            let probe = Arn::literal(&format!("arn:aws:s3:::b/x{probe}")).unwrap();
            prop_assert!(!decide(&read, &request(&probe)).is_allow(), "{observed} also lets {probe} through");
        }
    }
}

fn request(arn: &Arn) -> AwsRequest {
    let key = AwsRequestKey { action: Action::parse("s3:GetObject").unwrap(), resource: Resource::Arn(arn.clone()), via: None };
    AwsRequest { key, context: Context::from([("aws:username".to_owned(), vec!["bob".to_owned()])]) }
}

fn used(arn: &Arn) -> IdentityProfile {
    let seen = harness::seen(&[Outcome::Allowed]);
    IdentityProfile { groups: BTreeSet::new(), requests: BTreeMap::from([(RequestKey::Aws(request(arn).key), seen)]) }
}
