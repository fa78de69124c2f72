//! Manifests with mistakes: every one is found before anything is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;

use super::environment::{MIRROR, TestEnvironment};
use super::tree::exact;

/// The corpus belongs to the crate that reads manifests; here the whole program meets it.
fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/manifest/tests/corpus/broken");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir() || path.extension().is_some_and(|it| it == "kdl"));
    found.sort();
    assert!(found.len() > 50, "only {} broken manifests", found.len());
    found
}

/// Copies one case to the environment: a file, or a folder of a manifest with what it includes.
fn place(env: &TestEnvironment, case: &Path) {
    if case.is_file() {
        fs::copy(case, env.path("syncplan.kdl")).unwrap();
    } else {
        let copied = Command::new("cp").arg("-a").arg(case.join(".")).arg(env.path("")).status().unwrap();
        assert!(copied.success());
        assert!(env.path("syncplan.kdl").exists(), "{} has no syncplan.kdl", case.display());
    }
}

/// A case may begin with the flags that it needs: `// --profile prod`.
fn flags(case: &Path) -> Vec<String> {
    let manifest = if case.is_dir() { case.join("syncplan.kdl") } else { case.to_owned() };
    let text = String::from_utf8_lossy(&fs::read(manifest).unwrap()).into_owned();
    let lines = text.lines().map_while(|line| line.strip_prefix("// --"));
    lines.flat_map(|line| format!("--{line}").split(' ').map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn every_broken_manifest_is_refused_and_nothing_touched() {
    let mut wrong = Vec::new();
    for case in corpus() {
        let env = TestEnvironment::new();
        env.tree("site", "a=1");
        env.tree("backup", "b=2");
        place(&env, &case);
        let before = (exact(&env.path("site")), exact(&env.path("backup")));
        let flags = flags(&case);
        for command in [&["validate"][..], &["plan", "-o", "plan.json"], &["push", "-y"]] {
            let words: Vec<_> = command.iter().copied().chain(flags.iter().map(String::as_str)).collect();
            let output = env.run(&words).calm();
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            let text = format!("{output}");
            if !text.contains("[exit 64]") || output.stderr.is_empty() {
                wrong.push(format!("{name}: {text}"));
            }
        }
        assert_eq!(before, (exact(&env.path("site")), exact(&env.path("backup"))), "{}", case.display());
        assert!(!env.path("plan.json").exists(), "{}", case.display());
    }
    assert!(wrong.is_empty(), "{} were not refused:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn all_mistakes_are_told_in_one_run() {
    let env = TestEnvironment::with_manifest(
        r#"syncplan format=1

store here kind=locl { root "site"; }
store there kind=local { rot "backup"; }

task site kind=files {
    local here
    remote ther
    mode miror
    select "ext(jpg) && size > 1MB"
}
"#,
    );
    assert_snapshot!(env.run(&["validate"]).usage());
}

#[test]
fn a_manifest_that_is_not_there() {
    let env = TestEnvironment::new();
    assert_snapshot!(env.run(&["plan"]).usage());
    assert_snapshot!(env.run(&["plan", "-f", "other.kdl"]).usage());
}

#[test]
fn mistakes_on_the_command_line() {
    let env = TestEnvironment::with_manifest(MIRROR);
    assert_snapshot!(env.run(&["plann"]).code(64));
    assert_snapshot!(env.run(&["apply"]).code(64));
    env.run(&["plan", "--no-such-flag"]).code(64);
    env.run(&["plan", "--direction", "sideways"]).code(64);
    env.run(&["apply", "plan.json", "--jobs", "many"]).code(64);
}

#[test]
fn a_correct_manifest_is_valid() {
    let env = TestEnvironment::mirror("");
    assert_snapshot!(env.run(&["validate"]).success());
}
