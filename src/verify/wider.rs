//! Wider requests: what an identity was allowed that lets through what it was refused, too.

use std::cell::OnceCell;

use rapidhash::RapidHashMap;

use crate::access::aws::{Arn, AwsRequestKey, Context, Resource};
use crate::access::kube::{KubeRequest, KubeTarget};
use crate::access::request::RequestKey;
use crate::policy::grant::{Condition, Permit};

/// The requests that were allowed to one identity, in order of first sight.
pub(super) struct Granted<'a> {
    keys: Vec<&'a RequestKey>,
    index: OnceCell<Index<'a>>,
}

/// Where requests stand that can be asked for by their key, and those that stand for many.
struct Index<'a> {
    exact: RapidHashMap<&'a RequestKey, usize>,
    open: Vec<usize>,
}

impl<'a> Granted<'a> {
    pub(super) fn new(keys: Vec<&'a RequestKey>) -> Self {
        Granted { keys, index: OnceCell::new() }
    }

    /// The first that asked for `key` too: by a wildcard, as a request for what does not exist yet does, or by naming less.
    pub(super) fn wider_than(&self, key: &RequestKey) -> Option<&'a RequestKey> {
        let Index { exact, open } = self.index.get_or_init(|| Index::of(&self.keys));
        let named = naming_less(key).iter().filter_map(|wider| exact.get(wider).copied()).min();
        let opened = open.iter().copied().find(|place| self.keys.get(*place).is_some_and(|wider| asks_for(wider, key)));
        self.keys.get(named.into_iter().chain(opened).min()?).copied()
    }
}

impl<'a> Index<'a> {
    fn of(keys: &[&'a RequestKey]) -> Self {
        let (mut exact, mut open) = (RapidHashMap::default(), Vec::new());
        for (place, key) in keys.iter().enumerate() {
            match key {
                RequestKey::Aws(AwsRequestKey { resource: Resource::Arn(arn), .. }) if is_literal(arn) => {
                    exact.insert(*key, place);
                }
                RequestKey::Aws(_) => open.push(place),
                RequestKey::Kube(_) => {
                    exact.insert(*key, place);
                }
                // They ask for nothing but themselves.
                RequestKey::Pod(_) | RequestKey::Flow(_) => {}
            }
        }
        Index { exact, open }
    }
}

/// Whether an ARN matches nothing but itself.
fn is_literal(arn: &Arn) -> bool {
    [&arn.partition, &arn.service, &arn.region, &arn.account, &arn.resource].iter().all(|part| part.as_literal().is_some())
}

/// The requests for the same, without what they may leave out: the service in between, the namespace, the name.
fn naming_less(key: &RequestKey) -> Vec<RequestKey> {
    match key {
        RequestKey::Aws(asked) => vec![RequestKey::Aws(AwsRequestKey { via: None, ..asked.clone() })],
        RequestKey::Kube(asked) => {
            let KubeTarget::Resource(about) = &asked.target else { return Vec::new() };
            let namespaces = [String::new(), about.namespace.clone()];
            let less = namespaces.iter().flat_map(|namespace| {
                [String::new(), about.name.clone()].map(|name| {
                    let mut about = about.clone();
                    (about.namespace, about.name) = (namespace.clone(), name);
                    RequestKey::Kube(KubeRequest { verb: asked.verb.clone(), target: KubeTarget::Resource(about) })
                })
            });
            less.collect()
        }
        RequestKey::Pod(_) | RequestKey::Flow(_) => Vec::new(),
    }
}

fn asks_for(wider: &RequestKey, key: &RequestKey) -> bool {
    if let (RequestKey::Aws(asked), RequestKey::Aws(refused)) = (wider, key)
        && let Resource::Arn(arn) = &asked.resource
    {
        let resource = arn.to_policy();
        let permit = Permit::Iam { action: asked.action.to_string(), resource, condition: Condition::new() };
        return (asked.via.is_none() || asked.via == refused.via) && permit.covers(&key.to_request(Context::new()));
    }
    wider.implies(key)
}
