use std::collections::HashMap;

use syncplan_state::{Conclusion, Ending, Intent, NewRun, Outcome, StateError};

use crate::{Home, Place, action, on_both_databases, path, plan_id, run_of};

on_both_databases!(
    a_new_run_knows_what_earlier_ones_did_and_left_open,
    only_a_run_of_the_same_instance_is_resumed,
    another_plan_on_the_same_task_waits,
    one_run_at_a_time,
    writers_wait_for_each_other,
);

pub(crate) fn intent(name: &str) -> Intent {
    Intent { action: action(name), temporary: Some(path(format!("{name}.tmp"))) }
}

pub(crate) fn conclusion(name: &str, outcome: Outcome) -> Conclusion {
    Conclusion {
        action: action(name),
        outcome,
        message: None,
        learned: vec![],
        agreed: vec![],
        trashed: None,
    }
}

async fn a_new_run_knows_what_earlier_ones_did_and_left_open(place: Place) {
    let home = Home::new(place).await;
    let first = home.state.begin(&run_of("p")).await.unwrap();
    assert!(first.progress.done.is_empty() && first.open.is_empty());
    first.journal.intend(&["a", "b", "c", "d"].map(intent)).await.unwrap();
    first.journal.withdraw(&[action("d")]).await.unwrap();
    first
        .journal
        .conclude(&[conclusion("a", Outcome::Applied), conclusion("b", Outcome::Stale)])
        .await
        .unwrap();
    drop(first);
    let unresolved = home.state.unresolved().await.unwrap();
    assert_eq!((unresolved.len(), unresolved[0].count, &unresolved[0].tasks), (1, 1, &vec![crate::task()]));

    let second = home.state.begin(&run_of("p")).await.unwrap();
    assert_eq!(second.progress.done, HashMap::from([(action("a"), Outcome::Applied)]));
    assert_eq!(second.open, [intent("c")]);
    second.journal.intend(&[intent("c")]).await.unwrap();
    second.journal.conclude(&[conclusion("c", Outcome::AlreadySatisfied)]).await.unwrap();
    let run = second.journal.run();
    second.journal.finish(Ending::Done).await.unwrap();
    assert_eq!(home.state.unresolved().await.unwrap(), []);
    assert_eq!(home.state.outcomes(run).await.unwrap(), HashMap::from([(Outcome::AlreadySatisfied, 1)]));
    assert_eq!(home.state.plan_of(run).await.unwrap().unwrap(), b"the plan");

    let history = home.state.history(9).await.unwrap();
    assert_eq!(history.iter().map(|it| it.ending).collect::<Vec<_>>(), [Some(Ending::Done), None]);
    assert_eq!(history[0].run, run);
}

async fn only_a_run_of_the_same_instance_is_resumed(place: Place) {
    let home = Home::new(place).await;
    let first = home.state.begin(&run_of("p")).await.unwrap();
    first.journal.conclude(&[conclusion("a", Outcome::Applied)]).await.unwrap();
    drop(first);
    let later = home.state.begin(&NewRun { instance: "second", ..run_of("p") }).await.unwrap();
    assert!(later.progress.done.is_empty());
    assert_eq!(home.state.progress(&plan_id("p"), "first").await.unwrap().done.len(), 1);
}

async fn another_plan_on_the_same_task_waits(place: Place) {
    let home = Home::new(place).await;
    let first = home.state.begin(&run_of("p")).await.unwrap();
    first.journal.intend(&[intent("a")]).await.unwrap();
    drop(first);
    let refused = home.state.begin(&run_of("q")).await.unwrap_err();
    assert!(matches!(&refused, StateError::Unresolved(it) if it.plan_id == plan_id("p").to_string()));
    let elsewhere = NewRun { tasks: vec![], ..run_of("q") };
    drop(home.state.begin(&elsewhere).await.unwrap());
    home.state.begin(&run_of("p")).await.unwrap();
}

async fn one_run_at_a_time(place: Place) {
    let home = Home::new(place).await;
    let other = home.again().await;
    let first = home.state.begin(&run_of("p")).await.unwrap();
    for state in [&home.state, &other] {
        let refused = state.begin(&run_of("p")).await.unwrap_err();
        let StateError::Locked { task, holder } = refused else { panic!("{refused:?}") };
        assert_eq!((task, holder.pid), (crate::task(), i64::from(std::process::id())));
    }
    first.journal.finish(Ending::Done).await.unwrap();
    other.begin(&run_of("p")).await.unwrap();
}

async fn writers_wait_for_each_other(place: Place) {
    let home = Home::new(place).await;
    let begun = home.state.begin(&run_of("p")).await.unwrap();
    let other = home.again().await;
    let (intents, conclusions) =
        (["a", "b"].map(intent), ["a", "b"].map(|name| conclusion(name, Outcome::Applied)));
    let snapshot = crate::snapshot("a1");
    let (task, source) = (crate::task(), syncplan_model::Digest::of(b"x"));
    for _ in 0..50 {
        let (a, b, c) = tokio::join!(
            begun.journal.intend(&intents),
            begun.journal.conclude(&conclusions),
            other.save_snapshot(&task, syncplan_model::plan::Side::Local, &source, &snapshot),
        );
        a.and(b).and(c).unwrap();
    }
}
