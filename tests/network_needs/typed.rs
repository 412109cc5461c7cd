//! What is typed about the network: it has an effect, or it is an error or a finding.

use std::fs;

use tightfit::finding::Code;

use crate::harness;
use crate::needs::shop;
use crate::scene::{flow, inputs, notes, plan};

#[test]
fn a_form_of_policies_that_are_not_written_is_wrong_usage() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let log = inputs(here, &[flow(1, "shop/web", "shop/api", 8443, "FORWARDED")], &[]).remove(0).display().to_string();
    fs::write(here.join("off.toml"), "network.basis = \"off\"").unwrap();
    fs::write(here.join("both.toml"), "network.basis = \"off\"\nnetwork.cilium = true").unwrap();
    fs::write(here.join("forms.toml"), "network.calico-staged = true").unwrap();
    let run = |more: &[&str]| {
        let arguments: Vec<&str> = ["generate", &log, "--out", "p"].into_iter().chain(more.iter().copied()).collect();
        harness::ended(&harness::tightfit(here, &arguments))
    };
    for more in
        [&["--cilium", "--network", "off"][..], &["--calico-staged", "--network", "off"], &["--cilium", "--config", "off.toml"]]
    {
        let (code, _, wrong) = run(more);
        assert_eq!(code, 2, "{more:?}: {wrong}");
        assert!(wrong.contains(more.first().unwrap()), "{wrong}");
    }
    let (code, _, wrong) = run(&["--config", "both.toml"]);
    assert!(code == 1 && wrong.contains("network.cilium"), "{code}: {wrong}");
    // Typed for once over settings that ask for a form.
    let (code, _, wrong) = run(&["--network", "off", "--config", "forms.toml"]);
    assert!(matches!(code, 0 | 5), "{code}: {wrong}");
}

#[test]
fn a_form_of_no_policy_is_a_finding() {
    for (flows, expected) in [(Vec::new(), 2), (vec![flow(1, "shop/web", "shop/api", 8443, "FORWARDED")], 0)] {
        for basis in ["inferred", "observed"] {
            let settings = format!("[network]\nbasis = \"{basis}\"\ncilium = true\ncalico-staged = true");
            let (plan, _) = plan(&flows, &shop(), &settings);
            assert_eq!(notes(&plan, Code::FormNotWritten).len(), expected, "{basis}");
        }
    }
}

#[test]
fn explain_takes_only_what_changes_its_answer() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let log = inputs(here, &[flow(1, "shop/web", "shop/api", 8443, "FORWARDED")], &[]).remove(0).display().to_string();
    let run = |more: &[&str]| {
        let arguments: Vec<&str> = ["explain", "*/*", "-i", &log].into_iter().chain(more.iter().copied()).collect();
        harness::ended(&harness::tightfit(here, &arguments))
    };
    for more in [
        &["--cni", "vpc"][..],
        &["--cilium"],
        &["--calico-staged"],
        &["--attach", "inline"],
        &["--fold-accounts"],
        &["--exact", "--policies", "p"],
    ] {
        assert_eq!(run(more).0, 2, "{more:?}");
    }
    let (_, inferred, _) = run(&["--network", "inferred"]);
    let (_, observed, _) = run(&["--network", "observed"]);
    assert!(
        inferred.contains("assumed") && !observed.contains("assumed") && observed.contains("observed"),
        "{inferred}\n{observed}"
    );
}

#[test]
fn a_private_address_whose_owner_is_not_known_is_shown() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let flows = [flow(1, "shop/web", "10.7.8.9", 5432, "FORWARDED"), flow(2, "shop/web", "203.0.113.9", 443, "FORWARDED")];
    let log = inputs(here, &flows, &[]).remove(0).display().to_string();
    let (_, said, wrong) = harness::ended(&harness::tightfit(here, &["generate", "-v", &log, "--out", "p"]));
    assert!(said.contains("flow-owner-unknown") && said.contains("10.7.8.9"), "{said}{wrong}");
    assert!(!said.contains("203.0.113.9"), "{said}");
}

#[test]
fn a_misspelt_field_of_a_format_is_wrong_usage() {
    let scratch = tempfile::tempdir().unwrap();
    let log = inputs(scratch.path(), &[flow(1, "shop/web", "shop/api", 8443, "FORWARDED")], &[]).remove(0).display().to_string();
    let arguments = ["doctor", &log, "--vpc-format", "${srcaddr} ${dstaddr} ${pkt-scraddr}"];
    let (code, _, wrong) = harness::ended(&harness::tightfit(scratch.path(), &arguments));
    assert!(code == 2 && wrong.contains("`pkt-scraddr`") && wrong.contains("`pkt-srcaddr`"), "{code}: {wrong}");
}

#[test]
fn a_block_with_bits_behind_its_prefix_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let log = inputs(scratch.path(), &[flow(1, "shop/web", "shop/api", 8443, "FORWARDED")], &[]).remove(0).display().to_string();
    let config = scratch.path().join("settings.toml");
    let table = [
        ("api-server", "172.20.9.9/16", Some("`172.20.0.0/16`")),
        ("api-server", "172.20.0.0/16", None),
        ("api-server", "172.20.9.9/32", None),
        ("vpc-endpoints", "fd00::1/64", Some("`fd00::/64`")),
        ("vpc-endpoints", "0.0.0.0/0", None),
    ];
    for (key, block, masked) in table {
        std::fs::write(&config, format!("[network]\n{key} = [\"{block}\"]")).unwrap();
        let arguments = ["doctor", &log, "--config", config.to_str().unwrap()];
        let (code, _, wrong) = harness::ended(&harness::tightfit(scratch.path(), &arguments));
        match masked {
            Some(masked) => {
                let said = wrong.contains(masked) && wrong.contains(block) && wrong.contains(&format!("network.{key}"));
                assert!(code == 1 && said, "{block}: {code} {wrong}");
            }
            None => assert!(code != 1, "{block}: {code} {wrong}"),
        }
    }
}
