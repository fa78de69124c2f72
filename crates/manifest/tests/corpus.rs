//! Manifests that are right, wrong, or not carried out yet, and what is said about each of them.
//! The reports are in `snapshots/manifest/`, to be read as a user would.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its corpus has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use miette::{GraphicalReportHandler, GraphicalTheme};
use syncplan_manifest::{
    CODES, Diagnostic, Diagnostics, LoadRequest, Loaded, check_supported, explain, format, load,
};

/// A manifest with its includes, and the flags in its first line.
struct Case {
    name: String,
    entry: String,
    files: BTreeMap<String, Vec<u8>>,
    profile: Option<String>,
    vars: BTreeMap<String, String>,
}

fn corpus(group: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(group);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| Case::read(path)).collect()
}

impl Case {
    fn read(path: &Path) -> Self {
        let mut files = BTreeMap::new();
        let entry = if path.is_dir() {
            collect(path, path, &mut files);
            "syncplan.kdl".to_owned()
        } else {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.insert(name.clone(), std::fs::read(path).unwrap());
            name
        };
        let text = String::from_utf8_lossy(&files[&entry]).into_owned();
        let flags = text.lines().next().and_then(|line| line.strip_prefix("// --")).unwrap_or("");
        let flags: Vec<&str> = flags.split("--").map(str::trim).collect();
        let given = |flag: &str| {
            flags
                .iter()
                .filter_map(move |part| part.strip_prefix(flag))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let vars = given("var ")
            .iter()
            .map(|var| var.split_once('=').unwrap())
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        Self {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            entry,
            files,
            profile: given("profile ").pop(),
            vars,
        }
    }

    fn load(&self) -> Result<Loaded, Diagnostics> {
        let request = LoadRequest::new(&self.entry, &self.files);
        load(&LoadRequest { profile: self.profile.as_deref(), vars: self.vars.clone(), ..request })
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

fn render(diagnostic: &dyn miette::Diagnostic) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
    let mut report = String::new();
    handler.render_report(&mut report, diagnostic).unwrap();
    report.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn snapshot(name: &str, report: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../snapshots/manifest");
    insta::with_settings!({ snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, report);
    });
}

fn codes_of<'a>(diagnostics: impl Iterator<Item = &'a Diagnostic>) -> BTreeSet<&'static str> {
    diagnostics.map(Diagnostic::code).collect()
}

#[test]
fn every_broken_manifest_is_explained() {
    for case in corpus("broken") {
        let diagnostics = case.load().expect_err(&case.name);
        snapshot(&case.name, &render(&diagnostics));
    }
}

#[test]
fn every_warning_is_told() {
    for case in corpus("warned") {
        let loaded =
            case.load().unwrap_or_else(|diagnostics| panic!("{}: {}", case.name, render(&diagnostics)));
        let report: String = loaded.warnings.iter().map(|warning| render(warning)).collect();
        snapshot(&case.name, &report);
    }
}

#[test]
fn valid_manifests_load_without_a_word() {
    for case in corpus("valid") {
        let loaded =
            case.load().unwrap_or_else(|diagnostics| panic!("{}: {}", case.name, render(&diagnostics)));
        let report: String = loaded.warnings.iter().map(|warning| render(warning)).collect();
        assert_eq!(report, "", "{}", case.name);
    }
}

#[test]
fn what_is_not_carried_out_yet_is_refused_where_it_is_used() {
    let case = corpus("unsupported").pop().unwrap();
    let loaded = case.load().unwrap_or_else(|diagnostics| panic!("{}", render(&diagnostics)));
    snapshot("unsupported", &render(&check_supported(&loaded, None).unwrap_err()));
    let fine = loaded.spec.tasks.iter().map(|task| task.name.clone()).filter(|name| name.as_str() == "fine");
    check_supported(&loaded, Some(&fine.collect::<Vec<_>>())).unwrap();
}

#[test]
fn every_code_is_explained_and_shown_by_the_corpus() {
    let mut shown = BTreeSet::new();
    for case in corpus("broken") {
        shown.extend(codes_of(case.load().unwrap_err().iter()));
    }
    for case in corpus("warned") {
        shown.extend(codes_of(case.load().unwrap().warnings.iter()));
    }
    for case in corpus("unsupported") {
        shown.extend(codes_of(check_supported(&case.load().unwrap(), None).unwrap_err().iter()));
    }
    for code in &shown {
        assert!(explain(code).is_some(), "{code} is not explained");
    }
    // These need a disk that fails, 65 files, or a megabyte.
    let elsewhere =
        ["unreadable", "include-limit", "too-large"].map(|name| format!("syncplan::manifest::{name}"));
    let missing: Vec<_> = CODES
        .iter()
        .filter(|code| !shown.contains(*code) && !elsewhere.iter().any(|other| other == *code))
        .collect();
    assert!(missing.is_empty(), "no broken manifest shows {missing:?}");
}

#[test]
fn no_secret_is_ever_shown() {
    for case in corpus("broken") {
        let report = render(&case.load().unwrap_err());
        assert!(!report.to_lowercase().contains("canary"), "{}: {report}", case.name);
    }
}

#[test]
fn formatting_twice_changes_nothing() {
    for group in ["valid", "warned", "unsupported", "broken"] {
        for case in corpus(group) {
            let Some(text) = case.files.get(&case.entry).and_then(|bytes| std::str::from_utf8(bytes).ok())
            else {
                continue;
            };
            let Ok(once) = format(text) else {
                assert_eq!(group, "broken", "{}", case.name);
                continue;
            };
            assert_eq!(format(&once).unwrap(), once, "{}", case.name);
        }
    }
}
