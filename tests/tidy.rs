//! The house's laws, as far as text can enforce them.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Nouns in import order: each may import only those before it (and itself).
const NOUNS: &[&str] = &["finding", "access", "catalog", "config", "policy", "artifact", "ask", "verdict"];
/// Verbs: each may import nouns, never another verb.
const VERBS: &[&str] = &["fetch", "ingest", "aggregate", "load", "synthesize", "verify", "render", "publish", "curate"];
/// Heavy crates and the one place of each.
const HOMES: &[(&str, &[&str])] = &[
    ("polars", &["src/aggregate/"]),
    ("tera", &["src/render/"]),
    ("clap", &["src/cli/"]),
    ("clap_complete", &["src/cli/"]),
    ("tokio", &["src/cli/", "src/publish/", "src/fetch/"]),
    ("indicatif", &["src/cli/"]),
    ("reqwest", &["src/fetch/"]),
    ("anyhow", &["src/cli/"]),
];
/// Longest source file, in lines.
const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        let Ok(listing) = fs::read_dir(&folder) else { continue };
        for listed in listing.flatten() {
            let path = listed.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {ending} file below {folder}");
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

/// The lines of a file that are code: no comments, no inline test module.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect()
}

/// Top-level modules of the library that a file names: `crate::X`.
fn modules_named(path: &Path) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for line in code(path) {
        for part in line.split("crate::").skip(1) {
            let word = |text: &str| {
                text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect::<String>()
            };
            match part.strip_prefix('{') {
                Some(list) => named.extend(list.split(',').map(|item| word(item.trim()))),
                None => {
                    named.insert(word(part));
                }
            }
        }
    }
    named
}

#[test]
fn nouns_import_only_nouns_above_and_verbs_never_another_verb() {
    let mut wrong = Vec::new();
    for path in files("src", ".rs") {
        let file = name(&path);
        let module = file.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default().to_owned();
        for named in modules_named(&path) {
            let allowed = match (NOUNS.iter().position(|noun| *noun == module), VERBS.contains(&module.as_str())) {
                (Some(place), _) => NOUNS.iter().position(|noun| *noun == named).is_some_and(|other| other <= place),
                (None, true) => NOUNS.contains(&named.as_str()) || named == module,
                (None, false) => true,
            };
            if !allowed {
                wrong.push(format!("{file} imports {named}"));
            }
        }
        if module == "cli"
            && code(&path).iter().any(|line| line.contains("tightfit::verify") || line.contains("tightfit::synthesize"))
        {
            wrong.push(format!("{file} knows a verb that only the pipeline may know"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_room_is_a_noun_a_verb_or_the_pipeline() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for module in text.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = module.trim_end_matches(';');
        assert!(NOUNS.contains(&module) || VERBS.contains(&module) || module == "pipeline", "{module} has no place in the order");
    }
}

#[test]
fn heavy_crates_have_one_home() {
    let mut wrong = Vec::new();
    for path in files("src", ".rs") {
        let file = name(&path);
        for (heavy, homes) in HOMES {
            let used = code(&path).iter().any(|line| {
                line.match_indices(&format!("{heavy}::")).any(|(at, _)| {
                    let before = line.get(..at).unwrap_or_default().chars().next_back();
                    !before.is_some_and(|character| character.is_alphanumeric() || character == '_')
                })
            });
            if used && !homes.iter().any(|home| file.starts_with(home)) {
                wrong.push(format!("{file} uses {heavy}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_library_has_no_clock_environment_or_output() {
    let forbidden = [
        "println!",
        "eprintln!",
        "std::env",
        "env::var",
        "Timestamp::now",
        "SystemTime",
        "Instant::now",
        "process::exit",
        "async fn",
    ];
    let mut wrong = Vec::new();
    for path in files("src", ".rs") {
        let file = name(&path);
        if file.starts_with("src/cli/") {
            continue;
        }
        for line in code(&path) {
            wrong.extend(forbidden.iter().filter(|word| line.contains(**word)).map(|word| format!("{file}: {word}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `benches/` may hold scripts alone.
fn holds_rust(folder: &str) -> bool {
    let listing = fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
    listing.map(|listed| listed.path()).any(|path| path.is_dir() || path.extension().is_some_and(|ending| ending == "rs"))
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for path in
        ["src", "tests", "benches"].into_iter().filter(|folder| holds_rust(folder)).flat_map(|folder| files(folder, ".rs"))
    {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{} has {lines} lines", name(&path)));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{} does not begin with `//!`", name(&path)));
        }
    }
    let main = fs::read_to_string(root().join("src/cli/main.rs")).unwrap();
    if main.lines().count() > 40 {
        wrong.push("src/cli/main.rs has more than 40 lines".to_owned());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn finding_codes_are_unique_kebab_case_documented_and_used() {
    let documented = fs::read_to_string(root().join("docs/findings.md")).unwrap();
    let sources: String = files("src", ".rs")
        .iter()
        .filter(|path| name(path) != "src/finding.rs")
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut seen = BTreeSet::new();
    for code in tightfit::finding::Code::ALL {
        let name = code.name();
        assert!(seen.insert(name), "{name} stands twice");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name} is not kebab-case");
        assert!(documented.contains(&format!("`{name}`")), "{name} is not in docs/findings.md");
        assert!(sources.contains(&format!("Code::{code:?}")), "{name} is never reported");
    }
}

#[test]
fn nothing_is_unfinished_and_words_are_the_houses() {
    let marks = ["TO-DO", "FIX-ME", "XX-X"].map(|mark| mark.replace('-', ""));
    let words = ["mod utils", "mod helpers", "mod common", "struct Manager", "Handler {}"];
    let mut wrong = Vec::new();
    for path in files("src", ".rs").into_iter().chain(files("templates", "")) {
        let text = fs::read_to_string(&path).unwrap();
        wrong.extend(marks.iter().filter(|mark| text.contains(mark.as_str())).map(|mark| format!("{}: {mark}", name(&path))));
        wrong.extend(words.iter().filter(|word| text.contains(**word)).map(|word| format!("{}: {word}", name(&path))));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_dependency_states_its_reason() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut in_dependencies = false;
    let mut previous = "";
    let mut wrong = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies");
        } else if in_dependencies && line.contains(" = ") && !previous.starts_with('#') {
            wrong.push(line.to_owned());
        }
        previous = line;
    }
    assert!(wrong.is_empty(), "no comment beside {wrong:#?}");
}
