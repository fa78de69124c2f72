//! Buckets of more objects than fit on a page, and listings of which a part never comes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use syncplan_testkit::{Contents, LargeBucket};

use super::environment::{TestEnvironment, actions};

/// A folder, and a bucket on a server in this process.
fn environment(bucket: &LargeBucket, settings: &str) -> TestEnvironment {
    let env = TestEnvironment::with_manifest(&manifest(bucket, settings));
    env.tree("site", "");
    env
}

fn manifest(bucket: &LargeBucket, settings: &str) -> String {
    let endpoint = &bucket.url;
    format!(
        r#"syncplan format=1

store here kind=local {{ root "site"; }}
store bucket kind=s3 {{
    provider other
    bucket "bkt"
    endpoint "{endpoint}"
    anonymous #true
    retries 1
}}

task site kind=files {{
    local here
    remote bucket
    {settings}
}}
"#
    )
}

/// Runs the program; how much memory it took at most, in bytes.
fn peak_memory(env: &TestEnvironment, args: &[&str]) -> u64 {
    let report = env.path("usage");
    let mut command = Command::new("python3");
    let measure = "import resource, subprocess, sys\n\
                   code = subprocess.run(sys.argv[2:]).returncode\n\
                   peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n\
                   open(sys.argv[1], 'w').write(f'{code} {peak}')";
    let program = env.command(args);
    command.args(["-c", measure]).arg(&report).arg(program.get_program()).args(program.get_args());
    command.current_dir(program.get_current_dir().unwrap_or(Path::new(".")));
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.output().unwrap();
    let report = std::fs::read_to_string(&report).unwrap_or_else(|_| panic!("{output:?}"));
    let (code, peak) = report.split_once(' ').unwrap();
    assert_eq!(code, "0", "{output:?}");
    peak.parse::<u64>().unwrap() * 1024
}

#[test]
fn a_hundred_thousand_objects_are_listed_in_bounded_memory() {
    let few = LargeBucket::start(Contents { objects: 1000, ..Contents::default() }).unwrap();
    let many = LargeBucket::start(Contents { objects: 100_000, ..Contents::default() }).unwrap();
    // All of it is listed and nothing takes part: it is not the planner's memory that counts here.
    let (settings, plan) = ("mode update\n    select \"size > 1MiB\"", ["plan", "-o", "plan.json"]);
    let floor = peak_memory(&environment(&few, settings), &plan);
    let env = environment(&many, settings);
    let first = peak_memory(&env, &plan);
    let pages = many.pages();
    let second = peak_memory(&env, &plan);
    assert_eq!(pages, 100);
    // The second one knows where to cut, and each of eight parts may be a page or two ahead of its end.
    assert!((100..=124).contains(&(many.pages() - pages)), "{} pages", many.pages() - pages);
    // A hundred thousand objects are 5 MB packed, and twenty times as much unpacked.
    for peak in [first, second] {
        assert!(peak < floor + (64 << 20), "{peak} bytes, and {floor} without them");
    }
    // One a plan, for the index that machines share.
    assert_eq!(many.heads(), 2);
}

#[test]
fn where_a_page_never_comes_nothing_is_uploaded_or_deleted() {
    let contents = Contents { objects: 5000, broken: Some(2000..2001), ..Contents::default() };
    let bucket = LargeBucket::start(contents).unwrap();
    let env = environment(&bucket, "mode mirror\n    delete max-percent=100");
    // One that is there and is listed, one that is there and is not, and two that are not.
    let (listed, hidden) = (LargeBucket::key(7), LargeBucket::key(2500));
    for path in [&listed, &hidden, "folder-0000/new", "zzz/new"] {
        env.write_file(format!("site/{path}"), "other content");
    }
    let plan = env.plan(&[]);
    let planned = actions(&plan);
    let in_gap =
        |line: &&String| line.contains("folder-0002") || line.contains("folder-0003") || line.contains("zzz");
    assert_eq!(planned.iter().find(in_gap), None);
    assert!(planned.contains(&format!("upload remote {listed}")), "{planned:?}");
    assert!(planned.contains(&"upload remote folder-0000/new".to_owned()));
    // All that is listed goes, but the one that is replaced.
    assert_eq!(planned.iter().filter(|line| line.starts_with("delete remote")).count(), 1999);
    assert_eq!(plan["status"]["complete"], Value::Bool(false));
    assert_eq!(plan["tasks"][0]["snapshots"]["remote"]["complete"], Value::Bool(false));
    // With nothing to do it is not done all the same.
    env.write_file("syncplan.kdl", manifest(&bucket, "mode update"));
    std::fs::remove_dir_all(env.path("site/folder-0000")).unwrap();
    let output = env.run(&["plan", "-o", "plan.json", "--detailed-exitcode"]);
    output.code(5).says(&["everything behind `folder-0001/object-0001999.bin`"]);
}

#[test]
fn a_bucket_that_cannot_be_listed_at_all_is_an_error() {
    let contents = Contents { objects: 5000, broken: Some(0..1), ..Contents::default() };
    let bucket = LargeBucket::start(contents).unwrap();
    let env = environment(&bucket, "mode mirror");
    env.write_file("site/a", "a");
    env.run(&["plan", "-o", "plan.json"]).error();
    assert!(!env.path("plan.json").exists());
}
