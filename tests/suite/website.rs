//! Web sites, which can only be read.

use super::bucket::server;
use super::environment::{TestEnvironment, actions, next_second};

/// Apache, whose indexes of folders are read; files come and go by its WebDAV.
const APACHE: &str = "SYNCPLAN_TEST_HTTP_APACHE";
/// The folder that it serves.
const FOLDER: &str = "SYNCPLAN_TEST_HTTP_APACHE_FOLDER";

fn manifest(url: &str, store: &str, task: &str) -> String {
    format!(
        "syncplan format=1\n\nstore here kind=local {{ root \"copy\"; }}\nstore site kind=http {{ url \"{url}\"; \
         {store} }}\n\ntask fetch kind=files {{\n    local here\n    remote site\n    {task}\n}}\n"
    )
}

#[test]
fn a_site_is_fetched_again_where_it_changed() {
    let (Some(url), Some(folder)) = (server(APACHE), server(FOLDER)) else { return };
    let place = tempfile::Builder::new().prefix("suite").tempdir_in(folder).unwrap();
    open_to_all(place.path());
    let name = place.path().file_name().unwrap().to_str().unwrap();
    super::tree::write(place.path(), "a=1 b=2 d/c=3 d/e/f=4");
    for folder in ["d", "d/e"] {
        open_to_all(&place.path().join(folder));
    }
    let env = TestEnvironment::with_manifest(&manifest(
        &format!("{url}/{name}"),
        "",
        "direction fetch\n    mode mirror",
    ));
    env.tree("copy", "");
    env.sync();
    assert_eq!(env.listing("copy"), super::tree::read(place.path()));

    next_second();
    super::tree::write(place.path(), "a=9");
    std::fs::remove_file(place.path().join("b")).unwrap();
    let plan = env.plan(&[]);
    assert_eq!(actions(&plan).len(), 2, "{plan}");
    env.run(&["apply", "plan.json"]).success();
    env.assert_in_sync();
    assert_eq!(env.listing("copy"), super::tree::read(place.path()));
}

#[test]
fn a_file_that_is_listed_and_gone_is_left_alone() {
    let (Some(url), Some(folder)) = (server(APACHE), server(FOLDER)) else { return };
    let place = tempfile::Builder::new().prefix("suite").tempdir_in(folder).unwrap();
    open_to_all(place.path());
    let name = place.path().file_name().unwrap().to_str().unwrap();
    super::tree::write(place.path(), "a=1 b=2");
    std::fs::write(place.path().join("files.txt"), "a\nb\ngone\n").unwrap();
    let env = TestEnvironment::with_manifest(&manifest(
        &format!("{url}/{name}"),
        "index \"files.txt\"",
        "direction fetch\n    mode mirror",
    ));
    env.tree("copy", "gone=7");
    env.run(&["plan", "-o", "plan.json"]);
    env.run(&["apply", "plan.json"]);
    assert!(env.path("copy/a").exists());
    assert!(env.path("copy/gone").exists(), "what the site lists and cannot show was deleted here");
    assert!(env.path("copy/b").exists());
}

#[test]
fn nothing_is_written_to_a_site() {
    let env = TestEnvironment::with_manifest(&manifest("https://example.org/x", "", "mode mirror"));
    let said = env.run(&["validate"]).usage().to_string();
    assert!(said.contains("can only be read") && said.contains("direction fetch"), "{said}");
}

fn open_to_all(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}
