//! The request URI of an event: path and query, and the resource that a path names.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris>

use crate::access::kube::KubeResource;
use crate::ingest::percent;

/// A request URI, percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Uri {
    /// Without query; begins with `/`.
    pub(super) path: String,
    /// In order.
    query: Vec<(String, String)>,
}

impl Uri {
    /// Reads a request URI; `None` where it does not begin with `/`.
    pub(super) fn parse(text: &str) -> Option<Uri> {
        let text = text.split('#').next().unwrap_or(text);
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if !path.starts_with('/') {
            return None;
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(&key.replace('+', " ")), unescape(&value.replace('+', " ")))
        });
        Some(Uri { path: unescape(path), query: pairs.collect() })
    }

    fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether nothing is stored: `dryRun=All`.
    pub(super) fn is_dry_run(&self) -> bool {
        self.values("dryRun").any(|value| value == "All")
    }

    /// The one name that a list or watch is about: `fieldSelector=metadata.name=NAME`, or the path of an old watch.
    pub(super) fn selected_name(&self) -> Option<String> {
        let requirement = |part: &str| {
            let (field, value) = part.split_once('=')?;
            (field == "metadata.name").then(|| value.trim_start_matches('=').to_owned())
        };
        let selected = self.values("fieldSelector").flat_map(|selector| selector.split(',')).find_map(requirement);
        selected.or_else(|| self.resource().map(|resource| resource.name)).filter(|name| !name.is_empty())
    }

    /// The resource that the path names; `None` for a path that names none, such as `/healthz` or `/apis/apps/v1`.
    pub(super) fn resource(&self) -> Option<KubeResource> {
        let mut parts = self.path.trim_matches('/').split('/');
        let api_group = match parts.next()? {
            "api" => String::new(),
            "apis" => parts.next()?.to_owned(),
            _ => return None,
        };
        parts.next().filter(|version| !version.is_empty())?;
        let mut parts: Vec<&str> = parts.collect();
        if parts.first().is_some_and(|first| *first == "watch" || *first == "proxy") {
            parts.remove(0);
        }
        resource_of(api_group, &parts)
    }
}

/// `namespaces/NS/RESOURCE/NAME/SUBRESOURCE` or `RESOURCE/NAME/SUBRESOURCE`, behind group and version.
pub(super) fn resource_of(api_group: String, parts: &[&str]) -> Option<KubeResource> {
    let owned = |part: Option<&&str>| part.map_or(String::new(), |part| (*part).to_owned());
    let (namespace, rest) = match parts {
        // A namespace's own subresources; anything else behind a namespace is a resource in it.
        ["namespaces", namespace, "status" | "finalize"] | ["namespaces", namespace] => ((*namespace).to_owned(), parts),
        ["namespaces", namespace, rest @ ..] => ((*namespace).to_owned(), rest),
        rest => (String::new(), rest),
    };
    let resource = owned(rest.first());
    (!resource.is_empty()).then(|| KubeResource {
        api_group,
        resource,
        subresource: owned(rest.get(2)),
        namespace,
        name: owned(rest.get(1)),
    })
}

/// Percent-decodes; what is no escape stands for itself.
fn unescape(text: &str) -> String {
    String::from_utf8_lossy(&percent::decoded(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_resources() {
        let table = [
            ("/api/v1/pods", "|pods|||"),
            ("/api/v1/namespaces/ns/pods?limit=500", "|pods||ns|"),
            ("/api/v1/namespaces/ns/pods/p/log?container=c", "|pods|log|ns|p"),
            ("/api/v1/namespaces/ns/services/s/proxy/a/b", "|services|proxy|ns|s"),
            ("/api/v1/namespaces/ns", "|namespaces||ns|ns"),
            ("/api/v1/namespaces/ns/finalize", "|namespaces|finalize|ns|ns"),
            ("/api/v1/namespaces", "|namespaces|||"),
            ("/apis/apps/v1/namespaces/ns/deployments/d/scale", "apps|deployments|scale|ns|d"),
            ("/apis/rbac.authorization.k8s.io/v1/clusterroles/a%3Ab", "rbac.authorization.k8s.io|clusterroles|||a:b"),
            ("/api/v1/watch/namespaces/ns/pods/p", "|pods||ns|p"),
        ];
        for (uri, expected) in table {
            let found = Uri::parse(uri).and_then(|uri| uri.resource()).expect(uri);
            let KubeResource { api_group, resource, subresource, namespace, name } = found;
            assert_eq!(format!("{api_group}|{resource}|{subresource}|{namespace}|{name}"), expected, "{uri}");
        }
        for uri in ["/", "/healthz?verbose", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/apis/apps/v1/"] {
            assert_eq!(Uri::parse(uri).expect(uri).resource(), None, "{uri}");
        }
        assert_eq!(Uri::parse("healthz"), None);
    }

    #[test]
    fn queries_are_read() {
        let uri = Uri::parse("/api/v1/pods?fieldSelector=spec.x%3D1%2Cmetadata.name%3Dweb&watch=true&dryRun=All").expect("uri");
        assert_eq!((uri.selected_name().as_deref(), uri.is_dry_run()), (Some("web"), true));
        let uri = Uri::parse("/api/v1/pods?fieldSelector=metadata.namespace%3Dx&dryRun=").expect("uri");
        assert_eq!((uri.selected_name(), uri.is_dry_run()), (None, false));
    }
}
