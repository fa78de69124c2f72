"""Runs each case of each tool alternately and prints a table; started by benches/run.

Every tool starts from the same state, which is restored before each measurement and is not part of
it. What is measured: wall-clock time, CPU time of the tool and its children, and the largest
resident set that the kernel saw (wait4), without the servers.
"""

import argparse
import atexit
import getpass
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from collections.abc import Callable

SYNCPLAN = os.environ.get("SYNCPLAN_BENCH_BINARY", "syncplan")
RCLONE = os.environ.get("SYNCPLAN_TEST_RCLONE", "rclone")
LARGE_BUCKET = os.environ.get("SYNCPLAN_BENCH_LARGE_BUCKET", "large_bucket")
S5CMD = os.environ.get("SYNCPLAN_BENCH_S5CMD", "s5cmd")
# The lightest server at hand that stores on disk: one that takes its time hides the client.
ENDPOINT = os.environ.get("SYNCPLAN_TEST_S3_RCLONE", "")
SERVER = "rclone serve s3"
# OpenSSH, and where the keys for it are.
SSHD = os.environ.get("SYNCPLAN_TEST_SSHD", "")
SSH_KEYS = os.environ.get("SYNCPLAN_TEST_SFTP", "")

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "NO_COLOR": "1",
    "RCLONE_CONFIG": "/dev/null",
    "RCLONE_S3_PROVIDER": "Other",
    "RCLONE_S3_ENDPOINT": ENDPOINT,
    "RCLONE_S3_ACCESS_KEY_ID": "testkey",
    "RCLONE_S3_SECRET_ACCESS_KEY": "testsecret",
    "AWS_ACCESS_KEY_ID": "testkey",
    "AWS_SECRET_ACCESS_KEY": "testsecret",
    "AWS_REGION": "us-east-1",
}


@dataclass
class Tool:
    """One row: how a tool does the work of a case."""

    name: str
    command: list[str]
    # Brings this tool's own target to where the measurement starts.
    prepare: Callable[[], None] = lambda: None
    # Exit codes that mean that the work was done.
    accepted: tuple[int, ...] = (0,)


@dataclass
class Case:
    """One piece of work, and everybody who does it; the first tool is ours."""

    title: str
    tools: list[Tool]
    # Raises if a tool did not do the work: a fast tool that does nothing is no peer.
    check: Callable[[str], None] = lambda name: None
    notes: list[str] = field(default_factory=list)


@dataclass
class Sample:
    wall: float
    cpu: float
    resident: int


def measure(tool: Tool, folder: Path) -> Sample:
    log = folder / "output.log"
    with log.open("wb") as out:
        begun = time.monotonic()
        process = subprocess.Popen(
            tool.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=ENVIRONMENT, cwd=folder
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    if code not in tool.accepted:
        sys.exit(
            f"{tool.name} exited with {code}: {' '.join(tool.command)}\n{log.read_text(errors='replace')[-2000:]}"
        )
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def run_case(case: Case, folder: Path, repetitions: int) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {tool.name: [] for tool in case.tools}
    for repetition in range(repetitions + 1):
        # Alternately, and in another order each time: what slows the machine down meets all of them.
        shift = repetition % len(case.tools)
        for tool in case.tools[shift:] + case.tools[:shift]:
            tool.prepare()
            subprocess.run(["sync", "-f", str(folder)], check=False)
            sample = measure(tool, folder)
            case.check(tool.name)
            # The first round warms caches and is not counted.
            if repetition > 0:
                samples[tool.name].append(sample)
    return samples


# Corpora


def small_files(root: Path, count: int, fan_out: int = 500) -> None:
    for index in range(count):
        folder = root / f"d{index // fan_out:04}"
        if index % fan_out == 0:
            folder.mkdir(parents=True)
        (folder / f"{index:07}.txt").write_bytes(b"%d\n" % index * (index % 60 + 1))


def large_file(path: Path, mebibytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    block = os.urandom(1 << 20)
    with path.open("wb") as out:
        for index in range(mebibytes):
            out.write(index.to_bytes(8, "little") + block[8:])


def empty(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)


def count_files(root: Path) -> int:
    return sum(
        len(files)
        for folder, _, files in os.walk(root)
        if ".syncplan" not in Path(folder).relative_to(root).parts
    )


def expect(count: int, root: Path) -> None:
    found = count_files(root)
    if found != count:
        sys.exit(f"{root.name} should hold {count} files and holds {found}")


# syncplan's manifests


def local_manifest(folder: Path, source: Path, target: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "syncplan.kdl"
    manifest.write_text(
        f"""syncplan format=1
store here kind=local {{
    root {json.dumps(str(source))}
}}
store there kind=local {{
    root {json.dumps(str(target))}
}}
task bench kind=files {{
    local here
    remote there
    mode mirror
    delete max-percent=100
}}
"""
    )
    return manifest


def bucket_manifest(
    folder: Path, source: Path, prefix: str, endpoint: str = ENDPOINT, mode: str = "mirror"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "syncplan.kdl"
    place = f' path="{prefix}"' if prefix else ""
    manifest.write_text(
        f"""syncplan format=1
store here kind=local {{
    root {json.dumps(str(source))}
}}
store there kind=s3 {{
    provider other
    bucket "bkt"
    endpoint "{endpoint}"
    region "us-east-1"
    addressing path-style
    access-key-id env=AWS_ACCESS_KEY_ID
    secret-access-key env=AWS_SECRET_ACCESS_KEY
}}
task bench kind=files {{
    local here
    remote there{place}
    mode {mode}
    delete max-percent=100
}}
"""
    )
    return manifest


def syncplan(manifest: Path, *words: str) -> list[str]:
    return [SYNCPLAN, "-C", str(manifest.parent), *words]


def forget(manifest: Path) -> None:
    """Removes what syncplan remembers, so that a cold run is cold."""
    shutil.rmtree(manifest.parent / ".syncplan", ignore_errors=True)


def quietly(command: list[str]) -> None:
    done = subprocess.run(
        command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout.decode()[-1000:]}{done.stderr.decode()[-2000:]}")


# Cases


def noop_local(folder: Path, scale: float) -> Case:
    count = int(100_000 * scale)
    source, target = folder / "source", folder / "target"
    small_files(source, count)
    quietly(["cp", "-a", str(source), str(target)])
    manifest = local_manifest(folder / "state", source, target)
    plan = syncplan(manifest, "plan", "-o", str(folder / "plan.json"), "--detailed-exitcode")
    # The first plan learns both sides; users plan every day.
    quietly(plan)
    cold = local_manifest(folder / "cold", source, target)
    cold_plan = syncplan(cold, "plan", "-o", str(folder / "cold.json"), "--detailed-exitcode")
    return Case(
        f"no-op plan, {count:,} local files on each side",
        [
            Tool("syncplan plan", plan),
            Tool("syncplan plan, first time", cold_plan, lambda: forget(cold)),
            Tool("rclone sync --dry-run", [RCLONE, "sync", "--dry-run", str(source), str(target)]),
            Tool("rsync -an --delete", ["rsync", "-an", "--delete", f"{source}/", f"{target}/"]),
            Tool("find, both sides (the limit)", ["find", str(source), str(target), "-printf", "%s %T@\n"]),
        ],
    )


def mirror_local(folder: Path, scale: float) -> Case:
    count, mebibytes = int(20_000 * scale), max(8, int(512 * scale))
    source = folder / "source"
    small_files(source, count)
    large_file(source / "large" / "video.bin", mebibytes)
    targets = {name: folder / f"to-{name}" for name in ("syncplan", "rsync", "rclone", "cp")}
    manifest = local_manifest(folder / "state", source, targets["syncplan"])

    def reset() -> None:
        forget(manifest)
        empty(targets["syncplan"])

    def check(name: str) -> None:
        expect(count + 1, targets[name.split()[0]])

    return Case(
        f"cold mirror, {count:,} small files and {mebibytes} MiB in one",
        [
            Tool("syncplan push -y", syncplan(manifest, "push", "-y"), reset),
            Tool(
                "rsync -a",
                ["rsync", "-a", f"{source}/", str(targets["rsync"])],
                lambda: empty(targets["rsync"]),
            ),
            Tool(
                "rclone sync",
                [RCLONE, "sync", str(source), str(targets["rclone"])],
                lambda: empty(targets["rclone"]),
            ),
            Tool(
                "cp -a (the limit)",
                ["cp", "-a", f"{source}/.", str(targets["cp"])],
                lambda: empty(targets["cp"]),
            ),
        ],
        check,
        ["Unlike its peers, syncplan makes all of it durable (one syncfs for thousands of files) and keeps a journal; cp suffers most from the deletion of the last target right before"],
    )


def renames(folder: Path, scale: float) -> Case:
    count = int(10_000 * scale)
    source = folder / "source"
    small_files(source / "before", count)
    targets = {name: folder / f"to-{name}" for name in ("syncplan", "rsync", "rclone")}
    manifest = local_manifest(folder / "state", source, targets["syncplan"])

    def back(name: str) -> None:
        """The state of yesterday on the target, and today's on the source."""
        if (source / "after").exists():
            (source / "after").rename(source / "before")
        if name == "syncplan":
            targets[name].mkdir(exist_ok=True)
            quietly(syncplan(manifest, "push", "-y"))
        else:
            quietly(["rsync", "-a", "--delete", f"{source}/", str(targets[name])])
        (source / "before").rename(source / "after")

    def check(name: str) -> None:
        expect(count, targets[name.split()[0]] / "after")

    return Case(
        f"{count:,} renamed files, then push",
        [
            Tool("syncplan push -y", syncplan(manifest, "push", "-y"), lambda: back("syncplan")),
            Tool(
                "rsync -a --delete",
                ["rsync", "-a", "--delete", f"{source}/", str(targets["rsync"])],
                lambda: back("rsync"),
            ),
            Tool(
                "rclone sync --track-renames",
                [RCLONE, "sync", "--track-renames", str(source), str(targets["rclone"])],
                lambda: back("rclone"),
            ),
        ],
        check,
    )


def s3_transfer(folder: Path, source: Path, what: str, fetch: bool = False, notes: tuple[str, ...] = ()) -> Case:
    """Everything below source, brought to a bucket that has none of it, or back to an empty folder."""
    count = count_files(source)
    names = ("syncplan", "s5cmd", "rclone")
    prefixes = {name: f"{folder.name}-{os.getpid()}-{name}" for name in names}
    targets = {name: folder / f"to-{name}" for name in names}
    remotes = {name: f":s3:bkt/{prefix}" for name, prefix in prefixes.items()}
    ours = targets["syncplan"] if fetch else source
    manifest = bucket_manifest(folder / "state", ours, prefixes["syncplan"])
    if fetch:
        for remote in remotes.values():
            quietly([RCLONE, "copy", "--transfers", "16", str(source), remote])

    def reset(name: str) -> None:
        if name == "syncplan":
            forget(manifest)
        if fetch:
            empty(targets[name])
        else:
            purge = [RCLONE, "purge", remotes[name]]
            subprocess.run(purge, env=ENVIRONMENT, capture_output=True, check=False)

    def check(tool: str) -> None:
        name = tool.split()[0]
        if fetch:
            expect(count, targets[name])
            return
        size = subprocess.run(
            [RCLONE, "size", "--json", "--exclude", "/.syncplan/**", remotes[name]],
            env=ENVIRONMENT,
            capture_output=True,
            check=True,
        )
        found = json.loads(size.stdout)["count"]
        if found != count:
            sys.exit(f"{name} brought {found} of {count} objects")

    def way(name: str, remote: str) -> list[str]:
        local = f"{targets[name] if fetch else source}/"
        return [remote, local] if fetch else [local, remote]

    transfers = ["--transfers", "32", "--checkers", "32"]
    return Case(
        f"cold {'fetch' if fetch else 'push'} of {what} {'from' if fetch else 'to'} S3 ({SERVER})",
        [
            Tool(
                f"syncplan {'fetch' if fetch else 'push'} -y",
                syncplan(manifest, "fetch" if fetch else "push", "-y"),
                lambda: reset("syncplan"),
            ),
            Tool(
                "s5cmd sync",
                s5cmd("sync", *way("s5cmd", f"s3://bkt/{prefixes['s5cmd']}/{'*' if fetch else ''}")),
                lambda: reset("s5cmd"),
            ),
            Tool(
                "rclone sync, 32 transfers",
                [RCLONE, "sync", *transfers, *way("rclone", remotes["rclone"])],
                lambda: reset("rclone"),
            ),
        ],
        check,
        list(notes),
    )


SERVER_BOUND = "The server takes most of the wall-clock time: compare the clients' CPU as well"


def push_s3(folder: Path, scale: float) -> Case:
    count = int(50_000 * scale)
    small_files(folder / "source", count)
    return s3_transfer(folder, folder / "source", f"{count:,} small files", notes=(SERVER_BOUND,))


def large_files(root: Path, mebibytes: int) -> None:
    for number in range(4):
        large_file(root / f"{number}.bin", max(8, mebibytes // 4))


def push_s3_large(folder: Path, scale: float) -> Case:
    mebibytes = int(1024 * scale)
    large_files(folder / "source", mebibytes)
    return s3_transfer(
        folder,
        folder / "source",
        f"{mebibytes} MiB in 4 files",
        notes=("syncplan hashes all of it on the way and journals every part",),
    )


def fetch_s3(folder: Path, scale: float) -> Case:
    count = int(10_000 * scale)
    small_files(folder / "source", count)
    return s3_transfer(folder, folder / "source", f"{count:,} small files", fetch=True, notes=(SERVER_BOUND,))


def fetch_s3_large(folder: Path, scale: float) -> Case:
    mebibytes = int(1024 * scale)
    large_files(folder / "source", mebibytes)
    return s3_transfer(folder, folder / "source", f"{mebibytes} MiB in 4 files", fetch=True)


def noop_s3(folder: Path, scale: float) -> Case:
    count = int(20_000 * scale)
    source = folder / "source"
    small_files(source, count)
    prefix = f"noop-{os.getpid()}"
    remote = f":s3:bkt/{prefix}"
    manifest = bucket_manifest(folder / "state", source, prefix)
    quietly(syncplan(manifest, "push", "-y"))
    plan = syncplan(manifest, "plan", "-o", str(folder / "plan.json"), "--detailed-exitcode")
    return Case(
        f"no-op plan of {count:,} objects in S3 ({SERVER})",
        [
            Tool("syncplan plan", plan),
            Tool(
                "s5cmd --dry-run sync",
                s5cmd("--dry-run", "sync", "--size-only", f"{source}/", f"s3://bkt/{prefix}/"),
            ),
            Tool(
                "rclone sync --dry-run --size-only",
                [
                    RCLONE,
                    "sync",
                    "--dry-run",
                    "--size-only",
                    "--fast-list",
                    "--exclude",
                    "/.syncplan/**",
                    str(source),
                    remote,
                ],
            ),
            Tool(
                "rclone lsf (the bare listing)",
                [RCLONE, "lsf", "-R", "--fast-list", "--files-only", "--format", "ps", remote],
            ),
        ],
        notes=["Here s5cmd and rclone compare sizes alone, syncplan what it knows of the content"],
    )


@dataclass
class LargeBucket:
    """A bucket of made-up objects on a server of our own: none of the others can be filled with so many."""

    endpoint: str

    @classmethod
    def start(cls, objects: int) -> "LargeBucket":
        server = subprocess.Popen(
            [LARGE_BUCKET, str(objects)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(server.kill)
        assert server.stdout is not None
        return cls(server.stdout.readline().strip())

    @staticmethod
    def source(root: Path, objects: int) -> None:
        """The same objects as files."""
        for number in range(objects):
            path = root / f"folder-{number // 1000:04}" / f"object-{number:07}.bin"
            if number % 1000 == 0:
                path.parent.mkdir(parents=True)
            path.write_bytes(b"x" * (number % 10))
            os.utime(path, (946684800, 946684800))

    def manifest(self, folder: Path, source: Path, mode: str) -> Path:
        return bucket_manifest(folder, source, "", self.endpoint, mode)

    def rclone(self, *words: str) -> list[str]:
        return [RCLONE, *words, "--fast-list", "--s3-endpoint", self.endpoint]

    def s5cmd(self, *words: str) -> list[str]:
        return [S5CMD, "--endpoint-url", self.endpoint, *words]


OWN_SERVER = "a server of our own that makes its objects up"


def noop_s3_many(folder: Path, scale: float) -> Case:
    count = int(100_000 * scale)
    source = folder / "source"
    LargeBucket.source(source, count)
    bucket = LargeBucket.start(count)
    manifest = bucket.manifest(folder / "state", source, "mirror")
    plan = syncplan(manifest, "plan", "-o", str(folder / "plan.json"), "--detailed-exitcode")
    # The first one asks for the time of every object, and remembers it.
    quietly(plan)
    return Case(
        f"no-op plan of {count:,} objects in S3 ({OWN_SERVER})",
        [
            Tool("syncplan plan", plan),
            Tool(
                "s5cmd --dry-run sync",
                bucket.s5cmd("--dry-run", "sync", "--size-only", f"{source}/", "s3://bkt/"),
            ),
            Tool(
                "rclone sync --dry-run --size-only",
                bucket.rclone("sync", "--dry-run", "--size-only", str(source), ":s3:bkt"),
            ),
            Tool(
                "rclone lsf (the bare listing)",
                bucket.rclone("lsf", "-R", "--files-only", "--format", "ps", ":s3:bkt"),
            ),
        ],
        notes=["Here s5cmd and rclone compare sizes alone, syncplan what it knows of the content"],
    )


def list_s3(folder: Path, scale: float) -> Case:
    count = int(1_000_000 * scale)
    source = folder / "source"
    source.mkdir()
    bucket = LargeBucket.start(count)
    manifest = bucket.manifest(folder / "state", source, "update")
    plan = syncplan(manifest, "plan", "-o", str(folder / "plan.json"), "--detailed-exitcode")
    first = bucket.manifest(folder / "first", source, "update")
    once = syncplan(first, "plan", "-o", str(folder / "first.json"), "--detailed-exitcode")
    quietly(plan)
    return Case(
        f"listing of {count:,} objects in S3 ({OWN_SERVER})",
        [
            Tool("syncplan plan, the bucket being known", plan),
            Tool("syncplan plan, the first time", once, lambda: forget(first)),
            Tool("s5cmd ls", bucket.s5cmd("ls", "s3://bkt/*")),
            Tool(
                "rclone lsf", bucket.rclone("lsf", "-R", "--files-only", "--format", "ps", ":s3:bkt")
            ),
        ],
        notes=["Beside the listing syncplan packs it, compares it with the last one and keeps it"],
    )


def sftp_manifest(folder: Path, local: Path, remote: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "syncplan.kdl"
    manifest.write_text(
        f"""syncplan format=1
store here kind=local {{
    root {json.dumps(str(local))}
}}
store there kind=sftp {{
    host "127.0.0.1"
    port {SSHD}
    user "{getpass.getuser()}"
    root {json.dumps(str(remote))}
    identity file="{SSH_KEYS}/id"
    known-hosts "{SSH_KEYS}/known_hosts"
}}
task bench kind=files {{
    local here
    remote there
    mode mirror
    delete max-percent=100
}}
"""
    )
    return manifest


def sftp_transfer(folder: Path, source: Path, what: str, fetch: bool = False) -> Case:
    """Everything below source, brought by OpenSSH's server to an empty folder of this machine, or from there."""
    count = count_files(source)
    targets = {name: folder / f"to-{name}" for name in ("syncplan", "sftp", "rclone")}
    ours = targets["syncplan"]
    manifest = sftp_manifest(folder / "state", *((ours, source) if fetch else (source, ours)))

    def reset(name: str) -> None:
        empty(targets[name])
        if name == "syncplan":
            forget(manifest)

    def check(tool: str) -> None:
        expect(count, targets[tool.split()[0]])

    user = getpass.getuser()
    batch = folder / "batch"
    way = "get" if fetch else "put"
    batch.write_text(f"{way} -p {source}/* {targets['sftp']}/\n")
    keys = ["-i", f"{SSH_KEYS}/id", "-o", f"UserKnownHostsFile={SSH_KEYS}/known_hosts", "-P", SSHD]
    remote = [
        *("--sftp-host", "127.0.0.1", "--sftp-port", SSHD, "--sftp-user", user, "--sftp-shell-type", "none"),
        *("--sftp-key-file", f"{SSH_KEYS}/id", "--sftp-known-hosts-file", f"{SSH_KEYS}/known_hosts"),
    ]
    sides = [str(source), str(targets["rclone"])]
    sides[0 if fetch else 1] = f":sftp:{sides[0 if fetch else 1]}"
    return Case(
        f"cold {'fetch' if fetch else 'push'} of {what} {'from' if fetch else 'to'} OpenSSH over SFTP",
        [
            Tool(
                f"syncplan {'fetch' if fetch else 'push'} -y",
                syncplan(manifest, "fetch" if fetch else "push", "-y"),
                lambda: reset("syncplan"),
            ),
            Tool(f"sftp, {way}", ["sftp", "-q", "-b", str(batch), *keys, f"{user}@127.0.0.1"], lambda: reset("sftp")),
            Tool("rclone copy", [RCLONE, "copy", *remote, *sides], lambda: reset("rclone")),
        ],
        check,
        ["Unlike its peers, syncplan hashes all of it and has it on the disk before it is done"],
    )


def push_sftp_large(folder: Path, scale: float) -> Case:
    mebibytes = max(32, int(512 * scale))
    large_file(folder / "source" / "video.bin", mebibytes)
    return sftp_transfer(folder, folder / "source", f"{mebibytes} MiB in one file")


def fetch_sftp_large(folder: Path, scale: float) -> Case:
    mebibytes = max(32, int(512 * scale))
    large_file(folder / "source" / "video.bin", mebibytes)
    return sftp_transfer(folder, folder / "source", f"{mebibytes} MiB in one file", fetch=True)


def s5cmd(*words: str) -> list[str]:
    return [S5CMD, "--endpoint-url", ENDPOINT, *words]


CASES: dict[str, Callable[[Path, float], Case]] = {
    "noop-local": noop_local,
    "mirror-local": mirror_local,
    "renames": renames,
    "push-s3": push_s3,
    "push-s3-large": push_s3_large,
    "fetch-s3": fetch_s3,
    "fetch-s3-large": fetch_s3_large,
    "noop-s3": noop_s3,
    "noop-s3-many": noop_s3_many,
    "list-s3": list_s3,
    "push-sftp-large": push_sftp_large,
    "fetch-sftp-large": fetch_sftp_large,
}


# The table


def table(case: Case, samples: dict[str, list[Sample]]) -> str:
    ours = statistics.median(sample.wall for sample in samples[case.tools[0].name])
    rows = [
        "| tool | median | spread | against ours | CPU | peak memory |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for tool in case.tools:
        walls = sorted(sample.wall for sample in samples[tool.name])
        median = statistics.median(walls)
        cpu = statistics.median(sample.cpu for sample in samples[tool.name])
        peak = max(sample.resident for sample in samples[tool.name]) / (1 << 20)
        rows.append(
            f"| {tool.name} | {median:.2f} s | {walls[0]:.2f}–{walls[-1]:.2f} | {median / ours:.2f} × "
            f"| {cpu:.2f} s | {peak:.0f} MiB |"
        )
    notes = "".join(f"\n{note}.\n" for note in case.notes)
    return f"### {case.title}\n\n" + "\n".join(rows) + "\n" + notes


def version(command: list[str]) -> str:
    try:
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    except OSError:
        return f"{Path(command[0]).name}: not there"
    return (done.stdout or done.stderr).strip().splitlines()[0]


def machine(repetitions: int, scale: float) -> str:
    versions = [
        version([SYNCPLAN, "--version"]),
        version([RCLONE, "version"]),
        "s5cmd " + version([S5CMD, "version"]),
        " ".join(version(["rsync", "--version"]).split()),
        version(["cp", "--version"]),
        version(["find", "--version"]),
    ]
    size = "" if scale == 1 else f" Corpora scaled by {scale}."
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}. "
        f"Each was measured {repetitions} times, alternately, after one round that is not counted; caches are warm.{size}\n\n"
        + "\n".join(f"- {line}" for line in versions)
        + "\n"
    )


INTRODUCTION = """# Benchmarks

Measured side by side in one run on one machine: take the ratios, never the seconds. The spread is
from the fastest to the slowest measurement. Peak memory has a floor of some 20 MiB, which is what the
measuring program itself needs. `benches/run --write` makes this page; `benches/run
--list` names the cases.

"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches/run", description=__doc__.splitlines()[0])
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"one of {', '.join(CASES)}; all without any"
    )
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--quick", action="store_true", help="a twentieth of every corpus, one measurement")
    parser.add_argument("-n", "--repetitions", type=int, help="measurements of each (5; 1 with --quick)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CASES))
        return
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"no case is called {unknown[0]}; there are {', '.join(CASES)}")
    scale = 0.05 if arguments.quick else 1
    repetitions = arguments.repetitions or (1 if arguments.quick else 5)
    tables = []
    for name in arguments.cases or CASES:
        print(f"benches: {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix=f"syncplan-bench-{name}-") as folder:
            case = CASES[name](Path(folder), scale)
            tables.append(table(case, run_case(case, Path(folder), repetitions)))
            print(tables[-1], flush=True)
    report = machine(repetitions, scale)
    print(report)
    if arguments.write:
        page = Path(__file__).parent.parent / "docs" / "benchmarks.md"
        page.write_text(INTRODUCTION + report + "\n" + "\n".join(tables))
        print(f"benches: wrote {page.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
