//! What a patch sets: four fields, each in the one place that is safe.
//!
//! `runAsNonRoot`, `allowPrivilegeEscalation`, `capabilities.drop` and `seccompProfile` are mostly left out, not chosen. Everything
//! else that violates (host access, added capabilities, root as the named user, ...) was declared on purpose: a person decides.
//!
//! Invariant: no container is named that a spec of the workload lacks: merged into its template it would add a broken one.
//! Invariant: nothing is set that the API server or the kubelet would refuse together with what stands there.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::pod::{Capabilities, Container, Pod, Profile, WindowsOptions};
use crate::policy::podsec::Violation;

/// A container of a template: its list and its name. Ephemeral containers are never part of a template.
type Key<'a> = (&'static str, &'a str);

/// What is set on one container.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ContainerChange {
    pub(super) run_as_non_root: bool,
    pub(super) forbid_escalation: bool,
    pub(super) drop_all: bool,
    pub(super) confine: bool,
}

/// What is set on the whole pod and on its containers.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Change<'a> {
    pub(super) run_as_non_root: bool,
    pub(super) confine: bool,
    pub(super) containers: BTreeMap<Key<'a>, ContainerChange>,
}

impl<'a> Change<'a> {
    /// What can be set for the specs that count, `pods`, to lift what was found. `all` holds every spec of the workload.
    pub(super) fn towards_restricted(pods: &[&'a Pod], all: &[&Pod], found: &[Violation]) -> Change<'a> {
        let violates = |check: &str| found.iter().any(|violation| violation.check == check);
        let non_root = violates("runAsNonRoot");
        let seccomp = violates("seccompProfile_restricted");
        let pod_non_root = non_root && pods.iter().all(|pod| everyone_may_leave_root(pod));
        let pod_confine = seccomp && pods.iter().all(|pod| !is_windows(pod) && !is_confining(profile(pod)));
        let mut change = Change {
            run_as_non_root: pod_non_root && pods.iter().any(|pod| lacks_non_root(pod)),
            confine: pod_confine && pods.iter().any(|pod| lacks_profile(pod)),
            containers: BTreeMap::new(),
        };
        let safe = safe_places(pods, all);
        for pod in pods {
            for (key, container) in templated(pod).into_iter().filter(|(key, _)| safe.contains(key)) {
                let own = change.containers.entry(key).or_default();
                let context = &container.security_context;
                let inherits = context.run_as_non_root.is_none() && !pod_non_root;
                let unset = inherits && pod.spec.security_context.run_as_non_root != Some(true);
                own.run_as_non_root |= non_root && (unset || context.run_as_non_root == Some(false));
                let open = context.seccomp_profile.is_none() && !pod_confine && !is_confining(profile(pod));
                let unconfined = context.seccomp_profile.is_some() && !is_confining(context.seccomp_profile.as_ref());
                own.confine |= seccomp && (open || unconfined);
                own.forbid_escalation |=
                    violates("allowPrivilegeEscalation") && context.allow_privilege_escalation != Some(false);
                own.drop_all |= violates("capabilities_restricted") && !drops_all(container);
            }
        }
        for pod in pods {
            for (key, container) in templated(pod) {
                if let Some(own) = change.containers.get_mut(&key) {
                    own.leave_what_would_be_refused(pod, container);
                }
            }
        }
        change.containers.retain(|_, own| *own != ContainerChange::default());
        change
    }

    /// Whether nothing is set.
    pub(super) fn is_empty(&self) -> bool {
        *self == Change::default()
    }

    /// The pod as the patch leaves it.
    pub(super) fn applied(&self, pod: &Pod) -> Pod {
        let mut pod = pod.clone();
        let context = &mut pod.spec.security_context;
        if self.run_as_non_root {
            context.run_as_non_root = Some(true);
        }
        if self.confine {
            context.seccomp_profile = Some(runtime_default());
        }
        let lists = [(CONTAINERS, &mut pod.spec.containers), (INIT_CONTAINERS, &mut pod.spec.init_containers)];
        for (list, containers) in lists {
            for container in containers {
                if let Some(own) = self.containers.get(&(list, container.name.as_str())).copied() {
                    own.apply(container);
                }
            }
        }
        pod
    }

    /// The fields that are set and whose need no log can show, as paths in the pod's spec. That a pod names a user other than root
    /// shows that it needs no root.
    pub(super) fn assumed(&self, pods: &[&Pod]) -> Vec<String> {
        let mut fields = Vec::new();
        let named_for_all = pods.iter().all(|pod| {
            let inherits = |container: &&Container| container.security_context.run_as_non_root != Some(true);
            everyone(pod).filter(inherits).all(|container| user(pod, container).is_some_and(|user| user != 0))
        });
        if self.run_as_non_root && !named_for_all {
            fields.push("securityContext.runAsNonRoot".to_owned());
        }
        if self.confine {
            fields.push("securityContext.seccompProfile".to_owned());
        }
        for (key, own) in &self.containers {
            let named = pods.iter().all(|pod| {
                let mut own = templated(pod).into_iter().filter(|(place, _)| place == key);
                own.all(|(_, container)| user(pod, container).is_some_and(|user| user != 0))
            });
            let set = [
                (own.run_as_non_root && !named, "runAsNonRoot"),
                (own.forbid_escalation, "allowPrivilegeEscalation"),
                (own.drop_all, "capabilities.drop"),
                (own.confine, "seccompProfile"),
            ];
            let (list, name) = key;
            let set = set.into_iter().filter(|(is_set, _)| *is_set);
            fields.extend(set.map(|(_, field)| format!("{list}[{name}].securityContext.{field}")));
        }
        fields
    }
}

impl ContainerChange {
    /// Takes back what cannot stand together with what the container has. A privileged container or a host process is a decision of
    /// its own; Windows knows no Linux fields; root by name cannot also be no root; escalation cannot be forbidden to CAP_SYS_ADMIN
    /// (the API server compares this one spelling); a profile of the node's own would be half overwritten.
    /// <https://kubernetes.io/docs/tasks/configure-pod-container/security-context/>
    fn leave_what_would_be_refused(&mut self, pod: &Pod, container: &Container) {
        let context = &container.security_context;
        let adds = context.capabilities.iter().flat_map(|capabilities| &capabilities.add);
        let host = is_privileged(pod, container);
        let windows = is_windows(pod);
        self.run_as_non_root &= !host && user(pod, container) != Some(0);
        self.forbid_escalation &= !host && !windows && !adds.into_iter().any(|name| name == "CAP_SYS_ADMIN");
        self.drop_all &= !host && !windows;
        self.confine &= !host && !windows && !is_confining(context.seccomp_profile.as_ref());
    }

    fn apply(self, container: &mut Container) {
        let context = &mut container.security_context;
        if self.run_as_non_root {
            context.run_as_non_root = Some(true);
        }
        if self.forbid_escalation {
            context.allow_privilege_escalation = Some(false);
        }
        if self.drop_all {
            context.capabilities.get_or_insert_with(Capabilities::default).drop = vec!["ALL".to_owned()];
        }
        if self.confine {
            context.seccomp_profile = Some(runtime_default());
        }
    }
}

const CONTAINERS: &str = "containers";
const INIT_CONTAINERS: &str = "initContainers";

fn runtime_default() -> Profile {
    Profile { r#type: "RuntimeDefault".to_owned() }
}

/// The containers that stand in a template.
fn templated(pod: &Pod) -> Vec<(Key<'_>, &Container)> {
    let containers = pod.spec.containers.iter().map(|container| (CONTAINERS, container));
    let init_containers = pod.spec.init_containers.iter().map(|container| (INIT_CONTAINERS, container));
    containers.chain(init_containers).map(|(list, container)| ((list, container.name.as_str()), container)).collect()
}

/// The containers, of every kind.
fn everyone(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.containers.iter().chain(&pod.spec.init_containers).chain(&pod.spec.ephemeral_containers)
}

/// The places that every spec has exactly once.
fn safe_places<'a>(pods: &[&'a Pod], all: &[&Pod]) -> BTreeSet<Key<'a>> {
    let places = pods.iter().flat_map(|pod| templated(pod)).map(|(key, _)| key);
    let once = |key: &Key<'_>, pod: &&Pod| templated(pod).iter().filter(|(place, _)| place == key).count() == 1;
    places.filter(|key| !key.1.is_empty() && all.iter().all(|pod| once(key, pod))).collect()
}

fn is_windows(pod: &Pod) -> bool {
    pod.spec.os.name == "windows"
}

fn is_privileged(pod: &Pod, container: &Container) -> bool {
    let host_process = |options: &Option<WindowsOptions>| options.as_ref().and_then(|set| set.host_process);
    let of_container = host_process(&container.security_context.windows_options);
    let host_process = of_container.or(host_process(&pod.spec.security_context.windows_options));
    container.security_context.privileged == Some(true) || host_process == Some(true)
}

/// The user that is named for a container, by itself or by its pod; `None` leaves it to the image.
fn user(pod: &Pod, container: &Container) -> Option<i64> {
    container.security_context.run_as_user.or(pod.spec.security_context.run_as_user)
}

fn drops_all(container: &Container) -> bool {
    let capabilities = container.security_context.capabilities.as_ref();
    capabilities.is_some_and(|capabilities| capabilities.drop.iter().any(|name| name == "ALL"))
}

fn profile(pod: &Pod) -> Option<&Profile> {
    pod.spec.security_context.seccomp_profile.as_ref()
}

fn is_confining(profile: Option<&Profile>) -> bool {
    profile.is_some_and(|profile| matches!(profile.r#type.as_str(), "RuntimeDefault" | "Localhost"))
}

/// Whether the pod's own field would force nobody out of root who is root by name or privileged.
fn everyone_may_leave_root(pod: &Pod) -> bool {
    let inherits = |container: &&Container| container.security_context.run_as_non_root.is_none();
    everyone(pod).filter(inherits).all(|container| user(pod, container) != Some(0) && !is_privileged(pod, container))
}

/// Whether the pod's own `runAsNonRoot` would lift something.
fn lacks_non_root(pod: &Pod) -> bool {
    let unset = |container: &Container| container.security_context.run_as_non_root.is_none();
    match pod.spec.security_context.run_as_non_root {
        Some(true) => false,
        Some(false) => true,
        None => everyone(pod).any(unset),
    }
}

/// Whether the pod's own seccomp profile would lift something.
fn lacks_profile(pod: &Pod) -> bool {
    profile(pod).is_some() || everyone(pod).any(|container| container.security_context.seccomp_profile.is_none())
}
