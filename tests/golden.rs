//! Every story in samples/: its log gives its `expected/`, byte for byte. `TIGHTFIT_BLESS=1` writes what is expected.
#![cfg(test)]

mod harness;

use std::fs;

use harness::{ended, root, tightfit, tree};

#[test]
fn every_sample_gives_what_it_promises() {
    let mut stories: Vec<_> =
        fs::read_dir(root().join("samples")).unwrap().map(|listed| listed.unwrap().path()).filter(|path| path.is_dir()).collect();
    stories.sort();
    assert!(stories.len() >= 3, "at least three stories");
    let bless = std::env::var_os("TIGHTFIT_BLESS").is_some();
    let mut wrong = Vec::new();
    for story in stories {
        let scratch = tempfile::tempdir().unwrap();
        let out = scratch.path().join("policies");
        let out_text = out.display().to_string();
        let output = tightfit(&story, &["generate", "log", "--out", &out_text]);
        let (code, said, complaints) = ended(&output);
        let said = format!(
            "$ tightfit generate log --out policies\n{}exit code {code}\n{complaints}",
            said.replace(&out_text, "policies")
        );
        let expected = story.join("expected");
        if bless {
            drop(fs::remove_dir_all(&expected));
            for (file, body) in tree(&out) {
                let target = expected.join(file);
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::write(target, body).unwrap();
            }
            fs::write(story.join("console.txt"), &said).unwrap();
            continue;
        }
        let promised = fs::read_to_string(story.join("console.txt")).unwrap_or_default();
        assert!(expected.is_dir(), "{}: nothing is promised; bless it first", story.display());
        if promised != said {
            wrong.push(format!("{}: console.txt\n--- expected\n{promised}\n--- got\n{said}", story.display()));
        }
        let (got, want) = (tree(&out), tree(&expected));
        let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if names(&got) != names(&want) {
            wrong.push(format!("{}: files {:?}, expected {:?}", story.display(), names(&got), names(&want)));
        }
        for (file, body) in &got {
            if want.iter().any(|(name, expected)| name == file && expected != body) {
                wrong.push(format!("{}: {file} differs:\n{}", story.display(), String::from_utf8_lossy(body)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_sample_verifies_against_its_own_log() {
    for story in ["aws-orders-service", "kubernetes-shop", "kubernetes-recorded", "eks-checkout"] {
        let story = root().join("samples").join(story);
        let (written, _, _) = ended(&tightfit(
            &story,
            &["generate", "log", "--out", &tempfile::tempdir().unwrap().path().join("p").display().to_string()],
        ));
        let (judged, said, complaints) = ended(&tightfit(&story, &["verify", "log", "--policies", "expected"]));
        assert_eq!(judged, written, "{}: {said}{complaints}", story.display());
        assert!(said.contains(" 0 would be denied") && said.contains(" 0 without a need"), "{said}");
    }
}
