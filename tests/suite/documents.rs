//! What the documents tell people to type exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::environment::TestEnvironment;

/// README.md and the guide.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_dir(root.join("docs")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = guide.filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    found.push(root.join("README.md"));
    found.retain(|path| path.exists());
    found.sort();
    found
}

/// The commands in fenced blocks, with a `$ ` or without: the words after `syncplan`.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with("```") {
            fenced = !fenced;
        } else if let Some(rest) = line.trim_start_matches("$ ").strip_prefix("syncplan ").filter(|_| fenced)
        {
            let ours = rest.split(['|', '>', '#', ';', '&']).next().unwrap_or_default();
            found.push(ours.split_whitespace().map(str::to_owned).collect());
        }
    }
    found
}

#[test]
fn commands_and_flags_of_the_documents_exist() {
    let env = TestEnvironment::new();
    let mut helps = BTreeMap::new();
    let (mut checked, mut wrong) = (0, Vec::new());
    for document in documents() {
        for words in commands(&fs::read_to_string(&document).unwrap()) {
            // A block in the manifest's language may begin a line with the tool's name as well.
            if words.first().is_some_and(|word| word.contains('=')) {
                continue;
            }
            let Some(command) = words.iter().find(|word| !word.starts_with('-')) else { continue };
            let help = helps.entry(command.clone()).or_insert_with(|| env.run(&[command, "--help"]).stdout);
            let unknown = |word: &&String| {
                let flag = word.split('=').next().unwrap_or_default();
                flag.starts_with("--") && flag.len() > 2 && !help.contains(flag)
            };
            if help.is_empty() || words.iter().any(|word| unknown(&word)) {
                wrong.push(format!("{}: syncplan {}", document.display(), words.join(" ")));
            }
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "no such command or flag:\n{}", wrong.join("\n"));
    assert!(checked > 0, "no document shows a command");
}
