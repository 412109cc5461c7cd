//! Quotas: statements are spread over as few documents as they need, cut only along what they say, never widened to fit.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
//!
//! statements -> with Sids, or without where that saves a document -> documents, filled to the limit
//!
//! Invariant: the documents together say exactly what the statements say.

use super::merge;
use crate::access::identity::{Identity, Name};
use crate::config::{Attach, Documents};
use crate::policy::iam::limits::{Counted, Limit, MANAGED, PERMISSION_SET, ROLE_INLINE, USER_INLINE};
use crate::policy::iam::model::{ActionPattern, Actions, PolicyDocument, ResourcePattern, Resources, Statement, Version};

/// What the documents of one identity must keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    limit: Limit,
    documents_max: usize,
}

/// Documents, and whether they keep to their room.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) documents: Vec<PolicyDocument>,
    /// What a person should know where they don't fit.
    pub(super) over: Option<String>,
}

/// What a split adds to a Sid at most: `Part` and its number.
const SUFFIX_MAX: usize = 8;
/// So many more documents than the least thinkable are tried to be filled to the brim; then they are filled as they come.
const TRIES_MAX: usize = 8;

impl Room {
    /// What an identity's documents must keep to.
    pub(super) fn of(identity: &Identity, settings: &Documents) -> Room {
        let is_user = matches!(identity.name, Name::User(_));
        match settings.attach {
            Attach::Managed => Room { limit: MANAGED, documents_max: settings.policies_max },
            Attach::Boundary => Room { limit: MANAGED, documents_max: 1 },
            Attach::PermissionSet => Room { limit: PERMISSION_SET, documents_max: 1 },
            Attach::Inline => Room { limit: if is_user { USER_INLINE } else { ROLE_INLINE }, documents_max: 1 },
        }
    }

    /// The size of a document. Where white space counts, it is counted as the file is written.
    fn size(&self, document: &PolicyDocument) -> usize {
        match self.limit.counted {
            Counted::Characters | Counted::Bytes => self.limit.size(document),
            Counted::Written => serde_json::to_string_pretty(document).map_or(usize::MAX, |text| text.chars().count()),
        }
    }

    /// What all of it costs, where it fits one document as it stands; else `None`. Only characters without white space add up to the
    /// same however they are arranged.
    fn fits_whole(&self, document: &PolicyDocument) -> Option<usize> {
        let countable = self.limit.counted == Counted::Characters && document.statements.iter().all(Statement::is_plain);
        let size = (countable && !document.statements.is_empty()).then(|| self.size(document))?;
        (size <= self.limit.size_max).then_some(size)
    }

    /// What a list's element costs beside its quotes and comma.
    fn indent(&self) -> usize {
        if self.limit.counted == Counted::Written { "\n          ".len() } else { 0 }
    }
}

/// The documents. Sids are left out where that saves a document.
pub(super) fn documents(statements: &[Statement], room: &Room) -> Fitted {
    let whole = document(statements.to_vec());
    let (documents, sizes) = match room.fits_whole(&whole) {
        Some(size) => (vec![whole], vec![size]),
        None => {
            let documents: Vec<PolicyDocument> = packed(statements, room).into_iter().map(document).collect();
            let sizes = documents.iter().map(|document| room.size(document)).collect();
            (documents, sizes)
        }
    };
    let fits = documents.len() <= room.documents_max && sizes.iter().all(|size| *size <= room.limit.size_max);
    let over = (!fits).then(|| over(&sizes, room));
    Fitted { documents, over }
}

fn document(statements: Vec<Statement>) -> PolicyDocument {
    PolicyDocument { version: Version::V2012, id: None, statements }
}

/// Statements by document, with Sids or without.
fn packed(statements: &[Statement], room: &Room) -> Vec<Vec<Statement>> {
    let named = pack(statements, room);
    if named.len() <= 1 {
        return named;
    }
    let bare: Vec<Statement> = statements.iter().cloned().map(|statement| Statement { sid: None, ..statement }).collect();
    let bare = pack(&bare, room);
    if bare.len() < named.len() { bare } else { named }
}

fn over(sizes: &[usize], room: &Room) -> String {
    let Room { limit: Limit { kind, size_max, .. }, documents_max } = room;
    let all: usize = sizes.iter().sum();
    let long = sizes.iter().filter(|size| *size > size_max).count();
    let grant = if long > 0 { format!("; {long} of them hold one grant that is longer than that") } else { String::new() };
    let more = if *documents_max > 1 { "raise `documents.policies-max` (AWS grants up to 20)" } else { "set `documents.attach`" };
    format!(
        "needs {all} characters in {} documents of at most {size_max} ({kind}), and {documents_max} can be attached{grant}. Nothing was \
         widened to fit: generalize more, {more}, allow `documents.action-wildcards`, or split the identity",
        sizes.len()
    )
}

/// A statement with what its elements cost.
#[derive(Debug, Clone)]
struct Piece {
    /// Where the whole statement stood.
    place: usize,
    statement: Statement,
    /// Without actions and resources.
    frame: usize,
    actions: Vec<(usize, ActionPattern)>,
    resources: Vec<(usize, ResourcePattern)>,
    is_part: bool,
}

fn sum<T>(elements: &[(usize, T)]) -> usize {
    elements.iter().map(|(length, _)| length).sum()
}

impl Piece {
    /// `None` for a statement that is not made of actions and resources. `empty` is the size of a document without statements.
    fn of(place: usize, statement: &Statement, room: &Room, empty: usize) -> Option<Piece> {
        let (Actions::Action(actions), Resources::Resource(resources)) = (&statement.actions, &statement.resources) else {
            return None;
        };
        let indent = room.indent();
        let statement =
            Statement { actions: Actions::Action(Vec::new()), resources: Resources::Resource(Vec::new()), ..statement.clone() };
        // Closing brackets stand on lines of their own where white space counts.
        let frame = room.size(&document(vec![statement.clone()])).saturating_sub(empty) + 1 + 2 * indent;
        Some(Piece {
            place,
            statement,
            frame,
            actions: actions.iter().map(|action| (merge::length(action.text()) + indent, action.clone())).collect(),
            resources: resources.iter().map(|one| (merge::length(one.text()) + indent, one.clone())).collect(),
            is_part: false,
        })
    }

    fn cost(&self) -> usize {
        let suffix = if self.is_part && self.statement.sid.is_some() { SUFFIX_MAX } else { 0 };
        // The last of a list has no comma.
        (self.frame + suffix + sum(&self.actions) + sum(&self.resources)).saturating_sub(2)
    }

    /// As much of it as fits `free` characters, and what remains; `None` where not one action on one resource does.
    fn cut(&self, free: usize) -> Option<(Piece, Vec<Piece>)> {
        let part = Piece { is_part: true, actions: Vec::new(), resources: Vec::new(), ..self.clone() };
        let free = free.checked_sub(part.cost())?.checked_sub(2)?;
        let (actions, resources) = (sum(&self.actions), sum(&self.resources));
        let shortest = |lengths: &mut dyn Iterator<Item = usize>| lengths.min().unwrap_or(usize::MAX);
        let first_resource = shortest(&mut self.resources.iter().map(|(length, _)| *length).take(1));
        let first_action = shortest(&mut self.actions.iter().map(|(length, _)| *length).take(1));
        // The shorter side is the one to be written twice.
        let by_resource = actions.saturating_add(first_resource) <= free;
        let by_action = resources.saturating_add(first_action) <= free;
        let (taken_actions, taken_resources) = match (by_resource, by_action) {
            (true, _) if actions <= resources || !by_action => (self.actions.len(), fitting(&self.resources, free - actions)),
            (_, true) => (fitting(&self.actions, free - resources), self.resources.len()),
            _ => {
                let some = fitting(&self.actions, (free / 2).max(first_action)).max(1);
                let left = free.checked_sub(self.actions.iter().take(some).map(|(length, _)| length).sum())?;
                (some, fitting(&self.resources, left))
            }
        };
        if taken_actions == 0 || taken_resources == 0 {
            return None;
        }
        let (front_actions, back_actions) = self.actions.split_at_checked(taken_actions)?;
        let (front, back) = self.resources.split_at_checked(taken_resources)?;
        let with = |actions: &[(usize, ActionPattern)], resources: &[(usize, ResourcePattern)]| Piece {
            actions: actions.to_vec(),
            resources: resources.to_vec(),
            ..part.clone()
        };
        let rest = [with(front_actions, back), with(back_actions, &self.resources)];
        let rest = rest.into_iter().filter(|piece| !piece.actions.is_empty() && !piece.resources.is_empty()).collect();
        Some((with(front_actions, front), rest))
    }

    fn into_statement(self) -> Statement {
        Statement {
            actions: Actions::Action(self.actions.into_iter().map(|(_, action)| action).collect()),
            resources: Resources::Resource(self.resources.into_iter().map(|(_, resource)| resource).collect()),
            ..self.statement
        }
    }
}

/// How many elements from the front are within `free` characters.
fn fitting<T>(elements: &[(usize, T)], free: usize) -> usize {
    let mut taken = 0_usize;
    elements
        .iter()
        .take_while(|(length, _)| {
            taken = taken.saturating_add(*length);
            taken <= free
        })
        .count()
}

/// A document while it is filled: what is still free, and what is in it.
type Bin = (usize, Vec<Piece>);

/// Statements by document.
fn pack(statements: &[Statement], room: &Room) -> Vec<Vec<Statement>> {
    let empty = room.size(&document(Vec::new()));
    let pieces = statements.iter().enumerate().filter_map(|(place, one)| Piece::of(place, one, room, empty));
    let pieces: Vec<Piece> = pieces.collect();
    // Each statement pays for a comma, and the first has none.
    let free = room.limit.size_max.saturating_sub(empty) + 1;
    let all: usize = pieces.iter().map(Piece::cost).sum();
    let least = all.div_ceil(free.max(1)).max(1);
    let filled = (least..least.saturating_add(TRIES_MAX)).find_map(|bins| fill(&pieces, free, Some(bins)));
    let mut bins = filled.or_else(|| fill(&pieces, free, None)).unwrap_or_default();
    bins.retain(|(_, pieces)| !pieces.is_empty());
    for (_, pieces) in &mut bins {
        pieces.sort_by_key(|piece| piece.place);
    }
    bins.sort_by_key(|(_, pieces)| pieces.first().map(|piece| piece.place));
    let mut packed = Vec::new();
    let mut parts = std::collections::BTreeMap::new();
    for (_, pieces) in bins {
        let mut statements = Vec::new();
        for mut piece in pieces {
            if let Some(sid) = piece.statement.sid.as_mut().filter(|_| piece.is_part) {
                let number: &mut usize = parts.entry(piece.place).or_default();
                *number += 1;
                sid.push_str(&format!("Part{number}"));
            }
            statements.push(piece.into_statement());
        }
        packed.push(statements);
    }
    packed
}

/// Fills so many documents, or as many as it takes; `None` where they are too few. The largest statements are placed first, each
/// where it leaves least room; what fits nowhere is cut into the document with the most room.
fn fill(pieces: &[Piece], free: usize, bins: Option<usize>) -> Option<Vec<Bin>> {
    let mut filled: Vec<Bin> = (0..bins.unwrap_or(1)).map(|_| (free, Vec::new())).collect();
    let mut order: Vec<&Piece> = pieces.iter().collect();
    order.sort_by_key(|piece| (std::cmp::Reverse(piece.cost()), piece.place));
    let mut open: Vec<Piece> = Vec::new();
    for piece in order {
        if let Some(piece) = place(&mut filled, piece.clone()) {
            open.push(piece);
        }
    }
    open.reverse();
    while let Some(piece) = open.pop() {
        let Some(piece) = place(&mut filled, piece) else { continue };
        let most = filled.iter_mut().enumerate().max_by_key(|(number, (free, _))| (*free, std::cmp::Reverse(*number)));
        let cut = most.and_then(|(_, bin)| piece.cut(bin.0).map(|cut| (bin, cut)));
        match (cut, bins) {
            (Some((bin, (part, rest))), _) => {
                bin.0 = bin.0.saturating_sub(part.cost());
                bin.1.push(part);
                open.extend(rest);
            }
            (None, Some(_)) => return None,
            // Not one action on one resource fits an empty document: it stands alone, too long.
            (None, None) if piece.cut(free).is_none() => match piece.cut(usize::MAX / 2) {
                Some((part, rest)) if part.actions.len() * part.resources.len() > 1 => {
                    open.extend(halves(part).into_iter().chain(rest))
                }
                _ => filled.push((0, vec![piece])),
            },
            (None, None) => {
                filled.push((free, Vec::new()));
                open.push(piece);
            }
        }
    }
    Some(filled)
}

/// Both halves of the side with more elements.
fn halves(piece: Piece) -> Vec<Piece> {
    let (mut front, mut back) = (piece.clone(), piece);
    if front.resources.len() >= front.actions.len() {
        back.resources = front.resources.split_off(front.resources.len() / 2);
    } else {
        back.actions = front.actions.split_off(front.actions.len() / 2);
    }
    vec![back, front]
}

/// Puts a piece where it leaves the least room; gives it back where it fits nowhere.
fn place(bins: &mut [Bin], piece: Piece) -> Option<Piece> {
    let cost = piece.cost();
    let best = bins.iter_mut().filter(|(free, _)| *free >= cost).min_by_key(|(free, _)| *free);
    match best {
        Some((free, pieces)) => {
            *free -= cost;
            pieces.push(piece);
            None
        }
        None => Some(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::iam::model::{Conditions, Effect};
    use crate::policy::iam::permits;

    const ROOM: Room = Room { limit: MANAGED, documents_max: 10 };

    fn statement(sid: &str, resources: usize, length: usize) -> Statement {
        let resource = |number| ResourcePattern::new(&format!("arn:aws:s3:::{}{number:05}", "b".repeat(length)), Version::V2012);
        Statement {
            sid: Some(sid.to_owned()),
            effect: Effect::Allow,
            principal: None,
            actions: Actions::Action(vec![ActionPattern::new("s3:ListBucket"), ActionPattern::new("s3:GetBucketAcl")]),
            resources: Resources::Resource((0..resources).map(resource).collect()),
            condition: Conditions::new(),
        }
    }

    #[test]
    fn documents_keep_the_quota_and_say_the_same() {
        let statements: Vec<Statement> = (0..30).map(|number| statement(&format!("S{number}"), 10, 20)).collect();
        let whole = PolicyDocument {
            version: Version::V2012,
            id: None,
            statements: [statements, vec![statement("Big", 300, 30)]].concat(),
        };
        let sorted = |documents: &[PolicyDocument]| {
            let mut all: Vec<_> = documents.iter().flat_map(permits).collect();
            all.sort();
            all
        };
        for room in [ROOM, Room { limit: PERMISSION_SET, documents_max: 2 }] {
            let fitted = documents(&whole.statements, &room);
            assert_eq!(fitted.over, None);
            let sizes: Vec<usize> = fitted.documents.iter().map(|document| room.size(document)).collect();
            let all: usize = sizes.iter().sum();
            assert_eq!(sizes.len(), all.div_ceil(room.limit.size_max), "{sizes:?}");
            assert_eq!(sorted(&fitted.documents), sorted(std::slice::from_ref(&whole)));
        }
    }

    #[test]
    fn sids_are_given_up_before_a_second_document() {
        let long = "S".repeat(60);
        let statements: Vec<Statement> = (0..11).map(|number| statement(&format!("{long}{number}"), 7, 40)).collect();
        let fitted = documents(&statements, &ROOM);
        assert_eq!(fitted.documents.len(), 1);
        assert!(fitted.documents.iter().flat_map(|one| &one.statements).all(|statement| statement.sid.is_none()));
        let fitted = documents(statements.get(..8).unwrap(), &ROOM);
        assert!(fitted.documents.iter().flat_map(|one| &one.statements).all(|statement| statement.sid.is_some()));
    }

    #[test]
    fn what_cannot_fit_is_said() {
        assert!(documents(&[statement("Long", 1, 7_000)], &ROOM).over.is_some_and(|note| note.contains("longer than that")));
        assert!(documents(&[statement("Longer", 3, 7_000), statement("Small", 3, 7)], &ROOM).over.is_some());
        let many = documents(&[statement("Many", 2_000, 50)], &ROOM);
        assert!(many.over.is_some_and(|note| note.contains("10 can be attached")) && many.documents.len() > 20);
    }
}
