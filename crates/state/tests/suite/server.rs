//! What only a server can do: be gone, be somebody else, be shared.

use std::error::Error;
use std::time::{Duration, Instant};

use syncplan_state::{State, StateError};
use url::Url;

use crate::journal::intent;
use crate::place::server;
use crate::{Home, Place, run_of};

fn chain(error: &StateError) -> String {
    let mut text = format!("{error}: {}; {error:?}", error.advice().unwrap_or_default());
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!("; {error}; {error:?}"));
        source = error.source();
    }
    text
}

async fn refused(url: &Url) -> StateError {
    let error = State::connect(url.as_str()).await.unwrap_err();
    let text = chain(&error);
    assert!(!text.contains("testsecret") && !text.contains("canary"), "{text}");
    error
}

#[tokio::test]
async fn where_nobody_listens_is_said_soon() {
    let began = Instant::now();
    let error = refused(&Url::parse("postgres://me:canary@127.0.0.1:1/nothing").unwrap()).await;
    assert!(matches!(error, StateError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot open the database: the state 127.0.0.1:1/nothing does not answer");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_wrong_password_is_not_repeated() {
    let Some(_) = Place::postgres() else { return };
    let mut url = Url::parse(&server()).unwrap();
    url.set_password(Some("canary")).unwrap();
    let error = refused(&url).await;
    assert!(matches!(error, StateError::Database { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_state_does_not_show_its_password() {
    let Some(place) = Place::postgres() else { return };
    let home = Home::new(place).await;
    assert!(home.address.contains("testsecret"));
    let shown = format!("{:?} {}", home.state, home.state.describe());
    assert!(!shown.contains("testsecret") && home.state.describe().starts_with("127.0.0.1:"), "{shown}");
}

#[tokio::test]
async fn a_server_has_to_prove_who_it_is_if_asked_to() {
    let Some(place) = Place::postgres() else { return };
    let home = Home::new(place).await;
    let mut url = Url::parse(&home.address).unwrap();
    url.set_query(Some("sslmode=verify-full"));
    let error = refused(&url).await;
    assert!(matches!(error, StateError::Unreachable { .. }), "{error:?}");
    let certificate = std::env::var("SYNCPLAN_TEST_POSTGRES_CA").unwrap();
    url.query_pairs_mut().append_pair("sslrootcert", &certificate);
    State::connect(url.as_str()).await.unwrap();
    url.set_host(Some("localhost")).unwrap();
    refused(&url).await;
}

#[tokio::test]
async fn a_lost_connection_stops_the_run_and_the_next_goes_on() {
    let Some(place) = Place::postgres() else { return };
    let home = Home::new(place).await;
    let begun = home.state.begin(&run_of("p")).await.unwrap();
    begun.journal.intend(&[intent("a")]).await.unwrap();
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    // A transaction is under way, and waits for somebody else's.
    let intents = [intent("b")];
    let hold = home.hold("LOCK TABLE action IN ACCESS EXCLUSIVE MODE").await;
    let (error, ()) = tokio::join!(begun.journal.intend(&intents), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        home.tamper(others).await;
    });
    drop(hold);
    let error = error.unwrap_err();
    assert!(matches!(error, StateError::Unreachable { .. }), "{error:?}");
    assert!(error.advice().unwrap().contains("nothing is done without a journal"));
    // The server is there again, and so is what was recorded, and nothing else.
    begun.journal.beat().await.unwrap();
    drop(begun);
    assert_eq!(home.state.begin(&run_of("p")).await.unwrap().open, [intent("a")]);
}

#[tokio::test]
async fn the_tables_are_in_a_schema_of_their_own_or_where_the_address_says() {
    let Some(place) = Place::postgres() else { return };
    let home = Home::new(place).await;
    assert_eq!(home.count("syncplan.run").await, 0);
    home.tamper("CREATE SCHEMA elsewhere").await;
    let elsewhere =
        State::connect(&format!("{}?options[search_path]=elsewhere", home.address)).await.unwrap();
    let begun = elsewhere.begin(&run_of("p")).await.unwrap();
    assert_eq!((home.count("elsewhere.run").await, home.count("syncplan.run").await), (1, 0));
    home.state.begin(&run_of("p")).await.unwrap();
    drop(begun);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_is_made_ready_by_one_of_many() {
    let Some(place) = Place::postgres() else { return };
    let home = Home::new(place).await;
    for _ in 0..3 {
        home.tamper("DROP SCHEMA syncplan CASCADE").await;
        let opened = futures::future::join_all((0..6).map(|_| State::connect(&home.address))).await;
        opened.into_iter().for_each(|state| drop(state.unwrap()));
    }
}
