//! The program killed at any line, and what must hold afterwards.
//!
//! `docs/reliability.md` says how much is tried, and how to try more of it.

#![expect(
    clippy::unwrap_used,
    reason = "tests may panic, and clippy only knows that of the test functions themselves"
)]

mod crash {
    // What the suite has as well.
    #[path = "../suite/bucket.rs"]
    #[expect(dead_code, reason = "the suite asks more of it")]
    mod bucket;
    #[path = "../suite/environment.rs"]
    #[expect(dead_code, reason = "the suite asks more of it")]
    mod environment;
    #[path = "../suite/output.rs"]
    #[expect(dead_code, reason = "the suite asks more of it")]
    mod output;
    #[path = "../suite/tree.rs"]
    #[expect(dead_code, reason = "the suite asks more of it")]
    mod tree;

    // How a case is set up, disturbed and judged.
    mod chance;
    mod edit;
    mod parallel;
    mod picture;
    mod proxy;
    mod scene;
    mod situation;
    mod tracer;
    mod trial;

    // One module a kind of disturbance.
    mod any_call;
    mod disk;
    mod faults;
    mod order;
    mod parts;
    mod points;
    mod rivals;
}
