use syncplan_model::plan::{ActionId, Side};
use syncplan_model::{Facts, RelPath, TaskName};

use crate::trash::Trashed;

macro_rules! stored {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
        }

        impl $name {
            /// The name in the state, in events and in reports.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            pub(crate) fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

stored! {
    /// What became of an action.
    Outcome {
        /// It was done.
        Applied = "applied",
        /// What it should leave behind was there already: a run before, or an answer that was lost.
        AlreadySatisfied = "already-satisfied",
        /// Something else was found than expected; nothing was touched.
        Stale = "stale",
        /// It did not work, after all retries.
        Failed = "failed",
        /// It was not tried, because something it waits for was not done.
        Skipped = "skipped",
    }
}

impl Outcome {
    /// Whether what the action should leave behind is there.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Applied | Self::AlreadySatisfied)
    }
}

stored! {
    /// How a run ended.
    Ending {
        /// Everything is done.
        Done = "done",
        /// Something had changed since the plan was made, and was left alone.
        Stale = "stale",
        /// Something failed.
        Partial = "partial",
        /// It was asked to stop.
        Interrupted = "interrupted",
    }
}

impl Ending {
    /// The exit code of the program.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Stale => 4,
            Self::Partial => 5,
            Self::Interrupted => 130,
        }
    }
}

/// That an action is about to have an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Which.
    pub action: ActionId,
    /// The temporary that it may leave behind, on the side where it has its effect.
    pub temporary: Option<RelPath>,
}

/// What became of an action, and what was learned from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// Which.
    pub action: ActionId,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, where it was not done.
    pub message: Option<String>,
    /// What is known to stand where now, later facts behind earlier ones.
    pub learned: Vec<Learned>,
    /// Where both sides agree now: the base advances together with the outcome.
    pub agreed: Vec<Agreed>,
    /// What is in the trash now, if something was put there.
    pub trashed: Option<Trashed>,
}

/// That both sides of a task agree at one place, and what stands there on each: the same, though
/// tokens and times are each side's own. If neither has anything, the base lets go of the path; so it
/// does if only one has, for that is no agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// The task it belongs to.
    pub task: TaskName,
    /// Where.
    pub path: RelPath,
    /// What stands there on the local side; nothing if `None`.
    pub local: Option<Facts>,
    /// What stands there on the remote side; nothing if `None`.
    pub remote: Option<Facts>,
}

/// What is known to stand at one place after an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The task it belongs to.
    pub task: TaskName,
    /// On which of its sides.
    pub side: Side,
    /// Where.
    pub path: RelPath,
    /// What stands there; nothing if `None`.
    pub facts: Option<Facts>,
}
