use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};

use syncplan_model::plan::ActionId;
use syncplan_state::{Begun, Ending, NewRun, Outcome, RunId, StateError};

use crate::journal::{conclusion, intent};
use crate::{Home, Place, action, on_both_databases, run_of, task, task_named};

on_both_databases!(
    a_task_has_one_run_at_a_time,
    runs_about_different_tasks_go_on_at_once,
    all_tasks_or_none,
    an_ended_run_and_a_dropped_one_let_go,
    a_killed_holder_is_taken_over_at_once,
    a_holder_on_another_machine_stays_until_a_person_says_otherwise,
    a_run_that_lost_its_task_writes_nothing_more,
    a_run_that_lost_one_of_its_tasks_is_interrupted,
    a_heartbeat_is_seen,
    many_contend_and_one_wins,
);

fn run_on(plan: &'static str, tasks: &[&str]) -> NewRun<'static> {
    NewRun { tasks: tasks.iter().map(|name| task_named(name)).collect(), ..run_of(plan) }
}

fn holder_of(error: StateError) -> (String, RunId) {
    match error {
        StateError::Locked { task, holder } => (task.to_string(), holder.run),
        other => panic!("{other:?}"),
    }
}

async fn a_task_has_one_run_at_a_time(place: Place) {
    let home = Home::new(place).await;
    let other = home.again().await;
    let first = home.state.begin(&run_of("p")).await.unwrap();
    first.journal.intend(&[intent("a")]).await.unwrap();
    for (state, plan) in [(&home.state, "p"), (&other, "p"), (&other, "q")] {
        let refused = state.begin(&run_of(plan)).await.unwrap_err();
        let message = refused.to_string();
        assert!(message.contains("`photos` is locked by run 1, process"), "{message}");
        assert!(message.contains(&format!("process {} on ", std::process::id())), "{message}");
        assert!(refused.advice().unwrap().contains("unlock"));
        assert_eq!(holder_of(refused), ("photos".into(), first.journal.run()));
    }
    let refused = other.refuse_while_locked(&[task_named("other"), task()]).await.unwrap_err();
    assert_eq!(holder_of(refused), ("photos".into(), first.journal.run()));
    other.refuse_while_locked(&[task_named("other")]).await.unwrap();
    assert_eq!(home.state.history(9).await.unwrap().len(), 1, "those that were refused are no runs");
    first.journal.finish(Ending::Done).await.unwrap();
    assert_eq!(home.count("lease").await, 0);
}

async fn runs_about_different_tasks_go_on_at_once(place: Place) {
    let home = Home::new(place).await;
    let first = home.state.begin(&run_on("p", &["one"])).await.unwrap();
    first.journal.intend(&[intent("a")]).await.unwrap();
    let second = home.again().await.begin(&run_on("q", &["two"])).await.unwrap();
    second.journal.intend(&[intent("b")]).await.unwrap();
    assert!(second.open.is_empty());
    let (a, b) = ([conclusion("a", Outcome::Applied)], [conclusion("b", Outcome::Applied)]);
    for _ in 0..20 {
        let (one, two) = tokio::join!(first.journal.conclude(&a), second.journal.conclude(&b));
        one.and(two).unwrap();
    }
    first.journal.intend(&[intent("c")]).await.unwrap();
    assert_eq!(home.state.unresolved().await.unwrap(), [], "a run that goes on is not interrupted");
    let held: Vec<_> = home.state.leases().await.unwrap().into_iter().map(|it| it.task).collect();
    assert_eq!(held, [task_named("one"), task_named("two")]);
    let status: Vec<_> = home.state.history(9).await.unwrap().iter().map(|it| it.status()).collect();
    assert_eq!(status, ["running", "running"]);
    drop(first);
    assert_eq!(home.state.unresolved().await.unwrap()[0].tasks, [task_named("one")]);
    let status: Vec<_> = home.state.history(9).await.unwrap().iter().map(|it| it.status()).collect();
    assert_eq!(status, ["running", "interrupted"]);
}

async fn all_tasks_or_none(place: Place) {
    let home = Home::new(place).await;
    let first = home.state.begin(&run_on("p", &["two"])).await.unwrap();
    let refused = home.state.begin(&run_on("q", &["one", "two", "three"])).await.unwrap_err();
    assert_eq!(holder_of(refused).0, "two");
    assert_eq!(home.state.leases().await.unwrap().len(), 1);
    first.journal.finish(Ending::Stale).await.unwrap();
    let second = home.state.begin(&run_on("q", &["one", "two", "three"])).await.unwrap();
    assert_eq!(home.state.leases().await.unwrap().len(), 3);
    second.journal.finish(Ending::Done).await.unwrap();
    let status: Vec<_> = home.state.history(9).await.unwrap().iter().map(|it| it.status()).collect();
    assert_eq!(status, ["done", "stale"]);
}

async fn an_ended_run_and_a_dropped_one_let_go(place: Place) {
    let home = Home::new(place).await;
    for _ in 0..5 {
        drop(home.state.begin(&run_of("p")).await.unwrap());
        let begun = home.again().await.begin(&run_of("p")).await.unwrap();
        begun.journal.finish(Ending::Done).await.unwrap();
    }
    assert_eq!(home.state.leases().await.unwrap(), []);
}

/// Not a test of its own: the process that [`a_killed_holder_is_taken_over_at_once`] kills.
#[tokio::test]
async fn holder() {
    let Ok(address) = std::env::var("SYNCPLAN_TEST_HOLDER") else { return };
    let state = syncplan_state::State::connect(&address).await.unwrap();
    let Begun { journal, .. } = state.begin(&run_of("p")).await.unwrap();
    journal.intend(&[intent("a"), intent("b")]).await.unwrap();
    journal.conclude(&[conclusion("b", Outcome::Applied)]).await.unwrap();
    println!("\nholding");
    std::future::pending::<()>().await;
}

fn start_holder(home: &Home) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "leases::holder", "--nocapture"])
        .env("SYNCPLAN_TEST_HOLDER", &home.address)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "holding"));
    child
}

async fn a_killed_holder_is_taken_over_at_once(place: Place) {
    let home = Home::new(place).await;
    let mut child = start_holder(&home);
    let refused = home.state.begin(&run_of("q")).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("process {} ", child.id())), "{refused}");
    assert_eq!(home.state.unresolved().await.unwrap(), []);
    child.kill().unwrap();
    // A killed process takes a moment to die; its parent does not have to look.
    while !home.state.leases().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(home.state.begin(&run_of("q")).await.unwrap_err(), StateError::Unresolved(_)));
    assert_eq!(home.state.history(1).await.unwrap()[0].status(), "interrupted");
    let begun = home.state.begin(&run_of("p")).await.unwrap();
    assert_eq!(begun.open, [intent("a")]);
    assert_eq!(begun.progress.done.keys().collect::<Vec<_>>(), [&action("b")]);
    child.wait().unwrap();
    begun.journal.beat().await.unwrap();
}

async fn a_holder_on_another_machine_stays_until_a_person_says_otherwise(place: Place) {
    let home = Home::new(place).await;
    let begun = home.state.begin(&run_of("p")).await.unwrap();
    let run = begun.journal.run();
    begun.journal.intend(&[intent("a")]).await.unwrap();
    // As if it were in another container. Its process and its heartbeat prove nothing then.
    home.tamper("UPDATE lease SET namespace = 'pid:[1]', heartbeat = 1000").await;
    std::mem::forget(begun);
    let refused = home.state.begin(&run_of("p")).await.unwrap_err();
    assert!(refused.to_string().ends_with(" days ago"), "{refused}");
    assert_eq!(home.state.unlock(&task_named("other")).await.unwrap(), None);
    let lease = home.state.unlock(&task()).await.unwrap().unwrap();
    assert_eq!((lease.task, lease.holder.run, lease.holder.heartbeat), (task(), run, 1000));
    assert_eq!(home.state.unlock(&task()).await.unwrap(), None);
    assert_eq!(home.state.begin(&run_of("p")).await.unwrap().open, [intent("a")]);
}

async fn a_run_that_lost_its_task_writes_nothing_more(place: Place) {
    let home = Home::new(place).await;
    let first = home.state.begin(&run_of("p")).await.unwrap().journal;
    first.intend(&[intent("a")]).await.unwrap();
    home.state.unlock(&task()).await.unwrap();
    let lost = first.beat().await.unwrap_err();
    assert!(matches!(&lost, StateError::LeaseLost { task: of, holder: None } if *of == task()), "{lost:?}");
    let second = home.state.begin(&run_of("p")).await.unwrap();
    assert_eq!(second.open, [intent("a")]);

    let action: ActionId = action("a");
    for lost in [
        first.beat().await,
        first.intend(&[intent("b")]).await,
        first.conclude(&[conclusion("a", Outcome::Failed)]).await,
        first.withdraw(&[action]).await,
        first.note_parts(&action, &[]).await,
        first.end_transfer(&action).await,
        first.finish(Ending::Done).await,
    ] {
        let lost = lost.unwrap_err();
        let StateError::LeaseLost { holder: Some(holder), .. } = &lost else { panic!("{lost:?}") };
        assert_eq!(holder.run, second.journal.run());
        assert!(lost.to_string().contains("run 2, process"), "{lost}");
        assert!(lost.advice().unwrap().contains("apply the plan again"));
    }
    second.journal.conclude(&[conclusion("a", Outcome::Applied)]).await.unwrap();
    second.journal.finish(Ending::Done).await.unwrap();
    assert_eq!(home.count("action").await, 1);
    let status: Vec<_> = home.state.history(9).await.unwrap().iter().map(|it| it.status()).collect();
    assert_eq!(status, ["done", "interrupted"]);
}

async fn a_run_that_lost_one_of_its_tasks_is_interrupted(place: Place) {
    let home = Home::new(place).await;
    let first = home.state.begin(&run_on("p", &["one", "two"])).await.unwrap().journal;
    first.intend(&[intent("a")]).await.unwrap();
    home.state.unlock(&task_named("two")).await.unwrap();
    assert_eq!(home.state.unresolved().await.unwrap()[0].run, first.run());
    let refused = home.state.begin(&run_on("q", &["two"])).await.unwrap_err();
    assert!(matches!(refused, StateError::Unresolved(it) if it.run == first.run()));
    let lost = first.intend(&[intent("b")]).await.unwrap_err();
    assert!(lost.to_string().contains("`two` was unlocked"), "{lost}");
}

async fn a_heartbeat_is_seen(place: Place) {
    let home = Home::new(place).await;
    let begun = home.state.begin(&run_of("p")).await.unwrap();
    for renewed in [true, false] {
        home.tamper("UPDATE lease SET heartbeat = 1000").await;
        if renewed {
            begun.journal.beat().await.unwrap();
        } else {
            begun.journal.intend(&[intent("a")]).await.unwrap();
        }
        let lease = home.state.leases().await.unwrap().remove(0);
        assert!(lease.holder.heartbeat >= lease.holder.since && lease.holder.since > 1000);
    }
}

async fn many_contend_and_one_wins(place: Place) {
    let home = Home::new(place).await;
    for _ in 0..5 {
        let mut states = Vec::new();
        for _ in 0..4 {
            states.push(home.again().await);
        }
        let runs = states.iter().map(|state| async move { state.begin(&run_on("p", &["b", "a"])).await });
        let (won, lost): (Vec<_>, Vec<_>) =
            futures::future::join_all(runs).await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 3));
        for error in lost.into_iter().filter_map(Result::err) {
            holder_of(error);
        }
    }
}
