//! An object that a cluster held, as `kubectl get` prints it: whole, and without the event that wrote it.

use serde_json::Value;

/// One object of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldObject {
    /// The cluster; empty where nothing names it.
    pub cluster: String,
    /// The file that it stood in.
    pub file: String,
    /// Its number in that file, from 1.
    pub number: u64,
    /// The object, with `kind` and `apiVersion`; hostile text inside.
    pub object: Value,
}

impl HeldObject {
    /// A text of it by JSON pointer; empty where there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether an API server stored it: then it has an id. A manifest was perhaps never applied.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        !self.text("/metadata/uid").is_empty() && !self.text("/metadata/creationTimestamp").is_empty()
    }
}
