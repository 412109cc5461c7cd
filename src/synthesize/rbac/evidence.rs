//! What an identity asked for, as the smallest units that RBAC can say.
//!
//! Invariant: a unit covers the request that it was made of, and no request that was not observed to be possible.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::identity::Identity;
use crate::access::kube::{KubeRequest, KubeResource, KubeTarget};
use crate::access::observation::{Basis, Outcome};
use crate::access::profile::{IdentityProfile, Seen};
use crate::access::request::RequestKey;
use crate::config::Config;
use crate::policy::grant::{Generalization, Permit, Reason};
use crate::policy::rbac::allowed_by_default;
use crate::policy::snapshot::Standing;

use super::{reshaped, scope_and_name};

/// The requests of one identity that the platform does not allow to everyone.
pub(super) struct Asked<'a> {
    /// Those that are evidence for a grant.
    pub(super) evidence: Vec<(&'a KubeRequest, &'a Seen)>,
    /// Those that were refused and are no evidence, with the number of records.
    pub(super) refused: BTreeMap<&'a KubeRequest, u64>,
    /// Those that are evidence, but that a binding which stays in production gives: by binding.
    pub(super) left_to: BTreeMap<String, Vec<&'a KubeRequest>>,
}

/// Why a unit is there.
#[derive(Default)]
pub(super) struct Support {
    /// Some record states a request that it covers.
    stated: bool,
    /// The rules by which requests followed from records.
    implied: BTreeSet<String>,
    /// The rules by which requests are assumed that leave no record.
    assumed: BTreeSet<String>,
    /// The setting that asked for it where nothing observed does.
    declared: Option<&'static str>,
    /// No request behind it was ever done; all failed after authorization.
    pub(super) only_failed: bool,
    /// The widening that made it.
    pub(super) generalization: Option<Generalization>,
}

/// Units with their support, and what no unit can carry: why, and how many requests.
#[derive(Default)]
pub(super) struct Units {
    pub(super) permits: BTreeMap<Permit, Support>,
    pub(super) not_carried: BTreeMap<String, u64>,
}

impl Support {
    fn of(seen: &Seen) -> Self {
        let mut support =
            Support { stated: seen.is_stated(), only_failed: seen.count(Outcome::Allowed) == 0, ..Support::default() };
        for basis in &seen.bases {
            match basis {
                Basis::Implied(rule) => drop(support.implied.insert(rule.clone())),
                Basis::Assumed(rule) => drop(support.assumed.insert(rule.clone())),
                Basis::Stated => {}
            }
        }
        support
    }

    /// A unit that no request asks for, but a setting does.
    pub(super) fn declared(setting: &'static str, widening: Generalization) -> Self {
        Support { declared: Some(setting), generalization: Some(widening), ..Support::default() }
    }

    /// Takes in the support of another unit that this one now stands for.
    pub(super) fn merge(&mut self, other: Support) {
        self.stated |= other.stated;
        self.implied.extend(other.implied);
        self.assumed.extend(other.assumed);
        self.declared = self.declared.and(other.declared);
        self.only_failed &= other.only_failed;
        if self.generalization.is_none() {
            self.generalization = other.generalization;
        }
    }

    /// The reason in the words of a grant.
    pub(super) fn reason(&self) -> Reason {
        match (self.implied.first(), self.assumed.first(), self.declared) {
            (Some(rule), _, _) if !self.stated => Reason::Derived { rule: rule.clone() },
            (None, Some(why), _) if !self.stated => Reason::Assumed { why: why.clone() },
            (None, None, Some(by)) => Reason::Declared { by: by.to_owned() },
            _ => Reason::Observed,
        }
    }
}

impl<'a> Asked<'a> {
    /// Sorts an identity's requests into evidence and refusals; what every authenticated user may do is in neither, and what a
    /// standing binding gives is apart.
    pub(super) fn of(identity: &Identity, seen: &'a IdentityProfile, config: &Config, standing: &Standing) -> Self {
        let groups: Vec<String> = seen.groups.iter().cloned().collect();
        let stays = standing.for_identity(identity, &groups);
        let mut asked = Asked { evidence: Vec::new(), refused: BTreeMap::new(), left_to: BTreeMap::new() };
        for (key, seen) in &seen.requests {
            let RequestKey::Kube(request) = key else { continue };
            if allowed_by_default(identity, &groups, request) || (seen.is_assumed() && !config.assumed) {
                continue;
            }
            if seen.is_evidence(config.failed_is_evidence) {
                match stays.iter().find(|bound| bound.covers(request)) {
                    Some(bound) => asked.left_to.entry(bound.place()).or_default().push(request),
                    None => asked.evidence.push((request, seen)),
                }
            } else if seen.count(Outcome::Refused) > 0 {
                asked.refused.insert(request, seen.count(Outcome::Refused));
            }
        }
        asked
    }

    /// One unit per request, merged where they are the same.
    pub(super) fn units(&self) -> Units {
        let makes_namespaces = self.evidence.iter().any(|(request, _)| {
            matches!(request.verb.as_str(), "create" | "delete") && resource_of(request).is_some_and(is_namespace_object)
        });
        let mut units = Units::default();
        for (request, seen) in &self.evidence {
            match unit(request, makes_namespaces) {
                Ok(permit) => match units.permits.entry(permit) {
                    std::collections::btree_map::Entry::Vacant(place) => {
                        place.insert(Support::of(seen));
                    }
                    std::collections::btree_map::Entry::Occupied(mut kept) => kept.get_mut().merge(Support::of(seen)),
                },
                Err(why) => *units.not_carried.entry(why.to_owned()).or_default() += 1,
            }
        }
        units
    }
}

impl Units {
    /// Leaves out every unit that a wider one covers: RBAC only adds, so it would say nothing.
    pub(super) fn drop_covered(&mut self) {
        let permits: BTreeSet<Permit> = self.permits.keys().cloned().collect();
        self.permits.retain(|permit, _| !wider(permit).iter().any(|wide| wide != permit && permits.contains(wide)));
    }

    /// Leaves out every `bind` that is only assumed and that the API server would not ask for, since the other units hold the role.
    pub(super) fn drop_spared_binds(&mut self, asked: &Asked<'_>, spared: &dyn Fn(&[Permit], &KubeRequest) -> bool) {
        let assumed = |support: &Support| !support.stated && support.implied.is_empty() && support.declared.is_none();
        let binds = asked
            .evidence
            .iter()
            .map(|(request, _)| (exact(request), *request))
            .filter(|(permit, request)| request.verb == "bind" && self.permits.get(permit).is_some_and(assumed));
        let binds: Vec<(Permit, &KubeRequest)> = binds.collect();
        let named: BTreeSet<&Permit> = binds.iter().map(|(bind, _)| bind).collect();
        let others: Vec<Permit> = self.permits.keys().filter(|permit| !named.contains(permit)).cloned().collect();
        for (bind, request) in binds {
            if spared(&others, request) {
                self.permits.remove(&bind);
            }
        }
    }

    /// The unit that covers a request, if any does. Units hold no wildcards, so the few that could are looked up.
    pub(super) fn covering(&self, request: &KubeRequest) -> Option<&Permit> {
        let exact = exact(request);
        let candidates = wider(&exact).into_iter().chain([exact]);
        candidates.filter_map(|candidate| self.permits.get_key_value(&candidate)).map(|(permit, _)| permit).next()
    }
}

/// The units that cover `permit` without being it; it may be among them where it is as wide itself.
fn wider(permit: &Permit) -> Vec<Permit> {
    let Some((scope, name)) = scope_and_name(permit) else { return Vec::new() };
    vec![reshaped(permit, None, name), reshaped(permit, scope, None), reshaped(permit, None, None)]
}

/// A request as a unit, word for word.
pub(super) fn exact(request: &KubeRequest) -> Permit {
    let verb = request.verb.clone();
    match &request.target {
        KubeTarget::NonResource(path) => Permit::NonResource { verb, path: path.clone() },
        KubeTarget::Resource(resource) => Permit::Rbac {
            namespace: (!resource.namespace.is_empty()).then(|| resource.namespace.clone()),
            verb,
            api_group: resource.api_group.clone(),
            resource: resource.with_subresource(),
            name: (!resource.name.is_empty()).then(|| resource.name.clone()),
        },
    }
}

fn resource_of(request: &KubeRequest) -> Option<&KubeResource> {
    match &request.target {
        KubeTarget::Resource(resource) => Some(resource),
        KubeTarget::NonResource(_) => None,
    }
}

fn is_namespace_object(resource: &KubeResource) -> bool {
    resource.api_group.is_empty() && resource.resource == "namespaces"
}

/// The smallest unit that covers a request. `Err` says why there is none: text that a rule would take for a wildcard, or a
/// namespace that cannot exist.
fn unit(request: &KubeRequest, makes_namespaces: bool) -> Result<Permit, &'static str> {
    if request.verb.is_empty() || request.verb == "*" {
        return Err("a verb that is empty or `*`");
    }
    let unit = exact(request);
    let resource = match &request.target {
        KubeTarget::NonResource(path) if path.starts_with('/') && !path.ends_with('*') => return Ok(unit),
        KubeTarget::NonResource(_) => return Err("a path that does not begin with `/` or ends with `*`"),
        KubeTarget::Resource(resource) => resource,
    };
    if resource.resource.is_empty() || resource.resource.contains(['*', '/']) || resource.subresource.contains('*') {
        return Err("a resource that is empty or holds `*` or `/`");
    }
    if resource.api_group == "*" {
        return Err("an API group `*`");
    }
    // Kubernetes asks about a namespace object as if it stood in itself, so a role inside it can give it; but a role inside a
    // namespace that is yet to be created, or that is deleted, is not there when it is needed.
    // <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go>
    let made = request.verb == "create" && resource.subresource.is_empty();
    let outside = is_namespace_object(resource) && (makes_namespaces || made);
    let scope = Some(resource.namespace.as_str()).filter(|namespace| !namespace.is_empty() && !outside);
    if scope.is_some_and(|namespace| !is_label(namespace)) {
        return Err("a namespace whose name no namespace can have");
    }
    // The authorizer is asked about a whole collection without a name.
    let name = Some(resource.name.as_str()).filter(|name| !name.is_empty() && request.verb != "deletecollection");
    Ok(reshaped(&unit, scope, name))
}

/// Whether a text can be the name of a namespace (RFC 1123 label).
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>
pub(in crate::synthesize) fn is_label(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}
