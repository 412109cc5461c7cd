//! What decoding one record gives: owned, so that it can cross from a reading thread to the sink.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::access::coverage::Sighting;
use crate::access::identity::{Home, Identity};
use crate::access::inventory::Fact;
use crate::access::observation::{Basis, Observation, Outcome, Reject, Skip, Undecided};
use crate::access::pod::Pod;
use crate::access::request::Request;
use crate::access::times::Times;

use super::hole::{self, Filling};
use crate::access::folded;

/// One decoded record.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// eventID or auditID; empty collapses nothing.
    pub id: String,
    /// For Kubernetes: which stage of its request this is.
    pub stage: Stage,
    /// When it was asked; `None` where the record ended before its time was read.
    pub time: Option<Timestamp>,
    /// To what the platform says it issued the credentials, as [`crate::access::observation::Observation::issued_to`] has it; empty where it says nothing.
    pub issued_to: String,
    /// Which binding allowed what the record states, in RBAC's own words; empty where nothing says so.
    pub allowed_by: String,
    /// How it ends, duplicates and stages aside.
    pub end: End,
    /// What it shows to exist.
    pub facts: Vec<Fact>,
    /// What it says about the recording.
    pub sighting: Option<Sighting>,
}

/// The audit stage of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// No stages (CloudTrail, GKE), or the record says none.
    Whole,
    /// A CloudTrail addendum: the event whose id this carries, delivered again with changes.
    Updated,
    /// RequestReceived: there is no answer yet.
    Received,
    /// ResponseStarted: the answer began.
    Started,
    /// ResponseComplete or Panic: answered.
    Answered,
}

/// How a record ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum End {
    /// As requests, at least one.
    Observed(Vec<Asked>),
    /// See [`Undecided`].
    Undecided {
        /// Why.
        why: Undecided,
        /// Who asked, where that is known.
        identity: Option<Identity>,
    },
    /// See [`Skip`].
    Skipped(Skip),
    /// See [`Reject`].
    Rejected {
        /// Why.
        reject: Reject,
        /// The field and what was expected, or the parser's words.
        detail: String,
    },
}

/// One request of a record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// Who.
    pub identity: Identity,
    /// Kubernetes groups; empty for AWS.
    pub groups: Vec<String>,
    /// What.
    pub request: Request,
    /// How it follows from the record.
    pub basis: Basis,
    /// The answer.
    pub outcome: Outcome,
}

impl Asked {
    /// The request as it was seen at these times; whoever asked carried nothing else that is known.
    pub(super) fn observation<'a>(&'a self, times: &'a Times) -> Observation<'a> {
        Observation {
            identity: &self.identity,
            groups: &self.groups,
            request: &self.request,
            basis: &self.basis,
            outcome: self.outcome,
            issued_to: "",
            allowed_by: "",
            folded: 0,
            times,
        }
    }
}

/// What a record's wrapper said about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surround {
    /// The cluster, from `--cluster`, a log group, an ARN or a label; `None` where nothing names it.
    pub cluster: Option<String>,
    /// When the wrapper says that the record was made; stands in where the record itself carries no time.
    pub time: Option<Timestamp>,
    /// Whose output the record was, where the wrapper says so: a pod, by namespace and name.
    pub pod: Option<(String, String)>,
}

/// How much of a detail is kept, in characters.
const DETAIL_CHARS_MAX: usize = 400;

/// Ids longer than this, in bytes, are replaced by their hash: no platform makes one, and evidence keeps ids.
pub(super) const ID_BYTES_MAX: usize = 256;

/// What a [`Said`] takes in memory beside its texts and its facts, in bytes, roughly.
const SAID_BYTES: usize = 1 << 10;

/// What it takes for each byte that it is spelled in.
const BYTES_BY_SPELLED: usize = 3;

/// What one of its facts takes, in bytes, roughly: what is larger, such as a pod, is mostly kept elsewhere too.
const FACT_BYTES: usize = 512;

/// What a record says, its id and its time aside.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) issued_to: String,
    pub(super) allowed_by: String,
    pub(super) end: End,
    pub(super) facts: Vec<Fact>,
    pub(super) sighting: Option<Sighting>,
    /// Which of the requests are about the name that a record has of its own; it is taken out of them.
    pub(super) holes: Vec<usize>,
    /// The least level at which its names stand together.
    pub(super) level_min: u8,
    /// All of it but the facts: 128 bits of BLAKE3.
    pub(super) digest: Digest,
    pub(super) signatures: Signatures,
    /// What it takes in memory, in bytes, roughly.
    pub(super) bytes: usize,
}

impl Said {
    /// The same with its holes filled.
    pub(super) fn filled(&self, filling: Filling<'_>) -> Said {
        let mut end = self.end.clone();
        if let End::Observed(asked) = &mut end {
            for place in &self.holes {
                if let Some(asked) = asked.get_mut(*place) {
                    hole::fill(&mut asked.request, filling);
                }
            }
        }
        Said { end, ..self.clone() }
    }

    /// Whether records that say this may be counted together; one that cannot be used is told by its place.
    pub(super) fn is_shared(&self) -> bool {
        match &self.end {
            End::Observed(asked) => !asked.is_empty(),
            End::Undecided { .. } | End::Skipped(_) => true,
            End::Rejected { .. } => false,
        }
    }
}

/// A content, told by 128 bits of BLAKE3.
pub(super) type Digest = [u8; 16];

/// What records say, and where a batch holds it already.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) stage: Stage,
    /// What fills the holes; empty where records that say this have a name of their own each.
    pub(super) name: String,
    pub(super) said: Arc<Said>,
    /// The number of the latest batch that holds it, and its place there.
    pub(super) placed: Cell<(u64, u32)>,
}

impl Kept {
    pub(super) fn new(stage: Stage, name: String, said: Said) -> Self {
        Kept { stage, name, said: Arc::new(said), placed: Cell::default() }
    }

    /// Whether a text stands anywhere in what is said, holes aside.
    pub(super) fn holds(&self, text: &str) -> bool {
        let Said { issued_to, allowed_by, end, facts, sighting, .. } = &*self.said;
        let whole = serde_json::to_string(&(issued_to, allowed_by, end, facts, sighting)).unwrap_or_default();
        whole.contains(text)
    }
}

/// One record on its way into a batch; records that say the same share what they say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    /// eventID or auditID, of bounded size; empty collapses nothing.
    pub(super) id: &'a str,
    pub(super) time: Option<Timestamp>,
    /// What fills the holes of what it says; empty where it has none.
    pub(super) name: &'a str,
    pub(super) kept: &'a Kept,
}

impl Leaf<'_> {
    /// Hands over a record that was decoded by itself.
    pub(super) fn fresh(decoded: Decoded, out: &mut dyn FnMut(Leaf<'_>)) {
        let (id, time, kept) = decoded.apart();
        out(Leaf { id: &id, time, name: &kept.name, kept: &kept });
    }
}

/// What of a record decides what it says, its id and its time aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dependence {
    /// Its signature.
    Signed,
    /// Its signature and these values.
    Reads(Reads),
    /// Everything, its time too.
    Unique,
}

/// Values of a CloudTrail record that its translation read; which ones is decided by the rest of the record, and by these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reads {
    /// Request parameters by name, in order.
    pub(super) parameters: Vec<String>,
    /// Request parameters of which it was only asked whether they begin as an ARN does.
    pub(super) looked_at: Vec<String>,
    /// The body of the answer.
    pub(super) response: bool,
}

/// What tells whether two records of one id are the same, or stages of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signatures {
    /// What the record itself says: which cluster it comes from is its wrapper's word.
    pub(super) content: u64,
    /// Who asked for what, outcome aside, where the record says it.
    pub(super) asked: Option<u64>,
    /// Everything that would be counted; `None` where nothing is.
    pub(super) counted: Option<u64>,
}

impl Signatures {
    fn of(issued_to: &str, allowed_by: &str, end: &End) -> Self {
        let [mut content, mut who, mut all] = [(); 3].map(|()| DefaultHasher::new());
        (issued_to, allowed_by, std::mem::discriminant(end)).hash(&mut content);
        match end {
            End::Observed(asked) => {
                for asked in asked {
                    let Asked { identity, groups, request, basis, outcome } = asked;
                    let key = request.key();
                    if *basis == Basis::Stated && !matches!(request, Request::Pod(_)) {
                        (identity, &key).hash(&mut who);
                    }
                    (identity, groups, &key, basis, outcome).hash(&mut all);
                    (account_of(identity), &identity.name, groups, &key, request.context(), basis, outcome).hash(&mut content);
                }
            }
            End::Undecided { why, identity } => {
                (why, identity).hash(&mut all);
                why.hash(&mut content);
            }
            End::Skipped(skip) => skip.hash(&mut content),
            End::Rejected { reject, detail } => (reject, detail).hash(&mut content),
        }
        let asked = matches!(end, End::Observed(_)).then(|| who.finish());
        let counted = matches!(end, End::Observed(_) | End::Undecided { .. }).then(|| all.finish());
        Signatures { content: content.finish(), asked, counted }
    }
}

/// The account that the record itself names; `None` for a cluster.
fn account_of(identity: &Identity) -> Option<&Home> {
    match &identity.home {
        Home::Account { .. } => Some(&identity.home),
        Home::Cluster(_) => None,
    }
}

impl Decoded {
    /// The pods in what it says and shows.
    pub(super) fn pods(&mut self) -> impl Iterator<Item = &mut Arc<Pod>> {
        let asked = if let End::Observed(asked) = &mut self.end { asked.as_mut_slice() } else { &mut [] };
        let admitted = asked
            .iter_mut()
            .filter_map(|asked| if let Request::Pod(pod) = &mut asked.request { Some(&mut pod.pod) } else { None });
        let shown = self.facts.iter_mut().filter_map(|fact| if let Fact::Workload { pod, .. } = fact { Some(pod) } else { None });
        admitted.chain(shown)
    }

    /// The id, of bounded size, and the time; and what is left.
    pub(super) fn apart(self) -> (String, Option<Timestamp>, Kept) {
        let Decoded { mut id, stage, time, issued_to, allowed_by, mut end, facts, mut sighting } = self;
        if id.len() > ID_BYTES_MAX {
            id = format!("blake3:{}", blake3::hash(id.as_bytes()).to_hex());
        }
        let (name, holes) = hole::cut(&mut end, &mut sighting);
        if let End::Observed(asked) = &mut end {
            // It is kept for long, and a list grows by more than it needs.
            asked.shrink_to_fit();
        }
        let signatures = Signatures::of(&issued_to, &allowed_by, &end);
        let whole = serde_json::to_vec(&(&issued_to, &allowed_by, &end, &sighting, &holes)).unwrap_or_default();
        let mut digest = Digest::default();
        blake3::Hasher::new().update(&whole).finalize_xof().fill(&mut digest);
        let level_min = match &end {
            End::Observed(asked) => {
                let first = holes.first().and_then(|place| asked.get(*place));
                first.map_or(0, |asked| folded::level_min(&asked.request.key()))
            }
            End::Undecided { .. } | End::Skipped(_) | End::Rejected { .. } => 0,
        };
        let bytes = SAID_BYTES + BYTES_BY_SPELLED * whole.len() + FACT_BYTES * facts.len();
        let said = Said { issued_to, allowed_by, end, facts, sighting, holes, level_min, digest, signatures, bytes };
        (id, time, Kept::new(stage, name, said))
    }

    /// A record that cannot be used. `detail` may quote the record, so only its start is kept.
    #[must_use]
    pub fn rejected(reject: Reject, detail: impl Into<String>) -> Self {
        let mut detail: String = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(DETAIL_CHARS_MAX) {
            detail.truncate(end);
            detail.shrink_to_fit();
        }
        Decoded {
            id: String::new(),
            stage: Stage::Whole,
            time: None,
            issued_to: String::new(),
            allowed_by: String::new(),
            end: End::Rejected { reject, detail },
            facts: Vec::new(),
            sighting: None,
        }
    }

    /// A record that is passed over.
    #[must_use]
    pub fn skipped(skip: Skip) -> Self {
        Decoded { end: End::Skipped(skip), ..Decoded::rejected(Reject::Malformed, "") }
    }
}
