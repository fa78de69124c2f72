//! What to look at more closely before compiling, so that a cold scan need not read any content.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use syncplan_model::plan::Side;
use syncplan_model::spec::{Compare, Mode};
use syncplan_model::{Capability, EntryKind, Facts, RelPath};

use crate::diff::diff;
use crate::equality::content;
use crate::identity::is_pairable;
use crate::input::{SideInput, TaskInput};
use crate::one_way::OneWay;
use crate::reconcile::reconcile;
use crate::work::Work;

/// What the planner would like to know before it compiles a task, each list in the order of paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// About the local side.
    pub local: Vec<Question>,
    /// About the remote side.
    pub remote: Vec<Question>,
}

/// One file to look at more closely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The file.
    pub path: RelPath,
    /// What to find out.
    pub inquiry: Inquiry,
}

/// What to find out about a file, from cheap to dear; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Inquiry {
    /// All that a look at the place tells, without reading content.
    Stat,
    /// A fingerprint; of a small file that is its digest.
    Sampled,
    /// A digest of all content.
    Full,
}

impl Questions {
    /// Whether there is nothing to find out.
    pub fn is_empty(&self) -> bool {
        self.local.is_empty() && self.remote.is_empty()
    }
}

/// What to look at more closely before compiling a task.
///
/// Answers may raise questions: two times that turn out to differ make the planner ask for content.
/// Ask again with the answers in the snapshots until nothing *new* is asked; three rounds suffice. A
/// question that could not be answered is asked again, and [`compile`](crate::compile) does without.
pub fn questions(task: &TaskInput<'_>) -> Questions {
    if task.spec.mode == Mode::TwoWay {
        return Questions::default();
    }
    let mut asker = Asker { one_way: OneWay::of(task), source: BTreeMap::new(), target: BTreeMap::new() };
    asker.ask_about_equality();
    asker.ask_about_identity();
    asker.questions()
}

/// At most so many files that stay are looked at for each new one of the same size.
const STAYING_PER_FILL: usize = 8;

struct Asker<'a> {
    one_way: OneWay<'a>,
    source: BTreeMap<RelPath, Inquiry>,
    target: BTreeMap<RelPath, Inquiry>,
}

/// Which side a question is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Source,
    Target,
}

impl Asker<'_> {
    /// Files at one path of which it is not clear whether they are the same.
    fn ask_about_equality(&mut self) {
        let one_way = self.one_way;
        one_way.walk_uncovered(|path, source, target| {
            if let Some((source, target)) = source.zip(target).filter(|(a, b)| is_file(a) && is_file(b)) {
                self.ask_about_pair(path, source, target);
            }
        });
    }

    fn ask_about_pair(&mut self, path: &RelPath, source: &Facts, target: &Facts) {
        let whole = source.digest.is_some() && target.digest.is_some();
        let known = content(source, target);
        match self.one_way.task.spec.compare {
            // Different samples refute, equal ones do not suffice.
            Compare::Full if whole || known == Some(crate::equality::Verdict::Different) => {}
            Compare::Full => {
                self.ask(Role::Source, path, Inquiry::Full, source.digest.is_none());
                self.ask(Role::Target, path, Inquiry::Full, target.digest.is_none());
            }
            _ if known.is_some() => {}
            Compare::Sampled => self.ask_for_samples(path, source, target),
            Compare::Quick if source.mtime.is_none() || target.mtime.is_none() => {
                self.ask(Role::Source, path, Inquiry::Stat, source.mtime.is_none());
                self.ask(Role::Target, path, Inquiry::Stat, target.mtime.is_none());
            }
            Compare::Quick if self.one_way.mtimes_agree(source, target) => {}
            // Touched, or edited without a change of size: content tells, where it is cheap to have.
            Compare::Quick => {
                let has = |facts: &Facts| !self.needs_sample(facts);
                let cheap = (self.reads_cheaply(Role::Source), self.reads_cheaply(Role::Target));
                if (cheap.0 || has(source)) && (cheap.1 || has(target)) {
                    self.ask_for_samples(path, source, target);
                }
            }
        }
    }

    fn ask_for_samples(&mut self, path: &RelPath, source: &Facts, target: &Facts) {
        self.ask(Role::Source, path, Inquiry::Sampled, self.needs_sample(source));
        self.ask(Role::Target, path, Inquiry::Sampled, self.needs_sample(target));
    }

    /// Whether sampling would tell something: small files are hashed whole.
    fn needs_sample(&self, facts: &Facts) -> bool {
        let sample = &self.one_way.task.spec.sample;
        match sample.samples(facts.size) {
            true => facts.fingerprint.is_none_or(|it| it.scheme() != sample.scheme()),
            false => facts.digest.is_none(),
        }
    }

    /// New files whose content may stand elsewhere on the target.
    fn ask_about_identity(&mut self) {
        let mut work = reconcile(&self.one_way, diff(&self.one_way).differences);
        // Whether these differ at all is still to be found out.
        work.fills
            .retain(|fill| !self.source.contains_key(&fill.path) && !self.target.contains_key(&fill.path));
        let mut sizes: FxHashMap<u64, Alike> = FxHashMap::default();
        for fill in work.fills.iter().filter(|fill| is_pairable(&fill.facts)) {
            sizes.entry(fill.facts.size).or_default().fills.push((fill.path.clone(), (*fill.facts).clone()));
        }
        if sizes.is_empty() {
            return;
        }
        self.find_alike(&work, &mut sizes);
        // Sizes share no file, so that their order changes nothing.
        sizes.into_values().for_each(|alike| self.ask_about_alike(&alike));
    }

    fn find_alike(&self, work: &Work, sizes: &mut FxHashMap<u64, Alike>) {
        let replaced = work.fills.iter().filter_map(|fill| Some((&fill.path, fill.replaced.as_deref()?)));
        let removed = work.removals.iter().map(|removal| (&removal.path, &*removal.facts));
        let going: FxHashSet<&RelPath> =
            removed.clone().chain(replaced.clone()).map(|(path, _)| path).collect();
        if self.one_way.can_move() {
            for (path, facts) in removed.chain(replaced).filter(|(_, facts)| is_pairable(facts)) {
                if let Some(alike) = sizes.get_mut(&facts.size) {
                    alike.add(path, facts, self.needs_sample(facts), usize::MAX);
                }
            }
        }
        if self.one_way.target_has(Capability::ServerCopy) {
            self.one_way.walk_uncovered(|path, _, target| {
                let staying = target.filter(|facts| is_pairable(facts) && !going.contains(path));
                let alike = staying.and_then(|facts| Some((facts, sizes.get_mut(&facts.size)?)));
                if let Some((facts, alike)) = alike {
                    let room = alike.fills.len() * STAYING_PER_FILL;
                    alike.add(path, facts, self.needs_sample(facts), room);
                }
            });
        }
    }

    /// Content is only read where the other side has, or can cheaply get, something to compare it with.
    fn ask_about_alike(&mut self, alike: &Alike) {
        if !alike.is_known && alike.unknown.is_empty() {
            return;
        }
        let known = alike.fills.iter().any(|(_, facts)| !self.needs_sample(facts));
        let source_tells = known || self.reads_cheaply(Role::Source);
        let target_tells = alike.is_known || self.reads_cheaply(Role::Target);
        for (path, facts) in &alike.fills {
            self.ask_for_content(Role::Source, path, facts, target_tells);
        }
        for (path, facts) in &alike.unknown {
            self.ask_for_content(Role::Target, path, facts, source_tells);
        }
    }

    /// Elsewhere a look at the place may reveal a digest that was kept with it.
    fn ask_for_content(&mut self, role: Role, path: &RelPath, facts: &Facts, is_of_use: bool) {
        let unknown = self.needs_sample(facts);
        match self.reads_cheaply(role) {
            true => self.ask(role, path, Inquiry::Sampled, unknown && is_of_use),
            false => self.ask(role, path, Inquiry::Stat, unknown && facts.mtime.is_none()),
        }
    }

    fn ask(&mut self, role: Role, path: &RelPath, inquiry: Inquiry, needed: bool) {
        let asked = match role {
            Role::Source => &mut self.source,
            Role::Target => &mut self.target,
        };
        if needed {
            asked.entry(path.clone()).and_modify(|known| *known = inquiry.max(*known)).or_insert(inquiry);
        }
    }

    fn reads_cheaply(&self, role: Role) -> bool {
        let side: &SideInput<'_> = match role {
            Role::Source => self.one_way.source,
            Role::Target => self.one_way.target,
        };
        side.capabilities.has(Capability::CheapReads)
    }

    fn questions(self) -> Questions {
        let list = |asked: BTreeMap<RelPath, Inquiry>| {
            asked.into_iter().map(|(path, inquiry)| Question { path, inquiry }).collect()
        };
        let (source, target) = (list(self.source), list(self.target));
        match self.one_way.side {
            Side::Remote => Questions { local: source, remote: target },
            Side::Local => Questions { local: target, remote: source },
        }
    }
}

/// Files of one size.
#[derive(Default)]
struct Alike {
    /// What comes to stand on the target.
    fills: Vec<(RelPath, Facts)>,
    /// Whether something on the target is already hashed.
    is_known: bool,
    /// What is not.
    unknown: Vec<(RelPath, Facts)>,
}

impl Alike {
    fn add(&mut self, path: &RelPath, facts: &Facts, needs_sample: bool, room: usize) {
        let is_itself = || matches!(self.fills.as_slice(), [(only, _)] if only == path);
        if is_itself() {
            return;
        }
        if needs_sample && self.unknown.len() < room {
            self.unknown.push((path.clone(), facts.clone()));
        }
        self.is_known |= !needs_sample;
    }
}

fn is_file(facts: &Facts) -> bool {
    facts.kind == EntryKind::File
}
