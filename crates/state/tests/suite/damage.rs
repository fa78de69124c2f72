use std::error::Error as _;

use syncplan_model::Digest;
use syncplan_model::plan::Side;
use syncplan_state::{State, StateError};

use crate::{Home, snapshot, task};

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

#[tokio::test]
async fn a_damaged_page_is_found() {
    let home = Home::new().await;
    let source = Digest::of(b"here");
    home.state.save_snapshot(&task(), Side::Local, &source, &snapshot("a1 b2")).await.unwrap();
    let pool =
        sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(home.file()))
            .await
            .unwrap();
    let damage: [(&str, &[u8]); 2] = [
        ("UPDATE page SET packed = ?", b"\xff\xff\xff"),
        // A page that can be read, but is not the one that was saved.
        ("UPDATE page SET packed = ?", crate::snapshot("c3").pages()[0].as_bytes().to_vec().leak()),
    ];
    for (statement, bytes) in damage {
        sqlx::query(statement).bind(bytes).execute(&pool).await.unwrap();
        let error = home.state.load_snapshot(&task(), Side::Local, &source).await.unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_state_of_a_newer_version_is_left_alone() {
    let home = Home::new().await;
    let pool =
        sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(home.file()))
            .await
            .unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert!(matches!(State::open(&home.file()).await.unwrap_err(), StateError::Newer { .. }));
}
