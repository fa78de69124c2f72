use std::sync::Arc;

use syncplan_model::plan::{Action, Expectation, Op, Side};
use syncplan_model::{Facts, RelPath, Token};
use syncplan_state::StateError;
use syncplan_store::{Enforcement, Guarded, Precondition, Store, StoreError};

use crate::check::mismatch;
use crate::job::Sides;
use crate::known::Known;
use crate::worker::Effect;

/// A place that an action touches, and what it expects there.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) side: Side,
    pub(crate) path: RelPath,
    /// As the plan says, after what this plan's own actions did there.
    pub(crate) expected: Expectation,
    /// Whether a program of this plan made what stands there, so that the plan knows nothing of it.
    pub(crate) made: bool,
}

/// What an action fills, changes or removes, and what it reads.
pub(crate) struct View<'a> {
    pub(crate) action: &'a Action,
    pub(crate) sides: &'a Sides,
    pub(crate) target: Place,
    pub(crate) source: Option<Place>,
    /// Whether it was tried before, in this run or an earlier one: it may have had its effect.
    pub(crate) begun: bool,
}

/// Why an action did not have its effect.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// Something else was found than expected.
    Mismatch(String),
    /// What was taken to be the same is not; and what was learned of both.
    Refuted(String, Box<Effect>),
    /// The store of the target said so.
    Store(StoreError),
    /// The store that content is read from said so, and it is not about the content.
    Source(StoreError),
    /// The journal could not be written: nothing goes on without it.
    Journal(StateError),
    /// The run is to stop, and this can be gone on with later.
    Stopped,
    /// Something else than a store did not work, and will not if it is tried again.
    Failed(String),
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StateError> for Obstacle {
    fn from(error: StateError) -> Self {
        Self::Journal(error)
    }
}

impl Obstacle {
    /// The same, met at the place that is read.
    pub(crate) fn at_source(self) -> Self {
        match self {
            Self::Store(error) => Self::Source(error),
            other => other,
        }
    }
}

impl<'a> View<'a> {
    pub(crate) fn new(action: &'a Action, sides: &'a Sides, known: &Known) -> Self {
        let place = |side: Side, path: &RelPath, expected: &Expectation| {
            let made = known.made(&action.task, side, path).filter(|_| expected.facts().is_some());
            Place {
                store: Arc::clone(sides.store(side)),
                side,
                path: path.clone(),
                made: made.is_some(),
                expected: match made {
                    Some(made) => Expectation::present(made),
                    None => known.adjust(&action.task, side, path, expected),
                },
            }
        };
        let target = place(action.side, &action.path, &action.expect.path);
        let reads = if action.op.transfers() || action.op == Op::Run {
            Some((action.side.other(), action.from.as_ref().unwrap_or(&action.path)))
        } else {
            action.from.as_ref().map(|from| (action.side, from))
        };
        let source = reads.zip(action.expect.from.as_ref());
        let source = source.map(|((side, path), expected)| place(side, path, expected));
        Self { action, sides, target, source, begun: false }
    }

    /// The place that is read, by an action that reads one.
    pub(crate) fn source(&self) -> Result<&Place, Obstacle> {
        // Plans are checked when they are read; this says what a plan without it would be.
        self.source
            .as_ref()
            .ok_or_else(|| Obstacle::Mismatch("the action does not say what it reads".to_owned()))
    }

    /// What the action leaves at its target, as far as the plan knows.
    pub(crate) fn result(&self) -> Option<Facts> {
        if let Some(made) = self.source.as_ref().filter(|source| source.made) {
            return made.expected.facts().map(|made| Facts { token: None, ..made.clone() });
        }
        let mut result = self.action.result.as_deref().cloned()?;
        if result.digest.is_none() && self.action.op != Op::SetMetadata {
            result.digest = self.source.as_ref().and_then(|source| source.expected.facts()?.digest);
        }
        Some(result)
    }
}

impl Place {
    /// What stands there.
    pub(crate) async fn look(&self) -> Result<Option<Facts>, StoreError> {
        self.store.stat(&self.path).await
    }

    /// How what was found differs from what was expected, for people.
    pub(crate) fn mismatch(&self, found: Option<&Facts>) -> Option<String> {
        let clause = mismatch(&self.expected, found, self.precision())?;
        Some(format!("`{}` ({}): {clause}", self.path, self.side))
    }

    /// The same, whatever token it has.
    pub(crate) fn mismatch_but_token(&self, found: Option<&Facts>) -> Option<String> {
        let expected = self.expected.facts();
        let expected = expected.map(|facts| Expectation::present(Facts { token: None, ..facts.clone() }));
        mismatch(&expected.unwrap_or(Expectation::ABSENT), found, self.precision())
    }

    /// In which steps times are kept there, in nanoseconds.
    pub(crate) fn precision(&self) -> u64 {
        self.store.capabilities().mtime_precision
    }

    /// Looks, and answers what stands there if it is what was expected.
    pub(crate) async fn verified(&self) -> Result<Option<Facts>, Obstacle> {
        let found = self.look().await?;
        match self.mismatch(found.as_ref()) {
            Some(difference) => Err(Obstacle::Mismatch(difference)),
            None => Ok(found),
        }
    }

    /// What the store is to hold the place to.
    ///
    /// A token, or that nothing stands there, the store checks itself, with the effect or right
    /// before it: looking here too would only cost a request. Everything else is looked at here,
    /// and what was found is what the store holds it to.
    pub(crate) async fn precondition(&self, guarded: Guarded) -> Result<Precondition, Obstacle> {
        let trusted = self.store.enforcement(guarded) != Enforcement::Weak;
        match self.expected.facts() {
            None if trusted => Ok(Precondition::Absent),
            Some(Facts { token: Some(token), .. }) if trusted => Ok(Precondition::Token(token.clone())),
            _ => Ok(match self.verified().await? {
                None => Precondition::Absent,
                Some(found) => found.token.map_or(Precondition::Any, Precondition::Token),
            }),
        }
    }

    /// The token that the store is to read or remove: the expected one, or else that of what was
    /// found to be as expected.
    pub(crate) async fn token(&self) -> Result<Option<Token>, Obstacle> {
        match self.expected.facts().and_then(|facts| facts.token.as_ref()) {
            Some(token) => Ok(Some(token.clone())),
            None => Ok(self.verified().await?.and_then(|found| found.token)),
        }
    }
}
