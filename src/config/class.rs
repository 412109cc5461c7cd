//! What kinds of identities there are, and which ones are recognised without configuration.

use serde::Deserialize;

/// What kind of identity this is, for the choice of whom to write for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// An application: always written for.
    Workload,
    /// A person.
    Human,
    /// A deployment pipeline.
    Ci,
    /// Emergency access.
    BreakGlass,
    /// A part of the platform: controllers, nodes, service-linked roles.
    System,
    /// Its roles are reconciled by an operator's package or made anew by a Helm hook: what somebody else writes there is undone.
    Operator,
}

impl Class {
    /// As configuration and reports name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::Workload => "workload",
            Class::Human => "human",
            Class::Ci => "ci",
            Class::BreakGlass => "break-glass",
            Class::System => "system",
            Class::Operator => "operator",
        }
    }
}

/// Identities that are recognised without configuration. Patterns are over the identity's full or short form.
pub(super) const RECOGNISED: &[(Class, &[&str])] = &[
    (
        Class::BreakGlass,
        &[
            "*[Bb]reak[Gg]lass*",
            "*[Bb]reak-[Gg]lass*",
            "*[Bb]reak_[Gg]lass*",
            "*[Ee]mergency*",
            "OrganizationAccountAccessRole",
            "AWSControlTowerExecution",
            "*/kube-user/masterclient",
            "*/kube-user/kubernetes-super-admin",
        ],
    ),
    (
        Class::System,
        &[
            "arn:*:role/aws-service-role/*",
            "*/serviceaccount/kube-system/*",
            "*/serviceaccount/kube-public/*",
            "*/serviceaccount/kube-node-lease/*",
            "*/serviceaccount/openshift-*/*",
            "*/serviceaccount/gke-managed-*/*",
            "*/serviceaccount/gmp-system/*",
            "*/serviceaccount/calico-system/*",
            "*/serviceaccount/tigera-operator/*",
            "*/kube-user/system:*",
            "*/kube-user/eks:*",
            "*/kube-user/gcp:*",
            "*/kube-user/aksService",
            "*/kube-user/nodeclient",
            "*/kube-user/*@container-engine-robot.iam.gserviceaccount.com",
            "*/kube-user/kube-apiserver-kubelet-client",
            "*/namespace/kube-system",
            "*/namespace/kube-public",
            "*/namespace/kube-node-lease",
            "*/namespace/openshift-*",
            "*/namespace/gke-managed-*",
            "*/namespace/gmp-system",
        ],
    ),
    (Class::Operator, &["*/serviceaccount/olm/*", "*/serviceaccount/operator-lifecycle-manager/*"]),
    (
        Class::Ci,
        &[
            "*[Gg]it[Hh]ub*[Aa]ctions*",
            "*[Gg]itlab*",
            "*[Gg]it[Ll]ab*",
            "*[Jj]enkins*",
            "*[Cc]ircle[Cc][Ii]*",
            "*[Bb]uildkite*",
            "*[Tt]erraform*",
            "*[Aa]tlantis*",
            "*/serviceaccount/argocd/*",
            "*/serviceaccount/flux-system/*",
        ],
    ),
    (
        Class::Human,
        &[
            "arn:*:role/aws-reserved/*",
            "*AWSReservedSSO_*",
            "*/identity-center-user/*",
            "*/saml/*",
            "*/kube-user/*@*",
            "*/kube-user/kubernetes-admin*",
        ],
    ),
];
