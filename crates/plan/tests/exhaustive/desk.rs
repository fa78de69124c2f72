//! The planner, asked about one task.

use std::collections::HashSet;

use syncplan_model::plan::{ActionId, BaseHeader, Enforce, Plan, Selection};
use syncplan_model::spec::Trash;
use syncplan_model::{Capabilities, Digest, Mtime, Period, Snapshot};
use syncplan_plan::{
    BaseInput, CompileError, Enforcements, Kept, PlanInput, SideInput, TaskInput, Undo, UndoInput, UndoTask,
    compile, undo,
};
use syncplan_testkit::{Fixture, Tree};

use crate::oracle::Rules;

const NOW: Mtime = Mtime { seconds: 1_000_000, nanos: 0 };

pub(crate) struct Desk {
    pub(crate) fixture: Fixture,
    pub(crate) rules: Rules,
}

/// What the planner is given.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    /// As it stood on the local and on the remote side.
    pub(crate) base: [&'a Snapshot; 2],
    pub(crate) local: &'a Snapshot,
    pub(crate) remote: &'a Snapshot,
}

impl Desk {
    pub(crate) fn new(rules: Rules) -> Self {
        let nothing = Tree::default();
        let mut fixture = Fixture::new(rules.mode, rules.direction, &nothing, &nothing);
        fixture.spec.delete.policy = rules.delete;
        fixture.spec.conflict = rules.conflict.clone();
        fixture.spec.trash = rules.trash.then(|| Trash { keep: Period::from_secs(60) });
        Self { fixture, rules }
    }

    pub(crate) fn plan(&self, given: Given<'_>) -> Result<Plan, CompileError> {
        compile(&PlanInput {
            manifest: self.fixture.manifest(),
            selection: Selection::default(),
            tasks: vec![self.task(given)],
            only: None,
            exclude: None,
            now: NOW,
        })
    }

    /// Takes back what was done of a plan.
    pub(crate) fn undo(
        &self,
        given: Given<'_>,
        plan: &Plan,
        done: &HashSet<ActionId>,
        kept: &[Kept],
    ) -> Result<Undo, CompileError> {
        let (task, changed) = (self.task(given), HashSet::default());
        let manifest = self.fixture.manifest();
        let tasks = vec![UndoTask { task, kept, changed: &changed }];
        undo(&UndoInput { run: 1, plan, done, manifest, tasks, now: NOW })
    }

    fn task<'a>(&'a self, given: Given<'a>) -> TaskInput<'a> {
        let fixture = &self.fixture;
        let side = |store, capabilities, snapshot| SideInput {
            header: fixture.header(store),
            capabilities,
            enforcement: Enforcements::all(Enforce::Atomic),
            snapshot,
        };
        TaskInput {
            name: &fixture.name,
            after: &[],
            spec: &fixture.spec,
            guard: &fixture.guard,
            local: side("laptop", &fixture.local, given.local),
            remote: side("bucket", &fixture.remote, given.remote),
            base: Some(self.base(given.base)),
            only_side: None,
            resolution: None,
            protected_before: &[],
        }
    }

    fn base<'a>(&self, [local, remote]: [&'a Snapshot; 2]) -> BaseInput<'a> {
        let header = BaseHeader {
            lineage: "line".to_owned(),
            serial: 1,
            digest: Digest::from_bytes([0; 32]),
            entries: local.entries(),
            left: None,
            local: None,
            remote: None,
        };
        BaseInput { header, local, remote }
    }

    pub(crate) fn stores(&self) -> (&Capabilities, &Capabilities) {
        (&self.fixture.local, &self.fixture.remote)
    }
}
