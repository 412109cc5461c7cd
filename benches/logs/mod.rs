//! Small generated logs for the benches.

#![expect(clippy::expect_used, reason = "a bench that cannot make its log has nothing to time")]
#![expect(clippy::indexing_slicing, reason = "a generator draws from tables of its own")]

#[path = "../generate/audit.rs"]
mod audit;
#[path = "../generate/cloudtrail.rs"]
mod cloudtrail;
#[path = "../generate/draw.rs"]
mod draw;

use std::io::Write as _;

use tempfile::NamedTempFile;
use tightfit::access::observation::Sink;
use tightfit::catalog::Catalog;
use tightfit::config::{Config, Pattern, UncheckedConfig};
use tightfit::ingest::{self, Inputs, Options};

/// How much of each log, in bytes: larger than any cache.
const BYTES: usize = 8_000_000;

/// A log in a temporary file, neither compressed nor read yet.
pub(crate) struct Log {
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
    pub(crate) config: Config,
    inputs: Inputs,
    _file: NamedTempFile,
}

impl Log {
    /// A CloudTrail file and a Kubernetes audit file.
    pub(crate) fn both() -> [Log; 2] {
        let mut draw = draw::Draw::new(1);
        let mut organization = cloudtrail::Organization::new(&mut draw, 200);
        let account = organization.account_of(0).to_owned();
        let mut trail = String::from("{\"Records\":[");
        while trail.len() < BYTES {
            organization.record(&mut draw, &account, 1, &mut trail);
            trail.push(',');
        }
        trail.pop();
        trail.push_str("]}");
        let cluster = audit::Cluster::new(&mut draw);
        let mut events = String::new();
        while events.len() < BYTES {
            cluster.event(&mut draw, &mut events);
            events.push('\n');
        }
        [Log::of("cloudtrail", &trail), Log::of("audit", &events)]
    }

    fn of(name: &'static str, text: &str) -> Log {
        let mut file = tempfile::Builder::new().suffix(".json").tempfile().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("room for a log");
        let path = file.path().display().to_string();
        let inputs = ingest::discover(&[path], &mut std::io::empty()).expect("a file that is there");
        let mut config = UncheckedConfig::default().check().expect("the defaults");
        config.clusters = vec![("bench".to_owned(), Pattern::new("clusters", "*").expect("a pattern"))];
        Log { name, bytes: u64::try_from(text.len()).expect("a length"), config, inputs, _file: file }
    }

    /// Reads the whole log into a sink.
    pub(crate) fn read(&self, sink: &mut dyn Sink) {
        let options = Options { clusters: &self.config.clusters, ..Options::new(Catalog::embedded()) };
        ingest::read(&self.inputs.inputs, &options, sink, &|_, _| {});
    }
}
