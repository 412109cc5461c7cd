//! How maps travel whose keys are no texts: JSON has none but text keys.

/// The addresses travel as a list of (cluster, address, list of (holder, held)).
pub(super) mod addresses {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::access::inventory::{Held, Holder};

    type Addresses = BTreeMap<(String, IpAddr), BTreeMap<Holder, Held>>;

    pub(in crate::access) fn serialize<S: Serializer>(addresses: &Addresses, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(addresses.iter().map(|(key, holders)| (key, holders.iter().collect::<Vec<_>>())))
    }

    pub(in crate::access) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Addresses, D::Error> {
        let listed = Vec::<((String, IpAddr), Vec<(Holder, Held)>)>::deserialize(deserializer)?;
        Ok(listed.into_iter().map(|(key, holders)| (key, holders.into_iter().collect())).collect())
    }
}

/// Maps whose keys are no texts travel as lists of pairs.
pub(in crate::access) mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::access) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(in crate::access) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
