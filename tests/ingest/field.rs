//! The real logs: nothing panics, the sums add up.

use super::*;

/// The real logs: nothing panics, the sums add up; prints a table.
#[test]
fn real_logs_add_up() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !data.is_dir() {
        println!("skipped: {} is absent", data.display());
        return;
    }
    for kind in ["k8s-audit", "cloudtrail"] {
        let mut folders: Vec<PathBuf> =
            fs::read_dir(data.join(kind)).expect("folder").map(|found| found.expect("folder").path()).collect();
        folders.sort();
        for folder in folders {
            let (seen, reading) = read_all(&found(&[&folder]), &options());
            println!(
                "{kind}/{}: {} records {:?}",
                folder.file_name().expect("name").to_string_lossy(),
                reading.records,
                seen.ends
            );
            for (name, file) in &reading.files {
                if let Some(fault) = &file.fault {
                    println!("    {}: {fault:?}", name.rsplit('/').next().unwrap_or_default());
                }
            }
        }
    }
    let audit = |name: &str| read_all(&found(&[&data.join("k8s-audit").join(name)]), &options()).0;
    let kube = audit("kube-1.36/audit.log");
    assert_eq!((kube.count("observed"), kube.count("skipped Stage"), kube.records()), (1194, 7, 1201));
    assert_eq!(audit("audit2rbac/demo.log").count("observed"), 37);
    assert_eq!(audit("hkerma-perfspec/split-dev.jsonl").records(), 3115);
}
