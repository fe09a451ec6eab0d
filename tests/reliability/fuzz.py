"""Hand damaged files to every reader, in a process of its own with limits of time and memory.

    python tests/reliability/fuzz.py [--reader NAME ...] [--family NAME ...] [--examples N | --minutes M]
                                     [--first N] [--out FILE]

A reader may return a value or raise an error of Longwave that names the file. Anything else is a finding:
another exception, a warning, a process that ends, takes too long or too much memory, a program that is
started, a pickle, a connection, a file that is written outside of the example's folder. Example N of a reader
is the same in every run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from mutations import damage  # noqa: E402
from registry import Reader, find_readers  # noqa: E402

TIME_LIMIT_S = float(os.environ.get("LONGWAVE_FUZZ_TIME_LIMIT_S", "20"))
MEMORY = 1536 << 20  # bytes that an example may add to the address space
BATCH = 200  # examples between two readers, where time is what ends a run
SHOWN = 300


class Forbidden(BaseException):
    """What a reader must never do; no handler of errors stops it."""


class Guard:
    """Raises where code starts programs, unpickles classes, connects, or writes outside of a folder."""

    STARTS = (
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "pty.spawn",
        "ctypes.dlopen",
    )
    WRITES = (
        "os.remove",
        "os.rename",
        "os.mkdir",
        "os.rmdir",
        "os.symlink",
        "os.link",
        "os.truncate",
        "os.chmod",
    )

    def __init__(self) -> None:
        self.folder: str | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if self.folder is None:
            return
        if event in self.STARTS or event in ("socket.connect", "socket.bind"):
            raise Forbidden(f"{event}{args!r}"[:SHOWN])
        if event == "pickle.find_class" and args[1] not in ("OrderedDict",):
            raise Forbidden(f"{event}{args!r}"[:SHOWN])
        if (event == "open" and self._writes(args)) or event in self.WRITES:
            self._check(args[0], event)

    @staticmethod
    def _writes(args: tuple[object, ...]) -> bool:
        flags = args[2] if isinstance(args[2], int) else 0
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))

    def _check(self, path: object, event: str) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            name = Path(os.fsdecode(path))
            if not name.is_absolute():  # below a folder that is open, as shutil.rmtree removes
                return
            # what is removed or renamed is the link itself
            place = os.path.realpath(name if event == "open" else name.parent)
            if place != os.devnull and not place.startswith(str(self.folder)):
                raise Forbidden(f'{event} of "{place}"')


def plant(reader: Reader, template: Path, folder: Path, rng: random.Random) -> tuple[Path, str]:
    """Copy the valid files of a reader and damage them; return what to read, and what was done."""
    shutil.copytree(template, folder, symlinks=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    target = folder / reader.target
    victim = rng.choice([path for path in files if path.name not in reader.spared] or files)
    how = rng.random()
    if how < 0.94:
        victim.write_bytes(damage(victim.read_bytes(), rng))
        for other in files if rng.random() < 0.1 else ():
            other.write_bytes(damage(other.read_bytes(), rng))
        return target, f"damage of {victim.relative_to(folder)}"
    kind = rng.choice(("missing", "folder", "loop", "outside", "pipe", "closed", "swap", "device"))
    if kind == "swap":
        other = rng.choice(files)
        victim.write_bytes(other.read_bytes())
        return target, f"{other.name} in the place of {victim.name}"
    if kind == "closed":
        victim.chmod(0)
        return target, f"{victim.name} closed to all"
    victim.unlink()
    if kind == "folder":
        victim.mkdir()
    elif kind == "loop":
        victim.symlink_to(victim.name)
    elif kind == "outside":
        victim.symlink_to("/etc/passwd")
    elif kind == "device":
        victim.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(victim)
    return target, f"{kind} in the place of {victim.name}"


def judge(reader: Reader, target: Path, folder: Path, guard: Guard) -> dict[str, str] | None:
    """Read, and return what is wrong with how it went; None where nothing is."""
    from longwave.errors import LongwaveError

    error: BaseException
    guard.folder = str(folder.parent)
    try:
        reader.read(target)
        return None
    except LongwaveError as raised:
        guard.folder = None
        names = {path.name for path in folder.rglob("*") if "." in path.name} | {str(folder)}
        message = str(raised)
        if reader.names_file and not any(name in message for name in names):
            return {
                "kind": "message without a file",
                "what": type(raised).__name__,
                "message": message,
                "where": place_of(raised),
            }
        return None
    except Forbidden as raised:
        error, kind = raised, "forbidden"
    except MemoryError as raised:
        error, kind = raised, "memory"
    except Exception as raised:
        error, kind = raised, "exception"
    except BaseException as raised:  # a panic of Rust
        error, kind = raised, "panic"
    finally:
        guard.folder = None
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    return {
        "kind": kind,
        "what": type(error).__name__,
        "message": str(error)[:SHOWN],
        "where": place_of(error),
    }


def place_of(error: BaseException) -> str:
    """Return the innermost line of Longwave that an error came through."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "/longwave/" in f.filename]
    return f"{ours[-1].filename.rpartition('/longwave/')[2]}:{ours[-1].lineno}" if ours else "outside"


def tell(said: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def seed_of(reader: Reader, example: int) -> int:
    return zlib.crc32(f"{reader.name} {example}".encode())


def run_child(names: Sequence[str], first: int, count: int) -> None:
    """Run examples; tell on stdout: a line before each, and one after where something is wrong."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", module=r"PIL|torch|zipfile|tarfile")  # of damaged files, to their users
    guard = Guard()
    sys.unraisablehook = lambda _: None  # damaged files may leave objects that cannot be tidied up
    with tempfile.TemporaryDirectory(prefix="fuzz-") as kept:
        root = Path(kept).resolve()
        os.chdir(root)
        for reader in find_readers(names):
            template = root / "template" / reader.name
            template.mkdir(parents=True)
            reader.make(template)
            reader.read(template / reader.target)  # a valid file is read; and what is imported late is there
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
            for example in range(first, first + count):
                tell({"reader": reader.name, "example": example})
                folder = root / "cases" / f"case{example}" / reader.name
                folder.parent.mkdir(parents=True)
                target, how = plant(reader, template, folder, random.Random(seed_of(reader, example)))
                signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT_S)
                found = judge(reader, target, folder, guard)
                signal.setitimer(signal.ITIMER_REAL, 0)
                if found is not None:
                    tell({"reader": reader.name, "example": example, "how": how, **found})
                loosen(folder.parent)
                shutil.rmtree(folder.parent)
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def loosen(folder: Path) -> None:
    """Let what was closed be removed."""
    for path in folder.rglob("*"):
        if not path.is_symlink() and not stat.S_IMODE(path.stat().st_mode) & 0o400:
            path.chmod(0o600)


def watch(names: Sequence[str], first: int, count: int) -> Iterator[dict[str, object]]:
    """Run children until every example of every reader was run; yield findings, and how many were run."""
    waiting = [(name, first) for name in names]
    while waiting:
        name, start = waiting[0]
        rest = [each for each, _ in waiting[1:]]
        # a child that died goes on behind the example it died of, with that reader alone
        group, left = ([name], first + count - start) if start > first else ([name, *rest], count)
        command = [sys.executable, __file__, "--child", "--first", str(start), "--examples", str(left)]
        command += [part for each in group for part in ("--reader", each)]
        at: tuple[str, int] | None = None
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=child_env()
        ) as process:
            errors = drain(process)
            for line in process.stdout or ():
                said = json.loads(line)
                if "kind" in said:
                    yield said
                else:
                    at = said["reader"], said["example"]
                    yield {"ran": said["reader"]}
            code = process.wait()
            told = errors()
        if code == 0:
            waiting = waiting[len(group) :]
            continue
        if at is None or at[0] not in group:
            raise RuntimeError(f"The fuzzing of {group} did not begin:\n{told[-3000:]}")
        kind = "too slow" if code == -signal.SIGALRM else "process ended"
        if code == 1 and "Traceback" in told and "fuzz.py" in told:
            raise RuntimeError(f"The fuzzing itself failed at {at}:\n{told[-3000:]}")
        yield {
            "reader": at[0],
            "example": at[1],
            "kind": kind,
            "what": str(code),
            "message": told[-SHOWN:],
            "where": "",
            "how": "",
        }
        done = at[1] + 1 >= first + count
        place = [each for each, _ in waiting].index(at[0])
        waiting = (
            []
            if done and place + 1 == len(waiting)
            else ([] if done else [(at[0], at[1] + 1)]) + waiting[place + 1 :]
        )


def drain(process: subprocess.Popen[str]):
    """Collect what a child writes to stderr, so that it never waits for us; return what gives it."""
    import threading

    parts: list[str] = []
    thread = threading.Thread(target=lambda: parts.extend(process.stderr or ()))
    thread.start()

    def give() -> str:
        thread.join()
        return "".join(parts)

    return give


def child_env() -> dict[str, str]:
    ours = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0"}
    return {**os.environ, **ours}


def fuzz(
    names: Sequence[str], *, first: int = 0, examples: int | None = None, minutes: float | None = None
) -> tuple[Counter[str], list[dict[str, object]]]:
    """Run so many examples a reader, or as many as a time allows; return counts and findings."""
    counts: Counter[str] = Counter()
    findings: dict[tuple[object, ...], dict[str, object]] = {}
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    size = examples if examples is not None else BATCH
    while True:
        for name in names if deadline is not None else ("",):
            for said in watch([name] if name else names, first, size):
                if "ran" in said:
                    counts[str(said["ran"])] += 1
                    continue
                key = tuple(said[field] for field in ("reader", "kind", "what", "where"))
                if key not in findings:
                    sys.stderr.write(json.dumps(said) + "\n")
                known = findings.setdefault(key, {**said, "times": 0})
                known["times"] = int(str(known["times"])) + 1
            if deadline is not None and time.monotonic() > deadline:
                return counts, list(findings.values())
        if deadline is None:
            return counts, list(findings.values())
        first += size


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reader", action="append", default=[])
    parser.add_argument("--family", action="append", default=[])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--examples", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", action="store_true")
    args = parser.parse_args()
    if args.child:
        run_child(args.reader, args.first, args.examples)
        return
    names = [reader.name for reader in find_readers(args.reader, args.family)]
    examples = args.examples if args.minutes is None else None
    counts, findings = fuzz(
        names, first=args.first, examples=examples or (None if args.minutes else 100), minutes=args.minutes
    )
    report = {"counts": dict(sorted(counts.items())), "findings": findings}
    if args.out is not None:
        args.out.write_text(json.dumps(report, indent=2), "utf-8")
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
