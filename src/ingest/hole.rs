//! The hole: the name that a record's requests are about, taken out of what the record says, so that records which differ in it alone
//! say the same.
//!
//! Invariant: filling the hole with the name that was taken out gives back what was said.

use crate::access::coverage::Sighting;
use crate::access::folded::{self, Class};
use crate::access::observation::Basis;
use crate::access::request::{Request, RequestKey};

use super::decoded::End;

/// Takes the name out of the requests that are about it; gives it, and which requests those are. Empty where there is none.
pub(super) fn cut(end: &mut End, sighting: &mut Option<Sighting>) -> (String, Vec<usize>) {
    let End::Observed(asked) = end else { return Default::default() };
    // What follows from a request may be about other names, and does not follow at every stage of it.
    let stated = asked.iter().filter(|asked| asked.basis == Basis::Stated);
    let Some((_, name)) = stated.map(|asked| &asked.request).find_map(split) else { return Default::default() };
    let mut holes = Vec::new();
    for (place, asked) in asked.iter_mut().enumerate() {
        if let Some((key, _)) = split(&asked.request).filter(|(_, own)| *own == name) {
            set(&mut asked.request, key);
            holes.push(place);
        }
    }
    // Only their accounts and regions are looked at.
    if let Some(Sighting::Trail(sighting)) = sighting {
        for arn in &mut sighting.arns {
            if let Some((fixed, _)) = folded::split_arn(arn).filter(|(_, own)| *own == name) {
                *arn = fixed;
            }
        }
    }
    (name, holes)
}

/// A request that is about one exact name.
fn split(request: &Request) -> Option<(RequestKey, String)> {
    folded::split(&request.key()).filter(|(_, name)| !folded::is_open(name))
}

fn set(request: &mut Request, key: RequestKey) {
    match (request, key) {
        (Request::Aws(request), RequestKey::Aws(key)) => request.key = key,
        (Request::Kube(request), RequestKey::Kube(key)) => *request = key,
        (Request::Aws(_) | Request::Kube(_) | Request::Pod(_) | Request::Flow(_), _) => {}
    }
}

/// What fills a hole.
#[derive(Debug, Clone, Copy)]
pub(super) enum Filling<'a> {
    /// One name.
    Name(&'a str),
    /// All names of a class.
    Class(&'a Class),
}

/// Fills a request's hole.
pub(super) fn fill(request: &mut Request, filling: Filling<'_>) {
    let key = match filling {
        Filling::Name(name) => folded::on_name(&request.key(), name),
        Filling::Class(class) => folded::on_class(&request.key(), class),
    };
    set(request, key);
}
