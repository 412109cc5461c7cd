//! The real flow records of ../shared/data: every one of them ends in a stated way.

use std::path::Path;

use tightfit::access::profile::Profile;
use tightfit::catalog::Catalog;
use tightfit::ingest::Options;

use crate::read::{of_folder, resolved};

fn shared(folder: &str) -> Option<Profile> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/flows").join(folder);
    if path.is_dir() {
        // Licences and descriptions stand beside the logs.
        let scratch = tempfile::tempdir().unwrap();
        let logs = ["log-lines.json", "aws_vpc_flow_rules.jsonl"];
        for name in logs.into_iter().filter(|name| path.join(name).is_file()) {
            std::fs::copy(path.join(name), scratch.path().join(name)).unwrap();
        }
        return Some(of_folder(scratch.path(), &Options::new(Catalog::embedded())));
    }
    assert!(std::env::var_os("TIGHTFIT_REQUIRE_SHARED").is_none(), "../shared/data is required and absent");
    eprintln!("skipped: ../shared/data/flows/{folder} is absent");
    None
}

fn ends(profile: &Profile) -> String {
    let ledger = &profile.ledger;
    let rejected: Vec<String> = ledger.rejected.iter().map(|(why, rejections)| format!("{why:?} {}", rejections.count)).collect();
    format!("observed {}, undecided {:?}, skipped {:?}, rejected {rejected:?}", ledger.observed, ledger.undecided, ledger.skipped)
}

#[test]
fn a_real_ipfix_capture_never_says_who_opened() {
    let Some(profile) = shared("netobserv-ipfix") else { return };
    eprintln!("netobserv-ipfix: {}", ends(&profile));
    assert_eq!(profile.ledger.records(), 100);
    assert_eq!(profile.ledger.rejected_count(), 0);
    let (flows, unresolved) = resolved(&profile);
    eprintln!("{} flows, {} not resolved", flows.len(), unresolved.len());
    assert!(flows.values().all(|behind| !behind.stated), "no record carries flags");
    assert_eq!(unresolved, Vec::<String>::new());
    assert!(tightfit::access::flow::remarks(&profile).iter().any(|remark| remark.code.name() == "flow-direction-unknown"));
}

#[test]
fn test_events_of_vpc_flow_logs_are_half_records_and_say_so() {
    let Some(profile) = shared("panther-vpcflow-tests") else { return };
    eprintln!("panther-vpcflow-tests: {}", ends(&profile));
    assert_eq!(profile.ledger.records(), 39);
    assert_eq!(profile.ledger.observed, 0, "none of them carries a protocol");
}
