//! The network in the report: who may connect to whom, on what that rests, and whether it is meant to be enforced.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::flow::End;
use crate::access::identity::{Home, Identity};
use crate::access::profile::{IdentityProfile, Profile};
use crate::access::request::RequestKey;
use crate::policy::grant::{Grant, Permit, Reason};
use crate::policy::network::{Cidr, Direction, NetworkPermit, NetworkPolicy, ProposedPolicy, RuleBasis};
use crate::policy::set::{Documents, Policy, PolicySet};
use crate::render::markdown::{code, words};
use crate::render::redact::Detail;

/// How many other ends one row names.
const ENDS_MAX: usize = 6;

/// Names that records gave for outside addresses.
type Names<'a> = BTreeMap<Cidr, BTreeSet<&'a str>>;

/// What the other ends in one row have in common: namespace, policy, direction, ports, on what it rests.
type Row<'a> = (&'a str, &'a str, Direction, BTreeSet<String>, String);

/// Rows of namespace, policy, direction, with whom and on which ports, on what it rests, whether it is enforceable. A policy is
/// named as its document is: by kind and name of the workload. Every text is safe Markdown.
pub(super) fn rows(policies: &PolicySet, profile: &Profile, detail: Detail) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (identity, policy) in &policies.policies {
        if let (Documents::Network(documents), Home::Cluster(cluster)) = (&policy.documents, &identity.home) {
            let names = profile.identities.get(identity).map(names).unwrap_or_default();
            rows.extend(enforceable(cluster, policy, documents, &names, detail));
        }
    }
    for proposal in &policies.network {
        let namespace = Identity::namespace(&proposal.cluster, &proposal.namespace);
        rows.extend(proposal.policies.iter().flat_map(|policy| proposed(&namespace, policy, detail)));
    }
    rows
}

fn enforceable(
    cluster: &str,
    policy: &Policy,
    documents: &[NetworkPolicy],
    names: &Names<'_>,
    detail: Detail,
) -> Vec<Vec<String>> {
    let mut ports: BTreeMap<(&str, &str, Direction, String, String), BTreeSet<String>> = BTreeMap::new();
    for grant in &policy.grants {
        let Permit::Network(permit) = &grant.permit else { continue };
        let holds =
            |document: &&NetworkPolicy| document.spec.pod_selector == permit.pods && document.namespace() == permit.namespace;
        let document = documents.iter().find(holds).map_or("", |document| document.metadata.name.as_str());
        let port = permit.port.as_ref().map_or_else(|| "every port".to_owned(), ToString::to_string);
        let key = (permit.namespace.as_str(), document, permit.direction, other_end(permit, names), rests_on(grant));
        ports.entry(key).or_default().insert(port);
    }
    let mut ends: BTreeMap<Row<'_>, BTreeSet<String>> = BTreeMap::new();
    for ((namespace, document, direction, end, rests_on), ports) in ports {
        ends.entry((namespace, document, direction, ports, rests_on)).or_default().insert(end);
    }
    let row = |((namespace, document, direction, ports, rests_on), ends): (Row<'_>, BTreeSet<String>)| {
        let (way, other) = match direction {
            Direction::Ingress => ("ingress", "from"),
            Direction::Egress => ("egress", "to"),
        };
        let with = format!("{other} {} on {}", listed(&ends), ports.into_iter().collect::<Vec<_>>().join(", "));
        let namespace = Identity::namespace(cluster, namespace).to_string();
        cells([&namespace, document, way, &with, &rests_on], "enforceable", detail)
    };
    ends.into_iter().map(row).collect()
}

fn proposed(namespace: &Identity, proposed: &ProposedPolicy, detail: Detail) -> Vec<Vec<String>> {
    let (namespace, document) = (namespace.to_string(), proposed.policy.metadata.name.as_str());
    let row = |basis: &RuleBasis| {
        let (way, with) = basis.rule.split_once(' ').unwrap_or(("", &basis.rule));
        let rests_on = format!("{}: {}", basis.certainty.name(), basis.why);
        cells([&namespace, document, way, with, &rests_on], "proposal", detail)
    };
    proposed.basis.iter().map(row).collect()
}

fn cells([namespace, document, way, with, rests_on]: [&str; 5], state: &str, detail: Detail) -> Vec<String> {
    let (name, text) = (|text: &str| code(&detail.show(text)), |text: &str| words(&detail.show(text)));
    vec![name(namespace), name(document), text(way), text(with), text(rests_on), state.to_owned()]
}

fn rests_on(grant: &Grant) -> String {
    let reason = match &grant.reason {
        Reason::Observed => "observed".to_owned(),
        Reason::Derived { rule } => format!("derived: {rule}"),
        Reason::Assumed { why } | Reason::Unobservable { why } => format!("assumed: {why}"),
        Reason::Declared { by } => format!("declared: {by}"),
    };
    match &grant.generalization {
        Some(wider) => format!("{reason}; widened ({})", wider.rule),
        None => reason,
    }
}

/// The other end; an outside address with the names that records gave for it.
fn other_end(permit: &NetworkPermit, names: &Names<'_>) -> String {
    let block = permit.peer.as_ref().and_then(|peer| peer.ip_block.as_ref()).map(|block| block.cidr);
    match block.and_then(|block| names.get(&block)) {
        Some(names) => format!("{} ({})", permit.other_end(), names.iter().copied().collect::<Vec<_>>().join(", ")),
        None => permit.other_end(),
    }
}

fn names(seen: &IdentityProfile) -> Names<'_> {
    let flows = seen.requests.keys().filter_map(|key| match key {
        RequestKey::Flow(flow) => Some(flow),
        RequestKey::Aws(_) | RequestKey::Kube(_) | RequestKey::Pod(_) => None,
    });
    let mut names = Names::new();
    for end in flows.flat_map(|flow| [&flow.client, &flow.server]) {
        if let End::Address { address, names: given } = end {
            names.entry(Cidr::host(*address)).or_default().extend(given.iter().map(String::as_str));
        }
    }
    names.retain(|_, given| !given.is_empty());
    names
}

fn listed(ends: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = ends.iter().take(ENDS_MAX).map(String::as_str).collect();
    let more = ends.len().saturating_sub(ENDS_MAX);
    if more == 0 { shown.join("; ") } else { format!("{}; and {more} more", shown.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::flow::{Flow, Labels, PodEnd, Point, Transport};
    use crate::access::profile::Seen;
    use crate::policy::network::{Certainty, NetworkPolicySpec, NetworkProposal, Peer, Port, selector};
    use crate::policy::rbac::ObjectMeta;

    fn named(name: &str) -> NetworkPolicy {
        let metadata = ObjectMeta { name: name.to_owned(), namespace: "shop".to_owned(), ..ObjectMeta::default() };
        NetworkPolicy::new(metadata, NetworkPolicySpec { pod_selector: app("cart"), ..NetworkPolicySpec::default() })
    }

    fn app(name: &str) -> crate::policy::rbac::LabelSelector {
        selector(Labels::from([("app".to_owned(), name.to_owned())]))
    }

    fn grant(peer: Peer, port: u16, reason: Reason) -> Grant {
        let permit = NetworkPermit {
            namespace: "shop".to_owned(),
            pods: app("cart"),
            direction: Direction::Egress,
            peer: Some(peer),
            port: Some(Port::number("TCP", port)),
        };
        Grant { permit: Permit::Network(Box::new(permit)), reason, generalization: None }
    }

    fn outside(last: u8) -> Peer {
        Peer::addresses(Cidr::host([192, 0, 2, last].into()))
    }

    /// A profile in which `names` were given for 192.0.2.1.
    fn profile(names: &[&str]) -> Profile {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let server = End::Address { address: [192, 0, 2, 1].into(), names };
        let client = End::Pod(Box::<PodEnd>::default());
        let flow = Flow { client, server, transport: Transport::Tcp, port: 443, hour: None, family: None, point: Point::Whole };
        let mut profile = Profile::default();
        let seen = profile.identities.entry(Identity::network("dev")).or_default();
        seen.requests.insert(RequestKey::Flow(Box::new(flow)), Seen::default());
        profile
    }

    fn written(grants: Vec<Grant>, document: &str) -> PolicySet {
        let policy = Policy { documents: Documents::Network(vec![named(document)]), grants };
        PolicySet { policies: [(Identity::network("dev"), policy)].into(), ..PolicySet::default() }
    }

    #[test]
    fn what_has_all_in_common_is_one_row() {
        let assumed = Reason::Assumed { why: "of course".to_owned() };
        let mut grants: Vec<Grant> = (1..9).map(|last| grant(outside(last), 443, Reason::Observed)).collect();
        let db = Peer::pods("data", &Labels::from([("app".to_owned(), "db".to_owned())]));
        grants.extend([grant(db.clone(), 5432, Reason::Observed), grant(db, 5433, Reason::Observed)]);
        grants.push(grant(outside(1), 80, assumed));
        let rows: Vec<String> = rows(&written(grants, "tightfit-cart"), &profile(&["pay.example"]), Detail::Redacted)
            .into_iter()
            .map(|row| row.join(" | "))
            .collect();
        let head = "`dev/namespace/shop` | `tightfit-cart` | egress |";
        let six =
            "192.0.2.1/32 \\(pay.example\\); 192.0.2.2/32; 192.0.2.3/32; 192.0.2.4/32; 192.0.2.5/32; 192.0.2.6/32; and 2 more";
        assert_eq!(
            rows,
            [
                format!("{head} to {six} on TCP 443 | observed | enforceable"),
                format!("{head} to app=db in data on TCP 5432, TCP 5433 | observed | enforceable"),
                format!("{head} to 192.0.2.1/32 \\(pay.example\\) on TCP 80 | assumed: of course | enforceable"),
            ]
        );
    }

    #[test]
    fn names_of_others_end_no_cell_and_make_no_markup() {
        for hostile in ["a|b", "a`|`b", "\n| x |", "[a](b)", "<img>", "**b**", "\\|", "\u{202e}x"] {
            let basis = RuleBasis {
                rule: format!("egress to {hostile} on TCP 1"),
                certainty: Certainty::Inferred,
                why: hostile.to_owned(),
            };
            let policy = ProposedPolicy { policy: named(hostile), basis: vec![basis] };
            let proposal = NetworkProposal { cluster: hostile.to_owned(), namespace: hostile.to_owned(), policies: vec![policy] };
            let grants = vec![grant(outside(1), 443, Reason::Declared { by: hostile.to_owned() })];
            let policies = PolicySet { network: vec![proposal], ..written(grants, hostile) };
            let rows = rows(&policies, &profile(&[hostile]), Detail::Redacted);
            assert_eq!(rows.len(), 2, "{hostile:?}");
            for row in &rows {
                assert_eq!(row.len(), 6, "{row:?}");
                for cell in row {
                    let bare = cell.replace("\\\\", "").replace("\\|", "");
                    assert!(!bare.contains(['|', '\n', '\u{202e}']), "{cell:?}");
                }
                for text in [&row[3], &row[4]] {
                    let bare: String =
                        text.replace("\\\\", "").split('\\').map(|part| part.get(1..).unwrap_or_default()).collect();
                    assert!(!bare.contains(['<', '[', '*', '`']), "{text:?}");
                }
            }
        }
    }
}
