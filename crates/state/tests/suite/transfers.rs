use syncplan_model::{Digest, Token};
use syncplan_state::{Outcome, Transfer};

use crate::journal::{conclusion, intent};
use crate::{Home, Place, action, on_both_databases, run_of, task};

on_both_databases!(
    a_transfer_survives_its_run,
    a_transfer_ends_with_its_action,
    a_new_transfer_takes_the_place_of_the_old_one,
    no_transfer_without_an_intent,
);

fn transfer(name: &str) -> Transfer {
    let draft = format!("draft of {name}");
    Transfer { action: action(name), draft, part_size: 5, size: 1 << 40, source: None, parts: vec![] }
}

fn part(number: u32, content: &str) -> (u32, Digest) {
    (number, Digest::of(content.as_bytes()))
}

async fn a_transfer_survives_its_run(place: Place) {
    let home = Home::new(place).await;
    let first = home.state.begin(&run_of("p")).await.unwrap();
    assert!(first.transfers.is_empty());
    first.journal.intend(&["a", "b"].map(intent)).await.unwrap();
    let begun = Transfer { source: Some(Token::new("v1")), parts: vec![part(1, "x")], ..transfer("a") };
    first.journal.begin_transfer(&begun).await.unwrap();
    let parts = [part(3, "z"), part(2, "old"), part(2, "y")];
    first.journal.note_parts(&action("a"), &parts).await.unwrap();
    first.journal.note_parts(&action("a"), &[part(1, "new")]).await.unwrap();
    drop(first);

    let expected = Transfer { parts: vec![part(1, "new"), part(2, "y"), part(3, "z")], ..begun };
    let open = home.again().await.transfers().await.unwrap();
    assert_eq!((open.len(), &open[0].tasks, &open[0].transfer), (1, &vec![task()], &expected));
    for _ in 0..2 {
        let next = home.state.begin(&run_of("p")).await.unwrap();
        assert_eq!(next.transfers.values().collect::<Vec<_>>(), [&expected]);
        assert_eq!(home.state.transfers().await.unwrap()[0].run, next.journal.run());
        // Tried again, it goes on with what is there.
        next.journal.intend(&[intent("a")]).await.unwrap();
    }
    assert_eq!(home.count("part").await, 3);
}

async fn a_transfer_ends_with_its_action(place: Place) {
    let home = Home::new(place).await;
    let begun = home.state.begin(&run_of("p")).await.unwrap();
    begun.journal.intend(&["a", "b", "c", "d"].map(intent)).await.unwrap();
    for name in ["a", "b", "c", "d"] {
        let transfer = Transfer { parts: vec![part(1, name)], ..transfer(name) };
        begun.journal.begin_transfer(&transfer).await.unwrap();
    }
    begun.journal.conclude(&[conclusion("a", Outcome::Failed)]).await.unwrap();
    begun.journal.withdraw(&[action("b")]).await.unwrap();
    begun.journal.end_transfer(&action("c")).await.unwrap();
    begun.journal.end_transfer(&action("c")).await.unwrap();
    let left: Vec<_> =
        home.state.transfers().await.unwrap().into_iter().map(|it| it.transfer.action).collect();
    assert_eq!(left, [action("d")]);
    assert_eq!(home.count("part").await, 1);
    let open = home.state.unresolved().await.unwrap();
    assert_eq!(open, [], "it goes on");
}

async fn a_new_transfer_takes_the_place_of_the_old_one(place: Place) {
    let home = Home::new(place).await;
    let begun = home.state.begin(&run_of("p")).await.unwrap();
    begun.journal.intend(&[intent("a")]).await.unwrap();
    let old = Transfer { parts: vec![part(1, "x"), part(2, "y")], ..transfer("a") };
    begun.journal.begin_transfer(&old).await.unwrap();
    let new = Transfer { draft: "another".into(), source: Some(Token::new("v2")), ..transfer("a") };
    for _ in 0..2 {
        begun.journal.begin_transfer(&new).await.unwrap();
        assert_eq!(home.state.transfers().await.unwrap()[0].transfer, new, "no part of the old one is left");
    }
}

async fn no_transfer_without_an_intent(place: Place) {
    let home = Home::new(place).await;
    let begun = home.state.begin(&run_of("p")).await.unwrap();
    begun.journal.begin_transfer(&transfer("a")).await.unwrap_err();
    begun.journal.intend(&[intent("a")]).await.unwrap();
    begun.journal.note_parts(&action("a"), &[part(1, "x")]).await.unwrap_err();
    assert_eq!(home.state.transfers().await.unwrap(), []);
}
