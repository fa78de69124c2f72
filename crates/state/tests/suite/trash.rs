use syncplan_model::Facts;
use syncplan_model::plan::Side;
use syncplan_state::{Conclusion, Outcome, TrashEntry, Trashed};

use crate::journal::conclusion;
use crate::{Home, Place, action, file, on_both_databases, path, run_of, task, task_named};

on_both_databases!(
    what_went_to_the_trash_is_known,
    the_same_place_belongs_to_the_last,
    the_emptied_is_forgotten
);

fn trashed(side: Side, place: &str, facts: Facts) -> Trashed {
    let from = path(format!("from/{place}"));
    Trashed { task: task(), side, path: path(format!("trash/{place}")), from, facts }
}

fn concluded(name: &str, trashed: Trashed) -> Conclusion {
    Conclusion { trashed: Some(trashed), ..conclusion(name, Outcome::Applied) }
}

async fn trash(home: &Home) -> Vec<TrashEntry> {
    home.state.trash(&task()).await.unwrap()
}

async fn what_went_to_the_trash_is_known(place: Place) {
    let home = Home::new(place).await;
    let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
    let (a, b) = (trashed(Side::Remote, "a", file("1")), trashed(Side::Local, "a", file("2")));
    let conclusions =
        [concluded("x", a.clone()), conclusion("z", Outcome::Applied), concluded("y", b.clone())];
    // Whoever concludes twice records the same.
    for _ in 0..2 {
        journal.conclude(&conclusions).await.unwrap();
        let known = trash(&home).await;
        let shown: Vec<_> = known.iter().map(|it| (it.run, it.action, &it.trashed)).collect();
        assert_eq!(shown, [(journal.run(), action("y"), &b), (journal.run(), action("x"), &a)]);
        assert!(known[0].since > 1_600_000_000_000);
    }
    assert_eq!(home.state.trash(&task_named("other")).await.unwrap(), []);
}

async fn the_same_place_belongs_to_the_last(place: Place) {
    let home = Home::new(place).await;
    let first = home.state.begin(&run_of("p")).await.unwrap().journal;
    first.conclude(&[concluded("x", trashed(Side::Local, "a", file("1")))]).await.unwrap();
    first.conclude(&[concluded("y", trashed(Side::Local, "b", file("1")))]).await.unwrap();
    drop(first);
    home.tamper("UPDATE trash SET since = 1000").await;
    let second = home.state.begin(&run_of("q")).await.unwrap().journal;
    let again = Trashed { from: path("elsewhere"), ..trashed(Side::Local, "a", file("2")) };
    let twice = [concluded("x", trashed(Side::Local, "a", file("0"))), concluded("z", again.clone())];
    second.conclude(&twice).await.unwrap();
    let known = trash(&home).await;
    assert_eq!(known.len(), 2);
    assert_eq!((known[0].since, &known[0].trashed.path), (1000, &path("trash/b")), "oldest first");
    assert_eq!((known[1].run, known[1].action, &known[1].trashed), (second.run(), action("z"), &again));
    assert!(known[1].since > 1000);
}

async fn the_emptied_is_forgotten(place: Place) {
    let home = Home::new(place).await;
    let journal = home.state.begin(&run_of("p")).await.unwrap().journal;
    let names: Vec<_> = (0..1500).map(|number| format!("{number:04}")).collect();
    let of = |side| names.iter().map(move |name| concluded(name, trashed(side, name, file("1"))));
    journal.conclude(&of(Side::Local).collect::<Vec<_>>()).await.unwrap();
    journal.conclude(&of(Side::Remote).collect::<Vec<_>>()).await.unwrap();
    let paths: Vec<_> = names[1..].iter().map(|name| path(format!("trash/{name}"))).collect();
    home.state.forget_trash(&task_named("other"), Side::Local, &paths).await.unwrap();
    assert_eq!(trash(&home).await.len(), 3000);
    for _ in 0..2 {
        home.state.forget_trash(&task(), Side::Local, &paths).await.unwrap();
        assert_eq!(trash(&home).await.len(), 1501);
    }
    let left: Vec<_> = trash(&home).await.into_iter().filter(|it| it.trashed.side == Side::Local).collect();
    assert_eq!(left[0].trashed.path, path("trash/0000"));
    home.state.forget_trash(&task(), Side::Remote, &[]).await.unwrap();
}
