//! Documents that fit: merging and splitting change no decision and add nothing, and a large policy keeps to IAM's quotas.

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
use tightfit::catalog::Catalog;
use tightfit::config::{Config, UncheckedConfig};
use tightfit::finding::{Code, Finding};
use tightfit::policy::grant::Permit;
use tightfit::policy::iam::limits::{MANAGED, ROLE_INLINE};
use tightfit::policy::iam::{Effect, PolicyDocument, Statement, decide};
use tightfit::policy::set::{Documents, Policy};
use tightfit::synthesize::iam;

/// Action and resource, as a policy writes them.
type Row = (String, String);

fn config(toml: &str) -> Config {
    UncheckedConfig::parse("t.toml", toml).unwrap().check().unwrap()
}

fn asked(action: &str, resource: &str) -> AwsRequestKey {
    AwsRequestKey { action: Action::parse(action).unwrap(), resource: Resource::Arn(Arn::literal(resource).unwrap()), via: None }
}

fn profile(rows: &BTreeSet<Row>) -> IdentityProfile {
    let seen = harness::seen(&[Outcome::Allowed]);
    let key = |(action, resource): &Row| RequestKey::Aws(asked(action, resource));
    IdentityProfile { groups: BTreeSet::new(), requests: rows.iter().map(|row| (key(row), seen.clone())).collect() }
}

fn write(rows: &BTreeSet<Row>, config: &Config) -> (Policy, Vec<Finding>) {
    let role = Identity::aws("aws", "111122223333", Name::Role("app".into()));
    let mut findings = Vec::new();
    let policy = iam::policy(
        &role,
        &profile(rows),
        &tightfit::synthesize::iam::Setting::of(
            &tightfit::access::profile::Profile::default(),
            config,
            Catalog::embedded(),
            None,
        ),
        &mut findings,
    )
    .unwrap();
    (policy, findings)
}

fn documents(policy: &Policy) -> &[PolicyDocument] {
    let Documents::Iam(documents) = &policy.documents else { panic!("{:?}", policy.documents) };
    documents
}

fn alone(statement: &Statement) -> PolicyDocument {
    PolicyDocument { statements: vec![statement.clone()], ..PolicyDocument::default() }
}

/// Every row that the documents grant, each as often as it is written.
fn granted(documents: &[PolicyDocument]) -> Vec<Row> {
    let mut rows = Vec::new();
    for statement in documents.iter().flat_map(|document| &document.statements) {
        let spelled = serde_json::to_value(alone(statement)).unwrap();
        let list = |name: &str| {
            let all = spelled.pointer(&format!("/Statement/0/{name}")).unwrap().as_array().unwrap();
            all.iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        for action in list("Action") {
            rows.extend(list("Resource").into_iter().map(|resource| (action.clone(), resource)));
        }
    }
    rows.sort();
    rows
}

/// A service, the shape of its ARNs, and how many of the forty sets are its own. Names are of the length that people give.
const SHAPES: &[(&str, &str, usize)] = &[
    ("s3", "arn:aws:s3:::", 14),
    ("iam", "arn:aws:iam::111122223333:role/", 10),
    ("dynamodb", "arn:aws:dynamodb:eu-west-1:111122223333:table/", 5),
    ("lambda", "arn:aws:lambda:eu-west-1:111122223333:function:", 4),
    ("sns", "arn:aws:sns:eu-west-1:111122223333:", 3),
    ("kinesis", "arn:aws:kinesis:eu-west-1:111122223333:stream/", 2),
    ("sqs", "arn:aws:sqs:eu-west-1:111122223333:", 2),
];

const NAMES: &[&str] = &["orders", "billing", "search", "users", "audit", "mail", "stock", "carts", "offers", "export"];

const KINDS: &[&str] = &["raw", "input", "events"];

/// 400 actions in 40 sets of ten, each set on its own 25 resources: 1,000 resources.
fn large() -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for (service, prefix, sets) in SHAPES {
        let actions: Vec<_> = Catalog::embedded().service(service).unwrap().actions().collect();
        for (set, ten) in actions.chunks(10).take(*sets).enumerate() {
            for (action, place) in ten.iter().flat_map(|action| (0..25_usize).map(move |place| (action, place))) {
                let name = format!("{}-{}{set}", NAMES[place % 10], KINDS[place / 10]);
                rows.insert((format!("{service}:{}", action.name), format!("{prefix}{name}")));
            }
        }
    }
    rows
}

#[test]
fn four_hundred_actions_on_a_thousand_resources_fit_ten_policies() {
    let rows = large();
    let resources: BTreeSet<&String> = rows.iter().map(|(_, resource)| resource).collect();
    let actions: BTreeSet<&String> = rows.iter().map(|(action, _)| action).collect();
    let length: usize = resources.iter().map(|resource| resource.len()).sum();
    let (policy, findings) = write(&rows, &config("generalize.exact = true"));
    let documents = documents(&policy);
    let sizes: Vec<usize> = documents.iter().map(|document| MANAGED.size(document)).collect();
    println!(
        "{} actions, {} resources of {} characters on average, {} rows: {} policies of {sizes:?}, {} characters",
        actions.len(),
        resources.len(),
        length / resources.len(),
        rows.len(),
        documents.len(),
        sizes.iter().sum::<usize>()
    );
    assert_eq!((actions.len(), resources.len()), (400, 1_000));
    assert!(documents.len() <= 10 && sizes.iter().all(|size| *size <= 6_144), "{sizes:?}");
    assert_eq!(granted(documents), rows.into_iter().collect::<Vec<_>>(), "nothing widened, nothing lost, nothing twice");
    assert!(findings.iter().all(|finding| finding.code != Code::OverQuota));
}

/// Rows over few names, so that their sets overlap in every way.
fn rows() -> impl Strategy<Value = BTreeSet<Row>> {
    let action =
        proptest::sample::select(&["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:GetObjectAcl", "sqs:SendMessage"][..]);
    let row = (action, 0..12_u32, 0..3_usize).prop_map(|(action, number, long)| {
        let head = if action.starts_with("s3") { "arn:aws:s3:::b/" } else { "arn:aws:sqs:r:111122223333:" };
        (action.to_owned(), format!("{head}{}{number}", "n".repeat(long * 600)))
    });
    proptest::collection::btree_set(row, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn merging_and_splitting_change_no_decision(rows in rows(), attach in proptest::sample::select(&["managed", "inline", "permission-set"][..])) {
        let config = config(&format!("generalize.exact = true\ndocuments.attach = \"{attach}\""));
        let (policy, findings) = write(&rows, &config);
        let documents = documents(&policy);
        prop_assert_eq!(granted(documents), rows.iter().cloned().collect::<Vec<_>>());
        let (actions, resources): (BTreeSet<_>, BTreeSet<_>) = rows.iter().cloned().unzip();
        for (action, resource) in actions.iter().flat_map(|action| resources.iter().map(move |resource| (action, resource))) {
            let request = AwsRequest { key: asked(action, resource), context: Context::new() };
            prop_assert_eq!(decide(documents, &request).is_allow(), rows.contains(&(action.clone(), resource.clone())));
        }
        let over = findings.iter().any(|finding| finding.code == Code::OverQuota);
        let kept = match attach {
            "managed" => documents.len() <= 10 && documents.iter().all(|document| MANAGED.holds(document)),
            "inline" => documents.len() == 1 && documents.iter().all(|document| ROLE_INLINE.holds(document)),
            _ => documents.len() == 1,
        };
        prop_assert_eq!(kept, !over);
        let sids: Vec<String> = documents.iter().flat_map(|one| &one.statements).filter_map(|one| one.sid.clone()).collect();
        prop_assert_eq!(sids.iter().collect::<BTreeSet<_>>().len(), sids.len());
        prop_assert!(sids.iter().all(|sid| sid.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}

/// The size of rows as statements of equal resources: what merging starts from, without Sids.
fn plain_size(rows: &[Row]) -> usize {
    let mut by_action: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (action, resource) in rows {
        by_action.entry(action).or_default().insert(resource);
    }
    let mut groups: BTreeMap<(&str, BTreeSet<&str>), Vec<&str>> = BTreeMap::new();
    for (action, resources) in by_action {
        let service = action.split(':').next().unwrap();
        groups.entry((service, resources)).or_default().push(action);
    }
    let statement = |((_, resources), actions): (&(&str, BTreeSet<&str>), &Vec<&str>)| serde_json::json!({"Effect": "Allow", "Action": actions, "Resource": resources});
    serde_json::json!({"Version": "2012-10-17", "Statement": groups.iter().map(statement).collect::<Vec<_>>()})
        .to_string()
        .chars()
        .count()
}

/// Names that the reference's formats do not describe, but AWS's own documents use: documents that AWS owns have no account, and
/// names of default option groups and of models hold a colon.
const BEYOND_THE_FORMATS: &[&str] = &["::document/AWS-", ":og:default:", "::foundation-model/"];

/// What is wrong with a document by IAM's grammar and the catalog.
fn faults(document: &PolicyDocument) -> Vec<String> {
    let mut faults = Vec::new();
    let text = serde_json::to_string(document).unwrap();
    if !text.chars().all(|character| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{ff}')) {
        faults.push("a character that no policy holds".to_owned());
    }
    for statement in &document.statements {
        // A global key goes with every action; all others must be keys of the action.
        for key in statement.condition.values().flat_map(BTreeMap::keys).filter(|key| !key.starts_with("aws:")) {
            for (action, _) in granted(&[alone(statement)]) {
                let known = Action::parse(&action).and_then(|action| Catalog::embedded().action(&action));
                if !known.is_some_and(|known| known.condition_keys.contains(key)) {
                    faults.push(format!("{action} has no condition key {key}"));
                }
            }
        }
    }
    let sids: Vec<&String> = document.statements.iter().filter_map(|statement| statement.sid.as_ref()).collect();
    if sids.iter().collect::<BTreeSet<_>>().len() < sids.len()
        || sids.iter().any(|sid| !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        faults.push(format!("Sids {sids:?}"));
    }
    for (action, resource) in granted(std::slice::from_ref(document)).iter().filter(|(_, resource)| resource != "*") {
        let action = Action::parse(action).unwrap();
        let Some(known) = Catalog::embedded().action(&action) else {
            faults.push(format!("{action} is no action"));
            continue;
        };
        // A wildcard stands for a name of the type.
        let arn = resource.replace("${*}", "x").replace("${?}", "x").replace("${$}", "x").replace(['*', '?'], "x");
        let types = Catalog::embedded().service(&action.service).unwrap().types_of(&arn);
        let takes = types.iter().any(|found| known.types.iter().any(|taken| taken.name == found.name));
        if !takes && !BEYOND_THE_FORMATS.iter().any(|part| resource.contains(part)) {
            faults.push(format!("{action} does not take {resource}"));
        }
    }
    faults
}

#[test]
fn every_written_document_is_valid_and_small() {
    let config = config("choose.classes = [\"human\", \"ci\", \"break-glass\", \"system\"]");
    let samples = ["aws-orders-service", "eks-checkout"].map(|name| harness::root().join("samples").join(name).join("log"));
    let mut folders: Vec<_> = samples.into();
    if let Some(shared) = harness::shared() {
        folders.extend(std::fs::read_dir(shared.join("cloudtrail")).unwrap().map(|listed| listed.unwrap().path()));
    }
    folders.sort();
    let mut wrong = Vec::new();
    for folder in folders {
        let plan = harness::generate(&[&folder], &config, 2);
        let (mut policies, mut before, mut after) = (0, 0, 0);
        for (identity, policy) in &plan.policies.policies {
            let Documents::Iam(documents) = &policy.documents else { continue };
            policies += documents.len();
            for document in documents {
                // What says `*` is one statement in any arrangement.
                let named = |statement: &&Statement| granted(&[alone(statement)]).iter().all(|(_, resource)| resource != "*");
                let allows = document.statements.iter().filter(|statement| statement.effect == Effect::Allow).filter(named);
                let bare: Vec<Statement> =
                    allows.cloned().map(|one| Statement { sid: None, condition: Default::default(), ..one }).collect();
                if !bare.is_empty() {
                    after += MANAGED.size(&PolicyDocument { statements: bare, ..document.clone() });
                }
                wrong.extend(faults(document).into_iter().map(|fault| format!("{identity}: {fault}")));
            }
            let mut allowed: BTreeMap<_, Vec<Row>> = BTreeMap::new();
            for permit in policy.documents.permits() {
                if let Permit::Iam { action, resource, condition } = permit
                    && resource != "*"
                {
                    allowed.entry(condition).or_default().push((action, resource));
                }
            }
            before += allowed.values().map(|rows| plain_size(rows)).sum::<usize>();
        }
        println!("{}: {policies} policies, {before} characters by equal resources, {after} merged", folder.display());
        assert!(after <= before, "{}", folder.display());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
