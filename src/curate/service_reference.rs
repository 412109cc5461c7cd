//! AWS's Service Reference, merged over a catalog: its services replace theirs, what it does not say is kept.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html>
//!
//! Invariant: every document is judged before anything is made; one that is wrong refuses all.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::reference::{ActionRow, ServiceRows};
use super::text::{Hosts, Lines};
use super::{Conflicts, CurateError};
use crate::access::aws::Action;
use crate::catalog::operation::{Operation, Origin};
use crate::catalog::reference::Service;
use crate::catalog::rules::Confidence;
use crate::catalog::{Catalog, Source};

/// Of what the catalog knows a reference must list at least so much, in percent.
const SHARE_PERCENT_MIN: usize = 80;

/// Why a Service Reference is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// A document is no JSON or has another shape than AWS describes.
    #[error("the document of `{service}` has not the expected shape")]
    Shape {
        /// Which.
        service: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A document says something that cannot be.
    #[error("the document of `{service}` is wrong: {why}")]
    Wrong {
        /// Which.
        service: String,
        /// What.
        why: String,
    },
    /// It lists much less than the catalog knows.
    #[error(
        "it lists {listed} {what}, the catalog in use {known}: too much less to be trusted (`--force` takes it nevertheless)"
    )]
    Shrunk {
        /// `services` or `actions`.
        what: &'static str,
        /// How many.
        listed: usize,
        /// How many the catalog has of the same.
        known: usize,
    },
    /// The catalog could not be made.
    #[error(transparent)]
    Curate(#[from] CurateError),
}

/// What a refresh changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The catalog.
    pub bytes: Vec<u8>,
    /// Services that the reference lists.
    pub services: usize,
    /// Actions that the catalog did not know, in order.
    pub new_actions: Vec<String>,
    /// Actions of listed services that are no longer there, in order.
    pub gone_actions: Vec<String>,
}

/// A document with its service's name in the index.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// As the index names it.
    pub service: &'a str,
    /// JSON.
    pub bytes: &'a [u8],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    name: String,
    #[serde(default)]
    actions: Vec<PageAction>,
    #[serde(default)]
    resources: Vec<PageResource>,
    #[serde(default)]
    operations: Vec<PageOperation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PageAction {
    name: String,
    #[serde(default)]
    resources: Vec<Named>,
    #[serde(default)]
    action_condition_keys: Vec<String>,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Annotations {
    #[serde(default)]
    properties: Option<Properties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    #[serde(default)]
    is_list: bool,
    #[serde(default)]
    is_write: bool,
    #[serde(default)]
    is_permission_management: bool,
    #[serde(default)]
    is_tagging_only: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PageResource {
    name: String,
    #[serde(default, rename = "ARNFormats")]
    arn_formats: Vec<String>,
    #[serde(default)]
    condition_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PageOperation {
    name: String,
    #[serde(default)]
    authorized_actions: Vec<Authorized>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Authorized {
    name: String,
    service: String,
}

/// Merges documents over a catalog. `date` is today's, `YYYY-MM-DD`; `home` is where they came from. `force` takes one that lists much
/// less than the catalog knows.
///
/// # Errors
/// Where a document is wrong, or the whole is suspiciously small; nothing is made then.
pub fn merge(
    base: &Catalog,
    documents: &[Document<'_>],
    (date, home): (&str, &str),
    force: bool,
) -> Result<Merged, ReferenceError> {
    let mut pages: BTreeMap<String, (ServiceRows, Vec<PageOperation>)> = BTreeMap::new();
    for document in documents {
        let page = parse(document)?;
        let prefix = page.name.to_ascii_lowercase();
        let rows = rows(&page, base.service(&prefix))?;
        if pages.insert(prefix, (rows, page.operations)).is_some() {
            return Err(ReferenceError::Wrong { service: page.name, why: "it is listed twice".to_owned() });
        }
    }
    if !force {
        check_size(base, &pages)?;
    }
    let knows = |action: &Action| match pages.get(&action.service) {
        Some((rows, _)) => rows.actions.get(&action.name.to_ascii_lowercase()).map(|row| row.name.clone()),
        None => base.action(action).map(|definition| definition.name.clone()),
    };
    let mut conflicts = Conflicts::new();
    let mut calls: BTreeMap<&str, String> = BTreeMap::new();
    for prefix in base.prefixes().chain(pages.keys().map(String::as_str)).collect::<BTreeSet<_>>() {
        let operations = pages.get(prefix).map_or(&[][..], |(_, operations)| operations.as_slice());
        calls.insert(prefix, call_lines(base, prefix, operations, &knows, &mut conflicts)?);
    }
    let mut all: BTreeMap<String, u64> = base.conflicts().clone();
    conflicts.into_iter().for_each(|(kind, count)| *all.entry(kind.to_owned()).or_default() += count);
    let mut sources = vec![Source {
        name: "AWS Service Reference".to_owned(),
        version: date.to_owned(),
        licence: "AWS site terms".to_owned(),
        home: home.to_owned(),
    }];
    sources.extend(base.sources().iter().filter(|source| source.name != "AWS Service Reference").cloned());
    let hosts: Hosts = base.hosts().map(|(host, prefixes)| (host.to_owned(), prefixes.to_vec())).collect();
    let mut lines = Lines::head(date, &sources, &all, &hosts)?;
    for (prefix, calls) in &calls {
        match pages.get(*prefix) {
            Some((rows, _)) => lines.service(prefix, rows, calls)?,
            None => lines.copied(prefix, base.lines(prefix).0, calls)?,
        }
    }
    let (new_actions, gone_actions) = changes(base, &pages);
    Ok(Merged { bytes: lines.into_bytes()?, services: pages.len(), new_actions, gone_actions })
}

fn parse(document: &Document<'_>) -> Result<Page, ReferenceError> {
    let service = document.service.to_owned();
    let page: Page =
        serde_json::from_slice(document.bytes).map_err(|source| ReferenceError::Shape { service: service.clone(), source })?;
    let wrong = |why: String| ReferenceError::Wrong { service: service.clone(), why };
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_name(&page.name) || !page.name.eq_ignore_ascii_case(&service) {
        return Err(wrong(format!("it names itself `{}`", page.name)));
    }
    let known: BTreeSet<&str> = page.resources.iter().map(|resource| resource.name.as_str()).collect();
    for action in &page.actions {
        if !is_name(&action.name) {
            return Err(wrong(format!("`{}` is no name of an action", action.name)));
        }
        if let Some(unknown) = action.resources.iter().find(|used| !known.contains(used.name.as_str())) {
            return Err(wrong(format!("`{}` is on resource type `{}`, which it does not list", action.name, unknown.name)));
        }
    }
    for (resource, format) in
        page.resources.iter().flat_map(|resource| resource.arn_formats.iter().map(move |arn| (resource, arn)))
    {
        if !is_format(format) {
            return Err(wrong(format!("`{format}` of resource type `{}` is no ARN format", resource.name)));
        }
    }
    Ok(page)
}

/// `arn:`, five fields or more, every slot closed.
fn is_format(text: &str) -> bool {
    let closed = text.split("${").skip(1).all(|rest| rest.split_once('}').is_some_and(|(name, _)| !name.is_empty()));
    text.starts_with("arn:") && text.splitn(6, ':').count() == 6 && closed && !text.contains(['\t', '\n', '\r'])
}

/// The rows of one document. Which types an action must have and what else it needs only the older catalog knows.
fn rows(page: &Page, older: Option<&Service>) -> Result<ServiceRows, ReferenceError> {
    let mut rows = ServiceRows::default();
    for resource in &page.resources {
        rows.types.extend(resource.arn_formats.iter().map(|arn| (resource.name.clone(), arn.clone())));
    }
    let keys_of: BTreeMap<&str, &Vec<String>> =
        page.resources.iter().map(|resource| (resource.name.as_str(), &resource.condition_keys)).collect();
    for action in &page.actions {
        let known = older.and_then(|service| service.action(&action.name));
        let required = |name: &str| known.is_some_and(|known| known.types.iter().any(|used| used.required && used.name == name));
        let level = action.annotations.properties.as_ref().map(level);
        let keys = action.resources.iter().filter_map(|used| keys_of.get(used.name.as_str())).flat_map(|keys| keys.iter());
        let row = ActionRow {
            name: action.name.clone(),
            access: level.or_else(|| known.map(|known| known.access.name())).unwrap_or("Unknown").to_owned(),
            types: action.resources.iter().map(|used| (used.name.clone(), required(&used.name))).collect(),
            dependent: known.map(|known| known.dependent.iter().cloned().collect()).unwrap_or_default(),
            keys: action.action_condition_keys.iter().chain(keys).cloned().collect(),
        };
        if rows.actions.insert(action.name.to_ascii_lowercase(), row).is_some() {
            let why = format!("`{}` is listed twice", action.name);
            return Err(ReferenceError::Wrong { service: page.name.clone(), why });
        }
    }
    Ok(rows)
}

/// The narrower class counts, as in the action reference.
const fn level(properties: &Properties) -> &'static str {
    match properties {
        Properties { is_permission_management: true, .. } => "Permissions management",
        Properties { is_tagging_only: true, .. } => "Tagging",
        Properties { is_write: true, .. } => "Write",
        Properties { is_list: true, .. } => "List",
        Properties { .. } => "Read",
    }
}

fn check_size(base: &Catalog, pages: &BTreeMap<String, (ServiceRows, Vec<PageOperation>)>) -> Result<(), ReferenceError> {
    let too_few = |listed: usize, known: usize| listed.saturating_mul(100) < known.saturating_mul(SHARE_PERCENT_MIN);
    let known = base.prefixes().count();
    if too_few(pages.len(), known) {
        return Err(ReferenceError::Shrunk { what: "services", listed: pages.len(), known });
    }
    let listed = pages.values().map(|(rows, _)| rows.actions.len()).sum();
    let same = pages.keys().filter_map(|prefix| base.service(prefix));
    let known = same.map(|service| service.actions().count()).sum();
    if too_few(listed, known) {
        return Err(ReferenceError::Shrunk { what: "actions", listed, known });
    }
    Ok(())
}

/// The operations of a service, those of the older catalog and those that the reference authorizes, and its forwarded calls.
fn call_lines(
    base: &Catalog,
    prefix: &str,
    listed: &[PageOperation],
    knows: &impl Fn(&Action) -> Option<String>,
    conflicts: &mut Conflicts,
) -> Result<String, CurateError> {
    let mut operations: BTreeMap<String, Operation> =
        base.operations(prefix).map(|operation| (operation.name.to_ascii_lowercase(), operation.clone())).collect();
    for operation in operations.values_mut() {
        let before = operation.actions.len();
        operation.actions.retain(|(action, _)| knows(action).is_some());
        let gone = u64::try_from(before - operation.actions.len()).unwrap_or(u64::MAX);
        if gone > 0 {
            *conflicts.entry("operation-lost-its-action").or_default() += gone;
            operation.origin = if operation.actions.is_empty() { Origin::Nothing } else { operation.origin };
        }
    }
    for said in listed.iter().filter(|said| !said.authorized_actions.is_empty()) {
        let mut actions: Vec<Action> = Vec::new();
        for authorized in &said.authorized_actions {
            let action = Action { service: authorized.service.to_ascii_lowercase(), name: authorized.name.clone() };
            match knows(&action) {
                Some(name) if action.to_string() != "iam:PassRole" => actions.push(Action { name, ..action }),
                Some(_) => {}
                None => *conflicts.entry("service-reference-names-unknown-action").or_default() += 1,
            }
        }
        let key = said.name.to_ascii_lowercase();
        // What stands beside an action of the operation's own name is asked for in some calls only.
        let same = actions.iter().position(|action| action.service == prefix && action.name.eq_ignore_ascii_case(&said.name));
        let confidence = if actions.len() == 1 { Confidence::Exact } else { Confidence::Derived };
        if actions.is_empty() || same.is_some() || operations.get(&key).is_some_and(|known| known.origin <= Origin::Rule) {
            continue;
        }
        let known = operations.entry(key).or_insert_with(|| Operation {
            name: said.name.clone(),
            actions: Vec::new(),
            permissionless: false,
            slots: Vec::new(),
            passes: Vec::new(),
            origin: Origin::ServiceReference,
        });
        known.actions = actions.into_iter().map(|action| (action, confidence)).collect();
        known.permissionless = false;
        known.origin = Origin::ServiceReference;
    }
    let mut lines = Lines::default();
    for operation in operations.values() {
        let [name, origin, actions, slots, passes] = operation.to_fields(prefix);
        lines.line(&["operation", &name, &origin, &actions, &slots, &passes])?;
    }
    let forwards = base.lines(prefix).1.lines().filter(|line| line.starts_with("forward\t"));
    let mut text = lines.into_text();
    forwards.for_each(|line| {
        text.push_str(line);
        text.push('\n');
    });
    Ok(text)
}

fn changes(base: &Catalog, pages: &BTreeMap<String, (ServiceRows, Vec<PageOperation>)>) -> (Vec<String>, Vec<String>) {
    let mut new = Vec::new();
    let mut gone = Vec::new();
    for (prefix, (rows, _)) in pages {
        let known = base.service(prefix);
        let is_known = |name: &str| known.is_some_and(|service| service.action(name).is_some());
        new.extend(rows.actions.values().filter(|row| !is_known(&row.name)).map(|row| format!("{prefix}:{}", row.name)));
        let actions = known.into_iter().flat_map(Service::actions);
        let missing = actions.filter(|action| !rows.actions.contains_key(&action.name.to_ascii_lowercase()));
        gone.extend(missing.map(|action| format!("{prefix}:{}", action.name)));
    }
    (new, gone)
}
