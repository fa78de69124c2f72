//! What becomes of symbolic links, of empty folders, and of names that a store takes for one.

use std::fs;
use std::os::unix::fs::symlink;

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::{TestEnvironment, actions};

/// What rclone has in a bucket, a line an object, folders with a slash behind them.
fn objects(bucket: &Bucket, flags: &[&str]) -> String {
    let remote = bucket.remote();
    let listed = bucket.rclone(&[&["lsf", "-R", "--exclude", ".syncplan/**", &remote], flags].concat());
    let mut lines: Vec<_> = listed.lines().filter(|line| !line.starts_with(".syncplan")).collect();
    lines.sort_unstable();
    lines.join(" ")
}

#[test]
fn links_that_are_skipped_are_left_alone_on_both_sides() {
    let env = TestEnvironment::task("mode mirror\n    symlinks skip", "a=1 l->a d/m->../a d/b=2");
    env.tree("backup", "theirs->nowhere l=file");
    env.sync();
    // What stands on the target under the name of a link is hidden by it, as everything left out is.
    assert_eq!(env.listing("backup"), "a=1 d/b=2 l=file theirs->nowhere");
}

#[test]
fn links_are_followed_inside_the_source_and_no_further() {
    let env = TestEnvironment::task(
        "mode mirror\n    symlinks follow",
        "a=1 real/f=2 real/deep/g=3 file->a folder->real/deep up->.. out->../outside/secret gone->nowhere \
         round->. real/deep/back->.. self->self ours->.syncplan",
    );
    env.tree("outside", "secret=secret");
    symlink(env.path("outside"), env.path("site/absolute")).unwrap();
    fs::create_dir_all(env.path("site/.syncplan")).unwrap();
    fs::write(env.path("site/.syncplan/private"), "ours").unwrap();
    let output = env.run(&["push", "-y"]).success();
    for (name, why) in [
        ("out", "leads out of the folder"),
        ("up", "leads out of the folder"),
        ("absolute", "leads out of the folder"),
        ("gone", "leads to nothing"),
        ("self", "leads in a circle"),
        ("round", "leads in a circle"),
        ("real/deep/back", "leads in a circle"),
        ("ours", "what syncplan keeps"),
    ] {
        let said =
            output.stderr.lines().any(|line| line.contains(&format!("`{name}`")) && line.contains(why));
        assert!(said, "{name} {why}\n{output}");
    }
    let wanted = "a=1 file=1 folder/g=3 real/deep/g=3 real/f=2";
    let found = env.listing("backup");
    // `folder/back` leads from another way to a folder that is not above it there: once, and no further.
    let found =
        found.split(' ').filter(|word| !word.starts_with("folder/back/")).collect::<Vec<_>>().join(" ");
    assert_eq!(found, wanted);
    env.assert_in_sync();
    // The links themselves are what they were, and what they lead to as well.
    assert!(fs::symlink_metadata(env.path("site/file")).unwrap().is_symlink());
    assert_eq!(env.listing("outside"), "secret=secret");
    // A link that leads elsewhere by now is another file.
    fs::remove_file(env.path("site/file")).unwrap();
    symlink("real/f", env.path("site/file")).unwrap();
    env.sync();
    assert_eq!(env.read_file("backup/file"), "2");
}

#[test]
fn links_become_small_objects_and_links_again() {
    for server in [MOTO, RCLONE] {
        let Some(bucket) = Bucket::on(server) else { return };
        let env = TestEnvironment::to_bucket(
            &bucket,
            "mode two-way\n    symlinks rclonelink",
            "a=1 l->a d/up->../a d/out->/etc/passwd gone->nowhere",
        );
        env.run(&["sync", "-y"]).success();
        env.assert_in_sync();
        let wanted = "a d/ d/out.rclonelink d/up.rclonelink gone.rclonelink l.rclonelink";
        assert_eq!(objects(&bucket, &[]), wanted);
        let read = bucket.rclone(&["cat", &format!("{}/d/out.rclonelink", bucket.remote())]);
        assert_eq!(read, "/etc/passwd");

        // rclone makes the same links of them.
        let folder = tempfile::tempdir().unwrap();
        bucket.rclone(&["copy", "--links", &bucket.remote(), folder.path().to_str().unwrap()]);
        assert_eq!(super::tree::read(folder.path()), env.listing("site"));

        // And what rclone writes, syncplan reads; a target that leads anywhere stays the text that it is.
        fs::remove_file(folder.path().join("l")).unwrap();
        super::tree::write(folder.path(), "l->d/up new/hostile->../../../../etc");
        bucket.rclone(&["copy", "--links", folder.path().to_str().unwrap(), &bucket.remote()]);
        env.run(&["sync", "-y"]).success();
        assert_eq!(
            env.listing("site"),
            "a=1 d/out->/etc/passwd d/up->../a gone->nowhere l->d/up new/hostile->../../../../etc"
        );
        env.assert_in_sync();

        // Renamed, changed and removed here, it is there.
        fs::rename(env.path("site/gone"), env.path("site/found")).unwrap();
        fs::remove_file(env.path("site/l")).unwrap();
        fs::remove_file(env.path("site/d/up")).unwrap();
        symlink("out", env.path("site/d/up")).unwrap();
        env.run(&["sync", "-y"]).success();
        env.assert_in_sync();
        let wanted = "a d/ d/out.rclonelink d/up.rclonelink found.rclonelink new/ new/hostile.rclonelink";
        assert_eq!(objects(&bucket, &[]), wanted);
        assert_eq!(bucket.rclone(&["cat", &format!("{}/d/up.rclonelink", bucket.remote())]), "out");
    }
}

#[test]
fn a_file_that_is_named_like_a_link_is_reported_and_left_alone() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(
        &bucket,
        "mode mirror\n    symlinks rclonelink",
        "a=1 real.rclonelink=mine both->a both.rclonelink=mine",
    );
    let output = env.run(&["push", "-y"]).success();
    for name in ["`real.rclonelink`", "`both.rclonelink`"] {
        assert!(output.stderr.contains(name), "{output}");
    }
    assert_eq!(objects(&bucket, &[]), "a");
    // An object that no link can hold, and one beside an object of the name of its link.
    let mut long = String::from("x.rclonelink=");
    long.push_str(&"l".repeat(5000));
    bucket.tree(&format!("{long} pair=file pair.rclonelink=a"));
    let output = env.run(&["fetch", "-y"]);
    assert_ne!(output.code, Some(0), "{output}");
    assert_eq!(env.read_file("site/real.rclonelink"), "mine");
    assert!(!env.path("site/x").exists() && !env.path("site/x.rclonelink").exists());
}

#[test]
fn links_of_two_folders_stay_links() {
    let env = TestEnvironment::task("mode mirror\n    symlinks rclonelink", "a=1 l->a");
    env.sync();
    assert_eq!(env.listing("backup"), "a=1 l->a");
}

#[test]
fn empty_folders_are_kept_in_a_bucket_by_choice() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode two-way", "a=1 a-b=2 d/f=3 empty/ deep/er/");
    let manifest = env.read_file("syncplan.kdl");
    env.run(&["sync", "-y"]).success();
    assert_eq!(objects(&bucket, &["--s3-directory-markers"]), "a a-b d/ d/f");
    // From here on they are.
    env.write_file(
        "syncplan.kdl",
        manifest.replace("    addressing", "    directory-markers #true\n    addressing"),
    );
    env.run(&["sync", "-y"]).success();
    env.assert_in_sync();
    let there = "a a-b d/ d/f deep/ deep/er/ empty/";
    assert_eq!(objects(&bucket, &["--s3-directory-markers"]), there);

    // The last file of a folder goes, the folder stays; a folder goes, its marker goes.
    fs::remove_file(env.path("site/d/f")).unwrap();
    fs::remove_dir(env.path("site/empty")).unwrap();
    env.run(&["sync", "-y"]).success();
    env.assert_in_sync();
    assert_eq!(env.listing("site"), "a=1 a-b=2 d/ deep/er/");
    assert_eq!(objects(&bucket, &["--s3-directory-markers"]), "a a-b d/ deep/ deep/er/");

    // What rclone makes there arrives, and what it removes goes.
    let at = |name: &str| format!("{}/{name}", bucket.remote());
    bucket.rclone(&["rmdirs", "--leave-root", "--s3-directory-markers", &bucket.remote()]);
    bucket.rclone(&["mkdir", "--s3-directory-markers", &at("theirs/inner")]);
    let there = objects(&bucket, &["--s3-directory-markers"]);
    assert!(
        there.starts_with("a a-b ") && there.ends_with("theirs/inner/") && !there.contains(" d/"),
        "{there}"
    );
    env.run(&["sync", "-y"]).success();
    env.assert_in_sync();
    assert_eq!(env.listing("site"), "a=1 a-b=2 theirs/inner/");
}

#[test]
fn an_object_beside_a_folder_of_its_name_is_left_alone() {
    let Some(bucket) = Bucket::on(MOTO) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror\n    direction fetch", "");
    let manifest = env.read_file("syncplan.kdl");
    env.write_file(
        "syncplan.kdl",
        manifest.replace("    addressing", "    directory-markers #true\n    addressing"),
    );
    bucket.tree("ok=1 dir/f=below");
    let one = tempfile::tempdir().unwrap();
    super::tree::write(one.path(), "dir=object");
    bucket.rclone(&["copyto", one.path().join("dir").to_str().unwrap(), &format!("{}/dir", bucket.remote())]);
    let output = env.run(&["fetch", "-y"]);
    assert_eq!(env.listing("site"), "ok=1", "{output}");
    output.says(&["`dir`", "an object and a folder have this name"]);
}

#[test]
fn names_that_are_one_on_the_target_are_not_brought_there() {
    for (folds, one, other, guard) in [
        ("case", "Name=1", "name=2", "case-collision"),
        ("unicode", "\u{e9}=1", "e\u{301}=2", "unicode-collision"),
    ] {
        let env = TestEnvironment::mirror(&format!("a=1 {one} {other}"));
        env.run(&["plan", "-o", "plan.json"]).success();
        let manifest = env.read_file("syncplan.kdl");
        env.write_file(
            "syncplan.kdl",
            manifest.replace("root \"backup\";", &format!("root \"backup\"; folds {folds};")),
        );
        let plan = env.plan(&[]);
        let findings = plan["findings"].to_string();
        assert!(findings.contains(guard), "{folds}: {findings} {:?}", actions(&plan));
        let said = env.run(&["push", "-y"]).code(3);
        assert!(format!("{said}").contains(guard), "{said}");
        assert_eq!(env.listing("backup"), "");
    }
}

#[test]
fn what_doctor_finds_out_is_said_once_it_is_known() {
    let Some(bucket) = Bucket::on(RCLONE) else { return };
    let env = TestEnvironment::to_bucket(&bucket, "mode mirror", "\u{e9}=1 e\u{301}=2");
    env.run(&["doctor", "bucket"]).success().says(&["say `folds unicode`"]);
    let manifest = env.read_file("syncplan.kdl");
    env.write_file("syncplan.kdl", manifest.replace("    addressing", "    folds unicode\n    addressing"));
    env.run(&["doctor", "bucket"]).success().says(&["two spellings are one name, and plans know it"]);
    env.run(&["push", "-y"]).code(3).says(&["unicode-collision"]);
}
