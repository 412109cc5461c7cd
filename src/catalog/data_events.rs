//! The tables of data events: the resource types that event selectors know, and what leaves no event. Readable, under `aws/`.

use std::sync::LazyLock;

use crate::access::data_events::{DataEvents, DataKind, Naming, Unlogged};

/// The tables of this version.
#[must_use]
pub fn embedded() -> &'static DataEvents {
    static TABLES: LazyLock<DataEvents> = LazyLock::new(|| DataEvents {
        kinds: rows(include_str!("aws/data_resources.tsv")).filter_map(|row| kind(&row)).collect(),
        unlogged: rows(include_str!("aws/unlogged.tsv")).filter_map(|row| unlogged(&row)).collect(),
    });
    &TABLES
}

fn kind(row: &[&'static str]) -> Option<DataKind> {
    let [service, resource_type, begins, naming, kms_key, kms_calls_max] = row else { return None };
    let naming = match *naming {
        "equals" => Naming::Equals,
        "starts" => Naming::StartsWith,
        "below" => Naming::Below,
        "all" => Naming::All,
        _ => return None,
    };
    let filled = |text: &'static str| if text == "-" { "" } else { text };
    let kms_calls_max = kms_calls_max.parse().unwrap_or_default();
    Some(DataKind { service, resource_type, begins: filled(begins), naming, kms_key: filled(kms_key), kms_calls_max })
}

fn unlogged(row: &[&'static str]) -> Option<Unlogged> {
    let [service, actions, page] = row else { return None };
    Some(Unlogged { service, actions: actions.split(' ').collect(), page })
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split('\t').collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::aws::Action;
    use crate::catalog::Catalog;

    #[test]
    fn every_row_is_read_and_names_a_service_of_the_reference() {
        let tables = embedded();
        let lines = |table: &'static str| rows(table).count();
        assert_eq!(tables.kinds.len(), lines(include_str!("aws/data_resources.tsv")));
        assert_eq!(tables.unlogged.len(), lines(include_str!("aws/unlogged.tsv")));
        let catalog = Catalog::embedded();
        let named: Vec<&str> =
            tables.kinds.iter().map(|kind| kind.service).chain(tables.unlogged.iter().map(|row| row.service)).collect();
        for service in named {
            assert!(catalog.service(service).is_some(), "{service}");
        }
        let words = tables.unlogged.iter().flat_map(|row| row.actions.iter()).filter(|word| !word.ends_with('*'));
        for action in words.filter_map(|word| Action::parse(word)) {
            assert!(catalog.action(&action).is_some(), "{action}");
        }
        let actions = catalog.rules().data_services().filter(|service| tables.of(service).next().is_none());
        assert_eq!(actions.collect::<Vec<_>>(), ["events"], "services whose selector is not known");
    }
}
