//! What flows show and what they do not: the API server by word, name servers, and what stays when an assumption is taken back.

use serde_json::{Value, json};
use tightfit::finding::Code;
use tightfit::policy::grant::{Permit, Reason};

use crate::harness;
use crate::needs::shop;
use crate::scene::{called, clean, deployment, flow, lines, notes, plan, policies};

/// A connection whose addresses are these.
fn between(mut flow: Value, source: &str, destination: &str) -> Value {
    flow["flow"]["IP"] = json!({"source": source, "destination": destination});
    flow
}

fn over_udp(mut flow: Value) -> Value {
    flow["flow"]["l4"] =
        json!({"UDP": {"source_port": 40000, "destination_port": flow["flow"]["l4"]["TCP"]["destination_port"]}});
    flow
}

fn web() -> Vec<Value> {
    vec![deployment(("shop", "web"), &json!({}), &json!({})), called("shop", "web")]
}

fn of(lines: &[String], start: &str, end: &str) -> Vec<String> {
    lines.iter().filter(|line| line.starts_with(start) && line.ends_with(end)).cloned().collect()
}

/// An end that a record names by word has the family that the record's addresses have, and replay holds policies to it.
#[test]
fn a_word_keeps_the_family_of_its_address() {
    let word = |word: &str| flow(1, "shop/web", word, 6443, "FORWARDED");
    let other = flow(2, "shop/web", "203.0.113.10", 443, "FORWARDED");
    let (four, six) = ("web out 0.0.0.0/0 6443", "web out ::/0 6443");
    let table = [("10.244.0.9", "10.0.0.2", four), ("fd00::1", "fd00::100", six)];
    for (source, destination, expected) in table {
        for name in ["reserved:kube-apiserver", "reserved:remote-node"] {
            let flows = [between(word(name), source, destination), other.clone()];
            let (made, _) = plan(&flows, &[], "network.basis = \"observed\"");
            assert_eq!(of(&lines(&policies(&made)), "web out", " 6443"), [expected], "{name} {destination}");
            clean(&made);
        }
    }
    // Without its family's block the flow is denied, and replay says so.
    let scratch = tempfile::tempdir().unwrap();
    let flows = [between(word("reserved:kube-apiserver"), "fd00::1", "fd00::100"), other];
    let log = harness::write_lines(scratch.path(), "flows.log", &flows).display().to_string();
    let out = scratch.path().join("out");
    let folder = out.display().to_string();
    let (code, ..) =
        harness::ended(&harness::tightfit(scratch.path(), &["generate", &log, "--out", &folder, "--network", "observed"]));
    assert!(code == 0 || code == 5, "{code}");
    let found = harness::tree(&out).into_iter().find(|(path, _)| path.ends_with("shop/network-policy.yaml")).unwrap().0;
    let text = std::fs::read_to_string(out.join(&found)).unwrap();
    for (edited, gaps) in [(text.clone(), 0), (text.replace("::/0", "0.0.0.0/0"), 1)] {
        std::fs::write(out.join(&found), edited).unwrap();
        let (_, said, wrong) =
            harness::ended(&harness::tightfit(scratch.path(), &["verify", &log, "--policies", &folder, "--json"]));
        let verdict: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said} {wrong}"));
        assert_eq!(verdict["verdict"]["sufficiency"]["gaps"].as_array().unwrap().len(), gaps, "{verdict:#}");
    }
}

/// Only a way out that may have been one to the API server, or to AWS, stands for it.
#[test]
fn another_way_out_hides_no_need() {
    let api_server = ["web out 0.0.0.0/0 443", "web out 0.0.0.0/0 6443"];
    let plain = |server: &str, port: u16| flow(3, "shop/web", server, port, "FORWARDED");
    let table: [(&str, Value, &[&str]); 8] = [
        ("names on the node", over_udp(plain("169.254.20.10", 53)), &api_server),
        ("HTTPS over UDP", over_udp(plain("203.0.113.10", 443)), &api_server),
        ("a database outside", plain("203.0.113.10", 5432), &api_server),
        ("a node's exporter", plain("reserved:remote-node", 9100), &api_server),
        ("the API server", between(plain("reserved:kube-apiserver", 8443), "10.0.0.1", "10.0.0.2"), &[]),
        ("a node that may be it", plain("reserved:remote-node", 6443), &["web out 0.0.0.0/0 6443"]),
        ("an address that may be it", plain("203.0.113.10", 443), &[]),
        ("one on its own port", plain("10.0.0.9", 6443), &[]),
    ];
    for (name, flow, expected) in table {
        let (made, _) = plan(&[flow], &web(), "");
        let lines = lines(&policies(&made));
        let every: Vec<&String> = lines
            .iter()
            .filter(|line| line.starts_with("web out 0.0.0.0/0") && !line.ends_with(" 8443") && !line.ends_with(" 9100"))
            .collect();
        assert_eq!(every, expected, "{name}: {lines:#?}");
        clean(&made);
    }
    // The API server by word says nothing of AWS.
    let (made, _) = plan(&[plain("reserved:kube-apiserver", 6443)], &shop(), "");
    assert_eq!(of(&lines(&policies(&made)), "web out 0.0.0.0/0", " 443").len(), 1);
}

/// Settings say where production's API server is, whatever flows call it.
#[test]
fn settings_stand_for_the_api_server_in_flows() {
    let named = "network.api-server = [\"172.20.9.9/32\", \"172.21.0.0/24\"]";
    let word = flow(1, "shop/web", "reserved:kube-apiserver", 6443, "FORWARDED");
    let hook = flow(2, "reserved:kube-apiserver", "shop/hook", 9443, "FORWARDED");
    let production = ["web out 172.20.9.9/32 6443", "web out 172.21.0.0/24 6443"];
    for basis in ["observed", "inferred"] {
        let (made, _) = plan(&[word.clone(), hook.clone()], &web(), &format!("{named}\nnetwork.basis = \"{basis}\""));
        let lines = lines(&policies(&made));
        assert_eq!(of(&lines, "web out", " 6443"), production, "{basis}: {lines:#?}");
        assert_eq!(of(&lines, "hook in", " 9443"), ["hook in 172.20.9.9/32 9443", "hook in 172.21.0.0/24 9443"], "{basis}");
        clean(&made);
        let grants = made.policies.policies.values().flat_map(|policy| &policy.grants);
        let declared = grants.filter(|grant| grant.reason == Reason::Declared { by: "network.api-server".to_owned() });
        // That the service account calls the API server is the better reason for two of them.
        assert_eq!(declared.count(), if basis == "observed" { 4 } else { 2 }, "{basis}");
    }
    // Staging's own address is production's too for all that is known: both are written.
    let (made, _) = plan(&[flow(1, "shop/web", "10.0.0.2", 443, "FORWARDED")], &web(), named);
    let lines = lines(&policies(&made));
    assert_eq!(
        of(&lines, "web out 1", " 443"),
        ["web out 10.0.0.2/32 443", "web out 172.20.9.9/32 443", "web out 172.21.0.0/24 443"]
    );
    assert_eq!(of(&lines, "web out 1", " 6443"), production);
    clean(&made);
    // Who was refused there stays refused, and is judged.
    let refused = flow(2, "shop/api", "reserved:kube-apiserver", 6443, "DROPPED");
    let (made, _) = plan(&[word, refused], &[], named);
    clean(&made);
    assert_eq!(made.verdict.restraint.judged, 2, "{:#?}", made.verdict.restraint);
}

/// Who narrows a rule for every pod, or every address, by hand keeps those that flows show.
#[test]
fn what_flows_show_stands_beside_what_is_assumed() {
    let flows = [flow(1, "shop/api", "shop/web", 9100, "FORWARDED"), flow(2, "shop/web", "203.0.113.10", 6443, "FORWARDED")];
    let (made, _) = plan(&flows, &shop(), "");
    let written = lines(&policies(&made));
    for line in ["web in * 9100", "web in api 9100", "web out 203.0.113.10/32 6443"] {
        assert!(written.contains(&line.to_owned()), "{line}: {written:#?}");
    }
    clean(&made);
    let grants = made.policies.policies.values().flat_map(|policy| &policy.grants);
    let shown = grants.filter(|grant| {
        let is_web = |permit: &Permit| permit.to_string().contains("api") && permit.to_string().contains("9100");
        grant.reason == Reason::Observed && is_web(&grant.permit)
    });
    assert!(shown.count() >= 2);
}

/// The name server that one pod chose for itself is nobody else's.
#[test]
fn an_outside_resolver_is_its_own_clients() {
    let asks = |client: &str, server: &str| over_udp(flow(1, client, server, 53, "FORWARDED"));
    let other = flow(9, "shop/api", "shop/db", 5432, "FORWARDED");
    let table: [(&str, Value, &[&str], &[&str]); 4] = [
        ("outside", asks("shop/web", "8.8.8.8"), &["web out 8.8.8.8/32 53"], &["dns"]),
        ("Amazon's", asks("shop/web", "169.254.169.253"), &["web out 169.254.169.253/32 53"], &["dns"]),
        ("on the node", asks("shop/web", "169.254.20.10"), &["web out 169.254.20.10/32 53"], &["169.254.20.10/32"]),
        ("pods", asks("shop/web", "kube-system/coredns"), &["web out coredns 53"], &["coredns"]),
    ];
    for (name, flow, own, others) in table {
        let (made, _) = plan(&[flow, other.clone()], &[], "");
        let lines = lines(&policies(&made));
        assert_eq!(of(&lines, "web out", " 53"), own, "{name}: {lines:#?}");
        let expected: Vec<String> = others.iter().map(|peer| format!("api out {peer} 53")).collect();
        assert_eq!(of(&lines, "api out", " 53"), expected, "{name}: {lines:#?}");
        clean(&made);
    }
    // Over TCP too, as every client of a name server.
    let (made, _) = plan(&[asks("shop/web", "8.8.8.8"), other], &[], "");
    let text = serde_json::to_string(&policies(&made)).unwrap();
    assert!(text.contains("8.8.8.8/32"), "{text}");
    let outside = made
        .policies
        .policies
        .values()
        .flat_map(|policy| &policy.grants)
        .filter(|grant| grant.permit.to_string().contains("8.8.8.8"));
    assert_eq!(outside.count(), 2, "UDP as observed, TCP as assumed");
}

/// Calico compares pods' addresses with blocks.
#[test]
fn pods_that_were_refused_and_come_in_by_a_block_are_told_for_calico() {
    let refused = flow(2, "shop/api", "shop/web", 8080, "DROPPED");
    let in_by = |client: &str| vec![flow(1, client, "shop/web", 8080, "FORWARDED"), refused.clone()];
    let table = [
        ("calico", in_by("reserved:remote-node"), 1),
        ("calico", in_by("203.0.113.10"), 0),
        ("calico", in_by("shop/db"), 0),
        ("calico", vec![flow(1, "reserved:remote-node", "shop/web", 8081, "FORWARDED"), refused.clone()], 0),
        ("generic", in_by("reserved:remote-node"), 0),
    ];
    for (cni, flows, expected) in table {
        let (made, _) = plan(&flows, &[], &format!("network.cni = \"{cni}\""));
        let said = notes(&made, Code::CniCannotHold);
        let told = said.iter().filter(|note| note.contains("Calico compares")).count();
        assert_eq!(told, expected, "{cni}: {said:#?}");
        clean(&made);
    }
}
