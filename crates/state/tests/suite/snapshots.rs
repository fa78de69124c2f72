use syncplan_model::plan::Side;
use syncplan_model::snapshot::{Problem, ProblemKind};
use syncplan_model::{Digest, Entry, EntryKind, Facts, SnapshotBuilder};
use syncplan_state::{Conclusion, Learned, Outcome};

use crate::{Home, Place, action, file, on_both_databases, path, run_of, show, snapshot, task};

on_both_databases!(
    what_was_saved_is_loaded,
    facts_of_another_place_are_not_believed,
    what_was_learned_lies_over_the_snapshot_until_the_next_one,
    a_snapshot_of_many_pages_comes_back_whole,
);

async fn learn(home: &Home, learned: &[(&str, Option<Facts>)]) {
    let begun = home.state.begin(&run_of("any")).await.unwrap();
    let learned = learned.iter().map(|(name, facts)| Learned {
        task: task(),
        side: Side::Local,
        path: path(name),
        facts: facts.clone(),
    });
    let conclusion = Conclusion {
        action: action("x"),
        outcome: Outcome::Applied,
        message: None,
        learned: learned.collect(),
        agreed: vec![],
        trashed: None,
    };
    begun.journal.conclude(&[conclusion]).await.unwrap();
}

async fn known(home: &Home) -> Option<String> {
    home.state.load_snapshot(&task(), Side::Local, &Digest::of(b"here")).await.unwrap().map(|it| show(&it))
}

async fn save(home: &Home, files: &str) {
    home.state.save_snapshot(&task(), Side::Local, &Digest::of(b"here"), &snapshot(files)).await.unwrap();
}

async fn what_was_saved_is_loaded(place: Place) {
    let home = Home::new(place).await;
    assert_eq!(known(&home).await, None);
    save(&home, "a1 b2").await;
    assert_eq!(known(&home).await.unwrap(), "a1 b2");
    save(&home, "c3").await;
    assert_eq!(known(&home).await.unwrap(), "c3");
    let other = home.state.load_snapshot(&task(), Side::Remote, &Digest::of(b"here")).await.unwrap();
    assert!(other.is_none());
}

async fn facts_of_another_place_are_not_believed(place: Place) {
    let home = Home::new(place).await;
    save(&home, "a1").await;
    let elsewhere = home.state.load_snapshot(&task(), Side::Local, &Digest::of(b"there")).await.unwrap();
    assert!(elsewhere.is_none());
}

async fn what_was_learned_lies_over_the_snapshot_until_the_next_one(place: Place) {
    let home = Home::new(place).await;
    save(&home, "b1 d1 f1 h1").await;
    let learned = [
        ("a", Some(file("2"))),
        ("b", None),
        ("c", None),
        ("d", Some(file("2"))),
        ("e", Some(file("2"))),
        ("h", None),
        ("i", Some(file("2"))),
        ("i", Some(file("3"))),
    ];
    learn(&home, &learned).await;
    assert_eq!(known(&home).await.unwrap(), "a2 d2 e2 f1 i3");
    save(&home, "z1").await;
    assert_eq!(known(&home).await.unwrap(), "z1");
}

async fn a_snapshot_of_many_pages_comes_back_whole(place: Place) {
    let home = Home::new(place).await;
    let mut builder = SnapshotBuilder::new();
    for number in 0..10_000 {
        let entry = Entry { path: path(format!("d/{number:06}")), facts: file(&number.to_string()) };
        builder.push(&entry).unwrap();
    }
    builder.push(&Entry { path: path("e"), facts: Facts::new(EntryKind::Unreadable) }).unwrap();
    builder.report(Problem {
        name: b"e\xff".to_vec(),
        until: None,
        kind: ProblemKind::Unreadable,
        message: "denied".into(),
    });
    let saved = builder.finish();
    let source = Digest::of(b"here");
    home.state.save_snapshot(&task(), Side::Local, &source, &saved).await.unwrap();
    let loaded = home.state.load_snapshot(&task(), Side::Local, &source).await.unwrap().unwrap();
    assert_eq!(loaded.pages(), saved.pages());
    assert_eq!(
        (loaded.digest(), loaded.entries(), loaded.bytes()),
        (saved.digest(), saved.entries(), saved.bytes())
    );
    assert_eq!((loaded.problems(), loaded.is_complete()), (saved.problems(), false));

    learn(&home, &[("d/004096", None)]).await;
    let loaded = home.state.load_snapshot(&task(), Side::Local, &source).await.unwrap().unwrap();
    assert_eq!((loaded.entries(), loaded.is_complete()), (saved.entries() - 1, false));
}
