//! `tightfit verify`: replays a log against a folder that `generate` wrote.

use anyhow::Result;
use tightfit::pipeline;
use tightfit::render::redact::Detail;

use super::{Session, document, say_findings, say_ledger, say_verdict, threshold, too_many_rejected};
use crate::args::{Shape, Shared, Verify};
use crate::console::Console;
use crate::exit::{self, Exit};

pub(super) fn run(shared: &Shared, command: &Verify, console: &Console) -> Result<Exit> {
    let session = Session::open(shared, &command.choose, &Shape::default(), &command.inputs, console)?
        .beside(&command.beside)?
        .within(command.snapshot.as_deref());
    let plan = session.with_source("replaying", |source| pipeline::verify(source, &command.policies))?;
    let damaged = session.damaged(&plan.profile.ledger) | too_many_rejected(&session, &plan.profile.ledger);
    say_ledger(console, &plan.profile.ledger);
    say_verdict(console, &plan.verdict);
    say_findings(console, &plan.findings);
    if console.is_json() {
        console.document(&document("verify", &plan, Detail::Redacted)?);
    }
    Ok(exit::of_verdict(damaged, &plan.verdict, &plan.findings, threshold(command.fail_on)))
}
