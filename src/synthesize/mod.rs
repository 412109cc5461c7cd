//! Synthesize: a profile -> the smallest policies that still allow what was observed. Total: it has no error.

pub mod iam;
pub mod network;
pub mod podsec;
pub mod rbac;

use crate::access::identity::{Home, Identity, Name};
use crate::access::profile::Profile;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::finding::{Code, Finding};
use crate::policy::set::PolicySet;
use crate::policy::snapshot::{Snapshot, Standing};

/// Writes a policy for every chosen identity and namespace, and says what a person should know about it. With a snapshot of what
/// production has, grants whose use leaves no event are kept.
#[must_use]
pub fn policies(profile: &Profile, config: &Config, catalog: &Catalog, snapshot: Option<&Snapshot>) -> (PolicySet, Vec<Finding>) {
    let mut set = PolicySet::default();
    let mut findings = Vec::new();
    let setting = iam::Setting::of(profile, config, catalog, snapshot);
    let standing = Standing::of(snapshot, &config.rbac.surviving);
    for ((partition, name), members) in iam::fold::groups(profile, config) {
        let shared = Identity::aws(&partition, "all-accounts", Name::Role(name));
        for (identity, policy) in iam::fold::policies(&members, profile, &setting, &mut findings) {
            set.folds.insert(identity.clone(), shared.clone());
            set.policies.insert(identity, policy);
        }
    }
    for (identity, seen) in &profile.identities {
        let told = snapshot.and_then(|snapshot| snapshot.told_class(identity));
        if let Some(why) = config.left_out_as(identity, told) {
            let code = if identity.name == Name::Root {
                Code::RootUsed
            } else if matches!(identity.name, Name::AwsService(_)) {
                Code::AwsServicePrincipal
            } else {
                Code::LeftOut
            };
            findings.push(Finding::new(code, identity.to_string(), format!("nothing is written: {why}")));
            continue;
        }
        if iam::is_role(identity) {
            set.splits.extend(iam::splits(identity, seen, &setting, &mut findings));
        }
        if set.folds.contains_key(identity) {
            continue;
        }
        let policy = match (&identity.home, &identity.name) {
            (Home::Account { .. }, _) => iam::policy(identity, seen, &setting, &mut findings),
            (Home::Cluster(_), Name::Namespace(_)) => podsec::policy((identity, seen), profile, config, &mut set, &mut findings),
            (Home::Cluster(_), Name::Network) => {
                network::policy(identity, seen, profile, config, (&mut set.cilium, &mut findings))
            }
            (Home::Cluster(_), _) => {
                set.splits.extend(rbac::splits(identity, seen, (profile, config), &standing, &mut findings));
                rbac::policy_beside(identity, seen, config, &standing, &mut findings)
            }
        };
        if let Some(policy) = policy {
            set.policies.insert(identity.clone(), policy);
        }
    }
    podsec::unseen(profile, config, &set, &mut findings);
    rbac::shared_groups(profile, &set, &mut findings);
    set.granted = rbac::versus_used(profile, snapshot, &set, config, &mut findings);
    iam::long_lived_keys(profile, config, &mut findings);
    set.trust = iam::trust(profile, config, &mut findings);
    set.companions = iam::companions(profile, &set.policies, &mut findings);
    set.network = network::proposals(profile, config, &mut findings);
    (set, findings)
}
