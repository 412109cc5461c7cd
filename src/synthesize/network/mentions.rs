//! Who calls whom, as far as configuration says: a container whose environment or arguments name a Service.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::inventory::Place;

use super::topology::{Topology, words};

/// (client workload, service) to the ports of the Service that were named; empty means no port was named.
pub(super) type Links<'a> = BTreeMap<(usize, &'a Place), BTreeSet<i64>>;

/// A host as a text names it.
struct Mention<'t> {
    host: &'t str,
    port: Option<i64>,
    /// Whether the text makes it a host beyond doubt: a URL, or `host:port`.
    certain: bool,
}

/// Every mention of a seen Service by a seen workload of the same cluster.
pub(super) fn links<'a>(topology: &Topology<'a>) -> Links<'a> {
    let mut links = Links::new();
    for (client, node) in topology.workloads.iter().enumerate() {
        for (word, is_value) in words(node.pod) {
            for mention in mentions(word, is_value) {
                let Some((name, namespace)) = service_of(mention.host, node.namespace) else { continue };
                // A single word is the name of a Service only where it stands as a host or as a value.
                if !mention.host.contains('.') && !mention.certain {
                    continue;
                }
                let place = Place { cluster: node.cluster.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() };
                if let Some((place, _)) = topology.services.get_key_value(&place) {
                    links.entry((client, *place)).or_default().extend(mention.port);
                }
            }
        }
    }
    links
}

/// The hosts that a word may name: of URLs, of `host:port`, alone or in lists.
fn mentions(word: &str, is_value: bool) -> Vec<Mention<'_>> {
    let separators = |character: char| character.is_whitespace() || ",;\"'()[]{}|<>".contains(character);
    let mut mentions = Vec::new();
    for part in word.split(separators).filter(|part| !part.is_empty()) {
        let (url, candidate) = match part.split_once("://") {
            Some((_, rest)) => (true, rest),
            None => (false, part),
        };
        // `--option=value` and `name=value`; a URL's own query is cut off below.
        let (assigned, candidate) = match candidate.split_once('=') {
            Some((_, value)) if !url => (true, value.split_once("://").map_or(value, |(_, rest)| rest)),
            _ => (is_value, candidate),
        };
        let authority = candidate.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None => (authority, None),
        };
        if !host.is_empty() {
            mentions.push(Mention { host: host.trim_end_matches('.'), port, certain: url || assigned || port.is_some() });
        }
    }
    mentions
}

/// The Service and its namespace that a host name stands for in a pod of `namespace`; whether it exists is another question.
/// <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/>
fn service_of<'h>(host: &'h str, namespace: &'h str) -> Option<(&'h str, &'h str)> {
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [name] => Some((name, namespace)),
        [name, namespace] | [_, name, namespace] if !labels.contains(&"svc") => Some((name, namespace)),
        [name, namespace, "svc", ..] | [_, name, namespace, "svc", ..] => Some((name, namespace)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(word: &str, is_value: bool) -> Vec<(String, Option<i64>, bool)> {
        let plain = |mention: Mention<'_>| (mention.host.to_owned(), mention.port, mention.certain);
        mentions(word, is_value).into_iter().map(plain).collect()
    }

    #[test]
    fn hosts_are_found_in_urls_lists_and_options() {
        assert_eq!(hosts("postgres://user:p@db.data:5432/x?y=z", false), [("db.data".to_owned(), Some(5432), true)]);
        assert_eq!(hosts("--redis=cache", false), [("cache".to_owned(), None, true)]);
        assert_eq!(
            hosts("--url=http://api.shop.svc.cluster.local./v1", false),
            [("api.shop.svc.cluster.local".to_owned(), None, true)]
        );
        assert_eq!(hosts("a:1,b:2", false), [("a".to_owned(), Some(1), true), ("b".to_owned(), Some(2), true)]);
        assert_eq!(hosts("web", false), [("web".to_owned(), None, false)]);
        assert_eq!(hosts("web", true), [("web".to_owned(), None, true)]);
        assert_eq!(hosts("://?#@:", true), []);
    }

    #[test]
    fn service_names_are_told_by_their_form() {
        assert_eq!(service_of("db", "shop"), Some(("db", "shop")));
        assert_eq!(service_of("db.data", "shop"), Some(("db", "data")));
        assert_eq!(service_of("db.data.svc.cluster.local", "shop"), Some(("db", "data")));
        assert_eq!(service_of("db-0.db.data.svc", "shop"), Some(("db", "data")));
        assert_eq!(service_of("a.b.c.d", "shop"), None);
    }
}
