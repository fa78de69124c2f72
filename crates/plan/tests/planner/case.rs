//! One task, compiled and carried out.

use syncplan_model::plan::{BaseHeader, Enforce, Mark, Plan, Selection, Side};
use syncplan_model::spec::{Direction, Mode};
use syncplan_model::{ActionFilter, Capabilities, Capability, Mtime, Snapshot};
use syncplan_plan::{
    BaseInput, CompileError, Enforcements, PlanInput, Questions, SideInput, TaskInput, compile, questions,
};
use syncplan_testkit::simulator::Stock;
use syncplan_testkit::{Fixture, Known, Tree, tree};

use crate::world::{Dice, World, lines};

/// A source and a target, with everything that can be set.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) source: Tree,
    pub(crate) target: Tree,
    /// What both agreed on, as it stood on the local and on the remote side.
    pub(crate) base: Option<[Tree; 2]>,
    /// The same as snapshots.
    pub(crate) base_snapshots: Option<[Snapshot; 2]>,
    /// Whether a run has advanced the base.
    pub(crate) advanced: bool,
    /// What a side says of the base.
    pub(crate) marks: (Side, Option<Mark>),
    pub(crate) fixture: Fixture,
    pub(crate) enforcement: Enforcements,
    pub(crate) only: Option<ActionFilter>,
    pub(crate) exclude: Option<ActionFilter>,
}

pub(crate) const NOW: Mtime = Mtime { seconds: 1_000_000, nanos: 0 };

impl Case {
    pub(crate) fn new(mode: Mode, direction: Direction, source: &Tree, target: &Tree) -> Self {
        let (local, remote) = match direction {
            Direction::Push => (source, target),
            Direction::Fetch => (target, source),
        };
        Self {
            source: source.clone(),
            target: target.clone(),
            base: None,
            base_snapshots: None,
            advanced: true,
            marks: (Side::Remote, None),
            fixture: Fixture::new(mode, direction, local, remote),
            enforcement: Enforcements::all(Enforce::Atomic),
            only: None,
            exclude: None,
        }
    }

    pub(crate) fn mirror(source: &str, target: &str) -> Self {
        Self::new(Mode::Mirror, Direction::Push, &tree(source), &tree(target))
    }

    pub(crate) fn update(source: &str, target: &str) -> Self {
        Self::new(Mode::Update, Direction::Push, &tree(source), &tree(target))
    }

    /// The same after a run that left the base so.
    pub(crate) fn based_on(mut self, base: [Tree; 2]) -> Self {
        self.base_snapshots = Some([base[0].snapshot(), base[1].snapshot()]);
        self.base = Some(base);
        self
    }

    /// The same with snapshots that know no more than this of content.
    pub(crate) fn knowing(mut self, source: Known, target: Known) -> Self {
        let (ours, theirs) = (self.source.snapshot_knowing(source), self.target.snapshot_knowing(target));
        *self.snapshot(self.target_side().other()) = ours;
        *self.snapshot(self.target_side()) = theirs;
        self
    }

    /// The same between two stores without directories, as buckets are.
    pub(crate) fn flat(mut self) -> Self {
        self.source = self.source.flat();
        self.target = self.target.flat();
        self.fixture.local = self.fixture.local.without(Capability::Directories);
        self.fixture.remote = self.fixture.remote.without(Capability::Directories);
        self.knowing(Known::Digests, Known::Digests)
    }

    pub(crate) fn without(mut self, capability: Capability) -> Self {
        let target = self.target_store();
        *target = target.clone().without(capability);
        self
    }

    pub(crate) fn target_side(&self) -> Side {
        match self.fixture.spec.direction {
            Direction::Push => Side::Remote,
            Direction::Fetch => Side::Local,
        }
    }

    pub(crate) fn target_store(&mut self) -> &mut Capabilities {
        match self.target_side() {
            Side::Local => &mut self.fixture.local,
            Side::Remote => &mut self.fixture.remote,
        }
    }

    pub(crate) fn snapshot(&mut self, side: Side) -> &mut Snapshot {
        match side {
            Side::Local => &mut self.fixture.local_snapshot,
            Side::Remote => &mut self.fixture.remote_snapshot,
        }
    }

    pub(crate) fn task(&self) -> TaskInput<'_> {
        let fixture = &self.fixture;
        let side = |store, capabilities, snapshot| SideInput {
            header: fixture.header(store),
            capabilities,
            enforcement: self.enforcement,
            snapshot,
        };
        TaskInput {
            name: &fixture.name,
            after: &[],
            spec: &fixture.spec,
            guard: &fixture.guard,
            local: side("laptop", &fixture.local, &fixture.local_snapshot),
            remote: side("bucket", &fixture.remote, &fixture.remote_snapshot),
            base: self.base_input(),
            only_side: None,
            resolution: None,
            protected_before: &[],
        }
    }

    fn base_input(&self) -> Option<BaseInput<'_>> {
        let [local, remote] = self.base_snapshots.as_ref()?;
        let header = BaseHeader {
            lineage: "line".to_owned(),
            serial: u64::from(self.advanced),
            digest: local.digest(),
            entries: local.entries(),
            left: None,
            local: self.marks.1.filter(|_| self.marks.0 == Side::Local),
            remote: self.marks.1.filter(|_| self.marks.0 == Side::Remote),
        };
        Some(BaseInput { header, local, remote })
    }

    pub(crate) fn questions(&self) -> Questions {
        questions(&self.task())
    }

    pub(crate) fn try_compile(&self) -> Result<Plan, CompileError> {
        compile(&PlanInput {
            manifest: self.fixture.manifest(),
            selection: Selection::default(),
            tasks: vec![self.task()],
            only: self.only.as_ref(),
            exclude: self.exclude.as_ref(),
            now: NOW,
        })
    }

    pub(crate) fn compile(&self) -> Plan {
        self.try_compile().unwrap_or_else(|error| panic!("{error}: {error:?}\n{self}"))
    }

    pub(crate) fn world(&self) -> World {
        let (local, remote) = match self.target_side() {
            Side::Remote => (&self.source, &self.target),
            Side::Local => (&self.target, &self.source),
        };
        let base = self.base.clone().unwrap_or_default().map(|tree| Stock::new(&tree));
        World::of_stocks(base, Stock::new(local), Stock::new(remote))
            .in_stores(&self.fixture.local, &self.fixture.remote)
    }

    /// The target after the plan, in an order by seed.
    pub(crate) fn apply(&self, plan: &Plan, seed: u64) -> Tree {
        let mut world = self.world();
        let done = world.apply(plan, &mut Dice::new(seed));
        done.unwrap_or_else(|problem| panic!("{problem}\n{self}\n{}", lines(plan).join("\n")));
        let source = world.tree(self.target_side().other());
        assert_eq!(source, self.source, "the source was changed");
        world.tree(self.target_side())
    }

    /// The same case after the target has become something else.
    pub(crate) fn with_target(&self, target: Tree) -> Self {
        Self { target, ..self.clone() }.knowing(Known::Digests, Known::Digests)
    }

    /// Compiles, applies in some orders, checks that planning again yields nothing; answers the plan
    /// and the target.
    pub(crate) fn converge(&self, orders: u64) -> (Plan, Tree) {
        let plan = self.compile();
        let mut targets = (0..orders).map(|seed| self.apply(&plan, seed));
        let target = targets.next().expect("at least one order");
        assert!(targets.all(|other| other == target), "the order decides what comes of it\n{self}");
        let again = self.with_target(target.clone()).compile();
        assert!(
            !again.has_changes(),
            "planning again yields {:?}\n{self}\nfirst: {:?}",
            lines(&again),
            lines(&plan)
        );
        (plan, target)
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let spec = &self.fixture.spec;
        write!(f, "{} {}: source {} | target {}", spec.mode, spec.direction, self.source, self.target)
    }
}
