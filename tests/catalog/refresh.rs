//! `catalog refresh`: AWS's Service Reference from a server and from a folder; whatever is wrong with it leaves the catalog as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tightfit::access::aws::Action;
use tightfit::catalog::Catalog;
use tightfit::catalog::operation::Origin;

use crate::harness::{ended, tree};
use crate::server::{Answer, Server, serve};
use crate::{run, tightfit_at};

/// The embedded reference in AWS's layout.
fn pages() -> BTreeMap<String, Value> {
    let catalog = Catalog::embedded();
    let page = |prefix: &str| {
        let service = catalog.service(prefix).unwrap();
        let mut formats: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        service.types().iter().for_each(|kind| formats.entry(&kind.name).or_default().push(kind.format.to_string()));
        let actions = service.actions().map(|action| {
            let types: Vec<Value> = action.types.iter().map(|used| json!({ "Name": used.name })).collect();
            json!({ "Name": action.name, "Resources": types, "ActionConditionKeys": action.condition_keys,
                "Annotations": { "Properties": { "IsList": false, "IsWrite": action.name.starts_with("Put") } } })
        });
        let resources = formats.iter().map(|(name, formats)| json!({ "Name": name, "ARNFormats": formats }));
        json!({ "Name": prefix, "Version": "v1.4", "Actions": actions.collect::<Vec<_>>(), "Resources": resources.collect::<Vec<_>>() })
    };
    catalog.prefixes().map(|prefix| (prefix.to_owned(), page(prefix))).collect()
}

fn path(prefix: &str) -> String {
    format!("/v1/{prefix}/{prefix}.json")
}

/// The index as AWS serves it: with its own URLs, wherever the copy is.
fn index(prefixes: impl Iterator<Item = String>) -> Vec<u8> {
    let listed = prefixes.map(|prefix| json!({ "service": prefix, "url": format!("https://servicereference.us-east-1.amazonaws.com{}", path(&prefix)) }));
    Value::Array(listed.collect()).to_string().into_bytes()
}

fn answers(pages: &BTreeMap<String, Value>) -> BTreeMap<String, Answer> {
    let mut answers: BTreeMap<String, Answer> =
        pages.iter().map(|(prefix, page)| (path(prefix), Answer::Body(page.to_string().into_bytes()))).collect();
    answers.insert("/".to_owned(), Answer::Body(index(pages.keys().cloned())));
    answers
}

fn refresh(home: &Path, server: &Server, more: &[&str]) -> (i32, String, String) {
    let mut arguments = vec!["catalog", "refresh", "--from", &server.url];
    arguments.extend(more);
    ended(&run(home, &arguments))
}

fn action(text: &str) -> Action {
    Action::parse(text).unwrap()
}

#[test]
fn a_refreshed_catalog_is_used_and_keeps_what_aws_does_not_say() {
    let home = tempfile::tempdir().unwrap();
    let mut pages = pages();
    let glue = pages.get_mut("glue").unwrap();
    glue["Actions"].as_array_mut().unwrap().push(json!({ "Name": "CreateGlossary", "Resources": [],
        "Annotations": { "Properties": { "IsWrite": true, "IsPermissionManagement": false } } }));
    let authorized = |names: &[&str]| names.iter().map(|name| json!({ "Name": name, "Service": "mgn" })).collect::<Value>();
    pages.get_mut("mgn").unwrap()["Operations"] = json!([
        { "Name": "ListRemoteSourceActions", "AuthorizedActions": authorized(&["ListManagedAccounts"]) },
        { "Name": "StartTest", "AuthorizedActions": authorized(&["StartTest", "TagResource"]) },
    ]);
    let server = serve(answers(&pages));
    let (code, said, error) = refresh(home.path(), &server, &[]);
    assert_eq!(code, 0, "{said} {error}");
    assert!(said.contains("glue:CreateGlossary") && said.contains("460 services"), "{said}");
    let file = home.path().join("data/tightfit/catalog");
    let made = Catalog::from_bytes(&fs::read(&file).unwrap()).unwrap();
    let embedded = Catalog::embedded();
    assert_eq!(made.action(&action("glue:CreateGlossary")).unwrap().access.name(), "Write");
    assert_eq!(made.sources()[0].name, "AWS Service Reference");
    assert_eq!(made.sources().len(), embedded.sources().len() + 1);
    for (prefix, name) in [("s3", "CopyObject"), ("lambda", "CreateFunction"), ("ec2", "RunInstances"), ("mgn", "StartTest")] {
        assert_eq!(made.operation(prefix, name), embedded.operation(prefix, name), "{prefix} {name}");
    }
    let said = made.operation("mgn", "ListRemoteSourceActions").unwrap();
    assert_eq!((said.origin, said.actions[0].0.to_string().as_str()), (Origin::ServiceReference, "mgn:ListManagedAccounts"));
    let create = action("lambda:CreateFunction");
    assert_eq!(made.action(&create).unwrap().dependent, embedded.action(&create).unwrap().dependent);
    assert_eq!(made.forwarded(&action("s3:GetObject")), embedded.forwarded(&action("s3:GetObject")));
    // It is used from now on, and outputs say so.
    assert_eq!(ended(&run(home.path(), &["catalog", "action", "glue:CreateGlossary"])).0, 0);
    assert!(ended(&run(home.path(), &["catalog", "status"])).1.contains("AWS Service Reference"));
    // Refreshing again changes nothing and names the source once.
    assert_eq!(refresh(home.path(), &server, &[]).0, 0);
    assert_eq!(Catalog::from_bytes(&fs::read(&file).unwrap()).unwrap().sources(), made.sources());
}

#[test]
fn a_folder_does_as_well() {
    let home = tempfile::tempdir().unwrap();
    let pages = pages();
    let folder = home.path().join("copy");
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("index.json", &index(pages.keys().cloned()));
    pages.iter().for_each(|(prefix, page)| write(&path(prefix), page.to_string().as_bytes()));
    let arguments = ["catalog", "refresh", "--from", "copy", "--out", "made"];
    let (code, said, error) = ended(&run(home.path(), &arguments));
    assert_eq!(code, 0, "{said} {error}");
    let made = fs::read(home.path().join("made")).unwrap();
    assert_eq!(Catalog::from_bytes(&made).unwrap().sources()[0].home, "", "a folder's name is nobody else's business");
    write(
        "index.json",
        br#"[{"service":"s3","url":"https://x/v1/../../../../etc/passwd%00"},{"service":"s3","url":"..\\..\\x"}]"#,
    );
    let (code, _, _) = ended(&run(home.path(), &arguments));
    assert_eq!((code, fs::read(home.path().join("made")).unwrap()), (1, made));
}

/// What becomes of a server's answers.
type Change = Box<dyn Fn(&mut BTreeMap<String, Answer>)>;

/// A way to be wrong: what the server answers then, and a part of what is said.
type Wrong = (&'static str, Change, &'static str);

fn wrong_answers() -> Vec<Wrong> {
    let s3 = path("s3");
    let put = move |answer: Answer| -> Change {
        let s3 = s3.clone();
        Box::new(move |answers| {
            answers.insert(s3.clone(), answer.clone());
        })
    };
    let body = |text: &str| Answer::Body(text.as_bytes().to_vec());
    let page = |actions: Value, resources: Value| {
        Answer::Body(json!({ "Name": "s3", "Actions": actions, "Resources": resources }).to_string().into_bytes())
    };
    let root = |answer: Answer| -> Change {
        Box::new(move |answers| {
            answers.insert("/".to_owned(), answer.clone());
        })
    };
    vec![
        ("truncated", put(Answer::Truncated(vec![b' '; 5_000])), "cannot be read"),
        ("server error", put(Answer::Status(500)), "answered 500"),
        ("missing", put(Answer::Status(404)), "answered 404"),
        ("no JSON", put(body("{")), "not the expected shape"),
        ("other JSON", put(body("[]")), "not the expected shape"),
        ("another service", put(body(r#"{"Name":"ec2"}"#)), "names itself `ec2`"),
        ("unlisted type", put(page(json!([{"Name":"GetObject","Resources":[{"Name":"object"}]}]), json!([]))), "does not list"),
        ("no ARN", put(page(json!([]), json!([{"Name":"b","ARNFormats":["arn:${Partition}:s3"]}]))), "no ARN format"),
        ("open slot", put(page(json!([]), json!([{"Name":"b","ARNFormats":["arn:a:s3:::${Bucket"]}]))), "no ARN format"),
        ("no name", put(page(json!([{"Name":"Get\tObject"}]), json!([]))), "no name of an action"),
        ("twice", put(page(json!([{"Name":"GetA"},{"Name":"geta"}]), json!([]))), "listed twice"),
        (
            "separator",
            put(page(
                json!([{"Name":"GetA","Resources":[{"Name":"a|b"}]}]),
                json!([{"Name":"a|b","ARNFormats":["arn:a:s3:::x"]}]),
            )),
            "separator",
        ),
        ("huge", put(Answer::Endless), "more than"),
        ("elsewhere", put(Answer::Redirect("http://127.0.0.2:9/".to_owned())), "answered 302"),
        ("index is no list", root(body("{}")), "the index"),
        ("index is empty", root(body("[]")), "lists 0 services"),
        ("index is huge", root(Answer::Endless), "more than"),
        ("index without the rest", root(Answer::Body(index(["s3".to_owned()].into_iter()))), "too much less"),
    ]
}

#[test]
fn whatever_is_wrong_leaves_the_catalog_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let pages = pages();
    let whole = answers(&pages);
    assert_eq!(refresh(home.path(), &serve(whole.clone()), &[]).0, 0);
    let before = tree(&home.path().join("data"));
    for (name, make, said) in wrong_answers() {
        let mut answers = whole.clone();
        make(&mut answers);
        let (code, _, error) = refresh(home.path(), &serve(answers), &[]);
        assert_eq!(code, 1, "{name}");
        assert!(error.contains(said), "{name}: {error}");
        assert_eq!(tree(&home.path().join("data")), before, "{name}");
    }
    let few = serve(answers(&pages.into_iter().take(20).collect()));
    assert_eq!(refresh(home.path(), &few, &[]).0, 1);
    assert_eq!(refresh(home.path(), &few, &["--force"]).0, 0, "what is less can be taken on purpose");
    assert!(ended(&run(home.path(), &["catalog", "event", "s3", "GetObject"])).0 == 0, "services that are not listed stay");
    for from in ["http://example.com/", "ftp://localhost/", "absent"] {
        assert_eq!(ended(&run(home.path(), &["catalog", "refresh", "--from", from])).0, 1, "{from}");
    }
}

#[test]
fn a_killed_refresh_leaves_the_old_catalog() {
    let home = tempfile::tempdir().unwrap();
    let whole = answers(&pages());
    assert_eq!(refresh(home.path(), &serve(whole.clone()), &[]).0, 0);
    let before = tree(home.path());
    let mut stuck = whole;
    stuck.insert(path("s3"), Answer::Silent);
    let server = serve(stuck);
    let mut running = tightfit_at(home.path())
        .args(["catalog", "refresh", "--from", &server.url])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while server.asked.load(Ordering::Relaxed) < 400 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(tree(home.path()), before);
}

#[test]
fn a_damaged_catalog_can_be_refreshed() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("data/tightfit/catalog");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, b"damaged").unwrap();
    let (code, _, error) = refresh(home.path(), &serve(answers(&pages())), &[]);
    assert!(code == 0 && error.contains("no catalog of tightfit; starting from the embedded one"), "{error}");
    assert_eq!(ended(&run(home.path(), &["catalog", "status"])).0, 0);
}

#[test]
fn only_the_damaged_catalog_that_is_replaced_is_passed_over() {
    let home = tempfile::tempdir().unwrap();
    let server = serve(answers(&pages()));
    let settings = home.path().join("tightfit.toml");
    let written = || home.path().join("data/tightfit/catalog").exists();
    fs::write(home.path().join("bad"), b"damaged").unwrap();
    fs::create_dir(home.path().join("folder")).unwrap();
    for (more, code, said) in [
        (["--config", "absent.toml"], 1, "cannot be read"),
        (["--catalog", "bad"], 1, "drop `--catalog`"),
        (["--catalog", "absent"], 1, "drop `--catalog`"),
        (["--out", "folder"], 2, "expected the file to write"),
    ] {
        let (ended, _, error) = refresh(home.path(), &server, &more);
        assert!(ended == code && error.contains(said) && !error.contains("output folder"), "{more:?}: {error}");
    }
    for (text, said) in [("[catalog]\nfiles = \"x\"\n", "files"), ("[catalog]\nfile = \"bad\"\n", "drop the `[catalog] file`")] {
        fs::write(&settings, text).unwrap();
        let (code, _, error) = refresh(home.path(), &server, &[]);
        assert!(code == 1 && error.contains(said), "{text}: {error}");
    }
    assert!(!written() && server.asked.load(Ordering::Relaxed) == 0, "nothing was asked, nothing written");
    // What the error advises works.
    let (code, _, error) = refresh(home.path(), &server, &["--out", "bad"]);
    assert!(code == 0 && error.contains("starting from the embedded one"), "{error}");
    assert_eq!(ended(&run(home.path(), &["catalog", "status"])).0, 0);
}
