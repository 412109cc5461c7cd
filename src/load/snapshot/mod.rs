//! Reading a snapshot of production: a folder of JSON and YAML files, each told by its content, never its name.
//!
//! ```text
//! aws iam get-account-authorization-details    roles, users, groups, managed policies
//! {"targets": .., "policies": ..}              the organization: what stands below what, what is attached where
//! aws organizations describe-policy            one control policy
//! {"arn": .., "policy": ..}                    the policy of a resource; a list of such
//! kubectl get ... -o yaml                      objects of a cluster; JSON too, lists, manifests of RBAC
//! ```
//!
//! Invariant: nothing is passed over in silence; a file that is not understood is an error or a finding that names it.

mod account;
mod document;
mod kubernetes;
mod organization;
mod resource;

use std::path::Path;

use serde_json::Value;

use super::{LoadError, rbac, read};
use crate::config::Pattern;
use crate::finding::{Code, Finding};
use crate::policy::snapshot::Snapshot;

/// Everything of one folder, before what names another file's content is looked up.
#[derive(Default)]
struct Gathered {
    accounts: account::Accounts,
    organization: organization::Parts,
    resources: resource::Resources,
    objects: kubernetes::Objects,
}

/// What one file was.
enum Kind {
    Account,
    Organization,
    ControlPolicy,
    Resource,
    Kubernetes,
}

/// Reads a folder, its folders included; hidden files are left out. Kubernetes objects name no cluster: `clusters` names it by
/// globs over files, as it does for logs.
///
/// # Errors
/// When the folder or a file cannot be read, a file is not what it seems to be, or the folder holds nothing of a known form.
pub fn folder(folder: &Path, clusters: &[(String, Pattern)]) -> Result<(Snapshot, Vec<Finding>), LoadError> {
    let name = folder.display().to_string();
    let unexpected = |detail: String| LoadError::Unexpected { file: name.clone(), detail };
    if !folder.is_dir() {
        return Err(unexpected("is no folder; `--snapshot` takes one, laid out as docs/formats.md says".to_owned()));
    }
    let mut gathered = Gathered::default();
    let mut findings = Vec::new();
    let mut used = 0_usize;
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name();
    let shown = |name: &std::ffi::OsStr| !name.to_string_lossy().starts_with('.');
    for found in walk.into_iter().filter_entry(|found| found.depth() == 0 || shown(found.file_name())) {
        let found = found.map_err(|error| {
            let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("the folder holds a loop of links"));
            LoadError::Read { file: name.clone(), source }
        })?;
        if found.file_type().is_dir() {
            continue;
        }
        let file = found.path().display().to_string();
        let extension = found.path().extension().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let documents = match extension {
            "json" => vec![json(&file, &read(found.path())?)?],
            "yaml" | "yml" => rbac::documents(&file, &read(found.path())?)?,
            _ => Vec::new(),
        };
        if gathered.take(&file, documents, clusters)? {
            used += 1;
        } else {
            findings.push(unread(&file));
        }
    }
    if used == 0 {
        return Err(unexpected(
            "holds no file of a known form; write one with `aws iam get-account-authorization-details > DIR/iam.json`, or for a cluster \
             `kubectl get roles,rolebindings,clusterroles,clusterrolebindings,serviceaccounts,pods,deployments,statefulsets,daemonsets,jobs,cronjobs,services,endpointslices,nodes,namespaces -A -o yaml > DIR/cluster.yaml`"
                .to_owned(),
        ));
    }
    let mut snapshot = Snapshot::default();
    let Gathered { accounts, organization, resources, objects } = gathered;
    accounts.finish(&resources, &mut snapshot)?;
    organization.finish(&mut snapshot)?;
    resources.finish(&mut snapshot);
    objects.finish(&mut snapshot).map_err(unexpected)?;
    Ok((snapshot, findings))
}

fn unread(file: &str) -> Finding {
    Finding::new(
        Code::SnapshotUnread,
        file,
        "is of no form that a snapshot can hold, so it was not used; docs/formats.md lists the forms",
    )
}

fn json(file: &str, text: &str) -> Result<Value, LoadError> {
    serde_json::from_str(text).map_err(|source| LoadError::Syntax { file: file.to_owned(), source: Box::new(source) })
}

impl Gathered {
    /// Takes in the documents of one file; false where they are of no known form.
    fn take(&mut self, file: &str, documents: Vec<Value>, clusters: &[(String, Pattern)]) -> Result<bool, LoadError> {
        let unexpected = |detail: String| LoadError::Unexpected { file: file.to_owned(), detail };
        let Some((value, kind)) = documents.iter().find_map(|value| Some((value, kind(value)?))) else { return Ok(false) };
        match kind {
            Kind::Account => self.accounts.take(file, value).map_err(unexpected)?,
            Kind::Organization => self.organization.take(file, value).map_err(unexpected)?,
            Kind::ControlPolicy => self.organization.take_policy(value).map_err(unexpected)?,
            Kind::Resource => self.resources.take(value).map_err(unexpected)?,
            Kind::Kubernetes => self.objects.take(file, documents, clusters).map_err(unexpected)?,
        }
        Ok(true)
    }
}

fn kind(value: &Value) -> Option<Kind> {
    let has = |name: &str| value.get(name).is_some();
    let details = ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"];
    let listed = |one: &Value| one.get("arn").is_some();
    if kubernetes::is_object(value) {
        Some(Kind::Kubernetes)
    } else if details.into_iter().any(has) {
        Some(Kind::Account)
    } else if has("targets") {
        Some(Kind::Organization)
    } else if value.get("Policy").is_some_and(|policy| policy.get("PolicySummary").is_some()) {
        Some(Kind::ControlPolicy)
    } else if has("arn") || value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(listed)) {
        Some(Kind::Resource)
    } else {
        None
    }
}
