//! Which labels a selector takes: for aggregated roles, and for the pods and namespaces of network policies.
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements>

use std::collections::BTreeMap;

use super::model::LabelSelector;

impl LabelSelector {
    /// Whether labels satisfy it; an empty one takes all. `None` where a requirement is none that Kubernetes takes: an unknown
    /// operator, `In` without values, `Exists` with some (`LabelSelectorAsSelector` of apimachinery/pkg/apis/meta/v1/helpers.go).
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> Option<bool> {
        let mut all = self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value));
        for asked in &self.match_expressions {
            let value = labels.get(&asked.key);
            let listed = value.is_some_and(|value| asked.values.contains(value));
            all &= match (asked.operator.as_str(), asked.values.is_empty()) {
                ("In", false) => listed,
                ("NotIn", false) => !listed,
                ("Exists", true) => value.is_some(),
                ("DoesNotExist", true) => value.is_none(),
                _ => return None,
            };
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_hold_all_or_are_not_understood() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let table = [
            (r#"{}"#, Some(true)),
            (r#"{"matchLabels":{"app":"web"}}"#, Some(true)),
            (r#"{"matchLabels":{"app":"web","tier":"x"}}"#, Some(false)),
            (r#"{"matchExpressions":[{"key":"app","operator":"In","values":["web","api"]}]}"#, Some(true)),
            (r#"{"matchExpressions":[{"key":"tier","operator":"NotIn","values":["x"]}]}"#, Some(true)),
            (r#"{"matchExpressions":[{"key":"tier","operator":"Exists"}]}"#, Some(false)),
            (r#"{"matchExpressions":[{"key":"tier","operator":"DoesNotExist"}]}"#, Some(true)),
            (r#"{"matchExpressions":[{"key":"tier","operator":"NotIn"}]}"#, None),
            (r#"{"matchExpressions":[{"key":"app","operator":"Exists","values":["web"]}]}"#, None),
            (r#"{"matchLabels":{"tier":"x"},"matchExpressions":[{"key":"app","operator":"Gt","values":["1"]}]}"#, None),
        ];
        for (text, expected) in table {
            let selector: LabelSelector = serde_json::from_str(text).expect(text);
            assert_eq!(selector.matches(&labels), expected, "{text}");
        }
    }
}
