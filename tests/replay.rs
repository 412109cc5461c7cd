//! What replay may not hide: a leak or a gap in one context, group or pod behind another.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy does not count functions beside #[test] as tests")]

use std::collections::BTreeMap;

use tightfit::access::aws::{Action, Arn, AwsRequest, AwsRequestKey, Context, Resource};
use tightfit::access::evidence::EventRef;
use tightfit::access::identity::{Identity, Name};
use tightfit::access::kube::{KubeRequest, KubeTarget};
use tightfit::access::observation::{Basis, Observation, Outcome, Record, Sink};
use tightfit::access::request::Request;
use tightfit::access::times::Times;
use tightfit::config::{Config, UncheckedConfig};
use tightfit::policy::iam::PolicyDocument;
use tightfit::policy::rbac::{Binding, ClusterRole, Kind, ObjectMeta, PolicyRule, RbacPolicy, RoleRef, Subject};
use tightfit::policy::set::{Documents, Policy, PolicySet};
use tightfit::verdict::{Verdict, VerdictBasis};
use tightfit::verify::Replay;

fn verdict(identity: &Identity, documents: Documents, asked: &[(Request, &[String], Outcome)]) -> Verdict {
    let policies = PolicySet {
        policies: BTreeMap::from([(identity.clone(), Policy { documents, grants: Vec::new() })]),
        ..PolicySet::default()
    };
    let config: Config = UncheckedConfig::parse("t.toml", "").unwrap().check().unwrap();
    let mut replay = Replay::new(&policies, &config);
    for (number, (request, groups, outcome)) in (1..).zip(asked) {
        let time = "2026-11-21T00:00:00Z".parse().unwrap();
        let event = EventRef { time, id: String::new(), file: "f".into(), record: number };
        let observation = Observation {
            identity,
            groups,
            request,
            basis: &Basis::Stated,
            outcome: *outcome,
            issued_to: "",
            allowed_by: "",
            folded: 0,
            times: &Times::once(&event),
        };
        replay.record(&Record::Observed { observations: vec![observation], count: 1 });
    }
    replay.verdict(VerdictBasis::Log, Vec::new())
}

#[test]
fn neither_a_leak_nor_a_gap_hides_behind_another_context() {
    let identity = Identity::aws("aws", "111122223333", Name::Role("app".into()));
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b",
        "Condition":{"StringEquals":{"s3:prefix":"open/"}}}}"#;
    let document: PolicyDocument = serde_json::from_str(text).unwrap();
    let asked = |prefix: &str| {
        let key = AwsRequestKey {
            action: Action::parse("s3:ListBucket").unwrap(),
            resource: Resource::Arn(Arn::literal("arn:aws:s3:::b").unwrap()),
            via: None,
        };
        let context = if prefix.is_empty() { Context::new() } else { Context::from([("s3:prefix".into(), vec![prefix.into()])]) };
        Request::Aws(AwsRequest { key, context })
    };
    use Outcome::{Allowed, Refused, Unknown};
    for (rows, gaps, leaks) in [
        (vec![("open/", Refused), ("shut/", Refused)], 0, 1),
        (vec![("shut/", Refused), ("open/", Refused)], 0, 1),
        (vec![("shut/", Refused), ("", Refused)], 0, 0),
        (vec![("open/", Allowed), ("shut/", Allowed)], 1, 0),
        (vec![("", Allowed), ("open/", Allowed)], 1, 0),
        (vec![("open/", Allowed), ("", Unknown)], 0, 0),
        (vec![("", Unknown), ("open/", Allowed)], 0, 0),
    ] {
        let asked: Vec<(Request, &[String], Outcome)> =
            rows.iter().map(|(prefix, outcome)| (asked(prefix), [].as_slice(), *outcome)).collect();
        let verdict = verdict(&identity, Documents::Iam(vec![document.clone()]), &asked);
        assert_eq!((verdict.sufficiency.gaps.len(), verdict.restraint.leaks.len()), (gaps, leaks), "{rows:?}");
    }
}

#[test]
fn a_gap_does_not_hide_behind_another_group() {
    let identity = Identity::kube_user("c", "bob");
    let metadata = ObjectMeta { name: "r".into(), ..ObjectMeta::default() };
    let rule = PolicyRule { verbs: vec!["get".into()], non_resource_urls: vec!["/metrics".into()], ..PolicyRule::default() };
    let mut policy = RbacPolicy::default();
    policy.cluster_roles.push(ClusterRole { metadata: metadata.clone(), rules: vec![rule], aggregation_rule: None });
    let subjects = vec![Subject::group("ops")];
    policy.cluster_role_bindings.push(Binding { metadata, role_ref: RoleRef::to(Kind::ClusterRole, "r"), subjects });
    let request = || Request::Kube(KubeRequest { verb: "get".into(), target: KubeTarget::NonResource("/metrics".into()) });
    let (ops, none) = ([String::from("ops")], []);
    for (groups, gaps) in [([ops.as_slice(), &none], 1), ([&none, &ops], 1), ([&ops, &ops], 0)] {
        let asked: Vec<(Request, &[String], Outcome)> =
            groups.into_iter().map(|groups| (request(), groups, Outcome::Allowed)).collect();
        let verdict = verdict(&identity, Documents::Rbac(policy.clone()), &asked);
        assert_eq!(verdict.sufficiency.gaps.len(), gaps, "{groups:?}");
    }
}
