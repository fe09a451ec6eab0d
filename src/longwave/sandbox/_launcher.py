"""Lock a new process in, then let it become the Python program that is not trusted.

Run by path, as ``python -I -S _launcher.py STATUS``, with an empty environment; standard library only. Reads
the job as JSON from standard input and writes lines of JSON to the pipe STATUS, which the program never has:
``{"layers": [...], "began": time}`` right before the program begins and ``{"wait": status, "ended": time}``
after it, or ``{"failed": reason}``.

Behind walls there are four processes: this one; its child, which leaves the namespaces and mounts a small
root; the grandchild, process 1 of the new process namespace, whose end takes everything along that the
program started; and the program. Without walls (``is_weak``) the program is this one's child.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypedDict

NOBODY = 65534
PROGRAM = "program.py"
MB = 1 << 20
MAX_OPEN_FILES = 64
MAX_FILES = 1024
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
REFUSALS = (OSError, ImportError, ValueError, AttributeError)


class Job(TypedDict):
    """What the parent asks for; see `longwave.sandbox.box`."""

    python: str
    program: str
    stdin: str
    folder: str  # empty, and our own
    readable: list[str]  # what Python itself needs
    hidden: list[str]  # folders below those that are shown empty
    timeout_s: float
    memory_mb: int
    disk_mb: int
    max_processes: int
    is_weak: bool


def main() -> None:
    """Read the job, run it, and leave."""
    status = int(sys.argv[1])
    os.set_inheritable(status, False)
    with open(0, "rb", closefd=False) as file:
        job: Job = json.loads(file.read())
    _guarded(lambda: (_run_weakly if job["is_weak"] else _run_isolated)(job, status), status)


def _run_isolated(job: Job, status: int) -> None:
    kernel = _kernel()
    kernel.die_with_parent()
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _guarded(lambda: _enter(job, status, theirs), status)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the child is asked too, and ends first
    theirs.close()
    if ours.recv(1):
        _map_users(child)
        ours.send(b"mapped")
    os.waitpid(child, 0)


def _enter(job: Job, status: int, parent: socket.socket) -> None:
    """Leave the namespaces, mount the root, and start process 1."""
    kernel = _kernel()
    kernel.die_with_parent()
    kernel.unshare_all()
    parent.send(b"unshared")
    if not parent.recv(1):
        return  # the parent has said why
    parent.close()
    _mount_root(job)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = os.fork()
    if child == 0:
        _guarded(lambda: _watch(job, status), status)
    # asked to end, end process 1 and wait: it is gone only after all others of its namespace
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.waitpid(child, 0)


def _watch(job: Job, status: int) -> None:
    """Be process 1: start the program, bury what it leaves behind, and end with it."""
    kernel = _kernel()
    kernel.die_with_parent()
    kernel.hide_from_tracers()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    child = _start(job, status, folder="/tmp")
    ended, wait = os.wait()
    while ended != child:
        ended, wait = os.wait()
    _report(status, {"wait": wait, "ended": time.monotonic()})


def _map_users(child: int) -> None:
    """Name the user of a child that left its namespace: nobody, and superuser while a superuser prepares."""
    folder = Path(f"/proc/{child}")
    if os.geteuid() == 0:
        try:
            for name in ("uid_map", "gid_map"):
                (folder / name).write_text(f"0 0 1\n{NOBODY} {NOBODY} 1\n")
        except OSError:
            pass  # this superuser's own namespace knows no nobody
        else:
            return
    (folder / "setgroups").write_text("deny")
    (folder / "uid_map").write_text(f"{NOBODY} {os.geteuid()} 1\n")
    (folder / "gid_map").write_text(f"{NOBODY} {os.getegid()} 1\n")


def _mount_root(job: Job) -> None:
    """Build a root of what Python needs, read-only, and a small ``/tmp``; nothing else is there."""
    kernel = _kernel()
    kernel.make_private("/")
    kernel.mount_tmpfs(job["folder"], "size=1m,mode=755")
    root = Path(job["folder"], "root")

    def inside(path: str) -> Path:
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    for source in job["readable"]:
        if Path(source).is_symlink():
            inside(source).symlink_to(Path(source).readlink())
            continue
        inside(source).mkdir() if Path(source).is_dir() else inside(source).touch()
        kernel.bind(source, str(inside(source)))
    for source in job["hidden"]:
        kernel.mount_tmpfs(str(inside(source)), "size=4k,mode=755", is_readonly=True)
    for device in filter(os.path.exists, DEVICES):
        inside(device).touch()
        kernel.bind(device, str(inside(device)), is_device=True)
    inside("/tmp").mkdir(exist_ok=True)
    options = f"size={job['disk_mb']}m,nr_inodes={MAX_FILES},mode=700,uid={NOBODY},gid={NOBODY}"
    kernel.mount_tmpfs(str(inside("/tmp")), options)
    kernel.change_root(job["folder"], "root")


def _run_weakly(job: Job, status: int) -> None:
    if sys.platform == "linux":
        _kernel().adopt_orphans()
        _kernel().die_with_parent()
    child = _start(job, status, folder=job["folder"])
    signal.signal(signal.SIGTERM, lambda *_: _bury(child))
    _, wait = os.waitpid(child, 0)
    _report(status, {"wait": wait, "ended": time.monotonic()})
    _bury(child)


def _bury(child: int) -> None:
    """Kill what a program without walls has left behind, and leave."""
    while True:
        for pid in [child, *_children()]:
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(OSError):  # it has ended, or leads no group
                    kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            os._exit(0)


def _children() -> list[int]:
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def _start(job: Job, status: int, *, folder: str) -> int:
    """Fork the process that becomes the program."""
    child = os.fork()
    if child == 0:
        _guarded(lambda: _become_program(job, status, folder), status)
    return child


def _become_program(job: Job, status: int, folder: str) -> None:
    layers = ["limits"] if job["is_weak"] else ["namespaces", "limits"]
    os.setsid()
    if os.geteuid() == 0 and _is_open_to_nobody(job["python"]):
        os.chown(folder, NOBODY, NOBODY)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        layers.append("nobody")
    os.chdir(folder)
    os.umask(0o077)
    Path(PROGRAM).write_bytes(job["program"].encode("utf-8", "surrogatepass"))
    _replace_stdin(job["stdin"].encode("utf-8", "surrogatepass"))
    # behind walls, process 1 and its parent count as this user's too where it could not become another one
    _limit(job, others=0 if job["is_weak"] or "nobody" in layers else 2)
    if sys.platform == "linux":
        layers += _lock(job, folder)
    environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "PYTHONHASHSEED": "0"}
    command = [job["python"], "-s", "-P", "-S", "-B", "-X", "utf8", PROGRAM]
    _report(status, {"layers": layers, "began": time.monotonic()})
    os.execve(job["python"], command, environment)


def _is_open_to_nobody(path: str) -> bool:
    os.seteuid(NOBODY)
    try:
        return Path(path).stat().st_size > 0
    except PermissionError:
        return False
    finally:
        os.seteuid(0)


def _limit(job: Job, *, others: int) -> None:
    seconds = math.ceil(job["timeout_s"]) + 1
    limits = {
        "RLIMIT_CPU": seconds,
        "RLIMIT_AS": job["memory_mb"] * MB,
        "RLIMIT_FSIZE": job["disk_mb"] * MB,
        "RLIMIT_NPROC": job["max_processes"] + others,
        "RLIMIT_NOFILE": MAX_OPEN_FILES,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    for name, value in limits.items():
        if hasattr(resource, name):
            kind = getattr(resource, name)
            most = resource.getrlimit(kind)[1]
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            resource.setrlimit(kind, (value, value))


def _replace_stdin(text: bytes) -> None:
    if sys.platform == "linux":
        file = os.memfd_create("stdin")  # takes no room in the folder
    else:
        file = os.open(".stdin", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        Path(".stdin").unlink()
    with open(file, "wb", closefd=False) as writer:
        writer.write(text)
    os.lseek(file, 0, os.SEEK_SET)
    os.dup2(file, 0)


def _lock(job: Job, folder: str) -> list[str]:
    """Give up every right and every call that the program does not need; tell what the kernel can."""
    kernel = _kernel()
    kernel.drop_capabilities()
    kernel.forbid_new_privileges()
    kernel.die_with_parent()
    readable = filter(os.path.exists, job["readable"])
    layers = (
        ["landlock"] if kernel.restrict_files(readable, [folder, *filter(os.path.exists, DEVICES)]) else []
    )
    return [*layers, "seccomp"] if kernel.deny_calls() else layers


def _kernel() -> ModuleType:
    """Load the module beside this one, which cannot be imported by name here."""
    if "_kernel" not in sys.modules:
        if sys.platform != "linux":
            raise OSError(f'The system is "{sys.platform}"; only Linux has namespaces')
        path = Path(__file__).with_name("_kernel.py")
        spec = importlib.util.spec_from_file_location("_kernel", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} cannot be loaded")
        sys.modules["_kernel"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["_kernel"])
    return sys.modules["_kernel"]


def _report(status: int, line: dict[str, object]) -> None:
    os.write(status, json.dumps(line).encode() + b"\n")


def _guarded(action: Callable[[], object], status: int) -> None:
    """Run what a forked process is for; it never gets back into its parent's code."""
    try:
        action()
    except REFUSALS as error:
        _report(status, {"failed": str(error)})
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
