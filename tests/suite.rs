//! The program as its users meet it: run as a process, judged by what it prints, by its exit code and
//! by what it leaves on disk and in buckets.
//!
//! `tests/run` starts the servers that some of these need; without them, those say so and pass.

#![expect(
    clippy::unwrap_used,
    reason = "tests may panic, and clippy only knows that of the test functions themselves"
)]

mod suite {
    // What the themes share.
    mod bucket;
    mod environment;
    mod output;
    #[path = "../crash/proxy.rs"]
    #[expect(dead_code, reason = "nothing here disturbs anything")]
    mod proxy;
    mod server;
    mod sides;
    mod tree;

    // One module a theme.
    mod attributes;
    mod bad_plans;
    mod bad_stores;
    mod base;
    mod broken_manifests;
    mod cloud;
    mod conflicts;
    mod doctor;
    mod documents;
    mod dry_run;
    mod edits;
    mod events;
    mod examples;
    mod foreign;
    mod gc;
    mod guards;
    mod history;
    mod inspect;
    mod interrupted;
    mod large_bucket;
    mod links;
    mod locks;
    mod main_job;
    mod moves;
    mod names;
    mod peers;
    mod policies;
    mod resolve;
    mod same_names;
    mod same_plan;
    mod secrets;
    mod selection;
    mod sftp;
    mod shapes;
    mod shared_index;
    mod state_url;
    mod trash;
    mod two_way;
    mod undo;
    mod webdav;
    mod website;
    mod why;
}
