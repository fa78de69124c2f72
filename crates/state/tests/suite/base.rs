use std::collections::HashMap;

use syncplan_model::plan::Side;
use syncplan_model::{Digest, Entry, Facts, Snapshot, SnapshotBuilder};
use syncplan_state::{Agreed, Base, Conclusion, Ending, Learned, Marked, Outcome, StateError};

use crate::{Home, Place, action, file, on_both_databases, path, run_of, show, snapshot, task};

on_both_databases!(
    what_is_minted_is_loaded,
    the_first_of_two_bases_of_the_same_places_stays,
    a_base_of_other_places_says_nothing_and_gives_way,
    a_forgotten_base_is_gone,
    it_remembers_what_is_protected_and_what_the_remote_side_knows,
    a_settled_base_has_a_serial,
    the_base_advances_with_outcomes,
    without_a_base_nothing_is_agreed_on,
    an_outcome_that_cannot_be_recorded_leaves_the_base,
    much_that_was_learned_is_folded_into_the_pages_and_little_is_not,
    a_first_run_is_folded,
    a_scan_leaves_the_base_as_it_is,
    a_damaged_base_is_an_error_and_never_an_empty_one,
);

fn here() -> Digest {
    Digest::of(b"here and there")
}

async fn mint(home: &Home, local: &str, remote: &str) -> Base {
    home.state.mint_base(&task(), &here(), &snapshot(local), &snapshot(remote)).await.unwrap()
}

async fn load(home: &Home) -> Option<Base> {
    home.state.load_base(&task(), &here()).await.unwrap()
}

async fn known(home: &Home) -> (u64, String, String) {
    let base = load(home).await.unwrap();
    (base.serial, show(&base.local), show(&base.remote))
}

fn agreed(name: &str, tokens: Option<(&str, &str)>) -> Agreed {
    let (local, remote) = tokens.map(|(local, remote)| (file(local), file(remote))).unzip();
    Agreed { task: task(), path: path(name), local, remote }
}

fn conclusion(name: &str, agreed: Vec<Agreed>) -> Conclusion {
    Conclusion {
        action: action(name),
        outcome: Outcome::Applied,
        message: None,
        learned: vec![],
        agreed,
        trashed: None,
    }
}

async fn what_is_minted_is_loaded(place: Place) {
    let home = Home::new(place).await;
    assert!(load(&home).await.is_none());
    let minted = mint(&home, "a1 b2", "a3 b4").await;
    assert!(minted.lineage.len() == 32 && minted.lineage.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let loaded = load(&home).await.unwrap();
    assert_eq!((loaded.lineage.as_str(), loaded.serial), (minted.lineage.as_str(), 0));
    assert_eq!((show(&loaded.local), show(&loaded.remote)), ("a1 b2".into(), "a3 b4".into()));
    assert_eq!((loaded.protect.as_slice(), loaded.marked), ([].as_slice(), Marked::default()));
    assert_eq!((loaded.header(), loaded.header().entries), (minted.header(), 2));
    assert_ne!(mint(&Home::new(place).await, "a1", "a1").await.lineage, minted.lineage);
}

async fn the_first_of_two_bases_of_the_same_places_stays(place: Place) {
    let home = Home::new(place).await;
    let first = mint(&home, "a1", "a1").await;
    let second = mint(&home, "b2", "b2").await;
    assert_eq!((second.lineage, show(&second.local)), (first.lineage, "a1".into()));
}

async fn a_base_of_other_places_says_nothing_and_gives_way(place: Place) {
    let home = Home::new(place).await;
    let first = mint(&home, "a1", "a1").await;
    let begun = home.state.begin(&run_of("p")).await.unwrap();
    begun.journal.conclude(&[conclusion("x", vec![agreed("b", Some(("2", "2")))])]).await.unwrap();
    let elsewhere = Digest::of(b"elsewhere");
    assert!(home.state.load_base(&task(), &elsewhere).await.unwrap().is_none());
    let other = home.state.mint_base(&task(), &elsewhere, &snapshot("c1"), &snapshot("c1")).await.unwrap();
    assert_ne!(other.lineage, first.lineage);
    assert!(load(&home).await.is_none());
    let other = home.state.load_base(&task(), &elsewhere).await.unwrap().unwrap();
    assert_eq!(show(&other.local), "c1", "nothing is left of what the other one had learned");
}

async fn a_forgotten_base_is_gone(place: Place) {
    let home = Home::new(place).await;
    assert!(!home.state.forget_base(&task()).await.unwrap());
    mint(&home, "a1", "a1").await;
    assert!(home.state.forget_base(&task()).await.unwrap());
    assert!(load(&home).await.is_none());
    assert_eq!(home.count("snapshot").await, 0);
    mint(&home, "", "").await;
    assert_eq!(known(&home).await, (0, String::new(), String::new()));
}

async fn it_remembers_what_is_protected_and_what_the_remote_side_knows(place: Place) {
    let home = Home::new(place).await;
    mint(&home, "a1", "a1").await;
    home.state.protect(&task(), &["name = \"x\"".to_owned()]).await.unwrap();
    home.state.mark_base(&task(), Side::Remote, 7).await.unwrap();
    let base = load(&home).await.unwrap();
    assert_eq!(
        (base.protect, base.marked),
        (vec!["name = \"x\"".to_owned()], Marked { local: None, remote: Some(7) })
    );
}

async fn a_settled_base_has_a_serial(place: Place) {
    let home = Home::new(place).await;
    mint(&home, "a1", "a1").await;
    for _ in 0..2 {
        home.state.settle_base(&task()).await.unwrap();
        assert_eq!(load(&home).await.unwrap().serial, 1);
    }
    let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
    journal.conclude(&[conclusion("x", vec![agreed("a", None)])]).await.unwrap();
    home.state.settle_base(&task()).await.unwrap();
    assert_eq!(load(&home).await.unwrap().serial, 2);
}

async fn the_base_advances_with_outcomes(place: Place) {
    let home = Home::new(place).await;
    mint(&home, "b1 d1 f1 h1", "b2 d2 f2 h2").await;
    let minted = load(&home).await.unwrap().header().digest;
    let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
    journal.conclude(&[conclusion("none", vec![])]).await.unwrap();
    assert_eq!(known(&home).await.0, 0, "nothing was agreed on");
    let one_sided = Agreed { remote: None, ..agreed("f", Some(("9", "9"))) };
    let rows = vec![agreed("a", Some(("3", "4"))), agreed("b", None), agreed("c", None), one_sided];
    let later =
        vec![agreed("d", Some(("5", "6"))), agreed("i", Some(("1", "1"))), agreed("i", Some(("7", "8")))];
    journal.conclude(&[conclusion("x", rows), conclusion("y", later)]).await.unwrap();
    assert_eq!(known(&home).await, (1, "a3 d5 h1 i7".into(), "a4 d6 h2 i8".into()));
    assert_ne!(load(&home).await.unwrap().header().digest, minted);
    assert_eq!(home.state.outcomes(journal.run()).await.unwrap(), HashMap::from([(Outcome::Applied, 3)]));
}

async fn without_a_base_nothing_is_agreed_on(place: Place) {
    let home = Home::new(place).await;
    let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
    journal.conclude(&[conclusion("x", vec![agreed("a", Some(("1", "1")))])]).await.unwrap();
    assert!(load(&home).await.is_none());
    mint(&home, "b1", "b1").await;
    assert_eq!(known(&home).await.1, "b1");
}

async fn an_outcome_that_cannot_be_recorded_leaves_the_base(place: Place) {
    let home = Home::new(place).await;
    mint(&home, "a1", "a1").await;
    let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
    let trap = match place {
        Place::Sqlite => {
            "CREATE TRIGGER trap BEFORE INSERT ON agreed WHEN NEW.path = x'7a' \
             BEGIN SELECT RAISE(ABORT, 'no'); END"
        }
        Place::Postgres => "ALTER TABLE agreed ADD CONSTRAINT trap CHECK (path <> x'7a')",
    };
    home.tamper(trap).await;
    let rows = vec![agreed("b", Some(("2", "2"))), agreed("z", Some(("2", "2")))];
    journal.conclude(&[conclusion("x", rows)]).await.unwrap_err();
    assert_eq!(known(&home).await, (0, "a1".into(), "a1".into()));
    assert_eq!(home.state.outcomes(journal.run()).await.unwrap(), HashMap::new());
}

/// So many files that they take several pages.
fn many(count: usize) -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    for number in 0..count {
        let facts = file(&number.to_string());
        builder.push(&Entry { path: path(format!("d/{number:06}")), facts }).unwrap();
    }
    builder.finish()
}

async fn much_that_was_learned_is_folded_into_the_pages_and_little_is_not(place: Place) {
    for (learned, left) in [(100, 100), (2000, 0)] {
        let home = Home::new(place).await;
        let pages = many(10_000);
        home.state.mint_base(&task(), &here(), &pages, &pages).await.unwrap();
        let rows: Vec<_> =
            (0..learned).map(|it| agreed(&format!("d/{:06}", it * 2), Some(("x", "y")))).collect();
        let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
        journal.conclude(&[conclusion("x", rows)]).await.unwrap();
        let before = load(&home).await.unwrap();
        assert_eq!(home.count("agreed").await, learned);
        journal.finish(Ending::Done).await.unwrap();
        assert_eq!(home.count("agreed").await, left);
        let after = load(&home).await.unwrap();
        assert_eq!(after.header(), before.header());
        assert_eq!(after.remote.entries(), 10_000);
    }
}

async fn a_first_run_is_folded(place: Place) {
    let home = Home::new(place).await;
    mint(&home, "", "").await;
    let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
    let rows = (0..5000).map(|it| agreed(&format!("{it:05}"), Some(("1", "2")))).collect();
    journal.conclude(&[conclusion("x", rows)]).await.unwrap();
    journal.finish(Ending::Done).await.unwrap();
    assert_eq!((home.count("agreed").await, load(&home).await.unwrap().local.entries()), (0, 5000));
}

async fn a_scan_leaves_the_base_as_it_is(place: Place) {
    let home = Home::new(place).await;
    mint(&home, "a1", "a1").await;
    let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
    let learned = Learned {
        task: task(),
        side: syncplan_model::plan::Side::Local,
        path: path("b"),
        facts: Some(Facts::file(1)),
    };
    let rows = vec![agreed("b", Some(("2", "2")))];
    journal.conclude(&[Conclusion { learned: vec![learned], ..conclusion("x", rows) }]).await.unwrap();
    for &side in syncplan_model::plan::Side::ALL {
        home.state.save_snapshot(&task(), side, &here(), &snapshot("z9")).await.unwrap();
    }
    assert_eq!(known(&home).await.1, "a1 b2");
}

async fn a_damaged_base_is_an_error_and_never_an_empty_one(place: Place) {
    for damage in [
        "UPDATE page SET packed = x'ffffff' WHERE side = 'remote-base'",
        "DELETE FROM page WHERE side = 'local-base'",
        "DELETE FROM snapshot WHERE side = 'remote-base'",
        "DELETE FROM snapshot",
        "UPDATE snapshot SET digest = x'00' WHERE side = 'local-base'",
        "UPDATE agreed SET remote = x'00'",
        "UPDATE agreed SET remote = NULL",
        "UPDATE base SET protect = 'x'",
    ] {
        let home = Home::new(place).await;
        mint(&home, "a1 c3", "a1 c3").await;
        let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
        journal.conclude(&[conclusion("x", vec![agreed("b", Some(("2", "2")))])]).await.unwrap();
        home.tamper(damage).await;
        let error = home.state.load_base(&task(), &here()).await.unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{damage}: {error:?}");
        let message = error.to_string();
        assert!(message.contains("load a base") && message.contains(home.state.describe()), "{message}");
        let minted = home.state.mint_base(&task(), &here(), &snapshot(""), &snapshot("")).await;
        assert!(minted.is_err(), "{damage}: a new one does not take its place unasked");
    }
}
