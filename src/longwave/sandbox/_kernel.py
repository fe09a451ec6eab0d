"""What Linux offers to a process that locks itself in: calls that Python 3.11 has no function for.

Loaded by path from ``_launcher.py``, which runs without the package: standard library only. Numbers are those
of the kernel's headers; where a system call's number differs between machines, both are given.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = [
    "adopt_orphans",
    "bind",
    "change_root",
    "deny_calls",
    "die_with_parent",
    "drop_capabilities",
    "forbid_new_privileges",
    "hide_from_tracers",
    "make_private",
    "mount_tmpfs",
    "restrict_files",
    "unshare_all",
]

_libc = ctypes.CDLL(None, use_errno=True)

_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_SETATTR = 442

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 24, 36, 38, 47
_CAPABILITY_VERSION = 0x20080522

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_FS_EXECUTE, _FS_WRITE, _FS_READ, _FS_READ_DIR, _FS_TRUNCATE, _FS_IOCTL = 1, 2, 4, 8, 1 << 14, 1 << 15
_FS_OF_FILES = _FS_EXECUTE | _FS_WRITE | _FS_READ | _FS_TRUNCATE | _FS_IOCTL

# name: (number on x86_64, number on aarch64)
_DENIED = {
    "socket": (41, 198),  # also of families that know no namespaces, such as vsock
    "io_uring_setup": (425, 425),  # opens sockets past this filter
    "shmget": (29, 194),  # memory that counts for no process
    "msgget": (68, 186),
    "semget": (64, 190),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "chroot": (161, 51),
    "open_by_handle_at": (304, 265),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
}
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, name of its calls


def unshare_all() -> None:
    """Leave the namespaces of mounts, processes, network, host name, IPC, control groups and users."""
    _checked(_libc.unshare(_NAMESPACES), "unshare")


def die_with_parent() -> None:
    """Ask to be killed when the parent ends."""
    _prctl(_PR_SET_PDEATHSIG, 9)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_from_tracers() -> None:
    """Let no process of the same user look into this one."""
    _prctl(_PR_SET_DUMPABLE, 0)


def forbid_new_privileges() -> None:
    """Let no later program gain rights, whatever its file says."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up all rights of a superuser, for this process and all that come from it."""
    _libc.prctl(_PR_CAP_AMBIENT, 4, 0, 0, 0)
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # past the last one the kernel knows, or not allowed any more
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def make_private(path: str) -> None:
    """Keep what is mounted below a path from showing elsewhere."""
    _mount(None, path, None, _REC | _PRIVATE)


def mount_tmpfs(path: str, options: str, *, is_readonly: bool = False) -> None:
    """Mount an empty file system in memory; its ``options`` limit the size."""
    flags = _NOSUID | _NODEV | (_RDONLY if is_readonly else 0)
    _mount("tmpfs", path, "tmpfs", flags, options)


def bind(source: str, target: str, *, is_device: bool = False) -> None:
    """Show a folder or file at another place too: read-only, but for devices."""
    _mount(source, target, None, _BIND | _REC)
    attributes = struct.pack("=QQQQ", _NOSUID | (0 if is_device else _RDONLY | _NODEV), 0, 0, 0)
    arguments = (_AT_FDCWD, target.encode(), _AT_RECURSIVE, attributes, len(attributes))
    _checked(_syscall(_MOUNT_SETATTR, *arguments), f"mount_setattr of {target}")


def change_root(folder: str, inner: str) -> None:
    """Make a mounted folder the root, forget the old one, and step into a folder of the new one for good.

    A process whose root is no root of a mount cannot make user namespaces either.
    """
    os.chdir(folder)
    _checked(_libc.pivot_root(b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _DETACH), "umount2")
    _mount(None, "/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chroot(inner)
    os.chdir("/")


def restrict_files(readable: Iterable[str], writable: Iterable[str]) -> bool:
    """Forbid every file but these by Landlock, and where the kernel can, TCP and signals to outsiders.

    Returns
    -------
    bool
        Whether the kernel has Landlock.
    """
    version = _syscall(_LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return False
    fs = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    ruleset = struct.pack("=QQQ", fs, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    handle = _checked(_syscall(_LANDLOCK_CREATE, ruleset, size, 0), "landlock_create_ruleset")
    for paths, rights in ((readable, _FS_EXECUTE | _FS_READ | _FS_READ_DIR), (writable, fs)):
        for path in paths:
            _allow(handle, path, rights & fs)
    forbid_new_privileges()
    _checked(_syscall(_LANDLOCK_RESTRICT, handle, 0), "landlock_restrict_self")
    os.close(handle)
    return True


def _allow(ruleset: int, path: str, rights: int) -> None:
    if not Path(path).is_dir():
        rights &= _FS_OF_FILES
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, place)
        _checked(_syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0), f"landlock_add_rule of {path}")
    finally:
        os.close(place)


def deny_calls() -> bool:
    """Refuse system calls that a program of tests does not need, sockets first, by a seccomp filter.

    Returns
    -------
    bool
        Whether the numbers of this machine's calls are known.
    """
    if platform.machine() not in _MACHINES or struct.calcsize("P") != 8:
        return False
    column, calls = _MACHINES[platform.machine()]
    code = _filter([numbers[column] for numbers in _DENIED.values()], calls)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    forbid_new_privileges()
    _prctl(_PR_SET_SECCOMP, 2, ctypes.create_string_buffer(program))
    return True


def _filter(numbers: Sequence[int], calls: int) -> bytes:
    """Write the filter: calls of another kind of machine and those listed fail with EPERM, others pass."""
    load, jump_equal, jump_least, give = 0x20, 0x15, 0x35, 0x06
    refuse = len(numbers) + 2  # jumps are counted from the next instruction
    steps = [(load, 0, 0, 4), (jump_equal, 0, refuse + 1, calls), (load, 0, 0, 0)]
    steps.append((jump_least, refuse - 1, 0, 0x40000000))  # numbers of x32, a second kind of x86_64
    steps += [(jump_equal, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
    steps += [(give, 0, 0, 0x7FFF0000), (give, 0, 0, 0x00050000 | 1)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind)]
    found = _libc.mount(*texts, ctypes.c_ulong(flags), options.encode() or None)
    _checked(found, f"mount of {source or 'flags'} on {target}")


def _prctl(option: int, value: int, argument: ctypes.Array[ctypes.c_char] | int = 0) -> None:
    _checked(_libc.prctl(option, ctypes.c_ulong(value), argument, 0, 0), f"prctl {option}")


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return int(_libc.syscall(ctypes.c_long(number), *wide))


def _checked(found: int, call: str) -> int:
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return found
