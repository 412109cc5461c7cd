//! netpol-analyzer's own fixtures that hold plain NetworkPolicies and nothing else that decides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use tightfit::policy::network::{IpBlock, NetworkPolicy, Peer, Port, PortRef};

use super::cluster::Cluster;
use super::generated::compare;
use super::{harness, judge};

fn documents(folder: &std::path::Path) -> Result<Vec<Value>, String> {
    let mut documents = Vec::new();
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(folder).into_iter().map(|file| file.unwrap().into_path()).collect();
    files.sort();
    for file in files {
        let text = match file.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml" | "json") => std::fs::read_to_string(&file).unwrap(),
            _ => continue,
        };
        let read: Result<Vec<Value>, _> = serde_saphyr::from_multiple(&text);
        documents.extend(read.map_err(|error| format!("{}: {error}", file.display()))?);
    }
    Ok(documents)
}

/// Addresses worth asking about: the first and the last of every block, those beside it, and one of nobody's.
fn addresses(policies: &[NetworkPolicy]) -> Vec<String> {
    let rules = policies.iter().flat_map(|policy| {
        let from = policy.spec.ingress.iter().flat_map(|rule| &rule.from);
        from.chain(policy.spec.egress.iter().flat_map(|rule| &rule.to))
    });
    let blocks = rules.filter_map(|peer: &Peer| peer.ip_block.as_ref());
    let mut addresses = BTreeSet::from([u32::from(std::net::Ipv4Addr::new(8, 8, 8, 8))]);
    for block in blocks.flat_map(|IpBlock { cidr, except }| [*cidr].into_iter().chain(except.iter().copied())) {
        let text = block.to_string();
        let Ok(first) = text.split('/').next().unwrap().parse::<std::net::Ipv4Addr>() else { continue };
        let size = 1_u64 << (32 - block.prefix());
        let first = u32::from(first);
        let last = first.wrapping_add(u32::try_from(size - 1).unwrap());
        addresses.extend([first, last, first.wrapping_sub(1), last.wrapping_add(1)]);
    }
    addresses.into_iter().map(|address| std::net::Ipv4Addr::from(address).to_string()).collect()
}

/// Ports worth asking about: every one that a policy or a pod names, those beside it, and a few of nobody's.
fn probes(cluster: &Cluster) -> Vec<(&'static str, u16)> {
    let mut numbers = BTreeSet::from([1_u16, 80, 65535]);
    let rules = cluster.policies.iter().flat_map(|policy| {
        let ingress = policy.spec.ingress.iter().flat_map(|rule| &rule.ports);
        ingress.chain(policy.spec.egress.iter().flat_map(|rule| &rule.ports))
    });
    for port in rules {
        let Port { port, end_port, .. } = port;
        let named = if let Some(PortRef::Number(number)) = port { Some(*number) } else { None };
        for number in named.into_iter().chain(*end_port) {
            numbers.extend([number, number.saturating_add(1), number.saturating_sub(1).max(1)]);
        }
    }
    for end in cluster.ends.values() {
        numbers.extend(end.pod().into_iter().flat_map(|pod| &pod.ports).map(|port| port.port));
    }
    numbers.into_iter().flat_map(|number| ["TCP", "UDP", "SCTP"].map(|protocol| (protocol, number))).collect()
}

#[test]
fn its_own_fixtures_are_decided_alike() {
    let (Some(shared), Some(program)) = (harness::shared(), judge::program()) else { return };
    let tests = shared.join("policies/netpol-analyzer/tests");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(tests).unwrap().map(|folder| folder.unwrap().path()).collect();
    folders.sort();
    // Beside some manifests lies the expected answer, which netpol-analyzer takes for a damaged manifest.
    let scratch = tempfile::tempdir().unwrap();
    for folder in &mut folders {
        let copy = scratch.path().join(folder.file_name().unwrap());
        for file in walkdir::WalkDir::new(&*folder).into_iter().map(|file| file.unwrap().into_path()) {
            let target = copy.join(file.strip_prefix(&*folder).unwrap());
            if file.is_dir() {
                std::fs::create_dir_all(&target).unwrap();
            } else if !file.ends_with("connlist_output.json") {
                std::fs::copy(&file, &target).unwrap();
            }
        }
        *folder = copy;
    }
    let (mut used, mut cases, mut differences) = (0, 0, Vec::new());
    let mut left_out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (folder, answer) in folders.iter().zip(judge::ask(&program, &folders)) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut leave_out = |why: String| left_out.entry(why).or_default().push(name.clone());
        let documents = match documents(folder) {
            Ok(documents) => documents,
            Err(error) => {
                leave_out(format!("unreadable: {error}"));
                continue;
            }
        };
        let mut cluster = Cluster::of(&documents);
        if !cluster.foreign.is_empty() {
            leave_out(format!("holds {}", cluster.foreign.iter().cloned().collect::<Vec<_>>().join(", ")));
        } else if cluster.policies.is_empty() {
            leave_out("holds no NetworkPolicy".to_owned());
        } else if !cluster.unread.is_empty() || !answer.error.is_empty() {
            leave_out(format!("refused: by us {:?}, by netpol-analyzer {:?}", cluster.unread, answer.error));
        } else {
            cluster.ends.retain(|name, _| answer.peers.contains(name));
            let (more, _, found) = compare(&cluster, &answer, &addresses(&cluster.policies), &probes(&cluster));
            used += 1;
            cases += more;
            differences.extend(found.into_iter().map(|found| format!("{name}: {found}")));
        }
    }
    for (why, names) in &left_out {
        println!("left out, {why}: {}", names.join(", "));
    }
    println!("netpol-analyzer's fixtures: {used} of {} folders, {cases} cases, {} differences", folders.len(), differences.len());
    assert!(used >= 15, "{used}");
    assert!(differences.is_empty(), "{:#?}", &differences[..differences.len().min(20)]);
}
