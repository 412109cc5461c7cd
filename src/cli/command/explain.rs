//! `tightfit explain`: why a grant is there, or why a request would be denied, with event ids and times.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tightfit::access::aws::Context as AwsContext;
use tightfit::access::cidr::Cidr;
use tightfit::access::flow;
use tightfit::access::identity::{Home, Identity, Name};
use tightfit::access::inventory::Inventory;
use tightfit::access::observation::Outcome;
use tightfit::access::profile::{IdentityProfile, Seen, Tally};
use tightfit::access::request::{Request, RequestKey};
use tightfit::access::times::Times;
use tightfit::config::Pattern;
use tightfit::pipeline::{self, Plan};
use tightfit::policy::grant::{Grant, Reason};
use tightfit::policy::rbac;
use tightfit::policy::set::{Decision, Policy, with_accounts};
use tightfit::render::markdown::count;
use tightfit::{ask, load};

use super::{JSON_SCHEMA, Session, records, redacted, shown};
use crate::args::{Explain, Shape, Shared};
use crate::console::{Console, visible};
use crate::exit::Exit;

pub(super) fn run(shared: &Shared, command: &Explain, console: &Console) -> Result<Exit> {
    let shape = Shape { rules: command.rules.clone(), ..Shape::default() };
    let session = Session::open(shared, &command.choose, &shape, &command.inputs, console)?;
    let mut plan = session.with_source("reading", pipeline::generate)?;
    let damaged = session.damaged(&plan.profile.ledger);
    if let Some(folder) = &command.policies {
        plan.policies = load::folder(folder)?.0;
    }
    let identity = find(&plan, &command.of)?;
    let empty = IdentityProfile::default();
    let seen = plan.profile.identities.get(&identity).unwrap_or(&empty);
    let seen = &*as_asked(&identity, seen, (&plan.profile.inventory, &session.config.network.api_server));
    let policy = plan.policies.policies.get(&identity);
    let left_out = session.config.left_out(&identity);
    let mut lines = vec![shown(&identity)];
    let (part, found) = match (&command.request, policy) {
        (Some(request), _) => {
            let wrong = || format!("`{request}` is no request of this identity: {}", ask::expected(&identity));
            let answer = |key: &RequestKey| decide(&identity, policy, seen, key).is_allow();
            // As a report prints it; of several pods of one workload, the one that is denied.
            let printed = seen.requests.keys().filter(|key| key.to_string() == *request).min_by_key(|key| answer(key)).cloned();
            let key = printed.or_else(|| ask::parse(&identity, request)).with_context(wrong)?;
            ("answer", one(&identity, policy, seen, &key, left_out.as_deref(), &mut lines))
        }
        (None, Some(policy)) => ("grants", all(&identity, policy, seen, &mut lines)),
        (None, None) => {
            let why = left_out.as_deref().unwrap_or("nothing it did is evidence for a grant");
            lines.push(format!("  no policy: {why}"));
            ("refused", refused(seen, &mut lines))
        }
    };
    let document = json!({
        "schema": JSON_SCHEMA, "tool": "tightfit", "version": env!("CARGO_PKG_VERSION"), "command": "explain",
        "records": records(&plan.profile.ledger), "identity": identity.to_string(), "written": policy.is_some(),
        "left_out": left_out, part: found,
    });
    for line in lines {
        console.line(&visible(&line));
    }
    console.document(&redacted(document));
    Ok(if damaged { Exit::Failed } else { Exit::Done })
}

/// The one identity that is meant.
fn find(plan: &Plan, text: &str) -> Result<Identity> {
    let pattern = Pattern::new("IDENTITY", text)?;
    let known: Vec<&Identity> = plan.profile.identities.keys().chain(plan.policies.policies.keys()).collect();
    if let Some(exact) = Identity::parse(text).filter(|identity| known.contains(&identity)) {
        return Ok(exact);
    }
    let mut matching: Vec<&Identity> = known.into_iter().filter(|identity| pattern.matches_identity(identity)).collect();
    matching.sort();
    matching.dedup();
    match matching.as_slice() {
        [only] => Ok((*only).clone()),
        [] => bail!("no identity of the log matches `{text}`: `tightfit doctor -v INPUT...` lists them"),
        several => {
            let names: Vec<String> = several.iter().take(8).map(shown).collect();
            bail!("`{text}` matches {} identities, name one: {}", several.len(), names.join(" "))
        }
    }
}

/// What an identity was seen to ask, as the documents are asked it: ends of flows that are known by their address become the pods
/// that had it. Flows whose ends cannot be told are asked of nobody.
fn as_asked<'a>(
    identity: &Identity,
    seen: &'a IdentityProfile,
    (inventory, api_server): (&Inventory, &[Cidr]),
) -> Cow<'a, IdentityProfile> {
    let (Home::Cluster(cluster), Name::Network) = (&identity.home, &identity.name) else { return Cow::Borrowed(seen) };
    let mut resolved = IdentityProfile { groups: seen.groups.clone(), ..IdentityProfile::default() };
    for (key, part) in &seen.requests {
        let RequestKey::Flow(flow) = key else { continue };
        let flows = flow::resolve(flow, cluster, inventory).into_iter().flatten();
        for flow in flows.flat_map(|flow| flow.where_told(api_server)) {
            resolved.requests.entry(RequestKey::Flow(Box::new(flow))).or_default().merge(part);
        }
    }
    Cow::Owned(resolved)
}

/// Every grant with its reason and evidence.
fn all(identity: &Identity, policy: &Policy, seen: &IdentityProfile, lines: &mut Vec<String>) -> Value {
    let mut grants = Vec::new();
    for grant in &policy.grants {
        lines.push(format!("  {}", shown(&grant.permit)));
        grants.push(json!({"grant": grant, "evidence": evidence(identity, grant, seen, lines)}));
    }
    Value::Array(grants)
}

/// Why one request is answered as it is.
fn one(
    identity: &Identity,
    policy: Option<&Policy>,
    seen: &IdentityProfile,
    key: &RequestKey,
    left_out: Option<&str>,
    lines: &mut Vec<String>,
) -> Value {
    let asked = asked(identity, seen, key);
    let (word, by) = match decide(identity, policy, seen, key) {
        Decision::Allow { by } => ("allowed", format!("by {by}")),
        Decision::ExplicitDeny { by, .. } => ("denied", format!("by {by}")),
        Decision::ImplicitDeny { .. } => ("denied", "nothing allows it".to_owned()),
    };
    // An object key is cut up to the end of its text: the answer is no part of that.
    lines.push(format!("  {}: {word}, {by}", shown(key)));
    let mut grants = Vec::new();
    for grant in
        policy.iter().flat_map(|policy| &policy.grants).filter(|grant| asked.iter().any(|request| grant.permit.covers(request)))
    {
        lines.push(format!("  granted as {}", shown(&grant.permit)));
        grants.push(json!({"grant": grant, "evidence": evidence(identity, grant, seen, lines)}));
    }
    let log = seen.requests.get(key);
    match (log, left_out) {
        (Some(log), _) => say_outcomes(log, lines),
        (None, Some(why)) => lines.push(format!("  no policy is written for this identity: {why}")),
        (None, None) => lines.push("  the log never shows this request".to_owned()),
    }
    json!({"request": key.to_string(), "answer": word, "by": by, "grants": grants, "log": log.map(outcomes)})
}

/// A request in the contexts that the log shows of it; without any where the log never shows it.
fn asked(identity: &Identity, seen: &IdentityProfile, key: &RequestKey) -> Vec<Request> {
    let placed = |request: Request| with_accounts(identity, &request);
    let Some(seen) = seen.requests.get(key) else { return vec![placed(key.to_request(AwsContext::new()))] };
    // What was allowed is what the documents are for.
    let tally = seen.outcomes.values().next();
    tally.into_iter().flat_map(|tally| tally.contexts()).map(|context| placed(key.to_request(context))).collect()
}

/// The answer of the documents, or of what the platform itself allows to every authenticated user.
fn decide(identity: &Identity, policy: Option<&Policy>, seen: &IdentityProfile, key: &RequestKey) -> Decision {
    let groups: Vec<String> = seen.groups.iter().cloned().collect();
    let decide = |request: &Request| {
        let answer = policy.map_or(Decision::DENY, |policy| policy.documents.decide(identity, &groups, request));
        match request {
            Request::Kube(request) if !answer.is_allow() && rbac::allowed_by_default(identity, &groups, request) => {
                Decision::Allow { by: "what every authenticated user has".to_owned() }
            }
            Request::Aws(_) | Request::Kube(_) | Request::Pod(_) | Request::Flow(_) => answer,
        }
    };
    // Of several contexts the one that is denied.
    asked(identity, seen, key).iter().map(decide).min_by_key(Decision::is_allow).unwrap_or(Decision::DENY)
}

/// What was only ever refused: why nothing is written.
fn refused(seen: &IdentityProfile, lines: &mut Vec<String>) -> Value {
    let mut requests = Vec::new();
    for (key, seen) in seen.requests.iter().filter(|(_, seen)| seen.count(Outcome::Refused) > 0) {
        lines.push(format!("  {}", shown(key)));
        say_outcomes(seen, lines);
        requests.push(json!({"request": key.to_string(), "log": outcomes(seen)}));
    }
    Value::Array(requests)
}

/// The reason of a grant and the records behind it.
fn evidence(identity: &Identity, grant: &Grant, seen: &IdentityProfile, lines: &mut Vec<String>) -> Value {
    lines.push(match &grant.reason {
        Reason::Observed => "    reason: observed".to_owned(),
        Reason::Derived { rule } => format!("    reason: derived, {rule}"),
        Reason::Assumed { why } => format!("    reason: assumed, {why}"),
        Reason::Unobservable { why } => format!("    reason: unobservable, {why}"),
        Reason::Declared { by } => format!("    reason: declared by {by}"),
    });
    if let Some(wider) = &grant.generalization {
        lines.push(format!("    widened by {} from {} names; also admits {}", wider.rule, wider.names, wider.admits));
    }
    let mut behind: BTreeMap<Outcome, Box<Tally>> = BTreeMap::new();
    let covers = |key: &RequestKey, seen: &Seen| {
        seen.requests(key).iter().any(|request| grant.permit.covers(&with_accounts(identity, request)))
    };
    let covered = seen.requests.iter().filter(|(key, seen)| covers(key, seen));
    for (outcome, tally) in covered.flat_map(|(_, seen)| &seen.outcomes) {
        behind.entry(*outcome).and_modify(|sum| sum.merge(tally)).or_insert_with(|| tally.clone());
    }
    let behind = Seen { outcomes: behind, ..Seen::default() };
    say_outcomes(&behind, lines);
    outcomes(&behind)
}

fn say_outcomes(seen: &Seen, lines: &mut Vec<String>) {
    for (outcome, tally) in &seen.outcomes {
        let word = match outcome {
            Outcome::Allowed => "allowed",
            Outcome::Failed => "failed after authorization",
            Outcome::Refused => "refused",
            Outcome::Unknown => "of unknown outcome",
        };
        let (times, days) = (count(tally.times.count, "time"), count(tally.times.days.count(), "day"));
        lines.push(format!("    {word} {times} on {days}, {} to {}", tally.times.first, tally.times.last));
        for event in tally.times.evidence.events().into_iter().take(3) {
            lines.push(format!("      {} {} {}:{}", event.time, shown(&event.id), event.file, event.record));
        }
    }
}

fn outcomes(seen: &Seen) -> Value {
    let told = |tally: &Tally| {
        let Times { count, first, last, days, evidence } = &tally.times;
        json!({
            "count": count, "first": first, "last": last, "days": days, "evidence": evidence,
            "context": tally.context, "issued_to": tally.issued_to,
        })
    };
    json!(seen.outcomes.iter().map(|(outcome, tally)| (outcome, told(tally))).collect::<BTreeMap<_, _>>())
}
