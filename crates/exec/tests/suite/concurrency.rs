//! Two executors at once.

use syncplan_exec::ExecError;
use syncplan_state::{State, StateError};

use crate::everyday::{buckets_that_differ, check_done};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_is_told_who_holds_the_lock() {
    let (world, plan) = buckets_that_differ().await;
    let other = State::connect(world.state.describe()).await.unwrap();
    let new = syncplan_state::NewRun {
        plan_id: plan.id(),
        instance: "other",
        plan: b"",
        tasks: plan.header().tasks.iter().map(|task| task.name.clone()).collect(),
        actions: 1,
        tool: "test",
        overrides: None,
    };
    let begun = other.begin(&new).await.unwrap();
    match world.run(world.job(&plan)).await.unwrap_err() {
        ExecError::State(StateError::Locked { holder, .. }) => {
            assert_eq!(holder.pid, i64::from(std::process::id()));
        }
        other => panic!("{other}"),
    }
    drop(begun);
    world.apply(&plan).await;
    check_done(&world).await;
}
