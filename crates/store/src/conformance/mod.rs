//! What every store must do, as checks that run on any of them.
//!
//! A check asks the store's own [`Capabilities`](syncplan_model::Capabilities) what applies to it
//! and never what it is. Each works in a folder of its own, so that they do not disturb each other
//! and one store can be checked many times over.

mod attributes;
mod content;
mod folders;
mod guards;
mod housekeeping;
mod listing;
mod moves;
mod partial;
mod scope;

use std::fmt;

use futures::future::BoxFuture;

use crate::store::Store;

pub use self::scope::Failure;
use self::scope::{Check, Scope};

/// What came of the checks.
#[derive(Debug, Default)]
pub struct Report {
    /// The names of those that passed.
    pub passed: Vec<&'static str>,
    /// Those that failed, by name, and why.
    pub failed: Vec<(&'static str, Failure)>,
}

/// Runs every check on an open store, below the folder `run` in it. `again` is another opening of the same
/// place, as another process would have one.
pub async fn conformance(store: &dyn Store, again: &dyn Store, run: &str) -> Report {
    let mut report = Report::default();
    for (name, check) in checks() {
        match Scope::new(store, again, run, name) {
            Ok(scope) => match check(&scope).await {
                Ok(()) => report.passed.push(name),
                Err(failure) => report.failed.push((name, failure)),
            },
            Err(failure) => report.failed.push((name, failure)),
        }
    }
    report
}

impl Report {
    /// The names of the checks that failed.
    pub fn failures(&self) -> Vec<&'static str> {
        self.failed.iter().map(|(name, _)| *name).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} passed, {} failed", self.passed.len(), self.failed.len())?;
        self.failed.iter().try_for_each(|(name, failure)| writeln!(f, "{name}: {failure}"))
    }
}

type Named = (&'static str, for<'a> fn(&'a Scope<'a>) -> BoxFuture<'a, Check>);

macro_rules! named {
    ($($module:ident { $($name:ident,)* })*) => {
        vec![$($((stringify!($name), {
            fn run<'a>(scope: &'a Scope<'a>) -> BoxFuture<'a, Check> {
                Box::pin($module::$name(scope))
            }
            run as _
        }),)*)*]
    };
}

fn checks() -> Vec<Named> {
    named! {
        content {
            what_is_written_is_read,
            empty_content,
            large_content,
            ranges,
            metadata_is_kept,
            odd_names,
            names_that_look_alike,
            names_with_control_characters,
            long_names,
            missing_objects_are_not_found,
            a_store_is_reached,
        }
        attributes {
            attributes_come_back,
            attributes_outlive_replacing_and_moving,
            attributes_of_large_content,
            types_follow_from_names,
        }
        guards {
            writing_into_a_gap,
            replacing_what_is_expected,
            reading_what_is_expected,
            deleting_what_is_expected,
            short_and_long_content_changes_nothing,
            failing_content_changes_nothing,
            tokens_change_with_the_content,
            a_gap_is_filled_once,
        }
        moves {
            copies,
            copies_into_a_gap,
            copies_of_what_is_expected,
            renames,
            renames_into_a_gap,
            renames_of_what_is_expected,
            renames_over_what_is_expected,
            keeps_what_is_about_to_go,
            keeps_beside_the_same_content,
        }
        partial {
            parts_become_a_file,
            a_part_that_is_put_again_replaces_the_first,
            another_goes_on_with_a_draft,
            a_draft_begins_and_ends_as_expected,
            a_draft_that_lacks_something_is_not_finished,
            a_draft_that_is_gone_is_not_found,
            drafts_are_found_until_they_are_abandoned,
        }
        housekeeping {
            what_is_reserved_is_found,
        }
        listing {
            what_stands_there_is_listed,
            reserved_names_are_hidden,
            listing_after_a_path,
            listing_of_a_range,
        }
        folders {
            directories,
            symbolic_links,
            symbolic_links_are_kept,
            metadata_alone,
            permissions,
        }
    }
}
