//! Stored profiles as one: any split of the logs over profiles, merged in any order, gives the profile of them all.

use super::ProfileError;
use crate::access::profile::Profile;

/// Merges profiles, each with the name it is told by. None gives an empty profile.
///
/// With `overlapping`, profiles that counted the same log are merged all the same: what is granted does not change by that, but
/// counts are then upper bounds.
///
/// # Errors
/// When a profile cannot be had, or two counted the same log.
pub fn merge(
    parts: impl IntoIterator<Item = Result<(String, Profile), ProfileError>>,
    overlapping: bool,
) -> Result<Profile, ProfileError> {
    let mut whole = Profile::default();
    let mut logs = Vec::new();
    for part in parts {
        let (name, profile) = part?;
        for (first, ledger) in &logs {
            if let (Some(log), false) = (profile.ledger.overlap(ledger).next(), overlapping) {
                let first: &String = first;
                return Err(ProfileError::Overlap { first: first.clone(), second: name, log: log.to_owned() });
            }
        }
        whole.merge(&profile);
        logs.push((name, profile.ledger));
    }
    whole.fold_names();
    Ok(whole)
}
