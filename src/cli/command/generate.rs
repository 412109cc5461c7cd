//! `tightfit generate`: logs in, policies and their proof out.

use anyhow::{Result, bail};
use tightfit::pipeline::{self, Plan};
use tightfit::policy::set::{Documents, PolicySet};
use tightfit::publish;
use tightfit::render::Templates;
use tokio::sync::Mutex;

use super::{Session, detail, document, say_findings, say_ledger, say_verdict, threshold, too_many_rejected, while_publishing};
use crate::args::{Generate, Shared};
use crate::console::Console;
use crate::exit::{self, Exit};

pub(super) fn run(shared: &Shared, command: &Generate, console: &Console, publishing: &Mutex<()>) -> Result<Exit> {
    let session = Session::open(shared, &command.choose, &command.shape, &command.inputs, console)?
        .beside(&command.beside)?
        .within(command.snapshot.as_deref());
    // Broken templates are told before minutes of reading.
    let templates = Templates::new(command.templates.as_deref())?;
    let plan = session.with_source("reading twice", pipeline::generate)?;
    let damaged = session.damaged(&plan.profile.ledger) | too_many_rejected(&session, &plan.profile.ledger);
    refuse_nothing(&session, &plan)?;
    let detail = detail(command.evidence);
    let artifacts = pipeline::artifacts(&plan, &session.config, session.catalog.get(), &templates, detail)?;
    while_publishing(publishing, || publish::folder(&command.out, &artifacts))?;
    say_ledger(console, &plan.profile.ledger);
    console.line(&format!("wrote {} files to {}: {}", artifacts.len(), command.out.display(), kinds(&plan.policies)));
    say_verdict(console, &plan.verdict);
    say_findings(console, &plan.findings);
    console.line("");
    console.line(&format!("read {} first", command.out.join("report.md").display()));
    if console.is_json() {
        let mut json = document("generate", &plan, detail)?;
        if let Some(fields) = json.as_object_mut() {
            let files = artifacts.iter().map(|artifact| detail.show(&artifact.path).into()).collect();
            fields.insert("files".to_owned(), serde_json::Value::Array(files));
        }
        console.document(&json);
    }
    let exit = exit::of_verdict(damaged, &plan.verdict, &plan.findings, threshold(command.fail_on));
    // The process ends: to free ten thousand policies one by one would only take time.
    std::mem::forget((plan, artifacts));
    Ok(exit)
}

/// An empty folder never takes the place of policies because a log was empty or a name was mistyped.
fn refuse_nothing(session: &Session<'_>, plan: &Plan) -> Result<()> {
    let ledger = &plan.profile.ledger;
    if ledger.observed == 0 {
        say_ledger(session.console, ledger);
        bail!("nothing was replaced: no record is an observed request; `tightfit doctor INPUT...` says what the inputs hold");
    }
    let identities: Vec<_> = plan.profile.identities.keys().collect();
    let unmatched = session.config.unmatched(&identities);
    if plan.policies.policies.is_empty() && !unmatched.is_empty() {
        bail!(
            "nothing was replaced: nothing in the log matches `{}`; `tightfit doctor -v INPUT...` lists every identity",
            unmatched.join("`, `")
        );
    }
    for choice in unmatched {
        session.console.warn(&format!("nothing in the log matches `{choice}`"));
    }
    Ok(())
}

fn kinds(policies: &PolicySet) -> String {
    let (mut iam, mut rbac, mut podsec, mut network) = (0, 0, 0, 0);
    for policy in policies.policies.values() {
        *match policy.documents {
            Documents::Iam(_) => &mut iam,
            Documents::Rbac(_) => &mut rbac,
            Documents::PodSecurity(_) => &mut podsec,
            Documents::Network(_) => &mut network,
        } += 1;
    }
    let counts = [
        ("IAM", iam),
        ("RBAC", rbac),
        ("Pod Security", podsec),
        ("NetworkPolicies", network),
        ("network proposals", policies.network.len()),
        ("trust advice", policies.trust.len()),
    ];
    let written: Vec<String> =
        counts.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| format!("{kind} for {count}")).collect();
    if written.is_empty() { "no policy".to_owned() } else { written.join(", ") }
}
