//! Coverage as files and as a part of the report: whom the recording was blind for, and the event selectors that end it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::markdown::{block, code, words};
use super::redact::Detail;
use super::{RenderError, Templates};
use crate::access::blind::{Blind, Expected, Strength};
use crate::access::coverage::Coverage;
use crate::access::selector::{self, EventSelector, Plan, Scope};
use crate::artifact::{self, Artifact};

/// Selectors longer than this, in bytes, stand in their file alone.
const BODY_BYTES_MAX: usize = 6_000;

/// How many buckets, tables or queues a row names.
const NAMES_MAX: usize = 3;

/// One identity and service without data events.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who; hostile text.
    pub identity: String,
    /// The IAM prefix.
    pub service: String,
    /// In whose trail.
    pub account: String,
    /// Management events, data events, calls of KMS through the service.
    pub counts: [u64; 3],
    /// Whether its use of data is proven.
    pub proven: bool,
    /// The first few buckets, tables, queues, and how many more; hostile text.
    pub names: Vec<String>,
    /// What the selectors would have cost.
    pub cost: String,
}

/// Whom a recording was blind for, and what to paste.
#[derive(Debug, Clone)]
pub struct Sight {
    /// The blind identities, proven ones first.
    pub blind: Vec<Row>,
    /// Selectors by account.
    pub plans: BTreeMap<String, Plan>,
    /// Clusters that another audit policy would show more of, and the codes of the holes that it closes.
    pub audits: BTreeMap<String, BTreeSet<&'static str>>,
}

/// Selectors of one account, as the report shows them.
#[derive(Debug, Serialize)]
pub struct Block {
    /// The account id.
    pub account: String,
    /// What they take, and in which files they stand.
    pub says: String,
    /// The selectors as a fenced block; safe Markdown.
    pub body: String,
}

impl Sight {
    /// What a recording could see.
    #[must_use]
    pub fn of(coverage: &Coverage, expected: &Expected<'_>) -> Self {
        let blind = coverage.blind(expected);
        let mut rows: Vec<(Strength, Row)> = blind.iter().map(|part| (part.strength, row(part))).collect();
        rows.sort_by_key(|(strength, _)| std::cmp::Reverse(*strength));
        let audits = coverage.audit_policies(expected).into_iter().map(|(cluster, codes)| (cluster.to_owned(), codes));
        Sight {
            blind: rows.into_iter().map(|(_, row)| row).collect(),
            plans: selector::plan(&blind, expected.data_events),
            audits: audits.collect(),
        }
    }

    /// The selectors for the report.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let block_of = |(account, plan): (&String, &Plan)| {
            let spelled = spell(&plan.whole).unwrap_or_default();
            let body = if spelled.len() > BODY_BYTES_MAX { String::new() } else { block("json", &spelled) };
            Block { account: code(account), says: says(account, plan), body }
        };
        self.plans.iter().map(block_of).collect()
    }
}

/// The audit policy of a cluster, as the report names it.
#[derive(Debug, Serialize)]
pub struct AuditPolicy {
    /// The cluster; safe Markdown.
    pub cluster: String,
    /// Where the policy stands; safe Markdown.
    pub path: String,
    /// The codes of the holes that it closes.
    pub closes: String,
}

impl Sight {
    /// The audit policies for the report.
    #[must_use]
    pub fn audit_policies(&self) -> Vec<AuditPolicy> {
        let policy = |(cluster, codes): (&String, &BTreeSet<&'static str>)| AuditPolicy {
            cluster: code(cluster),
            path: code(&audit_path(cluster)),
            closes: codes.iter().map(|name| code(name)).collect::<Vec<_>>().join(", "),
        };
        self.audits.iter().map(policy).collect()
    }
}

impl Row {
    /// The cells of the report's table.
    #[must_use]
    pub fn cells(&self, detail: Detail) -> Vec<String> {
        let [management, data, through] = self.counts.map(|count| count.to_string());
        let names: Vec<String> = self.names.iter().map(|name| code(&detail.show(name))).collect();
        let used = if self.proven { "**proven**" } else { "not proven" };
        vec![
            code(&detail.show(&self.identity)),
            code(&self.service),
            code(&self.account),
            management,
            data,
            through,
            used.to_owned(),
            names.join("<br>"),
            words(&self.cost),
        ]
    }
}

fn row(part: &Blind<'_>) -> Row {
    let holders = &part.holders;
    let mut names: Vec<String> = holders.kept.keys().take(NAMES_MAX).cloned().collect();
    let left = holders.kept.len().saturating_sub(NAMES_MAX);
    if left > 0 {
        names.push(format!("{left}{} more", if holders.more { " or" } else { "" }));
    }
    Row {
        identity: part.identity.to_string(),
        service: part.service.to_owned(),
        account: part.account.to_owned(),
        counts: [part.management, part.data, part.through],
        proven: part.strength == Strength::Proven,
        names,
        cost: part.cost.to_string(),
    }
}

/// Where the selectors of an account stand: all that is blind, and only what is known to be used.
fn paths(account: &str) -> [String; 2] {
    ["event-selectors.json", "event-selectors.known.json"].map(|file| format!("coverage/{account}/{file}"))
}

/// Where the audit policy of a cluster stands.
fn audit_path(cluster: &str) -> String {
    format!("coverage/{}/audit-policy.yaml", artifact::path(&[cluster]))
}

fn says(account: &str, plan: &Plan) -> String {
    let [whole, known] = paths(account);
    let scope = match plan.scope {
        Scope::Identities => "everything that these identities do with data",
        Scope::Services => {
            "everything that these identities together do with data: one by one they are more values than a trail takes"
        }
        Scope::Types => "all data events of these services: the identities are more values than a trail takes",
    };
    let mut says = format!(
        "`{whole}`, {} of {} values: management events as now, and {scope}.",
        selector::values(&plan.whole),
        selector::VALUES_MAX
    );
    if plan.known.is_some() {
        says.push_str(&format!(" `{known}` is cheaper: only what the log names, blind to all else."));
    }
    if !plan.unknown.is_empty() {
        let unknown: Vec<String> = plan.unknown.iter().map(|service| code(service)).collect();
        says.push_str(&format!(" No selector is known for {}.", unknown.join(", ")));
    }
    says
}

/// The selectors of each account and the audit policy of each cluster, ready to paste. They carry no counts: they depend on what was
/// seen alone.
///
/// # Errors
/// When selectors cannot be spelled as JSON, or a user's template is broken.
pub fn artifacts(sight: &Sight, templates: &Templates) -> Result<Vec<Artifact>, RenderError> {
    let mut artifacts = Vec::new();
    for (account, plan) in &sight.plans {
        let [whole, known] = paths(account);
        for (path, selectors) in [(whole, Some(&plan.whole)), (known, plan.known.as_ref())] {
            let Some(selectors) = selectors else { continue };
            let error = |error: serde_json::Error| RenderError::Spell { path: path.clone(), detail: error.to_string() };
            let body = spell(selectors).map_err(error)?;
            artifacts.push(Artifact { path, body });
        }
    }
    for (cluster, codes) in &sight.audits {
        let body = templates.render("coverage/audit-policy.yaml", &BTreeMap::from([("closes", codes)]))?;
        artifacts.push(Artifact { path: audit_path(cluster), body });
    }
    Ok(artifacts)
}

/// Selectors as JSON, one condition a line, as AWS's own pages write them.
fn spell(selectors: &[EventSelector]) -> Result<String, serde_json::Error> {
    let mut spelled = Vec::new();
    for selector in selectors {
        let fields: Result<Vec<String>, _> = selector.field_selectors.iter().map(serde_json::to_string).collect();
        let name = serde_json::to_string(&selector.name)?;
        spelled.push(format!(
            "  {{\n    \"Name\": {name},\n    \"FieldSelectors\": [\n      {}\n    ]\n  }}",
            fields?.join(",\n      ")
        ));
    }
    Ok(format!("[\n{}\n]\n", spelled.join(",\n")))
}
