//! What `generate` writes for the real logs, judged by the simulator: nothing that was granted is denied, nothing that was only ever
//! refused is allowed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tightfit::access::aws::{Resource, Segment, Text};
use tightfit::access::identity::{Home, Identity};
use tightfit::access::observation::Outcome;
use tightfit::access::request::RequestKey;
use tightfit::config::Config;
use tightfit::pipeline::Plan;
use tightfit::policy::set::Documents;

use super::harness::{config, generate, shared};
use super::language::Asked;
use super::simulator::{Case, folder, judged};

/// Cases of one identity with what each request must come to: true for granted.
fn cases(plan: &Plan, identity: &Identity, config: &Config, skipped: &mut usize) -> Vec<(Case, Vec<bool>)> {
    let (Some(policy), Home::Account { partition, id }) = (plan.policies.policies.get(identity), &identity.home) else {
        return Vec::new();
    };
    let (Documents::Iam(documents), Some(principal)) = (&policy.documents, identity.arn()) else { return Vec::new() };
    // A request that a wider granted one implies is contested: neither granted nor to be refused.
    let contested = &plan.verdict.restraint.contested;
    let contested: BTreeSet<&str> =
        contested.iter().filter(|one| one.identity == *identity).map(|one| one.request.as_str()).collect();
    let seen = plan.profile.identities.get(identity).unwrap();
    let mut asked: BTreeMap<bool, Vec<(Asked, bool)>> = BTreeMap::new();
    for (key, seen) in &seen.requests {
        let RequestKey::Aws(request) = key else { continue };
        let granted = seen.is_evidence(config.failed_is_evidence);
        if !granted && (seen.count(Outcome::Refused) == 0 || contested.contains(key.to_string().as_str())) {
            continue;
        }
        let resource = match &request.resource {
            Resource::Arn(arn) => {
                // To the simulator a `*` in a request is a pattern, and a variable is none of a request's.
                let fields = [&arn.region, &arn.account, &arn.resource];
                let strange = |text: &str| text.contains(['*', '?', '$']);
                let is_strange = |segment: &Segment| matches!(segment, Segment::Literal(text) if strange(text));
                if fields.into_iter().flat_map(Text::segments).any(is_strange) {
                    *skipped += 1;
                    continue;
                }
                arn.to_policy()
            }
            Resource::NoResourceLevel | Resource::NotBuilt => "*".to_owned(),
        };
        let action = request.action.to_string();
        // Keys and roles to be assumed are opened by their own policy: it leaves the decision to the account here.
        let by_account = ["kms:", "sts:"].iter().any(|service| action.starts_with(service));
        let of = seen.outcomes.iter().filter(|(outcome, _)| match outcome {
            Outcome::Allowed | Outcome::Failed => granted,
            Outcome::Refused => !granted,
            Outcome::Unknown => false,
        });
        for context in of.flat_map(|(_, tally)| tally.contexts()) {
            let one = Asked { action: action.clone(), resource: resource.clone(), context };
            asked.entry(by_account).or_default().push((one, granted));
        }
    }
    let root = json!({"AWS": format!("arn:{partition}:iam::{id}:root")});
    let delegates =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": root, "Action": "*", "Resource": "*"}]});
    let case = |(by_account, all): (bool, Vec<(Asked, bool)>)| {
        let setup = json!({"principal": principal, "identity": documents, "resource": by_account.then_some(&delegates)});
        let (requests, granted): (Vec<_>, Vec<_>) =
            all.into_iter().map(|(asked, granted)| ((asked, id.clone()), granted)).unzip();
        (Case { feature: "generated", setup, requests }, granted)
    };
    asked.into_iter().map(case).collect()
}

#[test]
fn generated_policies_hold_before_the_simulator() {
    let (Some(shared), Some(folder)) = (shared(), folder()) else { return };
    let config = config("choose.classes = [\"human\", \"ci\", \"break-glass\", \"system\"]");
    let mut logs: Vec<_> = std::fs::read_dir(shared.join("cloudtrail")).unwrap().map(|listed| listed.unwrap().path()).collect();
    logs.retain(|path| path.is_dir());
    logs.sort();
    let (mut all, mut skipped) = (Vec::new(), 0);
    for log in &logs {
        let plan = generate(&[log], &config, 2);
        for identity in plan.policies.policies.keys() {
            all.extend(cases(&plan, identity, &config, &mut skipped));
        }
    }
    let (cases, wanted): (Vec<Case>, Vec<Vec<bool>>) = all.into_iter().unzip();
    let (mut granted, mut refused, mut wrong) = (0, 0, Vec::new());
    for ((case, wanted), theirs) in cases.iter().zip(&wanted).zip(judged(&folder, &cases)) {
        for (((asked, _), wanted), theirs) in case.requests.iter().zip(wanted).zip(theirs.chars()) {
            *(if *wanted { &mut granted } else { &mut refused }) += 1;
            if *wanted != (theirs == 'a') {
                let what = if *wanted { "denied" } else { "allowed" };
                wrong.push(format!("{what} ({theirs}): {} {asked:?}\n  {}", case.setup["principal"], case.setup["identity"]));
            }
        }
    }
    println!(
        "{} logs, {} sets of policies: {granted} granted requests, {refused} only-refused ones, {} judged otherwise, {skipped} not asked",
        logs.len(),
        cases.len(),
        wrong.len()
    );
    assert!(granted > 400 && refused > 10, "{granted} {refused}");
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.iter().take(8).map(|one| one.chars().take(1_500).collect::<String>()).collect::<Vec<_>>().join("\n")
    );
}
