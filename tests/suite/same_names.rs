//! Places of one name that are not one place: a folder and a bucket, and the buckets of two servers.

use super::bucket::{Bucket, MOTO, RCLONE};
use super::environment::TestEnvironment;

/// The folder `bkt/…`, and the bucket and the prefix of these names on both servers: a task for each.
fn three_places(settings: &str) -> Option<(TestEnvironment, [Bucket; 2])> {
    let (moto, mut rclone) = (Bucket::on(MOTO)?, Bucket::on(RCLONE)?);
    rclone.prefix.clone_from(&moto.prefix);
    let store = |name: &str, bucket: &Bucket| {
        format!(
            r#"store {name} kind=s3 {{
    provider other; bucket "bkt"; endpoint "{}"; region "us-east-1"; addressing path-style
    access-key-id env=TEST_KEY_ID; secret-access-key env=TEST_SECRET
}}
"#,
            bucket.endpoint
        )
    };
    let task = |store: &str| {
        let prefix = &moto.prefix;
        format!(
            r#"task to-{store} kind=files {{ local here path="{store}"; remote {store} path="{prefix}"; {settings} }}
"#
        )
    };
    let stores = "store here kind=local { root \"site\"; }\nstore folder kind=local { root \"bkt\"; }\n";
    let manifest = format!(
        "syncplan format=1\n{stores}{}{}{}{}{}",
        store("moto", &moto),
        store("rclone", &rclone),
        task("folder"),
        task("moto"),
        task("rclone")
    );
    let mut env = TestEnvironment::with_manifest(&manifest);
    env.set("TEST_KEY_ID", "testkey");
    env.set("TEST_SECRET", "testsecret");
    env.tree("site", "folder/a=1 moto/b=2 rclone/c=3");
    Some((env, [moto, rclone]))
}

#[test]
fn each_is_cleaned_up() {
    let Some((env, buckets)) = three_places("mode mirror") else { return };
    env.run(&["push", "-y"]).success();
    let folder = format!("bkt/{}", buckets[0].prefix);
    env.write_file(format!("{folder}/.syncplan/probe-1"), "left");
    buckets.iter().for_each(|bucket| bucket.tree(".syncplan/probe-1=left"));
    let told = env.run(&["gc", "--older-than", "0s", "-y"]);
    told.success().says(&["to-folder remote", "to-moto remote", "to-rclone remote", "3 things removed"]);
    assert!(!env.path(format!("{folder}/.syncplan/probe-1")).exists());
    assert_eq!(buckets.map(|bucket| bucket.listing()), ["b=2", "c=3"]);
}

#[test]
fn each_is_held_against_other_machines() {
    let Some((env, buckets)) = three_places(r#"mode mirror; lease "2m""#) else { return };
    for bucket in &buckets {
        bucket.tree(".syncplan/lease=somebody's");
        env.run(&["push", "-y"]).code(6).says(&["lease"]);
        bucket.rclone(&["delete", &format!("{}/.syncplan", bucket.remote())]);
        assert!(!env.path(format!("bkt/{}/a", bucket.prefix)).exists());
    }
    env.run(&["push", "-y"]).success();
    assert_eq!(buckets.map(|bucket| bucket.listing()), ["b=2", "c=3"]);
}
