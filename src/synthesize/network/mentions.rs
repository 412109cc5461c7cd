//! Who calls whom, as far as configuration says: a container whose environment, arguments or ConfigMaps name a Service.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::topology::{Node, Topology, words};
use crate::access::inventory::{Inventory, Place};
use crate::access::mention::{Mention, mentions};

/// By what a client names a Service.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// The ports of the Service that were named; empty means none was.
    pub(super) ports: BTreeSet<i64>,
    /// The ConfigMaps in which it is named; empty where the containers themselves name it.
    config_maps: Option<BTreeSet<String>>,
}

impl Link {
    fn add(&mut self, mention: &Mention<'_>, config_map: Option<&str>) {
        self.ports.extend(mention.port);
        let kept = self.config_maps.get_or_insert_default();
        kept.insert(config_map.unwrap_or_default().to_owned());
    }

    /// Why the client may call it; `whose` containers name it.
    pub(super) fn why(&self, whose: &str, place: &Place) -> String {
        let service = format!("Service {} in {}", place.name, place.namespace);
        let config_map = self.config_maps.iter().flatten().next().filter(|name| !name.is_empty());
        match config_map {
            None => format!("{whose} containers name {service}"),
            Some(config_map) => format!("ConfigMap {config_map}, which {whose} containers use, names {service}"),
        }
    }
}

/// (client workload, service) to how it is named.
pub(super) type Links<'a> = BTreeMap<(usize, &'a Place), Link>;

/// Every mention of a seen Service by a seen workload of the same cluster.
pub(super) fn links<'a>(topology: &Topology<'a>, inventory: &Inventory) -> Links<'a> {
    let mut links = Links::new();
    for (client, node) in topology.workloads.iter().enumerate() {
        let mut add = |mention: &Mention<'_>, config_map: Option<&str>| {
            let Some((name, namespace)) = mention.service(node.namespace) else { return };
            let place = Place { cluster: node.cluster.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() };
            if let Some((place, _)) = topology.services.get_key_value(&place) {
                links.entry((client, *place)).or_default().add(mention, config_map);
            }
        };
        for (word, is_value) in words(node.pod) {
            mentions(word, is_value).iter().for_each(|mention| add(mention, None));
        }
        for (name, keys) in config_maps(node) {
            let place = Place { cluster: node.cluster.to_owned(), namespace: node.namespace.to_owned(), name: name.clone() };
            for named in inventory.config_maps.get(&place).into_iter().flatten() {
                if keys.as_ref().is_none_or(|keys| keys.contains(&named.key)) {
                    add(&Mention { host: &named.host, port: named.port, certain: true, url: false }, Some(&name));
                }
            }
        }
    }
    links
}

/// The ConfigMaps that a workload's containers use, and the keys; `None` for all of them.
fn config_maps(node: &Node<'_>) -> BTreeMap<String, Option<BTreeSet<String>>> {
    let mut used: BTreeMap<String, Option<BTreeSet<String>>> = BTreeMap::new();
    let spec = &node.pod.spec;
    for container in spec.containers.iter().chain(&spec.init_containers) {
        for variable in &container.env {
            let one = &variable.value_from.config_map_key_ref;
            if let Some(keys) = used.entry(one.name.clone()).or_insert_with(|| Some(BTreeSet::new())) {
                keys.insert(one.key.clone());
            }
        }
        used.extend(container.env_from.iter().map(|from| (from.config_map_ref.name.clone(), None)));
    }
    let sources = spec.volumes.iter().flat_map(|volume| &volume.sources);
    for (kind, source) in sources.filter(|(kind, _)| matches!(kind.as_str(), "configMap" | "projected")) {
        let Ok(source) = serde_json::from_str::<Value>(source) else { continue };
        let projected = source.get("sources").and_then(Value::as_array).into_iter().flatten();
        let projected = projected.filter_map(|source| source.get("configMap"));
        let own = (kind == "configMap").then_some(&source);
        let names = own.into_iter().chain(projected).filter_map(|source| source.get("name")).filter_map(Value::as_str);
        used.extend(names.map(|name| (name.to_owned(), None)));
    }
    used.remove("");
    used
}
