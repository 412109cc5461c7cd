//! A finding: something a person should know, with a stable code; it is about something and it is never an error.
//!
//! Invariant: every code is unique, kebab-case, and documented in `docs/findings.md` (held by `tests/tidy.rs`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How much a finding matters, in rising order. Configuration can raise, lower or silence a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Silenced: counted nowhere, shown nowhere.
    Off,
    /// Worth knowing; no action asked for.
    Note,
    /// Someone should act before production.
    Warning,
    /// A hole or an outage in waiting.
    High,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident;)+) => {
        /// The closed list of what tightfit can tell; each has one kebab-case name and a default severity.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)+ }

        impl Code {
            /// Every code, in the order of the list.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// The stable, kebab-case name.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Code::$variant => $name,)+ } }

            /// The severity that holds unless configuration says otherwise.
            #[must_use]
            pub const fn default_severity(self) -> Severity { match self { $(Code::$variant => Severity::$severity,)+ } }
        }
    };
}

codes! {
    /// An identity was only ever refused: nothing is written for it.
    OnlyRefused = "only-refused", Warning;
    /// An action takes no resource, so its statement says `*`.
    NoResourceLevel = "no-resource-level", Note;
    /// An action takes a resource but its ARN could not be built from the record, so its statement says `*`.
    ArnNotBuilt = "arn-not-built", Warning;
    /// An event has no known IAM action: undecided.
    EventUnmapped = "event-unmapped", Warning;
    /// A request was allowed at one time and refused at another.
    Contested = "contested", Warning;
    /// A wildcard stands for several observed names.
    Generalized = "generalized", Note;
    /// The AWS root user was active; it never gets a policy.
    RootUsed = "root-used", High;
    /// An identity of this class is left out of writing unless asked for.
    LeftOut = "left-out", Note;
    /// A request bypassed RBAC through the group system:masters.
    SystemMasters = "system-masters", High;
    /// A request was made anonymously.
    Anonymous = "anonymous", Warning;
    /// An identity impersonated another one; it needs `impersonate` and that grant is a strong one.
    Impersonation = "impersonation", Warning;
    /// Two clusters could be meant by records that name none.
    ClusterUnnamed = "cluster-unnamed", Warning;
    /// The recording holds no data events of a service that was used through management events.
    DataEventsOff = "data-events-off", Warning;
    /// An identity used a service whose data events were not recorded for it: what it reads and writes there is unknown.
    IdentityBlind = "identity-blind", Warning;
    /// Recording was stopped, or what is recorded was changed, while the log was made.
    RecordingChanged = "recording-changed", Warning;
    /// Days without any event between days with many.
    RecordingGap = "recording-gap", Warning;
    /// An account that should be in the recording, or that the log mentions, has no record of its own.
    AccountMissing = "account-missing", Warning;
    /// A region that should be in the recording, or that the log mentions, has no record of its own.
    RegionMissing = "region-missing", Warning;
    /// AWS knows of a use inside the window that the log does not show.
    LastAccessedUnseen = "last-accessed-unseen", Warning;
    /// AWS knows of a use outside the window that the log does not show.
    LastAccessedOutside = "last-accessed-outside", Note;
    /// A service was used some of whose actions leave no event anywhere.
    UnloggedActions = "unlogged-actions", Note;
    /// No Kubernetes read (get, list, watch) was recorded.
    ReadsMissing = "reads-missing", Warning;
    /// Audit records carry no bodies (Metadata level): pods and services were not seen.
    BodiesMissing = "bodies-missing", Warning;
    /// Audit records were truncated by the backend.
    BodiesTruncated = "bodies-truncated", Warning;
    /// The platform left bodies of audit records out for their size.
    BodiesLeftOut = "bodies-left-out", Warning;
    /// Pods that acted were made before the recording began: what they are is not in it.
    PodsOlder = "pods-older", Warning;
    /// A cron job never ran while the log was recorded.
    CronNotRun = "cron-not-run", Warning;
    /// Pods were written without bodies into a namespace whose labels ask for no audit of them.
    ViolationsHidden = "violations-hidden", Warning;
    /// Requests whose response was never recorded.
    ResponseMissing = "response-missing", Note;
    /// The recording spans few days: rare jobs may be absent.
    WindowShort = "window-short", Warning;
    /// No record is an observed request: nothing can be written or judged.
    NothingObserved = "nothing-observed", Warning;
    /// Pods of a namespace were not seen: no Pod Security level can be chosen.
    NoPodEvidence = "no-pod-evidence", Warning;
    /// A workload needs more than `restricted`.
    PodNotRestricted = "pod-not-restricted", Warning;
    /// The API server told of a pod that no record shows whole, and that pod satisfies less than those that were seen.
    PodUnseen = "pod-unseen", Warning;
    /// A workload needs a looser level than most of its namespace: it belongs into a namespace of its own.
    OwnNamespace = "own-namespace", Warning;
    /// Network rules are a proposal: no flow was read.
    NetworkInferred = "network-inferred", Warning;
    /// Flows whose records do not say who opened them.
    FlowDirectionUnknown = "flow-direction-unknown", Warning;
    /// Flows with an end whose owner the inventory does not know.
    FlowOwnerUnknown = "flow-owner-unknown", Warning;
    /// Flows with an end that two workloads had in the same hour.
    FlowOwnerAmbiguous = "flow-owner-ambiguous", Warning;
    /// A flow that was only ever refused is let through by what other flows need.
    RefusedFlowAllowed = "refused-flow-allowed", Warning;
    /// A flow has a node, or a pod on a node's network, at its other end.
    NodePeer = "node-peer", Warning;
    /// The network plugin does not hold NetworkPolicies in some respect.
    CniCannotHold = "cni-cannot-hold", Warning;
    /// Flows of protocols that no NetworkPolicy can name.
    FlowProtocol = "flow-protocol", Note;
    /// No record of a flow says whether the connection was made.
    FlowOutcomeUnknown = "flow-outcome-unknown", Warning;
    /// The network lost flow records before they were written.
    FlowsLost = "flows-lost", Warning;
    /// A workload may reach, or be entered from, every address, since no flow and no setting says which are meant.
    AnyAddress = "any-address", Warning;
    /// A further form of NetworkPolicies was asked for, and there is no policy from flows that it could be of.
    FormNotWritten = "form-not-written", Warning;
    /// Pods whose labels are not those of the owner that they name.
    FlowLabelsDiffer = "flow-labels-differ", Warning;
    /// Flow logs cover a part of the time only that the audit log covers.
    FlowsShort = "flows-short", Warning;
    /// Workloads of a namespace with enforceable policies of which no flow was seen.
    WorkloadWithoutFlows = "workload-without-flows", Warning;
    /// A ConfigMap names more hosts than are kept of one.
    ConfigMapCut = "config-map-cut", Warning;
    /// The same id with other content: an id can be chosen by a client.
    DuplicateId = "duplicate-id", Warning;
    /// Profiles that hold the same logs were merged: counts are upper bounds.
    CountsUpperBound = "counts-upper-bound", Note;
    /// Ids were forgotten while the log was read: a record that came again long after was counted again.
    IdsForgotten = "ids-forgotten", Note;
    /// Requests stand for more names than are kept side by side.
    NamesFolded = "names-folded", Note;
    /// Records were rejected.
    RecordsRejected = "records-rejected", Warning;
    /// Evidence comes from calls that failed after authorization (not found, conflict, validation).
    FailedAsEvidence = "failed-as-evidence", Note;
    /// A role assumption was seen: the trust policy must keep it.
    TrustAdvice = "trust-advice", Note;
    /// A grant that risks escalation or credential exposure.
    RiskyGrant = "risky-grant", Warning;
    /// A policy exceeds a quota of the platform.
    OverQuota = "over-quota", High;
    /// A resource belongs to another account: its owner must allow the access too.
    CrossAccount = "cross-account", Warning;
    /// An AWS service acted with its own principal or a service-linked role: nothing to write.
    AwsServicePrincipal = "aws-service-principal", Note;
    /// A request was made through another AWS service with the caller's credentials.
    ForwardAccess = "forward-access", Note;
    /// Access keys that do not expire were used.
    LongLivedKey = "long-lived-key", Warning;
    /// A role that IAM Identity Center made: its policy belongs into the permission set.
    PermissionSet = "permission-set", Note;
    /// Several workloads run with one role.
    SharedRole = "shared-role", Warning;
    /// A document of a policy folder is not as tightfit wrote it.
    FileEdited = "file-edited", Note;
    /// A resource of another account was used: its owner's policy must hold the companion statements.
    CompanionNeeded = "companion-needed", Warning;
    /// An identity with a policy is not in the snapshot of production.
    NotInSnapshot = "not-in-snapshot", Warning;
    /// A file of the snapshot folder was not used.
    SnapshotUnread = "snapshot-unread", Warning;
    /// A binding that production has gives what nothing in the recording used.
    GrantUnused = "grant-unused", Note;
    /// A binding that production has gives more than the recording used of it.
    GrantWiderThanUsed = "grant-wider-than-used", Note;
    /// What a binding named as surviving gives was not written again.
    LeftToSurviving = "left-to-surviving", Note;
    /// Roles stand in namespaces whose names a machine made.
    GeneratedNamespace = "generated-namespace", Warning;
    /// Users of one group each get a role of their own.
    SharedGroup = "shared-group", Note;
    /// Several workloads run as one service account.
    SharedServiceAccount = "shared-service-account", Warning;
    /// A name holds characters that the target cannot carry.
    NameNotCarried = "name-not-carried", Warning;
}

impl Code {
    /// The code with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Code::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown finding code `{name}`")))
    }
}

/// Advice about one thing. Ordered by severity (highest first), then code, then what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of advice.
    pub code: Code,
    /// How much it matters, after configuration.
    pub severity: Severity,
    /// What it is about: an identity, a namespace, a file, a service. Hostile text: escape where printed.
    pub about: String,
    /// One sentence for a person, with the way out. Hostile text: escape where printed.
    pub note: String,
    /// How many records or grants stand behind it; 0 where counting makes no sense.
    pub count: u64,
}

impl Finding {
    /// A finding at the code's default severity, with no count.
    #[must_use]
    pub fn new(code: Code, about: impl Into<String>, note: impl Into<String>) -> Self {
        Finding { code, severity: code.default_severity(), about: about.into(), note: note.into(), count: 0 }
    }

    /// The same finding with the number of records or grants behind it.
    #[must_use]
    pub fn counted(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    fn rank(&self) -> (std::cmp::Reverse<Severity>, Code, &str, &str) {
        (std::cmp::Reverse(self.severity), self.code, &self.about, &self.note)
    }
}

/// Applies configured severities, drops silenced findings, sorts and removes repeats.
#[must_use]
pub fn arrange(findings: Vec<Finding>, severities: &BTreeMap<Code, Severity>) -> Vec<Finding> {
    let mut arranged: Vec<Finding> = findings
        .into_iter()
        .map(|mut finding| {
            if let Some(severity) = severities.get(&finding.code) {
                finding.severity = *severity;
            }
            finding
        })
        .filter(|finding| finding.severity != Severity::Off)
        .collect();
    arranged.sort_by(|a, b| a.rank().cmp(&b.rank()));
    arranged.dedup();
    arranged
}
