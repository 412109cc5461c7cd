//! A fact: one thing that a record showed to exist.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entrance, Holder, Place, ServicePort};
use crate::access::identity::Identity;
use crate::access::mention::ConfigHost;
use crate::access::pod::{Pod, PodBasis, Workload};

/// Something that a record showed to exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// A workload's pods look like this.
    Workload {
        /// Cluster and namespace.
        cluster: String,
        /// Its namespace.
        namespace: String,
        /// The owner of the pods.
        workload: Workload,
        /// A pod of it or its template.
        pod: Arc<Pod>,
        /// Where `pod` was read from.
        basis: PodBasis,
    },
    /// A pod belongs to a workload.
    PodOwner {
        /// The pod.
        place: Place,
        /// What owns it in the end.
        workload: Workload,
    },
    /// A pod with an owner bears these labels, those that replicas and rollouts change left out.
    PodLabels {
        /// The pod.
        place: Place,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
    /// A cron job and when it is due.
    Schedule {
        /// The cron job.
        place: Place,
        /// Its schedule as written; hostile text.
        schedule: String,
    },
    /// A Service.
    Service {
        /// Where it stands.
        place: Place,
        /// What pods it selects; empty selects none.
        selector: BTreeMap<String, String>,
        /// Its ports.
        ports: Vec<ServicePort>,
    },
    /// An Ingress sends traffic to these Services of its namespace.
    Ingress {
        /// Where it stands.
        place: Place,
        /// Names of Services.
        services: BTreeSet<String>,
    },
    /// A way into a Service.
    Entrance {
        /// Where the Service stands.
        place: Place,
        /// Who comes in, and by what.
        entrance: Entrance,
    },
    /// A ConfigMap names hosts.
    ConfigMap {
        /// Where it stands.
        place: Place,
        /// What may be Services.
        hosts: BTreeSet<ConfigHost>,
    },
    /// A namespace and its labels.
    Namespace {
        /// The cluster.
        cluster: String,
        /// The name.
        name: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
    /// A Kubernetes service account assumed this role (IRSA, EKS Pod Identity), by AWS's word or by its annotation.
    ServiceAccountRole {
        /// Namespace of the service account.
        namespace: String,
        /// Its name.
        name: String,
        /// The role's ARN.
        role_arn: String,
    },
    /// The API server wrote that a pod violates the level that its namespace audits: evidence even without a body.
    PodViolation {
        /// The cluster.
        cluster: String,
        /// The namespace.
        namespace: String,
        /// The annotation's text, such as `would violate PodSecurity "restricted:latest": ...`; hostile text inside.
        violation: String,
    },
    /// Who had an address at a time.
    Address {
        /// The cluster.
        cluster: String,
        /// The address.
        address: IpAddr,
        /// Whose it was.
        holder: Holder,
        /// When it was seen to be so.
        time: Timestamp,
        /// Whether it gave the address back then.
        ended: bool,
        /// When the holder began to exist, so that nothing before was its; `None` where nothing says.
        #[serde(default)]
        began: Option<Timestamp>,
    },
    /// A long-lived access key was used.
    AccessKey {
        /// Whose: a user, or root.
        identity: Identity,
        /// The beginning and the end of its id; the middle is left out.
        key: String,
    },
    /// A KMS alias names a key.
    KeyAlias {
        /// `arn:...:alias/NAME`.
        alias_arn: String,
        /// `arn:...:key/ID`.
        key_arn: String,
    },
}
