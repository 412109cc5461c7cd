//! The same policies from each format, and what they answer to what truly happened.

use std::collections::{BTreeMap, BTreeSet};

use tightfit::access::flow::{End, Flow, Point, Reserved};
use tightfit::access::identity::{Identity, Name};
use tightfit::catalog::Catalog;
use tightfit::config::UncheckedConfig;
use tightfit::policy::network::{NetworkPolicy, decide};
use tightfit::policy::set::Documents;
use tightfit::synthesize;

use crate::read::{profile, resolved};
use crate::{forms, shop, truth};

const SEED: u64 = 4711;

/// The policies that a flow log and the audit log beside it give, with nothing assumed: flows alone speak.
fn policies(name: &str, log: &[u8]) -> Vec<NetworkPolicy> {
    let audit = shop::audit_log();
    let profile = profile(&[("audit.log", audit.as_bytes()), (name, log)]);
    let config = UncheckedConfig::parse("t.toml", "[network]\nbasis = \"observed\"\n[choose]\nclasses = [\"system\"]");
    let config = config.unwrap().check().unwrap();
    let (set, _) = synthesize::policies(&profile, &config, Catalog::embedded(), None);
    match &set.policies.get(&Identity::network("cluster")).expect(name).documents {
        Documents::Network(policies) => policies.clone(),
        Documents::Iam(_) | Documents::Rbac(_) | Documents::PodSecurity(_) => Vec::new(),
    }
}

fn by_format() -> BTreeMap<&'static str, Vec<NetworkPolicy>> {
    let happened = shop::happened(SEED);
    let lines = forms::vpc(&happened);
    let headed = format!("{}\n{}\n", forms::VPC_FIELDS, lines.join("\n"));
    let logs: [(&str, Vec<u8>); 7] = [
        ("hubble", forms::hubble(&happened).into_bytes()),
        ("vpc", headed.into_bytes()),
        ("parquet", truth::parquet(&lines)),
        ("enterprise", forms::enterprise(&happened).into_bytes()),
        ("goldmane", forms::goldmane(&happened).into_bytes()),
        ("ipfix", forms::ipfix(&happened).into_bytes()),
        ("istio", forms::istio(&happened).into_bytes()),
    ];
    logs.into_iter().map(|(name, log)| (name, policies(name, &log))).collect()
}

/// What happened, as resolved flows with whether it was let through; from the format that carries all of it.
fn happened() -> Vec<(Flow, bool)> {
    let audit = shop::audit_log();
    let log = forms::hubble(&shop::happened(SEED));
    let profile = profile(&[("audit.log", audit.as_bytes()), ("hubble", log.as_bytes())]);
    resolved(&profile).0.into_iter().map(|(flow, behind)| (flow, behind.allowed > 0)).collect()
}

#[test]
fn formats_that_carry_the_same_give_the_same_policies() {
    let all = by_format();
    let of = |name: &str| all.get(name).unwrap();
    assert!(of("hubble").len() > 5, "{:#?}", of("hubble"));
    for name in ["vpc", "parquet", "enterprise", "ipfix"] {
        assert_eq!(of(name), of("hubble"), "{name}");
    }
}

#[test]
fn what_happened_is_allowed_and_what_was_refused_is_not() {
    let happened = happened();
    let truth: BTreeSet<bool> = happened.iter().map(|(_, allowed)| *allowed).collect();
    assert_eq!(truth.len(), 2);
    let by_word =
        |flow: &Flow| [&flow.client, &flow.server].iter().any(|end| matches!(end, End::Reserved(_) | End::Address { .. }));
    for (name, policies) in by_format() {
        for (flow, allowed) in &happened {
            // No proxy stands at UDP, at the monitor, or at the name service: Istio's log cannot speak of them.
            let unseen = name == "istio" && (flow.transport.name() == "UDP" || flow.to_string().contains("in monitoring"));
            // Goldmane says `pub` where others name an address: the rule is every address, which these flows are part of.
            if unseen || (name == "goldmane" && by_word(flow) && !allowed) {
                continue;
            }
            assert_eq!(decide(&policies, flow).is_allow(), *allowed, "{name}: {flow}");
        }
    }
}

/// Of all connections that these ends could make on the ports that were seen, those alone are let through that happened.
#[test]
fn nothing_that_did_not_happen_is_let_through() {
    let happened = happened();
    let made: BTreeSet<&Flow> = happened.iter().filter(|(_, allowed)| *allowed).map(|(flow, _)| flow).collect();
    let ends: BTreeSet<&End> = happened.iter().flat_map(|(flow, _)| [&flow.client, &flow.server]).collect();
    let ports: BTreeSet<_> = happened.iter().map(|(flow, _)| (flow.transport, flow.port)).collect();
    // Of nodes and the API server no address is written: who called them may call every address on that port (`address-unknown`).
    let by_word = |flow: &Flow| {
        let same = |other: &&&Flow| other.client == flow.client && (other.transport, other.port) == (flow.transport, flow.port);
        flow.server.pod().is_none() && made.iter().filter(same).any(|other| matches!(other.server, End::Reserved(_)))
    };
    // A pod and its own node are never kept apart.
    let is_named = |flow: &Flow| by_word(flow) || [&flow.client, &flow.server].contains(&&End::Reserved(Reserved::Host));
    let all = by_format();
    for name in ["hubble", "vpc", "parquet", "enterprise", "ipfix"] {
        let policies = all.get(name).unwrap();
        let (mut asked, mut open) = (0, BTreeSet::new());
        for (client, server) in ends.iter().flat_map(|client| ends.iter().map(move |server| (*client, *server))) {
            if client == server || client.pod().is_none() && server.pod().is_none() {
                continue;
            }
            for (transport, port) in &ports {
                let flow = Flow {
                    client: client.clone(),
                    server: server.clone(),
                    transport: *transport,
                    port: *port,
                    hour: None,
                    family: None,
                    point: Point::Whole,
                };
                asked += 1;
                if decide(policies, &flow).is_allow() && !made.contains(&flow) {
                    open.insert(flow);
                }
            }
        }
        let beyond: Vec<String> = open.iter().filter(|flow| !is_named(flow)).map(Flow::to_string).collect();
        println!("{name}: {asked} connections asked, {} let through by a named widening", open.len() - beyond.len());
        assert!(asked > 500, "{asked}");
        assert_eq!(beyond, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_network_is_an_identity_of_its_own() {
    assert_eq!(Identity::parse("staging/network"), Some(Identity::network("staging")));
    assert_eq!(Identity::network("staging").name, Name::Network);
}
