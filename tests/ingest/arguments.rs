//! Arguments name files: folders, patterns, standard input.

use super::*;

#[test]
fn arguments_name_files_once_and_in_order() {
    let folder = tempfile::tempdir().expect("folder");
    let root = folder.path();
    for name in ["b.log", "a.log", "sub/c.log", "sub/.hidden", ".git/config", "profile"] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(&path, if name == "profile" { "PAR1" } else { "{}" }).expect("write");
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(root, root.join("sub/loop")).expect("link");
    let names = |arguments: &[String]| -> Result<Vec<(String, bool)>, IngestError> {
        let short = |input: &Input| (input.name.rsplit('/').next().unwrap_or_default().to_owned(), input.named);
        Ok(discover(arguments, &mut b"{}".as_slice())?.inputs.iter().map(short).collect())
    };
    let at = |name: &str| root.join(name).to_string_lossy().into_owned();
    let owned = |list: &[(&str, bool)]| list.iter().map(|(name, named)| ((*name).to_owned(), *named)).collect::<Vec<_>>();
    let all = owned(&[("a.log", false), ("b.log", false), ("profile", false), ("c.log", false)]);
    assert_eq!(names(&[at("")]).expect("folder"), all);
    assert_eq!(names(&[at("b.log"), at("a.log"), at("b.log")]).expect("files"), owned(&[("b.log", true), ("a.log", true)]));
    assert_eq!(names(&[at(""), at("b.log")]).expect("both")[1], ("b.log".to_owned(), true));
    assert_eq!(names(&[at("*.log")]).expect("glob"), owned(&[("a.log", true), ("b.log", true)]));
    assert_eq!(names(&[at("**/[c]*.log")]).expect("glob"), owned(&[("c.log", true)]));
    assert_eq!(names(&[at("{a,sub/c}.log")]).expect("glob"), owned(&[("a.log", true), ("c.log", true)]));
    assert_eq!(names(&["-".to_owned(), "-".to_owned()]).expect("stdin"), owned(&[("-", true)]));
    let kinds = found(&[&root.join("profile")]);
    assert_eq!(kinds.inputs[0].kind, InputKind::Profile);
    assert!(matches!(names(&[at("nothing")]), Err(IngestError::NotFound { .. })));
    assert!(matches!(names(&[at("*.gz")]), Err(IngestError::NoMatch { .. })));
    assert!(matches!(names(&[at("[")]), Err(IngestError::Pattern { .. })));
    fs::create_dir(root.join("empty")).expect("folder");
    assert!(matches!(names(&[at("empty")]), Err(IngestError::Empty { .. })));
    let spooled = discover(&["-".to_owned()], &mut get("a").as_bytes()).expect("stdin");
    let (seen, reading) = read_all(&spooled, &options());
    assert_eq!((seen.count("observed"), reading.files.contains_key("-")), (1, true));
}
