use syncplan_state::{Conclusion, Ending, NewRun, Outcome, RunId};

use crate::journal::{conclusion, intent};
use crate::{Home, Place, action, on_both_databases, run_of, task};

on_both_databases!(a_log_says_what_when_and_why, one_run_is_known_by_its_number);

async fn a_log_says_what_when_and_why(place: Place) {
    let home = Home::new(place).await;
    let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
    journal.intend(&["a", "b", "c"].map(intent)).await.unwrap();
    let failed = Conclusion {
        message: Some("the server said \0 and \u{202e}".into()),
        ..conclusion("c", Outcome::Failed)
    };
    journal.conclude(&[failed]).await.unwrap();
    journal.conclude(&[conclusion("a", Outcome::Applied)]).await.unwrap();
    home.tamper("UPDATE action SET concluded = concluded + 5 WHERE outcome = 'applied'").await;

    let log = home.state.log(journal.run()).await.unwrap();
    let shown: Vec<_> = log.iter().map(|it| (it.action, it.outcome)).collect();
    let expected =
        [(action("c"), Some(Outcome::Failed)), (action("a"), Some(Outcome::Applied)), (action("b"), None)];
    assert_eq!(shown, expected);
    assert_eq!(log[0].message.as_deref(), Some("the server said \u{fffd} and \u{202e}"));
    assert!(log[0].at < log[1].at && log[0].at > Some(1_600_000_000_000) && log[2].at.is_none());

    // Tried again, it is not settled any more.
    journal.intend(&[intent("c")]).await.unwrap();
    let log = home.state.log(journal.run()).await.unwrap();
    let again = log.iter().find(|it| it.action == action("c")).unwrap();
    assert_eq!((again.outcome, &again.message, again.at), (None, &None, None));
    assert_eq!(home.state.log(RunId::new(99)).await.unwrap(), []);
}

async fn one_run_is_known_by_its_number(place: Place) {
    let home = Home::new(place).await;
    assert_eq!(home.state.run(RunId::new(1)).await.unwrap(), None);
    let new = NewRun { overrides: Some("massive-delete: we moved"), ..run_of("p") };
    let journal = home.state.begin(&new).await.unwrap().journal;
    let run = journal.run();
    let summary = home.state.run(run).await.unwrap().unwrap();
    assert_eq!((summary.status(), summary.running, summary.finished), ("running", true, None));
    assert_eq!((&summary.tasks, summary.actions), (&vec![task()], 3));
    assert_eq!(summary.overrides.as_deref(), Some("massive-delete: we moved"));
    journal.finish(Ending::Partial).await.unwrap();
    let summary = home.state.run(run).await.unwrap().unwrap();
    assert_eq!((summary.status(), summary.running), ("partial", false));
    assert!(summary.finished >= Some(summary.started));
    assert_eq!(home.state.history(9).await.unwrap(), [summary]);
}
