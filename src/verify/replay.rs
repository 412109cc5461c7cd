//! The replay: every observation is asked again, of the documents instead of the platform.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rapidhash::fast::RandomState;

use super::asker::{Asker, Judged};
use super::flows::Flows;
use super::necessity::{self, Used};
use super::wider::Granted;
use crate::access::aws::Context;
use crate::access::coverage::Sighting;
use crate::access::evidence::Evidence;
use crate::access::identity::{Identity, Name};
use crate::access::inventory::Fact;
use crate::access::kube::KubeRequest;
use crate::access::observation::{Basis, Observation, Outcome, Record, Sink};
use crate::access::pod::{PodBasis, Workload};
use crate::access::profile::{IdentityProfile, Profile};
use crate::access::request::{Request, RequestKey};
use crate::access::times::Times;
use crate::config::Config;
use crate::finding::Finding;
use crate::policy::decision::{Decision, Layer};
use crate::policy::set::{Documents, Policy, PolicySet, with_accounts};
use crate::policy::snapshot::{Snapshot, Standing};
use crate::policy::{iam, rbac};
use crate::verdict::{CounterExample, LeftOut, Necessity, Restraint, Sufficiency, Verdict, VerdictBasis};

/// The group whose members no authorizer is asked about.
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles>
const MASTERS: &str = "system:masters";

static NO_CONTEXT: Context = Context::new();

/// Judges a policy set while a log is read a second time.
#[derive(Debug)]
pub struct Replay<'a> {
    pub(super) around: Around<'a>,
    /// In the order of first sight.
    askers: IndexMap<Identity, Asker<'a>, RandomState>,
    groups: IndexSet<Vec<String>, RandomState>,
    /// Flows as their records name them: whose ends they are is known when everything was read.
    pub(super) flows: Flows,
    pub(super) undecided: u64,
}

/// What every request is judged by.
#[derive(Debug)]
pub(super) struct Around<'a> {
    pub(super) policies: &'a PolicySet,
    pub(super) config: &'a Config,
    snapshot: Option<&'a Snapshot>,
    /// Bindings that stay beside the policies.
    standing: Standing,
    /// Whether some document asks in which account a resource is.
    by_account: bool,
}

impl<'a> Replay<'a> {
    /// A replay against `policies`; `config` says who is left out and what counts as evidence.
    #[must_use]
    pub fn new(policies: &'a PolicySet, config: &'a Config) -> Self {
        let by_account = |policy: &Policy| match &policy.documents {
            Documents::Iam(documents) => documents.iter().any(iam::asks_for_account),
            Documents::Rbac(_) | Documents::PodSecurity(_) | Documents::Network(_) => false,
        };
        let by_account = policies.policies.values().any(by_account);
        Replay {
            around: Around { policies, config, snapshot: None, standing: Standing::default(), by_account },
            askers: IndexMap::default(),
            groups: IndexSet::default(),
            flows: Flows::default(),
            undecided: 0,
        }
    }

    /// The same replay within what production has: then a control policy, a boundary, a key's or a role's own policy can make a gap.
    /// Restraint is still judged by the documents alone, so that no leak hides behind production's guard rails.
    #[must_use]
    pub fn within(mut self, snapshot: Option<&'a Snapshot>) -> Self {
        self.around.snapshot = snapshot;
        self.around.standing = Standing::of(snapshot, &self.around.config.rbac.surviving);
        self
    }

    /// Judges one request that so many records hold. Gives the place of their evidence; `None` where none is kept.
    pub(super) fn judge(
        &mut self,
        identity: &Identity,
        groups: &[String],
        request: &Request,
        outcome: Outcome,
        count: u64,
    ) -> Option<&mut Cow<'a, Evidence>> {
        let index = match self.askers.get_index_of(identity) {
            Some(index) => index,
            None => self.askers.insert_full(identity.clone(), Asker::of(self.around.documents(identity))).0,
        };
        let (_, asker) = self.askers.get_index_mut(index)?;
        asker.is_master |= groups.iter().any(|group| group == MASTERS);
        let place = asker.place(request);
        if outcome == Outcome::Unknown {
            // It says nothing, so nothing is asked; only that it was seen.
            return None;
        }
        let groups_place = match self.groups.get_index_of(groups) {
            Some(place) => place,
            None => self.groups.insert_full(groups.to_vec()).0,
        };
        let refused = outcome == Outcome::Refused;
        let context = request.context().unwrap_or(&NO_CONTEXT);
        let asked = |latest: &(usize, Arc<Context>)| latest.0 == groups_place && *latest.1 == *context;
        let latest = |judged: &Judged<'_>| {
            judged.latest.get(usize::from(refused)).is_some_and(|latest| latest.as_ref().is_some_and(asked))
        };
        if !asker.requests.get_index(place).is_some_and(|(_, judged)| latest(judged)) {
            self.around.ask(asker, place, identity, (groups_place, groups), request, refused);
        }
        let (_, judged) = asker.requests.get_index_mut(place)?;
        match outcome {
            Outcome::Allowed => {
                judged.allowed += count;
                Some(&mut judged.granted)
            }
            Outcome::Failed => {
                judged.failed += count;
                Some(&mut judged.granted)
            }
            Outcome::Refused => {
                judged.refused += count;
                Some(&mut judged.denied)
            }
            Outcome::Unknown => None,
        }
    }

    /// Judges a stored profile in place of a log.
    pub fn profile(&mut self, profile: &'a Profile) {
        for (identity, part) in &profile.identities {
            match rbac::target::profile(part, self.around.config.target_server()) {
                Cow::Borrowed(part) => self.part(identity, part, |kept, evidence| {
                    if kept.is_empty() { *kept = Cow::Borrowed(evidence) } else { kept.to_mut().merge(evidence) }
                }),
                Cow::Owned(part) => self.part(identity, &part, |kept, evidence| kept.to_mut().merge(evidence)),
            }
        }
        self.undecided += profile.ledger.undecided_count();
    }

    /// Judges one identity of a stored profile.
    fn part<'e>(&mut self, identity: &Identity, part: &'e IdentityProfile, keep: impl Fn(&mut Cow<'a, Evidence>, &'e Evidence)) {
        let none = Evidence::default();
        let groups: Vec<String> = part.groups.iter().cloned().collect();
        let assumed = self.around.config.assumed;
        for (key, seen) in part.requests.iter().filter(|(_, seen)| assumed || !seen.is_assumed()) {
            for (outcome, tally) in &seen.outcomes {
                for (place, context) in tally.contexts().into_iter().enumerate() {
                    let first = place == 0;
                    let count = if first { tally.times.count } else { 0 };
                    match key {
                        RequestKey::Flow(flow) => {
                            let evidence = if first { &tally.times.evidence } else { &none };
                            self.flows.insert(identity, flow, *outcome, count, evidence);
                        }
                        RequestKey::Aws(_) | RequestKey::Kube(_) | RequestKey::Pod(_) => {
                            let kept = self.judge(identity, &groups, &key.to_request(context), *outcome, count);
                            kept.filter(|_| first).into_iter().for_each(|kept| keep(kept, &tally.times.evidence));
                        }
                    }
                }
            }
        }
    }

    /// The verdict; `coverage` are the holes of the recording. Flows that were never resolved are undecided: see [`Replay::resolve`].
    #[must_use]
    pub fn verdict(self, basis: VerdictBasis, coverage: Vec<Finding>) -> Verdict {
        let mut sufficiency = Sufficiency::default();
        let mut restraint = Restraint::default();
        let mut left_out: BTreeMap<&Identity, String> = BTreeMap::new();
        let mut used: BTreeMap<&Identity, Vec<Used<'_>>> = BTreeMap::new();
        for (identity, asker) in &self.askers {
            let mut requests: Vec<(&RequestKey, &Judged<'_>)> =
                asker.requests.iter().map(|(key, judged)| (&key.0, judged)).collect();
            if let Some(why) = self.around.left_out(asker.is_master, identity) {
                // Whoever asks, a role's trust policy is one that production has.
                let gaps = requests.iter().filter_map(|(key, judged)| self.around.trust_gap(identity, key, judged));
                sufficiency.gaps.extend(gaps);
                left_out.insert(identity, why);
                continue;
            }
            keep_best_basis(&mut requests);
            let evidence = || requests.iter().filter(|(_, judged)| self.around.is_evidence(judged));
            let granted = Granted::new(evidence().map(|(key, _)| *key).collect());
            for (key, judged) in &requests {
                self.around.place((identity, key, judged), &granted, &mut sufficiency, &mut restraint);
            }
            used.insert(
                identity,
                evidence().map(|(key, judged)| (*key, judged.example.as_deref().unwrap_or(&NO_CONTEXT))).collect(),
            );
        }
        for part in [&mut sufficiency.gaps, &mut restraint.leaks, &mut restraint.contested] {
            part.sort_by(|a, b| (&a.identity, &a.request).cmp(&(&b.identity, &b.request)));
        }
        let mut necessity = Necessity::default();
        for (identity, policy) in &self.around.policies.policies {
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
}

impl<'a> Around<'a> {
    fn documents(&self, identity: &Identity) -> Option<&'a Documents> {
        self.policies.policies.get(identity).map(|policy| &policy.documents)
    }

    /// Asks the documents, and what production has, and keeps what of the answer convicts.
    fn ask(
        &self,
        asker: &mut Asker<'_>,
        place: usize,
        identity: &Identity,
        groups: (usize, &[String]),
        request: &Request,
        refused: bool,
    ) {
        let seen = request.context().unwrap_or(&NO_CONTEXT);
        let placed;
        let request = if self.by_account {
            placed = with_accounts(identity, request);
            &placed
        } else {
            request
        };
        let in_production = if refused { None } else { self.in_production(identity, request) };
        let answer = match in_production {
            Some(Decision::Allow { by }) => Ok(by),
            Some(denied) => Err(denied),
            None => asker.decide(identity, groups, request),
        };
        let by_default = if let (Request::Kube(request), Err(_)) = (request, &answer) {
            asker.is_default(identity, groups, request)
                || self.standing.allows(identity, groups.1, request)
                || (request.verb == "bind" && self.spares_bind(identity, groups.1, request))
        } else {
            false
        };
        let seen = asker.shared(seen);
        let asked = (!refused).then(|| asker.shared(request.context().unwrap_or(&NO_CONTEXT)));
        let Some((_, judged)) = asker.requests.get_index_mut(place) else { return };
        judged.by_default |= by_default;
        if let Some(latest) = judged.latest.get_mut(usize::from(refused)) {
            *latest = Some((groups.0, seen));
        }
        match (refused, answer) {
            (true, Ok(by)) if judged.leak.is_none() => judged.leak = Some(by),
            (false, Err(denied)) if judged.gap.is_none() => judged.gap = Some(denied),
            (true | false, Ok(_) | Err(_)) => {}
        }
        if asked.is_some() && (judged.example.is_none() || asked < judged.example) {
            judged.example = asked;
        }
    }

    /// Whether the API server does not ask for this `bind`, since the documents hold every rule of the role.
    fn spares_bind(&self, identity: &Identity, groups: &[String], request: &KubeRequest) -> bool {
        let own = self.documents(identity).map(Documents::permits).unwrap_or_default();
        self.standing.spares_bind(identity, groups, &own, request)
    }

    /// What the whole stack answers; `None` where there is no snapshot or it does not concern the request.
    fn in_production(&self, identity: &Identity, request: &Request) -> Option<Decision> {
        let (snapshot, Request::Aws(request)) = (self.snapshot?, request) else { return None };
        match self.documents(identity) {
            Some(Documents::Iam(documents)) => snapshot.authorize(identity, documents, request),
            Some(Documents::Rbac(_) | Documents::PodSecurity(_) | Documents::Network(_)) => None,
            None => snapshot.trusts(identity, request),
        }
    }

    fn left_out(&self, is_master: bool, identity: &Identity) -> Option<String> {
        if is_master {
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

    fn trust_gap(&self, identity: &Identity, key: &RequestKey, judged: &Judged<'_>) -> Option<CounterExample> {
        let answer = judged.gap.as_ref().filter(|_| self.is_evidence(judged))?;
        let distrusts = matches!(answer.layer(), Some(Layer::Trust(_)));
        distrusts.then(|| CounterExample {
            identity: identity.clone(),
            request: key.to_string(),
            count: judged.allowed + judged.failed,
            events: judged.granted.events().into_iter().cloned().collect(),
            note: answer.to_string(),
        })
    }

    fn is_evidence(&self, judged: &Judged<'_>) -> bool {
        judged.allowed > 0 || (self.config.failed_is_evidence && judged.failed > 0)
    }

    fn place(
        &self,
        (identity, key, judged): (&Identity, &RequestKey, &Judged<'_>),
        allowed: &Granted<'_>,
        sufficiency: &mut Sufficiency,
        restraint: &mut Restraint,
    ) {
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
            if let Some(denied) = judged.gap.as_ref().filter(|_| !judged.by_default) {
                let note = spell(denied, self.policies.policies.contains_key(identity));
                sufficiency.gaps.push(example(granted, &judged.granted, note));
            }
        }
        if judged.refused == 0 {
            return;
        }
        // Where the documents tell the refused calls from the allowed ones, nothing is contested.
        if granted > 0 && judged.leak.is_some() {
            let note = format!("allowed {granted} times and refused {} times in the log", judged.refused);
            restraint.contested.push(example(judged.refused, &judged.denied, note));
            return;
        }
        restraint.judged += 1;
        let Some(by) = &judged.leak else { return };
        if let Some(wider) = allowed.wider_than(key) {
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

/// Of one workload's pods only the most trustworthy evidence is judged: a template, or a request before webhooks changed it, is
/// not the pod that ran.
fn keep_best_basis(requests: &mut Vec<(&RequestKey, &Judged<'_>)>) {
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
        if matches!(observation.basis, Basis::Assumed(_)) && !self.around.config.assumed {
            return;
        }
        let seen = (observation.times.count, &observation.times.evidence);
        let Observation { identity, groups, outcome, .. } = observation;
        let moved;
        let request = match observation.request {
            Request::Kube(request) => match rbac::target::asked(request, observation.basis, self.around.config.target_server()) {
                None => return,
                Some(Cow::Borrowed(_)) => observation.request,
                Some(Cow::Owned(asked)) => {
                    moved = Request::Kube(asked);
                    &moved
                }
            },
            Request::Flow(flow) => return self.flows.insert(identity, flow, *outcome, seen.0, seen.1),
            Request::Aws(_) | Request::Pod(_) => observation.request,
        };
        if let Some(kept) = self.judge(identity, groups, request, *outcome, seen.0) {
            kept.to_mut().merge(seen.1);
        }
    }
}
