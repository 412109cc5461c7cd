//! Mentions: hosts that a text of configuration names, which may be Services.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many hosts are kept of one ConfigMap, the first in order.
pub const CONFIG_HOSTS_MAX: usize = 128;

/// The longest name of a Service or a namespace, in bytes.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>
const LABEL_BYTES_MAX: usize = 63;

/// A host as a text names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention<'t> {
    /// Without a trailing dot.
    pub host: &'t str,
    /// `None` where none is named.
    pub port: Option<i64>,
    /// Whether the text makes it a host beyond doubt: a URL, `host:port`, or a value.
    pub certain: bool,
    /// Whether it stands in a URL.
    pub url: bool,
}

impl<'t> Mention<'t> {
    /// The Service and its namespace that it may stand for in a pod of `namespace`. A single word is the name of a Service only where it
    /// stands as a host or as a value.
    #[must_use]
    pub fn service(&self, namespace: &'t str) -> Option<(&'t str, &'t str)> {
        service_of(self.host, namespace).filter(|_| self.certain || self.host.contains('.'))
    }
}

/// A host that a key of a ConfigMap names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConfigHost {
    /// The key; hostile text.
    pub key: String,
    /// As it is written.
    pub host: String,
    /// `None` where none is named.
    pub port: Option<i64>,
}

/// Words in the name of a key whose value is a host.
const HOST_KEYS: &[&str] = &["host", "url", "addr", "endpoint", "service", "server", "uri"];

/// Words in the name of a key whose value is a secret.
const SECRET_KEYS: &[&str] = &["pass", "secret", "token", "key", "credential"];

/// The hosts in the values of a ConfigMap of `namespace` that can be Services by their form, at most [`CONFIG_HOSTS_MAX`]. Nothing else of
/// the values is kept: a word alone only where its key names a host, and of what a key names a secret only a URL's host.
#[must_use]
pub fn config_hosts(config_map: &Value, namespace: &str) -> BTreeSet<ConfigHost> {
    let mut hosts = BTreeSet::new();
    for (key, value) in config_map.get("data").and_then(Value::as_object).into_iter().flatten() {
        // A line that ends in a colon is a key of YAML.
        for line in value.as_str().unwrap_or_default().lines().filter(|line| !line.trim_end().ends_with(':')) {
            // `key: value` and `- value` of YAML, or a value alone.
            let value = line.split_once(": ").map_or(line, |(_, value)| value).trim().trim_start_matches("- ");
            let own = line.split_once(": ").or_else(|| line.split_once('=')).map_or(key.as_str(), |(own, _)| own);
            let own = own.to_ascii_lowercase();
            let named = |words: &[&str]| words.iter().any(|word| own.contains(word));
            let (is_host, is_secret) = (named(HOST_KEYS), named(SECRET_KEYS));
            let is_value = !value.contains(char::is_whitespace);
            let possible = |mention: &Mention<'_>| {
                let told = mention.url || (!is_secret && (is_host || mention.port.is_some() || mention.host.contains('.')));
                let service = mention.service(namespace).filter(|_| told);
                service.is_some_and(|(name, namespace)| is_service_label(name) && is_service_label(namespace))
            };
            for mention in mentions(value, is_value).into_iter().filter(possible) {
                hosts.insert(ConfigHost { key: key.clone(), host: mention.host.to_owned(), port: mention.port });
                if hosts.len() > CONFIG_HOSTS_MAX {
                    hosts.pop_last();
                }
            }
        }
    }
    hosts
}

/// What a Service or a namespace can be called, numbers left out: they are addresses and versions.
fn is_service_label(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= LABEL_BYTES_MAX
        && text.bytes().all(inside)
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The hosts that a word may name: of URLs, of `host:port`, alone or in lists. `is_value` says that the word is the value of a variable or
/// an option.
#[must_use]
pub fn mentions(word: &str, is_value: bool) -> Vec<Mention<'_>> {
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
            mentions.push(Mention { host: host.trim_end_matches('.'), port, certain: url || assigned || port.is_some(), url });
        }
    }
    mentions
}

/// The Service and its namespace that a host name stands for in a pod of `namespace`; whether it exists is another question.
/// <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/>
#[must_use]
pub fn service_of<'h>(host: &'h str, namespace: &'h str) -> Option<(&'h str, &'h str)> {
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
    fn of_a_config_map_only_possible_hosts_are_kept() {
        let hosts = |data: Value| {
            let hosts = config_hosts(&serde_json::json!({"data": data}), "shop").into_iter();
            hosts.map(|host| format!("{}={}:{}", host.key, host.host, host.port.unwrap_or(0))).collect::<Vec<_>>()
        };
        let data = serde_json::json!({
            "DB_HOST": "db", "DB": "plain", "DB_PASSWORD": "hunter2", "API_TOKEN": "abc.def", "KEYCLOAK_URL": "http://auth/x", "URL": "redis://u:p@cache.data:6379/0", "MOTD": "the cache is down", "PEM": "MIIC+zCCAeOgAwIBAgIB",
            "VERSION": "1.25.3", "app.yaml": "queue:\n  host: rabbit\n  list:\n  - a:1\n  password: swordfish\n", "x.properties": "jdbc=jdbc:postgresql://pg/x",
            "N": 5, "LIST": ["db"],
        });
        let known = [
            "DB_HOST=db:0",
            "KEYCLOAK_URL=auth:0",
            "URL=cache.data:6379",
            "app.yaml=a:1",
            "app.yaml=rabbit:0",
            "x.properties=pg:0",
        ];
        assert_eq!(hosts(data), known);
        let many: String = (0..1000).map(|number| format!("http://s{number}\n")).collect();
        assert_eq!(hosts(serde_json::json!({ "a": many })).len(), CONFIG_HOSTS_MAX);
        assert!(hosts(Value::Null).is_empty() && config_hosts(&Value::Null, "shop").is_empty());
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
