//! Every example is planned, applied in a copy, and compared with its source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bucket::{Bucket, MOTO};
use super::environment::TestEnvironment;

/// An example's folder in a place where it may be changed, as it is in the repository: what somebody
/// who tried it left there is named in its `.gitignore`.
fn copy(name: &str) -> TestEnvironment {
    let env = TestEnvironment::new();
    let from = examples().join(name);
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(env.path("")).status().unwrap();
    assert!(copied.success());
    let ignored = fs::read_to_string(env.path(".gitignore")).unwrap();
    for made in ignored.lines().filter(|line| !line.starts_with('#')) {
        let made = env.path(made.trim_matches('/'));
        let removed = if made.is_dir() { fs::remove_dir_all(&made) } else { fs::remove_file(&made) };
        assert!(removed.is_ok() || !made.exists());
    }
    env
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Two folders have the same content; `diff` has no stake in it.
fn same(env: &TestEnvironment, one: &str, other: &str, exclude: &[&str]) {
    let mut diff = Command::new("diff");
    diff.arg("-r").arg("--no-dereference").arg("--exclude=.syncplan");
    diff.args(exclude.iter().map(|name| format!("--exclude={name}")));
    let output = diff.arg(env.path(one)).arg(env.path(other)).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_example_has_a_test_here() {
    let mut found: Vec<_> = fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, ["photo-archive", "quickstart", "two-way-notes", "website-to-s3"]);
}

#[test]
fn every_example_is_formatted() {
    for name in ["photo-archive", "quickstart", "two-way-notes", "website-to-s3"] {
        copy(name).run(&["fmt", "--check"]).success();
    }
}

#[test]
fn quickstart() {
    let env = copy("quickstart");
    env.run(&["validate"]).success();
    env.run(&["plan", "-o", "plan.json", "--detailed-exitcode"]).code(2);
    env.run(&["apply", "plan.json"]).success();
    same(&env, "site", "backup", &[]);
    env.assert_in_sync();
    assert!(env.path("backup/css/print.css").exists(), "the sample data has nested files");
}

#[test]
fn photo_archive() {
    let env = copy("photo-archive");
    env.run(&["validate"]).success();
    env.sync();
    same(&env, "photos", "archive", &["*.tmp", "drafts", ".syncignore", "contact-sheet.jpg"]);
    assert!(!env.path("archive/drafts").exists(), "a folder with a marker is left out");
    assert!(env.path("archive/originals/2025/lake.jpg").exists());

    // Originals are protected: changing one blocks the plan.
    env.write_file("photos/originals/2025/lake.jpg", "edited by accident");
    env.run(&["plan", "-o", "plan.json"]).code(3).says(&["protected"]);
}

#[test]
fn two_way_notes() {
    let env = copy("two-way-notes");
    env.run(&["validate"]).success();
    env.run(&["sync", "-y"]).success();
    same(&env, "laptop", "phone", &["*.draft"]);
    assert!(!env.path("phone/todo/next.draft").exists(), "an ignore file leaves it out");
    env.assert_in_sync();

    env.write_file("laptop/todo/week.md", "- call the bank again");
    env.write_file("phone/shopping/saturday.md", "apples");
    fs::rename(env.path("phone/todo/some-day.md"), env.path("phone/todo/some-year.md")).unwrap();
    fs::remove_file(env.path("laptop/README.md")).unwrap();
    env.run(&["sync", "-y"]).success();
    same(&env, "laptop", "phone", &["*.draft"]);
    assert!(!env.path("phone/README.md").exists() && env.path("laptop/todo/some-year.md").exists());

    // Both edit it: both are kept.
    env.write_file("laptop/todo/week.md", "- stay at home");
    env.write_file("phone/todo/week.md", "- go out");
    env.run(&["sync", "-y"]).success();
    same(&env, "laptop", "phone", &["*.draft"]);
    let found = fs::read_dir(env.path("phone/todo")).unwrap().map(|it| it.unwrap().file_name());
    assert_eq!(found.filter(|name| name.to_string_lossy().starts_with("week.")).count(), 2);

    // Recipes are protected: deleting one blocks the plan.
    fs::remove_file(env.path("phone/recipes/bread.md")).unwrap();
    env.run(&["sync", "-y"]).code(3).says(&["protected"]);
}

#[test]
fn website_to_s3() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let mut env = copy("website-to-s3");
    env.set("SYNCPLAN_VAR_ENDPOINT", &bucket.endpoint);
    env.set("SYNCPLAN_VAR_BUCKET", "bkt");
    env.set("SYNCPLAN_VAR_SITE", &bucket.prefix);
    env.set("AWS_ACCESS_KEY_ID", "testkey");
    env.set("AWS_SECRET_ACCESS_KEY", "testsecret");
    env.run(&["validate"]).success();
    env.sync();
    fs::create_dir(env.path("downloaded")).unwrap();
    bucket.download(&env.path("downloaded"));
    same(&env, "public", "downloaded", &[]);

    // The environment comes before a profile, so the profile shows where the environment is silent.
    let mut preview = copy("website-to-s3");
    preview.set("SYNCPLAN_VAR_ENDPOINT", &bucket.endpoint);
    preview.set("SYNCPLAN_VAR_BUCKET", "bkt");
    preview.set("AWS_ACCESS_KEY_ID", "testkey");
    preview.set("AWS_SECRET_ACCESS_KEY", "testsecret");
    preview.run(&["plan", "--profile", "preview", "-o", "plan.json", "--detailed-exitcode"]).code(2);
    assert!(preview.read_file("plan.json").contains("bkt/preview"));
}
