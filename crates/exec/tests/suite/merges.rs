//! Conflicts that a program settles.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use syncplan_exec::{Cancel, Counts, Ending, Event, Job, Outcome, Report};
use syncplan_model::Plan;

use crate::support::{Draft, Fault, Faulty, World, contents, everything, facts, put, read, task};
use crate::two_way::{agreed, check_agreed, mint};

async fn conflict(local: &str, remote: &str) -> (World, Plan) {
    let world = World::of_folders().await;
    mint(&world).await;
    let (ours, theirs) = (put(&world.local, "m", local).await, put(&world.remote, "m", remote).await);
    let mut draft = Draft::default();
    draft.merge("m", &ours, &theirs);
    (world, draft.finish())
}

fn job(world: &World, plan: &Plan, program: &[&str]) -> Job {
    let mut job = world.job(plan);
    job.sides.get_mut(&task()).unwrap().merge = program.iter().map(|&it| it.to_owned()).collect();
    job
}

/// A program that is a line of shell; what the manifest gives it besides comes as `$1` and so on.
async fn merge(world: &World, plan: &Plan, line: &str, arguments: &[&str]) -> Report {
    let program = [&["sh", "-c", line, "merge"], arguments].concat();
    world.run(job(world, plan, &program)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_makes_of_both_becomes_both() {
    for (line, arguments) in [
        ("cat \"$2\" \"$3\"", [].as_slice()),
        ("cat \"$1\" \"$2\"", &["{local}", "{remote}"]),
        (
            "test ! -s \"$1\" && cat \"$2\" \"$3\" > \"$4\" && echo noise",
            &["{base}", "{local}", "{remote}", "{output}"],
        ),
        ("cat \"$2\" \"$3\" > \"$4\"", &["{base}", "{local}", "{remote}", "{output}"]),
    ] {
        let (world, plan) = conflict("ours\n", "theirs\n").await;
        let report = merge(&world, &plan, line, arguments).await;
        assert_eq!((&report.problems, report.counts.applied), (&vec![], 2));
        assert_eq!(read(&world.remote, "m").await.unwrap(), "ours\ntheirs\n");
        check_agreed(&world).await;
        assert_eq!(read(&world.local, ".syncplan/trash/local/m").await.unwrap(), "ours\n");
        assert_eq!(read(&world.remote, ".syncplan/trash/remote/m").await.unwrap(), "theirs\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_of_an_empty_file_may_be_empty() {
    let (world, plan) = conflict("", "theirs\n").await;
    assert_eq!(merge(&world, &plan, "true", &[]).await.ending, Ending::Done);
    assert_eq!(read(&world.remote, "m").await.unwrap(), "");
    check_agreed(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_keeps_permissions() {
    let (world, _) = conflict("ours\n", "theirs\n").await;
    let file = world.root("local").join("m");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let mut draft = Draft::default();
    draft.merge("m", &facts(&world.local, "m").await, &facts(&world.remote, "m").await);
    assert_eq!(world.apply(&draft.finish()).await.ending, Ending::Done);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

async fn check_untouched(world: &World) {
    assert_eq!(contents(&world.local).await, [("m".into(), "ours\n".into())].into());
    assert_eq!(contents(&world.remote).await, [("m".into(), "theirs\n".into())].into());
    assert!(!everything(world.folder.path()).iter().any(|name| name.contains(".syncplan")));
    assert!(agreed(world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_does_not_finish_touches_nothing() {
    for (line, says) in [
        (
            "echo partly; echo no, thanks >&2; printf '\\033[2Jnot at all' >&2; exit 1",
            "no, thanks; \\u{1b}[2Jnot at all",
        ),
        ("kill -9 $$", "signal: 9"),
        ("printf 'a\\n<<<<<<< ours\\nb\\n'", "conflict markers"),
        ("printf '>>>>>>> theirs'", "conflict markers"),
        ("true", "an empty file"),
        ("echo on the wrong way; rm \"${4:-x}\"", "failed"),
    ] {
        let (world, plan) = conflict("ours\n", "theirs\n").await;
        let report = merge(&world, &plan, line, &[]).await;
        assert_eq!(report.counts, Counts { failed: 1, skipped: 1, ..Counts::default() }, "{line}");
        assert_eq!(report.ending, Ending::Partial);
        assert!(report.problems[0].message.contains(says), "{line}: {}", report.problems[0].message);
        check_untouched(&world).await;
        // It is tried again when the program is right.
        assert_eq!(world.apply(&plan).await.ending, Ending::Done);
        check_agreed(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn markers_count_at_the_beginning_of_a_line_only() {
    let (world, plan) = conflict("ours\n", "theirs\n").await;
    let line = "printf 'x <<<<<<< ours\\n<<<<<<<<\\n=======\\n%09000d<<<<<<< \\n' 7";
    assert_eq!(merge(&world, &plan, line, &[]).await.ending, Ending::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_leaves_no_file_touches_nothing() {
    for line in ["true", "ln -s /etc/passwd \"$1\"", "mkdir \"$1\"", "mkfifo \"$1\""] {
        let (world, plan) = conflict("ours\n", "theirs\n").await;
        let report = merge(&world, &plan, line, &["{output}"]).await;
        assert!(report.problems[0].message.contains("left nothing behind"), "{:?}", report.problems);
        check_untouched(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_named() {
    for (program, says) in [
        (["/no/such/program"].as_slice(), "cannot run `/no/such/program`"),
        (&[], "no program to merge with"),
    ] {
        let (world, plan) = conflict("ours\n", "theirs\n").await;
        let report = world.run(job(&world, &plan, program)).await.unwrap();
        assert_eq!((report.counts.failed, report.problems[0].outcome), (1, Outcome::Failed));
        assert!(report.problems[0].message.contains(says), "{:?}", report.problems);
        check_untouched(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_edited_while_it_is_merged_stays() {
    for side in ["local", "remote"] {
        let (world, plan) = conflict("ours\n", "theirs\n").await;
        let line = format!("echo edited > {}/m; cat \"$2\" \"$3\"", world.root(side).display());
        let report = merge(&world, &plan, &line, &[]).await;
        assert_eq!(report.counts, Counts { stale: 1, skipped: 1, ..Counts::default() });
        assert!(report.problems[0].message.contains("changed while it was merged"), "{:?}", report.problems);
        let (edited, other) =
            if side == "local" { (&world.local, &world.remote) } else { (&world.remote, &world.local) };
        assert_eq!(read(edited, "m").await.unwrap(), "edited\n");
        assert_ne!(read(other, "m").await.unwrap(), "edited\n");
        assert!(!world.root("local").join(".syncplan").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_edited_before_is_not_merged() {
    for side in ["local", "remote"] {
        let (world, plan) = conflict("ours\n", "theirs\n").await;
        put(if side == "local" { &world.local } else { &world.remote }, "m", "edited").await;
        let line = format!("touch {}/ran; cat \"$2\" \"$3\"", world.folder.path().display());
        let report = merge(&world, &plan, &line, &[]).await;
        assert_eq!((report.counts.stale, report.counts.skipped), (1, 1));
        assert!(!world.folder.path().join("ran").exists(), "the program ran");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_edited_after_the_merge_stays() {
    let (world, plan) = conflict("ours\n", "theirs\n").await;
    let file = world.root("remote").join("m");
    let mut job = world.job(&plan);
    job.events = Arc::new(move |event| {
        if matches!(event, Event::ActionFinished { outcome: Outcome::Applied, .. }) {
            std::fs::write(&file, "edited").unwrap();
        }
    });
    let report = world.run(job).await.unwrap();
    assert_eq!((report.counts.applied, report.counts.stale), (1, 1));
    assert_eq!(read(&world.remote, "m").await.unwrap(), "edited");
    // The base knows nothing of a merge that came only half-way.
    assert!(agreed(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_has_a_folder_of_its_own_that_goes_with_it() {
    let (world, plan) = conflict("ours\n", "theirs\n").await;
    let told = world.folder.path().join("told");
    let line = format!("d=$(dirname \"$1\"); (echo $d; stat -c %a $d) > {}; cat \"$2\"", told.display());
    assert_eq!(merge(&world, &plan, &line, &[]).await.ending, Ending::Done);
    let told = std::fs::read_to_string(told).unwrap();
    let (folder, mode) = told.trim().split_once('\n').unwrap();
    assert_eq!(mode, "700");
    assert!(!PathBuf::from(folder).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_ends_its_program() {
    let (world, plan) = conflict("ours\n", "theirs\n").await;
    let told = world.folder.path().join("pid");
    let line = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 60", told.display());
    let mut job = job(&world, &plan, &["sh", "-c", &line]);
    let cancel = Cancel::new();
    job.cancel = cancel.clone();
    let began = Instant::now();
    let stop = async {
        while !told.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(world.run(job), stop);
    let report = report.unwrap();
    assert_eq!((report.ending, report.counts.failed), (Ending::Interrupted, 1));
    assert!(report.problems[0].message.contains("interrupted"), "{:?}", report.problems);
    assert!(began.elapsed() < Duration::from_secs(30));
    let pid = std::fs::read_to_string(&told).unwrap().trim().parse().unwrap();
    let gone = rustix::process::test_kill_process(rustix::process::Pid::from_raw(pid).unwrap());
    assert!(gone.is_err(), "the program still runs");
    check_untouched(&world).await;
    assert_eq!(world.apply(&plan).await.ending, Ending::Done);
    check_agreed(&world).await;
}

/// Runs the plan until the local side has made so many changes, and then kills it.
async fn stop_after(world: &World, plan: &Plan, changes: usize) {
    let local = Faulty::new(&world.local, Fault::StopAfter(changes));
    let job = world.job_between(plan, Arc::<Faulty>::clone(&local), Arc::clone(&world.remote));
    tokio::select! {
        report = world.run(job) => panic!("it ended: {report:?}"),
        () = local.stopped.notified() => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_merge_wrote_is_told_from_an_edit() {
    for (edit, outcome) in [(None, (2, 0)), (Some("edited"), (0, 1)), (Some("ours\n"), (0, 1))] {
        let (world, plan) = conflict("ours\n", "theirs\n").await;
        // It is kept, and then written.
        stop_after(&world, &plan, 2).await;
        assert_eq!(read(&world.local, "m").await.unwrap(), "ours\ntheirs\n");
        if let Some(content) = edit {
            put(&world.local, "m", content).await;
        }
        let report = world.apply(&plan).await;
        let counts = report.counts;
        assert_eq!(
            (counts.applied + counts.already_satisfied, counts.stale),
            outcome,
            "{:?}",
            report.problems
        );
        match edit {
            None => check_agreed(&world).await,
            Some(content) => assert_eq!(read(&world.local, "m").await.unwrap(), content),
        }
        assert_eq!(read(&world.local, ".syncplan/trash/local/m").await.unwrap(), "ours\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_makes_nothing_stale() {
    let (world, plan) = conflict("ours\n", "theirs\n").await;
    stop_after(&world, &plan, 2).await;
    // Whether it was written already only the program tells, which is killed.
    let told = world.folder.path().join("told");
    let line = format!("touch {}; exec sleep 60", told.display());
    let mut job = job(&world, &plan, &["sh", "-c", &line]);
    let cancel = Cancel::new();
    job.cancel = cancel.clone();
    let stop = async {
        while !told.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(world.run(job), stop);
    let report = report.unwrap();
    assert_eq!((report.ending, report.counts.stale, report.counts.failed), (Ending::Interrupted, 0, 0));
    assert_eq!(world.apply(&plan).await.ending, Ending::Done);
    check_agreed(&world).await;
}
