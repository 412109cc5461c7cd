//! The bounds of every wildcard on generated logs: one field, one type, one bucket, a delimiter before it, nothing sensitive and
//! nothing refused within it; and what is made only on request.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy does not count functions beside #[test] as tests")]

mod harness;

use proptest::prelude::*;
use tightfit::access::aws::{Action, Arn, AwsRequestKey, Resource, Segment, Text};
use tightfit::access::identity::{Identity, Name};
use tightfit::access::observation::Outcome;
use tightfit::access::profile::IdentityProfile;
use tightfit::access::request::RequestKey;
use tightfit::catalog::Catalog;
use tightfit::config::UncheckedConfig;
use tightfit::policy::grant::{Grant, Permit};
use tightfit::policy::pattern;
use tightfit::synthesize::iam;

type Row = (&'static str, String, Outcome);

fn grants(rows: &[Row], toml: &str) -> Vec<Grant> {
    let mut part = IdentityProfile::default();
    for (action, resource, outcome) in rows {
        let resource = if resource == "*" { Resource::NoResourceLevel } else { Resource::Arn(Arn::literal(resource).unwrap()) };
        let key = RequestKey::Aws(AwsRequestKey { action: Action::parse(action).unwrap(), resource, via: None });
        part.requests.entry(key).or_default().merge(&harness::seen(&[*outcome]));
    }
    let role = Identity::aws("aws", "111122223333", Name::Role("app".into()));
    let config = UncheckedConfig::parse("t.toml", toml).unwrap().check().unwrap();
    let policy = iam::policy(
        &role,
        &part,
        &tightfit::synthesize::iam::Setting::of(
            &tightfit::access::profile::Profile::default(),
            &config,
            Catalog::embedded(),
            None,
        ),
        &mut Vec::new(),
    );
    policy.map_or(Vec::new(), |policy| policy.grants)
}

fn permits(rows: &[Row], toml: &str) -> Vec<String> {
    grants(rows, toml).iter().map(|grant| grant.permit.to_string()).collect()
}

fn allowed(action: &'static str, names: impl IntoIterator<Item = String>) -> Vec<Row> {
    names.into_iter().map(|name| (action, name, Outcome::Allowed)).collect()
}

/// Actions that take one type, or several of which one lies within another's name.
const ACTIONS: &[(&str, &str)] = &[
    ("s3:GetObject", "arn:aws:s3:::one/"),
    ("s3:GetObject", "arn:aws:s3:::two/"),
    ("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/"),
    ("dynamodb:Query", "arn:aws:dynamodb:eu-west-1:111122223333:table/"),
    ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:"),
    ("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:"),
    ("ecs:StopTask", "arn:aws:ecs:eu-west-1:111122223333:task/"),
    ("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:111122223333:function:"),
];

fn row() -> impl Strategy<Value = Row> {
    let word = prop_oneof![
        3 => proptest::sample::select(&["orders", "in", "secret", "app.pem"][..]).prop_map(str::to_owned),
        2 => (0..9_u8).prop_map(|last| format!("6e77e2c0-59b8-4937-a623-c22420a862d{last}")),
        2 => (10..29_u8).prop_map(|day| format!("2026/11/{day}")),
        1 => (0..9_u8).prop_map(|last| format!("9f86d081884c7d6{last}")),
        1 => (0..9_u8).prop_map(|last| format!("1ABCDEFGHIJK{last}")),
        1 => (0..12_u8).prop_map(|number| number.to_string()),
        1 => (2..9_u8).prop_map(|last| format!("7d9f8b6c5d-x2x4{last}")),
        1 => Just("index".to_owned()),
        1 => "[*?$ é日@]{1,2}",
    ];
    let delimiter = proptest::sample::select(&["/", "-", "@"][..]);
    let name = proptest::collection::vec((word, delimiter), 1..=3).prop_map(|parts| {
        let joined: String = parts.iter().flat_map(|(word, delimiter)| [word.as_str(), delimiter]).collect();
        joined.strip_suffix(['/', '-', '@']).unwrap_or(&joined).to_owned()
    });
    let outcome = prop_oneof![9 => Just(Outcome::Allowed), 1 => Just(Outcome::Refused)];
    (proptest::sample::select(ACTIONS), name, outcome)
        .prop_map(|((action, head), name, outcome)| (action, format!("{head}{name}"), outcome))
}

/// What stands before the first wildcard of a text.
fn literal_start(text: &Text) -> &str {
    match text.segments().first() {
        Some(Segment::Literal(literal)) => literal,
        Some(Segment::Wildcard(_) | Segment::Reference(_)) | None => "",
    }
}

/// Over the name behind the type; over an object's bucket and key.
fn is_sensitive(resource: &str, is_s3: bool) -> bool {
    let name = resource.find(['/', ':']).filter(|_| !is_s3).and_then(|at| resource.get(at + 1..)).unwrap_or(resource);
    name.contains("secret") || name.contains("password") || name.ends_with(".pem")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn every_wildcard_keeps_its_bounds(rows in proptest::collection::vec(row(), 1..120)) {
        let loose = "[generalize]\nobject-keys-min = 3\ngenerated-names-min = 2\nsibling-names-min = 2\n";
        for grant in grants(&rows, loose) {
            let Some(generalization) = &grant.generalization else { continue };
            prop_assert!(generalization.names >= 1 && !generalization.examples.is_empty() && !generalization.admits.is_empty());
            let Permit::Iam { action, resource, .. } = &grant.permit else { panic!("{}", grant.permit) };
            let arn = Arn::from_policy(resource).unwrap();
            let fields = [&arn.partition, &arn.service, &arn.region, &arn.account];
            prop_assert!(fields.iter().all(|field| field.as_literal().is_some()), "{resource} crosses a field");
            let home = ACTIONS.iter().filter(|(own, head)| own == action && resource.starts_with(head));
            let (_, head) = *home.max_by_key(|(_, head)| head.len()).unwrap_or_else(|| panic!("{resource} opens a type or bucket"));
            if generalization.rule != "uncarried-character" {
                let parts: Vec<&Segment> = arn.resource.segments().iter().collect();
                for pair in parts.windows(2) {
                    if let [Segment::Literal(before), Segment::Wildcard(_)] = pair {
                        prop_assert!(before.ends_with(['/', ':', '-', '_', '.', '=']), "{resource}");
                    }
                }
            }
            let is_s3 = action.starts_with("s3:");
            let behind = literal_start(&arn.resource).len() + "arn:aws::::".len();
            let fixed: usize = fields.iter().filter_map(|field| field.as_literal()).map(str::len).sum();
            prop_assert!(is_s3 || behind + fixed > head.len() + "aws".len(), "{resource} has nothing behind its type");
            for (asked, name, outcome) in rows.iter().filter(|(asked, ..)| asked == action) {
                let name = Arn::literal(name).unwrap();
                let fits = [(&arn.region, &name.region), (&arn.resource, &name.resource)];
                let admitted = fits.iter().all(|(pattern, text)| pattern::matches(pattern, text.as_literal().unwrap()));
                let text = name.resource.as_literal().unwrap();
                prop_assert!(!(admitted && is_sensitive(text, is_s3)), "{resource} takes in {text}");
                let used = rows.iter().any(|(own, other, how)| own == asked && Arn::literal(other) == Some(name.clone()) && *how == Outcome::Allowed);
                prop_assert!(!admitted || *outcome != Outcome::Refused || used, "{resource} takes in the refused {text}");
            }
            prop_assert!(action != "dynamodb:Query" || !pattern::matches(&arn.resource, "table/orders/index/by-date"), "{resource}");
        }
        let exact = grants(&rows, "[generalize]\nexact = true\nverb-families = true\n[documents]\naction-wildcards = true\n");
        prop_assert!(exact.iter().all(|grant| grant.generalization.is_none()));
    }
}

#[test]
fn a_sensitive_name_stays_exact_and_opens_nothing() {
    let keys = |number: usize| format!("arn:aws:s3:::b/in/{}", ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"][number % 10]);
    let mut rows = allowed("s3:GetObject", (0..10).map(keys));
    assert_eq!(permits(&rows, ""), ["s3:GetObject on arn:aws:s3:::b/in/*"]);
    // Another action's name is enough: the pattern must not open it.
    rows.push(("s3:PutObject", "arn:aws:s3:::b/in/tls.PEM".to_owned(), Outcome::Refused));
    assert_eq!(permits(&rows, "").len(), 10);
    assert_eq!(permits(&rows, "generalize.sensitive-defaults = false").len(), 1);
    let rows = allowed("s3:GetObject", (0..10).map(keys).chain(["arn:aws:s3:::b/in/ledger".to_owned()]));
    assert_eq!(permits(&rows, "generalize.sensitive = [\"*LEDGER\"]").len(), 11);
}

#[test]
fn verb_families_are_made_only_on_request_and_name_what_else_they_admit() {
    let actions = ["dynamodb:DescribeTable", "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTimeToLive"];
    let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";
    let mut rows: Vec<Row> = actions.iter().map(|action| (*action, table.to_owned(), Outcome::Allowed)).collect();
    assert_eq!(permits(&rows, "").len(), 3);
    let on = "generalize.verb-families = true";
    let made = grants(&rows, on);
    assert_eq!(made.iter().map(|grant| grant.permit.to_string()).collect::<Vec<_>>(), [format!("dynamodb:Describe* on {table}")]);
    let generalization = made.first().and_then(|grant| grant.generalization.clone()).unwrap();
    assert_eq!((generalization.rule.as_str(), generalization.names), ("verb-family", 3));
    assert!(generalization.admits.contains("DescribeKinesisStreamingDestination"), "{}", generalization.admits);
    assert_eq!(permits(&rows, "generalize.verb-families = true\ngeneralize.verb-families-min = 4").len(), 3);
    rows.push(("dynamodb:DescribeKinesisStreamingDestination", table.to_owned(), Outcome::Refused));
    assert_eq!(permits(&rows, on).len(), 3, "a refused action of the family is not let in");
}

#[test]
fn action_wildcards_are_made_only_on_request_where_nothing_else_fits() {
    let service = Catalog::embedded().service("sqs").unwrap();
    let actions: Vec<String> = service
        .actions()
        .filter(|action| action.name.starts_with("List") || action.name == "SendMessage")
        .map(|action| format!("sqs:{}", action.name))
        .collect();
    let mut rows: Vec<Row> = Vec::new();
    for action in &actions {
        let action: &'static str = Box::leak(action.clone().into_boxed_str());
        rows.extend(allowed(action, (0..200).map(|number| format!("arn:aws:sqs:eu-west-1:111122223333:queue{number}of-orders"))));
    }
    let wildcards = |toml: &str| grants(&rows, toml).iter().filter(|grant| grant.generalization.is_some()).count();
    assert_eq!(wildcards("documents.policies-max = 1"), 0);
    assert_eq!(wildcards("documents.action-wildcards = true"), 0, "it fits without");
    let on = "documents.policies-max = 1\ndocuments.action-wildcards = true";
    assert!(wildcards(on) > 0, "{:?}", grants(&rows, on).first());
    for grant in grants(&rows, on).iter().filter(|grant| grant.generalization.is_some()) {
        let Permit::Iam { action, .. } = &grant.permit else { panic!("{}", grant.permit) };
        let name = Text::from_policy(action.strip_prefix("sqs:").unwrap());
        let matched: Vec<String> = service
            .actions()
            .filter(|known| pattern::matches(&name, &known.name))
            .map(|known| format!("sqs:{}", known.name))
            .collect();
        assert!(matched.len() >= 2 && matched.iter().all(|known| actions.contains(known)), "{action}: {matched:?}");
    }
}
