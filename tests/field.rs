//! The real logs beside the project: nothing panics, the sums add up, nothing observed is denied, nothing refused is granted.
#![cfg(test)]

mod harness;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use harness::{config, generate, shared};
use tightfit::access::identity::{Identity, Name};
use tightfit::finding::Code;
use tightfit::pipeline::Plan;
use tightfit::policy::set::Documents;

/// Writes for everyone that can be written for, so that as much as possible is judged.
const EVERYONE: &str = "choose.classes = [\"human\", \"ci\", \"break-glass\", \"system\"]";

fn row(folder: &str, plan: &Plan) -> String {
    let (ledger, verdict) = (&plan.profile.ledger, &plan.verdict);
    format!(
        "| {folder} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        ledger.files.len(),
        ledger.records(),
        ledger.observed,
        ledger.undecided_count(),
        ledger.skipped_count(),
        ledger.rejected_count(),
        verdict.sufficiency.judged,
        verdict.sufficiency.gaps.len(),
        verdict.restraint.leaks.len(),
        verdict.necessity.excess.len(),
        verdict.restraint.contested.len()
    )
}

#[test]
fn real_logs_are_judged_without_gap_leak_or_excess() {
    let Some(shared) = shared() else { return };
    let config = config(EVERYONE);
    let mut table = String::from(
        "\n| folder | files | records | observed | undecided | skipped | rejected | judged | gaps | leaks | excess | contested |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut causes = String::new();
    let mut wrong = Vec::new();
    for kind in ["cloudtrail", "k8s-audit"] {
        let mut folders: Vec<_> = std::fs::read_dir(shared.join(kind))
            .unwrap()
            .map(|listed| listed.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        for folder in folders {
            let name = format!("{kind}/{}", folder.file_name().unwrap().to_string_lossy());
            let plan = generate(&[&folder], &config, 2);
            let ledger = &plan.profile.ledger;
            let by_file: u64 = ledger.files.values().map(|file| file.records).sum();
            if by_file != ledger.records() {
                wrong.push(format!("{name}: files hold {by_file} records, {} ended", ledger.records()));
            }
            let verdict = &plan.verdict;
            for gap in &verdict.sufficiency.gaps {
                wrong.push(format!("{name}: gap {} {} ({})", gap.identity, gap.request, gap.note));
            }
            for leak in &verdict.restraint.leaks {
                wrong.push(format!("{name}: leak {} {} ({})", leak.identity, leak.request, leak.note));
            }
            for excess in &verdict.necessity.excess {
                wrong.push(format!("{name}: excess {} {}", excess.identity, excess.permit));
            }
            writeln!(table, "{}", row(&name, &plan)).unwrap();
            for (why, count) in &ledger.undecided {
                writeln!(causes, "{name}: undecided {count} x {why:?}").unwrap();
            }
            for contested in &verdict.restraint.contested {
                writeln!(causes, "{name}: contested {} {}: {}", contested.identity, contested.request, contested.note).unwrap();
            }
            for (reject, rejections) in &ledger.rejected {
                writeln!(causes, "{name}: rejected {} x {reject:?}, such as {:?}", rejections.count, rejections.samples.first())
                    .unwrap();
            }
        }
    }
    println!("{table}\n{causes}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_aws_service_principal_and_no_root_gets_a_policy() {
    let Some(shared) = shared() else { return };
    let plan = generate(&[&shared.join("cloudtrail")], &config(EVERYONE), 2);
    assert!(plan.profile.identities.keys().any(|identity| matches!(identity.name, Name::AwsService(_))));
    for (identity, policy) in &plan.policies.policies {
        assert!(matches!(identity.name, Name::Role(_) | Name::User(_)), "{identity}");
        assert!(matches!(policy.documents, Documents::Iam(_)), "{identity}");
    }
}

#[test]
fn the_log_of_audit2rbac_gives_roles_to_those_who_used_them() {
    let Some(shared) = shared() else { return };
    let plan = generate(&[&shared.join("k8s-audit/audit2rbac/demo.log")], &config(EVERYONE), 1);
    let written: Vec<String> = plan
        .policies
        .policies
        .keys()
        .filter(|identity| !matches!(identity.name, Name::Namespace(_)))
        .map(Identity::short_name)
        .collect();
    assert_eq!(written, ["sa1", "bob"], "bob and ns1:sa1, and nobody else");
    let alice: BTreeMap<Code, &str> = plan
        .findings
        .iter()
        .filter(|finding| finding.about.ends_with("/alice"))
        .map(|finding| (finding.code, finding.note.as_str()))
        .collect();
    assert!(alice.contains_key(&Code::OnlyRefused), "{alice:?}");
}
