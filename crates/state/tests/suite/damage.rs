use std::error::Error as _;

use syncplan_model::Digest;
use syncplan_model::plan::Side;
use syncplan_state::{State, StateError};

use crate::{Home, Place, on_both_databases, snapshot, task};

on_both_databases!(a_damaged_page_is_found, a_state_of_a_newer_version_is_left_alone);

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    std::fs::write(&file, "this is not a database, and long enough to be told apart from one".repeat(99))
        .unwrap();
    let error = State::open(&file).await.unwrap_err();
    assert!(matches!(error, StateError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("state.db") && error.advice().unwrap().contains("move it away"));
    let cause = error.source().unwrap().to_string();
    assert!(!error.to_string().contains(&cause));
}

async fn a_damaged_page_is_found(place: Place) {
    let home = Home::new(place).await;
    let source = Digest::of(b"here");
    home.state.save_snapshot(&task(), Side::Local, &source, &snapshot("a1 b2")).await.unwrap();
    // The second can be read, but is not the one that was saved.
    for page in [b"\xff\xff\xff".as_slice(), snapshot("c3").pages()[0].as_bytes()] {
        let hex: String = page.iter().map(|byte| format!("{byte:02x}")).collect();
        home.tamper(&format!("UPDATE page SET packed = x'{hex}'")).await;
        let error = home.state.load_snapshot(&task(), Side::Local, &source).await.unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error:?}");
    }
}

async fn a_state_of_a_newer_version_is_left_alone(place: Place) {
    let home = Home::new(place).await;
    home.tamper(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', TRUE, x'00', 0)",
    )
    .await;
    assert!(matches!(State::connect(&home.address).await.unwrap_err(), StateError::Newer { .. }));
}
