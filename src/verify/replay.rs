//! The replay: every observation is asked again, of the documents instead of the platform.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::{IndexMap, IndexSet};

use super::flows::Flows;
use super::necessity;
use crate::access::aws::{Context, Resource};
use crate::access::coverage::Sighting;
use crate::access::evidence::{EventRef, Evidence};
use crate::access::identity::{Identity, Name};
use crate::access::inventory::Fact;
use crate::access::kube::KubeRequest;
use crate::access::observation::{Basis, Observation, Outcome, Record, Sink};
use crate::access::pod::{PodBasis, Workload};
use crate::access::profile::Profile;
use crate::access::request::{Request, RequestKey};
use crate::access::times::Times;
use crate::config::Config;
use crate::finding::Finding;
use crate::policy::decision::{Decision, Layer};
use crate::policy::grant::{Condition, Permit};
use crate::policy::set::{Documents, Policy, PolicySet, with_accounts};
use crate::policy::snapshot::{Snapshot, Standing};
use crate::policy::{iam, rbac};
use crate::verdict::{CounterExample, LeftOut, Necessity, Restraint, Sufficiency, Verdict, VerdictBasis};

/// The group whose members no authorizer is asked about.
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles>
const MASTERS: &str = "system:masters";

static NO_CONTEXT: Context = Context::new();

/// The answer where none was asked for: every record of the request said nothing about authorization.
static NOTHING_ALLOWS: Decision = Decision::DENY;

/// Judges a policy set while a log is read a second time.
#[derive(Debug)]
pub struct Replay<'a> {
    pub(super) policies: &'a PolicySet,
    pub(super) config: &'a Config,
    snapshot: Option<&'a Snapshot>,
    /// Bindings that stay beside the policies.
    standing: Standing,
    identities: IndexSet<Identity>,
    masters: BTreeSet<usize>,
    groups: IndexSet<Vec<String>>,
    judged: IndexMap<(usize, RequestKey), Judged>,
    /// Flows as their records name them: whose ends they are is known when everything was read.
    pub(super) flows: Flows,
    pub(super) undecided: u64,
    /// Whether some document asks in which account a resource is.
    by_account: bool,
}

/// What one request of one identity came to, over all its records.
#[derive(Debug, Default)]
struct Judged {
    allowed: u64,
    failed: u64,
    refused: u64,
    granted: Evidence,
    denied: Evidence,
    /// What the documents answered to what was allowed or failed: a gap in one context is not made good by another.
    answer: Option<Decision>,
    /// What they answered to what was refused: a leak in one context is not made good by another.
    answer_to_refused: Option<Decision>,
    /// The groups, by their place, and the context behind the latest answers.
    latest: [Option<(usize, Context)>; 2],
    /// The least of the contexts in which it was allowed or failed.
    example: Option<Context>,
    /// Whether the platform's own default bindings allow it, or bindings that stay, whatever the documents say.
    by_default: bool,
}

impl<'a> Replay<'a> {
    /// A replay against `policies`; `config` says who is left out and what counts as evidence.
    #[must_use]
    pub fn new(policies: &'a PolicySet, config: &'a Config) -> Self {
        let by_account = |policy: &Policy| match &policy.documents {
            Documents::Iam(documents) => documents.iter().any(iam::asks_for_account),
            Documents::Rbac(_) | Documents::PodSecurity(_) | Documents::Network(_) => false,
        };
        Replay {
            by_account: policies.policies.values().any(by_account),
            policies,
            config,
            snapshot: None,
            standing: Standing::default(),
            identities: IndexSet::new(),
            masters: BTreeSet::new(),
            groups: IndexSet::new(),
            judged: IndexMap::new(),
            flows: Flows::default(),
            undecided: 0,
        }
    }

    /// The same replay within what production has: then a control policy, a boundary, a key's or a role's own policy can make a gap.
    /// Restraint is still judged by the documents alone, so that no leak hides behind production's guard rails.
    #[must_use]
    pub fn within(mut self, snapshot: Option<&'a Snapshot>) -> Self {
        self.snapshot = snapshot;
        self.standing = Standing::of(snapshot, &self.config.rbac.surviving);
        self
    }

    fn answer(&self, identity: &Identity, groups: &[String], request: &Request, refused: bool) -> (Decision, bool) {
        let policy = self.policies.policies.get(identity);
        let answer = policy.map_or(Decision::DENY, |policy| policy.documents.decide(identity, groups, request));
        let answer = self.in_production(identity, request).filter(|_| !refused).unwrap_or(answer);
        let by_default = if let Request::Kube(request) = request
            && !answer.is_allow()
        {
            rbac::allowed_by_default(identity, groups, request)
                || self.standing.allows(identity, groups, request)
                || (request.verb == "bind" && self.spares_bind(identity, groups, request))
        } else {
            false
        };
        (answer, by_default)
    }

    /// Whether the API server does not ask for this `bind`, since the documents hold every rule of the role.
    fn spares_bind(&self, identity: &Identity, groups: &[String], request: &KubeRequest) -> bool {
        let own = self.policies.policies.get(identity).map(|policy| policy.documents.permits()).unwrap_or_default();
        self.standing.spares_bind(identity, groups, &own, request)
    }

    /// What the whole stack answers; `None` where there is no snapshot or it does not concern the request.
    fn in_production(&self, identity: &Identity, request: &Request) -> Option<Decision> {
        let (snapshot, Request::Aws(request)) = (self.snapshot?, request) else { return None };
        match self.policies.policies.get(identity).map(|policy| &policy.documents) {
            Some(Documents::Iam(documents)) => snapshot.authorize(identity, documents, request),
            Some(Documents::Rbac(_) | Documents::PodSecurity(_) | Documents::Network(_)) => None,
            None => snapshot.trusts(identity, request),
        }
    }

    pub(super) fn judge(
        &mut self,
        identity: &Identity,
        groups: &[String],
        request: &Request,
        outcome: Outcome,
        count: u64,
        events: &[&EventRef],
    ) {
        let index = self.identities.insert_full(identity.clone()).0;
        if groups.iter().any(|group| group == MASTERS) {
            self.masters.insert(index);
        }
        let key = (index, request.key());
        if outcome == Outcome::Unknown {
            // It says nothing, so nothing is asked; only that it was seen.
            self.judged.entry(key).or_default();
            return;
        }
        let refused = outcome == Outcome::Refused;
        let side = usize::from(refused);
        let groups_place = match self.groups.get_index_of(groups) {
            Some(place) => place,
            None => self.groups.insert_full(groups.to_vec()).0,
        };
        let placed;
        let request = if self.by_account {
            placed = with_accounts(identity, request);
            &placed
        } else {
            request
        };
        let context = request.context().unwrap_or(&NO_CONTEXT);
        let asked = |latest: &(usize, Context)| latest.0 == groups_place && latest.1 == *context;
        let latest = self.judged.get(&key).and_then(|judged| judged.latest.get(side)).and_then(Option::as_ref);
        let answer = if latest.is_some_and(asked) { None } else { Some(self.answer(identity, groups, request, refused)) };
        let judged = self.judged.entry(key).or_default();
        if let Some((answer, by_default)) = answer {
            judged.by_default |= by_default;
            if let Some(latest) = judged.latest.get_mut(side) {
                *latest = Some((groups_place, context.clone()));
            }
            if !refused && judged.example.as_ref().is_none_or(|example| context < example) {
                judged.example = Some(context.clone());
            }
            // The answer that is worse for the verdict stays.
            let kept = if refused { &mut judged.answer_to_refused } else { &mut judged.answer };
            if kept.as_ref().is_none_or(|kept| kept.is_allow() != refused) {
                *kept = Some(answer);
            }
        }
        let evidence = match outcome {
            Outcome::Allowed => {
                judged.allowed += count;
                &mut judged.granted
            }
            Outcome::Failed => {
                judged.failed += count;
                &mut judged.granted
            }
            Outcome::Refused => {
                judged.refused += count;
                &mut judged.denied
            }
            Outcome::Unknown => return,
        };
        events.iter().for_each(|event| evidence.insert(event));
    }

    /// Judges a stored profile in place of a log.
    pub fn profile(&mut self, profile: &Profile) {
        for (identity, part) in &profile.identities {
            let groups: Vec<String> = part.groups.iter().cloned().collect();
            let part = rbac::target::profile(part, self.config.target_server());
            for (key, seen) in &part.requests {
                if seen.is_assumed() && !self.config.assumed {
                    continue;
                }
                for (outcome, tally) in &seen.outcomes {
                    for (place, context) in tally.contexts().into_iter().enumerate() {
                        let (count, events) =
                            if place == 0 { (tally.times.count, tally.times.evidence.events()) } else { (0, Vec::new()) };
                        match key {
                            RequestKey::Flow(flow) => self.flows.insert(identity, flow, *outcome, count, &events),
                            RequestKey::Aws(_) | RequestKey::Kube(_) | RequestKey::Pod(_) => {
                                self.judge(identity, &groups, &key.to_request(context), *outcome, count, &events);
                            }
                        }
                    }
                }
            }
        }
        self.undecided += profile.ledger.undecided_count();
    }

    /// The verdict; `coverage` are the holes of the recording. Flows that were never resolved are undecided: see [`Replay::resolve`].
    #[must_use]
    pub fn verdict(self, basis: VerdictBasis, coverage: Vec<Finding>) -> Verdict {
        let mut sufficiency = Sufficiency::default();
        let mut restraint = Restraint::default();
        let mut left_out: BTreeMap<&Identity, String> = BTreeMap::new();
        let mut judged_of: BTreeMap<&Identity, Vec<(&RequestKey, &Judged)>> = BTreeMap::new();
        for ((index, key), judged) in &self.judged {
            let Some(identity) = self.identities.get_index(*index) else { continue };
            match self.left_out(*index, identity) {
                Some(why) => {
                    // Whoever asks, a role's trust policy is one that production has.
                    sufficiency.gaps.extend(self.trust_gap(identity, key, judged));
                    left_out.insert(identity, why);
                }
                None => judged_of.entry(identity).or_default().push((key, judged)),
            }
        }
        let mut used: BTreeMap<&Identity, Vec<Request>> = BTreeMap::new();
        for (identity, requests) in &mut judged_of {
            keep_best_basis(requests);
            let granted: Vec<&RequestKey> =
                requests.iter().filter(|(_, judged)| self.is_evidence(judged)).map(|(key, _)| *key).collect();
            for (key, judged) in requests.iter() {
                self.place((identity, key, judged), &granted, &mut sufficiency, &mut restraint);
            }
            let evidence = requests.iter().filter(|(_, judged)| self.is_evidence(judged));
            let example = |(key, judged): &(&RequestKey, &Judged)| key.to_request(judged.example.clone().unwrap_or_default());
            used.insert(identity, evidence.map(example).collect());
        }
        for part in [&mut sufficiency.gaps, &mut restraint.leaks, &mut restraint.contested] {
            part.sort_by(|a, b| (&a.identity, &a.request).cmp(&(&b.identity, &b.request)));
        }
        let mut necessity = Necessity::default();
        for (identity, policy) in &self.policies.policies {
            let used = used.get(identity).map(Vec::as_slice).unwrap_or_default();
            necessity::judge(identity, policy, used, &mut necessity);
        }
        let left_out = left_out.into_iter().map(|(identity, why)| LeftOut { identity: identity.clone(), why }).collect();
        Verdict {
            basis,
            sufficiency,
            necessity,
            restraint,
            coverage,
            undecided: self.undecided.saturating_add(self.flows.count()),
            left_out,
        }
    }

    fn left_out(&self, index: usize, identity: &Identity) -> Option<String> {
        if self.masters.contains(&index) {
            return Some(format!("member of {MASTERS}: no authorizer is asked"));
        }
        // A policy that exists is judged, whatever the choice says.
        if self.policies.policies.contains_key(identity) {
            return None;
        }
        let told = self.snapshot.and_then(|snapshot| snapshot.told_class(identity));
        let open =
            || (identity.name == Name::Network).then(|| "no NetworkPolicy stands on its flows: every pod is open".to_owned());
        self.config.left_out_as(identity, told).or_else(open)
    }

    fn trust_gap(&self, identity: &Identity, key: &RequestKey, judged: &Judged) -> Option<CounterExample> {
        let answer = judged.answer.as_ref().filter(|_| self.is_evidence(judged))?;
        let distrusts = matches!(answer.layer(), Some(Layer::Trust(_)));
        distrusts.then(|| CounterExample {
            identity: identity.clone(),
            request: key.to_string(),
            count: judged.allowed + judged.failed,
            events: judged.granted.events().into_iter().cloned().collect(),
            note: answer.to_string(),
        })
    }

    fn is_evidence(&self, judged: &Judged) -> bool {
        judged.allowed > 0 || (self.config.failed_is_evidence && judged.failed > 0)
    }

    fn place(
        &self,
        (identity, key, judged): (&Identity, &RequestKey, &Judged),
        granted_keys: &[&RequestKey],
        sufficiency: &mut Sufficiency,
        restraint: &mut Restraint,
    ) {
        let answer = judged.answer.as_ref().unwrap_or(&NOTHING_ALLOWS);
        let example = |count: u64, evidence: &Evidence, note: String| CounterExample {
            identity: identity.clone(),
            request: key.to_string(),
            count,
            events: evidence.events().into_iter().cloned().collect(),
            note,
        };
        let granted = judged.allowed + judged.failed;
        if self.is_evidence(judged) {
            sufficiency.judged += 1;
            sufficiency.records += granted;
            if !answer.is_allow() && !judged.by_default {
                sufficiency.gaps.push(example(
                    granted,
                    &judged.granted,
                    spell(answer, self.policies.policies.contains_key(identity)),
                ));
            }
        }
        if judged.refused == 0 {
            return;
        }
        let answer = judged.answer_to_refused.as_ref().unwrap_or(&NOTHING_ALLOWS);
        // Where the documents tell the refused calls from the allowed ones, nothing is contested.
        if granted > 0 && answer.is_allow() {
            let note = format!("allowed {granted} times and refused {} times in the log", judged.refused);
            restraint.contested.push(example(judged.refused, &judged.denied, note));
            return;
        }
        restraint.judged += 1;
        let Decision::Allow { by } = answer else { return };
        if let Some(wider) = granted_keys.iter().find(|wider| asks_for(wider, key)) {
            let note = format!("refused, but {wider} was allowed, and what allows that one allows this");
            restraint.contested.push(example(judged.refused, &judged.denied, note));
        } else {
            restraint.leaks.push(example(
                judged.refused,
                &judged.denied,
                format!("only ever refused in the log, allowed by {by}"),
            ));
        }
    }
}

/// Whether `wider` asked for `key` too: by a wildcard, as a request for what does not exist yet does, or by naming less.
fn asks_for(wider: &RequestKey, key: &RequestKey) -> bool {
    if let (RequestKey::Aws(asked), RequestKey::Aws(refused)) = (wider, key)
        && let Resource::Arn(arn) = &asked.resource
    {
        let resource = arn.to_policy();
        let permit = Permit::Iam { action: asked.action.to_string(), resource, condition: Condition::new() };
        return (asked.via.is_none() || asked.via == refused.via) && permit.covers(&key.to_request(Context::new()));
    }
    wider.implies(key)
}

/// Of one workload's pods only the most trustworthy evidence is judged: a template, or a request before webhooks changed it, is
/// not the pod that ran.
fn keep_best_basis(requests: &mut Vec<(&RequestKey, &Judged)>) {
    let mut best: BTreeMap<Workload, PodBasis> = BTreeMap::new();
    for (key, judged) in requests.iter() {
        if let RequestKey::Pod(pod) = key
            && judged.allowed > 0
        {
            let basis = best.entry(pod.workload.clone()).or_insert(pod.basis);
            *basis = pod.basis.max(*basis);
        }
    }
    requests.retain(|(key, judged)| {
        let RequestKey::Pod(pod) = key else { return true };
        // A pod that was turned away was never stored: there is no better evidence of it.
        if judged.allowed == 0 && judged.refused > 0 {
            return true;
        }
        best.get(&pod.workload).is_none_or(|basis| pod.basis == *basis)
    });
}

fn spell(answer: &Decision, has_policy: bool) -> String {
    if has_policy || answer.layer().is_some_and(|layer| *layer != Layer::Own) {
        answer.to_string()
    } else {
        "there is no policy for this identity".to_owned()
    }
}

impl Sink for Replay<'_> {
    fn record(&mut self, record: &Record<'_>) {
        match record {
            Record::Observed { observations, .. } => {
                for observation in observations {
                    self.observe(observation);
                }
            }
            Record::Undecided { count, .. } => self.undecided += count,
            Record::Skipped { .. } | Record::Rejected { .. } => {}
        }
    }

    fn fact(&mut self, _fact: &Fact) {}

    fn sighting(&mut self, _sighting: &Sighting, _times: &Times) {}
}

impl Replay<'_> {
    fn observe(&mut self, observation: &Observation<'_>) {
        if matches!(observation.basis, Basis::Assumed(_)) && !self.config.assumed {
            return;
        }
        let (count, events) = (observation.times.count, observation.times.evidence.events());
        let Observation { identity, groups, outcome, .. } = observation;
        let moved;
        let request = match observation.request {
            Request::Kube(request) => match rbac::target::asked(request, observation.basis, self.config.target_server()) {
                None => return,
                Some(Cow::Borrowed(_)) => observation.request,
                Some(Cow::Owned(asked)) => {
                    moved = Request::Kube(asked);
                    &moved
                }
            },
            Request::Flow(flow) => return self.flows.insert(identity, flow, *outcome, count, &events),
            Request::Aws(_) | Request::Pod(_) => observation.request,
        };
        self.judge(identity, groups, request, *outcome, count, &events);
    }
}
