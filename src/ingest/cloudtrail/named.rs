//! Values by name: an object of a record, or the parameters of a call, of which it is remembered which values were read.
//!
//! Invariant: translation learns nothing of a parameter's value but through here.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::record::Object;

/// How an ARN begins.
pub(super) const ARN: &str = "arn:";

/// What values are looked up in.
pub(super) trait Named {
    /// The value of this name, or else of the first that is the same in another case.
    fn value_in_any_case(&self, name: &str) -> Option<&Value>;
}

impl Named for Object {
    fn value_in_any_case(&self, name: &str) -> Option<&Value> {
        self.get(name).or_else(|| self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }
}

/// The parameters of a call.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    values: Object,
    read: RefCell<BTreeSet<String>>,
    /// Of these it was only asked whether they begin as an ARN does.
    looked_at: RefCell<BTreeSet<String>>,
}

impl Parameters {
    pub(super) fn of(values: Object) -> Self {
        Parameters { values, ..Parameters::default() }
    }

    /// The value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.selected(|own| own == name).next().map(|(_, value)| value)
    }

    /// The values whose names are wanted; the others are not read.
    pub(super) fn selected(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = (&String, &Value)> {
        let selected = self.values.iter().filter(move |(name, _)| wanted(name));
        selected.inspect(|(name, _)| remember(&self.read, name))
    }

    /// The values whose names are wanted and that are ARNs or lists; of the others nothing is read but that they are none.
    pub(super) fn arns_and_lists(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &Value> {
        let selected = self.values.iter().filter(move |(name, _)| wanted(name));
        selected.filter_map(|(name, value)| {
            let taken = matches!(value, Value::Array(_)) || value.as_str().is_some_and(|text| text.starts_with(ARN));
            remember(if taken { &self.read } else { &self.looked_at }, name);
            taken.then_some(value)
        })
    }

    /// All of them.
    pub(super) fn all(&self) -> &Object {
        self.read.borrow_mut().extend(self.values.keys().cloned());
        &self.values
    }

    /// Whether the call has none.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The names of the values that were read, and of those that were only looked at, in order.
    pub(super) fn names_read(&self) -> (Vec<String>, Vec<String>) {
        let read = self.read.borrow();
        let looked_at = self.looked_at.borrow().iter().filter(|name| !read.contains(*name)).cloned().collect();
        (read.iter().cloned().collect(), looked_at)
    }
}

fn remember(names: &RefCell<BTreeSet<String>>, name: &String) {
    let mut names = names.borrow_mut();
    if !names.contains(name) {
        names.insert(name.clone());
    }
}

impl Named for Parameters {
    fn value_in_any_case(&self, name: &str) -> Option<&Value> {
        self.get(name).or_else(|| self.selected(|own| own.eq_ignore_ascii_case(name)).next().map(|(_, value)| value))
    }
}
