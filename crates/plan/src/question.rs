//! What to look at more closely before compiling, so that a cold scan need not read any content.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use syncplan_model::plan::{Conflict, Evidence, Side};
use syncplan_model::spec::Compare;
use syncplan_model::{Capability, EntryKind, Facts, RelPath};

use crate::base::Based;
use crate::diff::diff;
use crate::equality::{Verdict, content};
use crate::identity::is_pairable;
use crate::input::TaskInput;
use crate::reconcile::reconcile;
use crate::sides::Sides;
use crate::way::Way;
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
/// Ask again with the answers in the snapshots until nothing *new* is asked; four rounds suffice. A
/// question that could not be answered is asked again, and [`compile`](crate::compile) does without.
pub fn questions(task: &TaskInput<'_>) -> Questions {
    let mut asker = Asker { way: Way::of(task), asked: Sides::default() };
    asker.ask_about_equality();
    let resolved = reconcile(task, diff(task).differences);
    resolved.conflicts.iter().for_each(|conflict| asker.ask_about_conflict(conflict));
    asker.ask_about_identity(Way::towards(task, Side::Local), resolved.work.local);
    asker.ask_about_identity(Way::towards(task, Side::Remote), resolved.work.remote);
    for (side, path) in &resolved.unknown {
        asker.ask(*side, path, Inquiry::Full, true);
    }
    asker.questions()
}

/// Files at one path of which nobody knows yet whether they are the same, and of which a checksum that a
/// store keeps could tell: the first thing to ask about, before any question.
///
/// All of a file has to be read for it on a side that keeps none, but nothing on one that does.
pub fn pairs(task: &TaskInput<'_>) -> Vec<RelPath> {
    let mut pairs = Vec::new();
    if task.spec.compare == Compare::Full {
        return pairs;
    }
    let way = Way::of(task);
    task.walk_uncovered_with_base(|path, local, remote, base| {
        let Some((local, remote)) = local.zip(remote).filter(|(a, b)| is_file(a) && is_file(b)) else {
            return;
        };
        let open = match content(local, remote) {
            None => {
                task.spec.compare != Compare::Quick
                    || !way.mtimes_agree(local, remote)
                    || way.are_new(base, local, remote)
            }
            Some(Verdict::Same(Evidence::Fingerprint)) => !way.trusts_samples(local, remote),
            Some(_) => false,
        };
        if open && !way.trusts(base, local, remote) {
            pairs.push(path.clone());
        }
    });
    pairs
}

/// At most so many files that stay are looked at for each new one of the same size.
const STAYING_PER_FILL: usize = 8;

struct Asker<'a> {
    way: Way<'a>,
    asked: Sides<BTreeMap<RelPath, Inquiry>>,
}

impl<'a> Asker<'a> {
    /// Files at one path of which it is not clear whether they are the same.
    fn ask_about_equality(&mut self) {
        let task = self.way.task;
        task.walk_uncovered_with_base(|path, local, remote, base| {
            let files = local.zip(remote).filter(|(a, b)| is_file(a) && is_file(b));
            if let Some((local, remote)) = files
                && !self.way.trusts(base, local, remote)
            {
                let both_new = self.way.are_new(base, local, remote);
                self.ask_about_pair(path, local, remote, both_new);
            }
        });
    }

    /// Where both sides have changed since they were synced, a time that both got in one tick of a clock
    /// says nothing.
    fn ask_about_pair(&mut self, path: &RelPath, local: &Facts, remote: &Facts, both_new: bool) {
        let whole = local.digest.is_some() && remote.digest.is_some();
        let known = content(local, remote);
        match self.way.task.spec.compare {
            // Different samples refute, equal ones do not suffice.
            Compare::Full if whole || known == Some(Verdict::Different) => {}
            Compare::Full => {
                self.ask(Side::Local, path, Inquiry::Full, local.digest.is_none());
                self.ask(Side::Remote, path, Inquiry::Full, remote.digest.is_none());
            }
            _ if known == Some(Verdict::Same(Evidence::Fingerprint))
                && !self.way.trusts_samples(local, remote) =>
            {
                self.ask_for_digests(path, local, remote);
            }
            _ if known.is_some() => {}
            Compare::Sampled => self.ask_for_samples(path, local, remote),
            Compare::Quick if local.mtime.is_none() || remote.mtime.is_none() => {
                self.ask(Side::Local, path, Inquiry::Stat, local.mtime.is_none());
                self.ask(Side::Remote, path, Inquiry::Stat, remote.mtime.is_none());
            }
            Compare::Quick if self.way.mtimes_agree(local, remote) && !both_new => {}
            // Touched, or edited without a change of size: content tells, where it is cheap to have.
            Compare::Quick => {
                let told = |side: Side, facts: &Facts| self.reads_cheaply(side) || !self.needs_sample(facts);
                if told(Side::Local, local) && told(Side::Remote, remote) {
                    self.ask_for_samples(path, local, remote);
                }
            }
        }
    }

    fn ask_for_samples(&mut self, path: &RelPath, local: &Facts, remote: &Facts) {
        self.ask(Side::Local, path, Inquiry::Sampled, self.needs_sample(local));
        self.ask(Side::Remote, path, Inquiry::Sampled, self.needs_sample(remote));
    }

    /// Touched, and the same by samples: an edit may be between them. What is dear to read is brought over
    /// instead.
    fn ask_for_digests(&mut self, path: &RelPath, local: &Facts, remote: &Facts) {
        let told = |side: Side, facts: &Facts| self.reads_cheaply(side) || facts.digest.is_some();
        if told(Side::Local, local) && told(Side::Remote, remote) {
            self.ask(Side::Local, path, Inquiry::Full, local.digest.is_none());
            self.ask(Side::Remote, path, Inquiry::Full, remote.digest.is_none());
        }
    }

    /// Before people are asked, content is, whatever it costs: both may have the same after all, or one
    /// was only touched.
    fn ask_about_conflict(&mut self, conflict: &Conflict) {
        let file = |facts: &'_ Option<Box<Facts>>| facts.clone().filter(|facts| is_file(facts));
        let (Some(local), Some(remote)) = (file(&conflict.local), file(&conflict.remote)) else { return };
        let (way, by_samples) = (self.way, Some(Verdict::Same(Evidence::Fingerprint)));
        let is_open = |other: &Facts, facts: &Facts| {
            let known = content(facts, other);
            known.is_none() || known == by_samples && !way.trusts_samples(facts, other)
        };
        let base = file(&conflict.base);
        for (side, facts, other) in [(Side::Local, &local, &remote), (Side::Remote, &remote, &local)] {
            let open = is_open(other, facts) || base.as_ref().is_some_and(|base| is_open(base, facts));
            let inquiry = if self.needs_sample(facts) { Inquiry::Sampled } else { Inquiry::Full };
            self.ask(side, &conflict.path, inquiry, open && facts.digest.is_none());
        }
    }

    /// Whether sampling would tell something: small files are hashed whole.
    fn needs_sample(&self, facts: &Facts) -> bool {
        let sample = &self.way.task.spec.sample;
        match sample.samples(facts.size) {
            true => facts.fingerprint.is_none_or(|it| it.scheme() != sample.scheme()),
            false => facts.likely_digest().is_none(),
        }
    }

    /// New files whose content may stand elsewhere on the target.
    fn ask_about_identity(&mut self, way: Way<'a>, mut work: Work) {
        // Whether these differ at all is still to be found out.
        let is_open =
            |path: &RelPath| self.asked.local.contains_key(path) || self.asked.remote.contains_key(path);
        work.fills.retain(|fill| !fill.is_made && !is_open(&fill.path));
        let mut sizes: FxHashMap<u64, Alike> = FxHashMap::default();
        for fill in work.fills.iter().filter(|fill| is_pairable(&fill.facts)) {
            sizes.entry(fill.facts.size).or_default().fills.push((fill.path.clone(), (*fill.facts).clone()));
        }
        if sizes.is_empty() {
            return;
        }
        self.find_alike(&way, &work, &mut sizes);
        // Sizes share no file, so that their order changes nothing.
        sizes.into_values().for_each(|alike| self.ask_about_alike(way.side, &alike));
    }

    fn find_alike(&self, way: &Way<'_>, work: &Work, sizes: &mut FxHashMap<u64, Alike>) {
        let replaced = work.fills.iter().filter_map(|fill| Some((&fill.path, fill.replaced.as_deref()?)));
        let removed = work.removals.iter().map(|removal| (&removal.path, &*removal.facts));
        let going: FxHashSet<&RelPath> = work.going().collect();
        if way.can_move() {
            for (path, facts) in removed.chain(replaced).filter(|(_, facts)| is_pairable(facts)) {
                if let Some(alike) = sizes.get_mut(&facts.size) {
                    alike.add(path, facts, self.needs_sample(facts), usize::MAX);
                }
            }
        }
        if way.target_has(Capability::ServerCopy) {
            way.walk_uncovered(|path, _, target| {
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
    fn ask_about_alike(&mut self, target: Side, alike: &Alike) {
        if !alike.is_known && alike.unknown.is_empty() {
            return;
        }
        let known = alike.fills.iter().any(|(_, facts)| !self.needs_sample(facts));
        let source_tells = known || self.reads_cheaply(target.other());
        let target_tells = alike.is_known || self.reads_cheaply(target);
        for (path, facts) in &alike.fills {
            self.ask_for_content(target.other(), path, facts, target_tells);
        }
        for (path, facts) in &alike.unknown {
            self.ask_for_content(target, path, facts, source_tells);
        }
    }

    /// Elsewhere a look at the place may reveal a digest that was kept with it.
    fn ask_for_content(&mut self, side: Side, path: &RelPath, facts: &Facts, is_of_use: bool) {
        let unknown = self.needs_sample(facts);
        match self.reads_cheaply(side) {
            true => self.ask(side, path, Inquiry::Sampled, unknown && is_of_use),
            false => self.ask(side, path, Inquiry::Stat, unknown && facts.mtime.is_none()),
        }
    }

    fn ask(&mut self, side: Side, path: &RelPath, inquiry: Inquiry, needed: bool) {
        if needed {
            let known = self.asked[side].entry(path.clone()).or_insert(inquiry);
            *known = inquiry.max(*known);
        }
    }

    fn reads_cheaply(&self, side: Side) -> bool {
        self.way.store(side).capabilities.has(Capability::CheapReads)
    }

    fn questions(self) -> Questions {
        let list = |asked: BTreeMap<RelPath, Inquiry>| {
            asked.into_iter().map(|(path, inquiry)| Question { path, inquiry }).collect()
        };
        Questions { local: list(self.asked.local), remote: list(self.asked.remote) }
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

impl Way<'_> {
    /// Whether both are other files than those that were synced: then their times say nothing of each other.
    fn are_new(&self, base: Option<Based<'_>>, local: &Facts, remote: &Facts) -> bool {
        self.task.usable_base().is_some() && base.is_none_or(|base| base.is_past(local, remote))
    }
}
