//! One identity during a replay: its documents made ready once, and what each of its requests came to.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap};
use rapidhash::RapidHashSet;
use rapidhash::fast::RandomState;

use crate::access::aws::{AwsRequestKey, Context};
use crate::access::evidence::Evidence;
use crate::access::flow::Flow;
use crate::access::identity::Identity;
use crate::access::kube::KubeRequest;
use crate::access::pod::PodRequest;
use crate::access::request::{Request, RequestKey};
use crate::policy::decision::Decision;
use crate::policy::set::Documents;
use crate::policy::{iam, rbac};

/// So many sets of groups of one identity are kept ready at once.
const GROUPS_MAX: usize = 16;

/// So many contexts of one identity are kept to be shared; most of its requests have one of a few.
const CONTEXTS_MAX: usize = 16;

/// What one request of one identity came to, over all its records.
#[derive(Debug, Default)]
pub(super) struct Judged<'a> {
    pub(super) allowed: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
    /// A stored profile's evidence is not copied where it is all there is.
    pub(super) granted: Cow<'a, Evidence>,
    pub(super) denied: Cow<'a, Evidence>,
    /// What the documents first answered to what was allowed or failed, where that was no: a gap in one context is not made good by
    /// another.
    pub(super) gap: Option<Decision>,
    /// What first allowed what was refused: a leak in one context is not made good by another.
    pub(super) leak: Option<String>,
    /// The groups, by their place, and the context behind the latest answers.
    pub(super) latest: [Option<(usize, Arc<Context>)>; 2],
    /// The least of the contexts in which it was allowed or failed.
    pub(super) example: Option<Arc<Context>>,
    /// Whether the platform's own default bindings allow it, or bindings that stay, whatever the documents say.
    pub(super) by_default: bool,
}

/// A key of a map of requests: it is found by a request as it was observed, without a copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key(pub(super) RequestKey);

#[derive(Hash, PartialEq, Eq)]
enum Borrowed<'a> {
    Aws(&'a AwsRequestKey),
    Kube(&'a KubeRequest),
    Pod(&'a PodRequest),
    Flow(&'a Flow),
}

impl Key {
    fn borrowed(&self) -> Borrowed<'_> {
        match &self.0 {
            RequestKey::Aws(key) => Borrowed::Aws(key),
            RequestKey::Kube(request) => Borrowed::Kube(request),
            RequestKey::Pod(request) => Borrowed::Pod(request),
            RequestKey::Flow(flow) => Borrowed::Flow(flow),
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl Equivalent<Key> for Borrowed<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.borrowed()
    }
}

impl<'a> Borrowed<'a> {
    fn of(request: &'a Request) -> Self {
        match request {
            Request::Aws(request) => Borrowed::Aws(&request.key),
            Request::Kube(request) => Borrowed::Kube(request),
            Request::Pod(request) => Borrowed::Pod(request),
            Request::Flow(flow) => Borrowed::Flow(flow),
        }
    }
}

/// One identity.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    /// Whether some record shows it in a group that no authorizer is asked about.
    pub(super) is_master: bool,
    documents: Option<&'a Documents>,
    iam: Option<iam::compiled::Compiled<'a>>,
    /// By the place of its groups: its own roles and bindings, and those of every cluster.
    rbac: BTreeMap<usize, (Option<rbac::compiled::Compiled<'a>>, rbac::compiled::Compiled<'static>)>,
    pub(super) requests: IndexMap<Key, Judged<'a>, RandomState>,
    contexts: RapidHashSet<Arc<Context>>,
}

impl<'a> Asker<'a> {
    pub(super) fn of(documents: Option<&'a Documents>) -> Self {
        let iam = if let Some(Documents::Iam(documents)) = documents { Some(documents) } else { None };
        Asker {
            is_master: false,
            documents,
            iam: iam.map(|documents| iam::compiled::Compiled::of(documents)),
            rbac: BTreeMap::new(),
            requests: IndexMap::default(),
            contexts: RapidHashSet::default(),
        }
    }

    /// A context, kept once.
    pub(super) fn shared(&mut self, context: &Context) -> Arc<Context> {
        if let Some(alike) = self.contexts.get(context) {
            return Arc::clone(alike);
        }
        if self.contexts.len() >= CONTEXTS_MAX {
            self.contexts.clear();
        }
        let context = Arc::new(context.clone());
        self.contexts.insert(Arc::clone(&context));
        context
    }

    /// Where this request is counted.
    pub(super) fn place(&mut self, request: &Request) -> usize {
        match self.requests.get_index_of(&Borrowed::of(request)) {
            Some(place) => place,
            None => self.requests.insert_full(Key(request.key()), Judged::default()).0,
        }
    }

    /// What its documents answer: `Ok` names what allows it.
    pub(super) fn decide(
        &mut self,
        identity: &Identity,
        groups: (usize, &[String]),
        request: &Request,
    ) -> Result<String, Decision> {
        let answer = match (request, &self.iam, self.documents) {
            (Request::Aws(request), Some(compiled), _) => compiled.spell(compiled.decide(request), request),
            (Request::Kube(request), _, Some(Documents::Rbac(_))) => match &self.rbac(identity, groups).0 {
                Some(compiled) => compiled.spell(compiled.decide(request), request),
                None => Decision::DENY,
            },
            (_, _, Some(documents)) => documents.decide(identity, groups.1, request),
            (_, _, None) => Decision::DENY,
        };
        match answer {
            Decision::Allow { by } => Ok(by),
            Decision::ExplicitDeny { .. } | Decision::ImplicitDeny { .. } => Err(answer),
        }
    }

    /// Whether the platform's own bindings allow it.
    pub(super) fn is_default(&mut self, identity: &Identity, groups: (usize, &[String]), request: &KubeRequest) -> bool {
        self.rbac(identity, groups).1.decide(request).is_allow()
    }

    fn rbac(
        &mut self,
        identity: &Identity,
        (place, groups): (usize, &[String]),
    ) -> &(Option<rbac::compiled::Compiled<'a>>, rbac::compiled::Compiled<'static>) {
        // Whoever comes with ever new groups does not fill the memory.
        if self.rbac.len() >= GROUPS_MAX && !self.rbac.contains_key(&place) {
            self.rbac.clear();
        }
        let documents = self.documents;
        self.rbac.entry(place).or_insert_with(|| {
            let own = if let Some(Documents::Rbac(policy)) = documents { Some(policy) } else { None };
            let own = own.map(|policy| rbac::compiled::Compiled::of(policy, identity, groups));
            let all = rbac::groups_of(identity, groups);
            (own, rbac::compiled::Compiled::of(rbac::default_grants(), identity, &all))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::aws::{Action, AwsRequest, Resource};

    #[test]
    fn a_request_finds_its_own_key() {
        let name = |name: &str| {
            let key = AwsRequestKey { action: Action::parse(name).unwrap(), resource: Resource::NotBuilt, via: None };
            Request::Aws(AwsRequest { key, context: Context::new() })
        };
        let mut asker = Asker::of(None);
        let places = ["s3:A", "s3:B", "s3:A"].map(|one| asker.place(&name(one)));
        assert_eq!((places, asker.requests.len()), ([0, 1, 0], 2));
    }
}
