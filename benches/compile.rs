//! The planner on trees of 10⁴, 10⁵ and 10⁶ files: does the cost follow the changes?
//!
//! `cargo bench --bench compile`; it also prints how much memory a plan of 10⁶ files takes at its peak.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use syncplan_model::plan::{self, BaseHeader, Enforce, ManifestInfo, Meta, Plan, Selection, SideHeader};
use syncplan_model::spec::{Delete, FilesTask, Guard, Mode, Place};
use syncplan_model::{
    Capabilities, Capability, Digest, Entry, EntryKind, Facts, Mtime, RelPath, Snapshot, SnapshotBuilder,
    StoreName, TaskName, Token,
};
use syncplan_plan::{BaseInput, Enforcements, PlanInput, SideInput, TaskInput, compile, questions};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FILES_A_FOLDER: usize = 500;

/// Folders `a/00000`, `a/00001`, … of 500 files each; `change` may rename or edit the n-th file.
fn snapshot(files: usize, change: impl Fn(usize) -> (char, u64)) -> Snapshot {
    let mut builder = SnapshotBuilder::new();
    for folder in 0..files.div_ceil(FILES_A_FOLDER) {
        let dir = format!("{folder:05}");
        push(&mut builder, &dir, Facts::new(EntryKind::Dir));
        let mut names: Vec<_> = (folder * FILES_A_FOLDER..files.min((folder + 1) * FILES_A_FOLDER))
            .map(|file| {
                let (prefix, content) = change(file);
                (format!("{dir}/{prefix}image-{file:08}.png"), content)
            })
            .collect();
        names.sort();
        names.iter().for_each(|(name, content)| push(&mut builder, name, file(*content)));
    }
    builder.finish()
}

fn push(builder: &mut SnapshotBuilder, path: &str, facts: Facts) {
    let path = RelPath::new(path).expect("a path");
    builder.push(&Entry { path, facts }).expect("sorted paths");
}

fn file(content: u64) -> Facts {
    Facts {
        token: Some(Token::new(format!("{content:x}-1700000000"))),
        mtime: Some(Mtime { seconds: 1_700_000_000, nanos: 0 }),
        mode: Some(0o644),
        digest: Some(Digest::of(&content.to_le_bytes())),
        ..Facts::file(1_000 + content % 64)
    }
}

struct Task {
    name: TaskName,
    spec: FilesTask,
    guard: Guard,
    store: Capabilities,
    source: Snapshot,
    target: Snapshot,
    base: Option<Snapshot>,
}

impl Task {
    fn new(source: Snapshot, target: Snapshot) -> Self {
        let place = |name| Place { store: StoreName::new(name).expect("a name"), path: None };
        let mut spec = FilesTask::new(place("laptop"), place("disk"));
        (spec.mode, spec.delete) = (Mode::Mirror, Delete::of(Mode::Mirror));
        Self {
            name: TaskName::new("images").expect("a name"),
            spec,
            guard: Guard::default(),
            store: Capabilities::new([
                Capability::AtomicRename,
                Capability::RenameNoReplace,
                Capability::ServerCopy,
                Capability::SetMtime,
                Capability::SetMetadata,
                Capability::Modes,
                Capability::Directories,
                Capability::CheapReads,
            ]),
            source,
            target,
            base: None,
        }
    }

    /// Both ways, with what both sides agreed on before.
    fn two_way(local: Snapshot, remote: Snapshot, base: Snapshot) -> Self {
        let mut task = Self { base: Some(base), ..Self::new(local, remote) };
        (task.spec.mode, task.spec.delete) = (Mode::TwoWay, Delete::of(Mode::TwoWay));
        task
    }

    fn base(&self) -> Option<BaseInput<'_>> {
        let base = self.base.as_ref()?;
        let header = BaseHeader {
            lineage: "0".repeat(32),
            serial: 1,
            digest: base.digest(),
            entries: base.entries(),
            left: None,
            local: None,
            remote: None,
        };
        Some(BaseInput { header, local: base, remote: base })
    }

    fn input(&self) -> TaskInput<'_> {
        let side = |store: &StoreName, snapshot| SideInput {
            header: SideHeader {
                store: store.clone(),
                kind: "local".to_owned(),
                location: ".".to_owned(),
                service: None,
                capabilities: Vec::new(),
            },
            capabilities: &self.store,
            enforcement: Enforcements::all(Enforce::Checked),
            snapshot,
        };
        TaskInput {
            name: &self.name,
            after: &[],
            spec: &self.spec,
            guard: &self.guard,
            local: side(&self.spec.local.store, &self.source),
            remote: side(&self.spec.remote.store, &self.target),
            base: self.base(),
            only_side: None,
            resolution: None,
            protected_before: &[],
        }
    }

    fn compile(&self) -> Plan {
        let manifest = ManifestInfo {
            digest: Digest::of(b""),
            files: Vec::new(),
            profile: None,
            variables: std::collections::BTreeMap::new(),
        };
        compile(&PlanInput {
            manifest,
            selection: Selection::default(),
            tasks: vec![self.input()],
            only: None,
            exclude: None,
            now: Mtime { seconds: 1_700_000_000, nanos: 0 },
        })
        .expect("a plan")
    }
}

/// Both sides the same; one file in a hundred edited; a file in ten renamed; everything new; both ways
/// with a base: nothing, one file in a hundred edited on each side, everything renamed on one.
fn tasks(files: usize) -> Vec<(&'static str, Task)> {
    let plain = |file: usize| ('a', file as u64);
    let edited = |file: usize| ('a', file as u64 + if file.is_multiple_of(100) { 1 << 40 } else { 0 });
    let edited_there = |file: usize| ('a', file as u64 + if file % 100 == 50 { 1 << 40 } else { 0 });
    let all_renamed = |file: usize| ('z', file as u64);
    let two_way = |local, remote| Task::two_way(local, remote, snapshot(files, plain));
    let renamed = |file: usize| (if file.is_multiple_of(10) { 'z' } else { 'a' }, file as u64);
    vec![
        ("unchanged", Task::new(snapshot(files, plain), snapshot(files, plain))),
        ("1 % edited", Task::new(snapshot(files, edited), snapshot(files, plain))),
        ("10 % renamed", Task::new(snapshot(files, renamed), snapshot(files, plain))),
        ("all new", Task::new(snapshot(files, plain), Snapshot::empty())),
        ("two-way, unchanged", two_way(snapshot(files, plain), snapshot(files, plain))),
        ("two-way, 1 % edited", two_way(snapshot(files, edited), snapshot(files, edited_there))),
        ("two-way, all renamed", two_way(snapshot(files, all_renamed), snapshot(files, plain))),
    ]
}

fn benches(criterion: &mut Criterion) {
    for files in [10_000, 100_000, 1_000_000] {
        let mut group = criterion.benchmark_group("compile");
        group.sample_size(10).throughput(Throughput::Elements(files as u64));
        for (name, task) in tasks(files) {
            if files == 1_000_000 {
                println!("compile/{name}: {} MiB above its inputs", peak_mib(|| task.compile()));
            }
            group.bench_function(BenchmarkId::new(name, files), |b| b.iter(|| black_box(task.compile())));
            if name == "1 % edited" {
                group.bench_function(BenchmarkId::new("questions", files), |b| {
                    b.iter(|| black_box(questions(&task.input())));
                });
            }
        }
        group.finish();
    }
    document(criterion);
}

/// How much more memory than before something takes at its peak, by the kernel's count.
fn peak_mib<T>(work: impl FnOnce() -> T) -> u64 {
    let mib = |name: &str| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
        kib.unwrap_or_default() / 1024
    };
    // Five resets the peak.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = mib("VmRSS:");
    black_box(work());
    mib("VmHWM:").saturating_sub(before)
}

/// plan.json of a hundred thousand actions, written and read.
fn document(criterion: &mut Criterion) {
    let files = 100_000;
    let plan = Task::new(snapshot(files, |file| ('a', file as u64)), Snapshot::empty()).compile();
    let meta =
        Meta { created_at: "2026-01-01T00:00:00Z".to_owned(), tool: "bench".to_owned(), expires_at: None };
    let write = |plan: &Plan| {
        let mut text = Vec::new();
        plan::write(&mut text, plan, &meta).map(|_| text).expect("memory takes it")
    };
    let text = write(&plan);
    let mut group = criterion.benchmark_group("plan.json");
    group.sample_size(10).throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("write", |b| b.iter(|| black_box(write(&plan))));
    group.bench_function("read", |b| {
        b.iter(|| black_box(plan::read(text.as_slice()).expect("it is its own")))
    });
    group.finish();
}

criterion_group!(compiling, benches);
criterion_main!(compiling);
