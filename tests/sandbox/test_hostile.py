"""Programs that mean harm: each tries one way out, and prints ESCAPED where it finds it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from longwave.sandbox import run_python

pytestmark = pytest.mark.usefixtures("walls")

LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"


def _reading(path: object) -> str:
    return f"open({str(path)!r}, 'rb').read(1); print('ESCAPED')"


def _listing(path: object) -> str:
    return f"import os\nif os.listdir({str(path)!r}): print('ESCAPED')"


def _calling(call: str) -> str:
    """Make a system call or a function of the C library succeed."""
    return f"{LIBC}if libc.{call} >= 0: print('ESCAPED')"


HOME = Path.home()
PACKAGE = Path(__file__).parents[2] / "src" / "longwave"

ATTEMPTS = {
    # files
    "shadow": _reading("/etc/shadow"),
    "passwords": _reading("/etc/passwd"),
    "environment-of-the-parent": _reading(f"/proc/{os.getpid()}/environ"),
    "own-processes": _listing("/proc"),
    "memory-of-process-1": _reading("/proc/1/mem"),
    "home": _listing(HOME),
    "samples": _reading(PACKAGE / "registry.toml"),
    "package": _listing(PACKAGE),
    "packages": _listing(Path(pytest.__file__).parents[1]),
    "root-folder": "import os; os.mkdir('/new'); print('ESCAPED')",
    "write-home": f"open({str(HOME / 'longwave-was-here')!r}, 'w'); print('ESCAPED')",
    "write-library": "import os; open(os.__file__, 'a'); print('ESCAPED')",
    "write-interpreter": "import sys; open(sys.executable, 'ab'); print('ESCAPED')",
    "add-beside-library": "import os; open(os.path.dirname(os.__file__) + '/x.py', 'w'); print('ESCAPED')",
    "make-device": "import os; os.mknod('disk', 0o60600, os.makedev(254, 0)); print('ESCAPED')",
    "walk-up": "import os\nfor _ in range(9): os.chdir('..')\nif 'etc' in os.listdir(): print('ESCAPED')",
    "link-out": "import os; os.symlink('/etc', 'e'); os.listdir('e') and print('ESCAPED')",
    # network
    "tcp": "import socket; socket.create_connection(('127.0.0.1', PORT), 1); print('ESCAPED')",
    "udp": "import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', PORT)); print('ESCAPED')",
    "listen": "import socket; socket.create_server(('127.0.0.1', 0)); print('ESCAPED')",
    "name": "import socket; socket.getaddrinfo('localhost', 80); socket.socket(2, 1); print('ESCAPED')",
    "unix": "import socket; socket.socket(1, 1).connect(UNIX); print('ESCAPED')",
    "unix-abstract": "import socket; socket.socket(1, 1).connect(ABSTRACT); print('ESCAPED')",
    "vsock": "import socket; socket.socket(40, 1); print('ESCAPED')",
    "netlink": "import socket; socket.socket(16, 3, 0); print('ESCAPED')",
    # processes and rights
    "kill-parent-by-number": f"import os; os.kill({os.getpid()}, 0); print('ESCAPED')",
    "become-root": "import os; os.setuid(0); print('ESCAPED')",
    "groups": "import os; os.setgroups([0]); print('ESCAPED')",
    "chroot": "import os; os.chroot('/'); print('ESCAPED')",
    "set-user-id": "import subprocess\nr = subprocess.run(['/bin/su', '-c', 'id'], capture_output=True)\n"
    "if b'uid=0' in r.stdout: print('ESCAPED')",
    "raise-limit": "import resource as r; r.setrlimit(r.RLIMIT_AS, (-1, -1)); print('ESCAPED')",
    "raise-processes": "import resource as r; r.setrlimit(r.RLIMIT_NPROC, (-1, -1)); print('ESCAPED')",
    "user-namespace": _calling("unshare(0x10000000)"),
    "mount-namespace": _calling("unshare(0x20000)"),
    "mount": _calling("mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None)"),
    "remount": _calling("mount(None, b'/usr', None, 4096 | 32, None)"),
    "unmount": _calling("umount2(b'/usr', 2)"),
    "trace": _calling("ptrace(16, 1, 0, 0)"),
    "shared-memory": _calling("shmget(0, 1 << 20, 0o1600)"),
    "message-queue": _calling("msgget(0, 0o1600)"),
    "io-uring": _calling("syscall(425, 8, ctypes.create_string_buffer(120))"),
    "keys": _calling("syscall(250 if os.uname().machine == 'x86_64' else 219, 0, -3, 1)"),
    "namespace-by-clone": f"{LIBC}pid = libc.syscall(56 if os.uname().machine == 'x86_64' else 220, "
    "0x10000011, 0, 0, 0, 0)\nif pid >= 0: os.write(1, b'ESCAPED')\nif pid == 0: os._exit(0)",
    # what the launcher might have left open
    "open-files": "import os\nfor i in range(3, 64):\n    try: os.fstat(i)\n    except OSError: continue\n"
    "    print('ESCAPED', i)",
    "environment": "import os\nif 'LONGWAVE_SECRET' in str(dict(os.environ)): print('ESCAPED')",
    "command-line": "import sys\nif len(sys.orig_argv) != 8: print('ESCAPED', sys.orig_argv)",
}


@pytest.fixture(scope="module")
def listeners(tmp_path_factory):
    """Open a socket of each kind that a program could reach if it were not locked in."""
    path, abstract = str(tmp_path_factory.mktemp("s") / "socket"), f"\0longwave-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for address in (path, abstract):
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(address)
            server.listen()
        udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        yield {"PORT": str(tcp.getsockname()[1]), "UNIX": repr(path), "ABSTRACT": repr(abstract)}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_there_is_no_way_out(attempt, listeners, monkeypatch):
    monkeypatch.setenv("LONGWAVE_SECRET", "do not tell")
    code = ATTEMPTS[attempt]
    for name, value in listeners.items():
        code = code.replace(name, value)
    result = run_python(code)
    assert "ESCAPED" not in result.stdout, result.stdout
    assert "NameError" not in result.stderr
    assert "SyntaxError" not in result.stderr
    assert not (HOME / "longwave-was-here").exists()


def test_file_written_to_tmp_does_not_reach_the_machine():
    name = f"longwave-{os.getpid()}-was-here"
    assert run_python(f"open('/tmp/{name}', 'w').write('x')").status == "ok"
    assert not Path("/tmp", name).exists()


GREEDY = {
    "endless-loop": "while True: pass",
    "memory": "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "one-allocation": "x = bytearray(1 << 40)",
    "fork": "import os\nwhile True: os.fork()",
    "fork-and-wait": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "threads": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()",
    "recursion": "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)",
    "deep-source": "(" * 100_000,
    "deep-value": "x = []\nfor _ in range(10**6): x = [x]\nprint(x)",
    "big-number": "print(10 ** (10 ** 10))",
    "ignores-signals": "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\nwhile True: pass",
    "stops-itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "kills-all": "import os, signal; os.kill(-1, signal.SIGKILL)",
    "kills-its-parent": "import os, signal, time; os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)",
    "interrupts-its-parent": "import os, signal, time; os.kill(os.getppid(), signal.SIGINT); time.sleep(60)",
    "closes-its-output": "import os, time; os.close(1); os.close(2); time.sleep(60)",
    "never-ending-thread": "import threading, time; threading.Thread(target=time.sleep, args=(99,)).start()",
    "regular-expression": "import re; re.match(r'(a+)+$', 'a' * 50 + 'b')",
}


@pytest.mark.parametrize("program", GREEDY)
def test_greedy_program_is_ended(program):
    result = run_python(GREEDY[program], timeout_s=0.4, memory_mb=128)
    assert result.status in ("failed", "timeout"), result
    assert result.wall_s < 5


FILL_DISK = """
n = 0
try:
    for i in range(100):
        with open(str(i), 'wb') as file:
            for _ in range(4):
                n += file.write(bytes(1 << 20))
                file.flush()
except OSError as error:
    print(error.errno, n >> 20)
"""


def test_full_disk_is_the_programs_own():
    free = shutil.disk_usage("/tmp").free
    error, written_mb = map(int, run_python(FILL_DISK, disk_mb=8).stdout.split())
    assert error == 28
    assert written_mb <= 8
    assert abs(shutil.disk_usage("/tmp").free - free) < 1 << 30


def test_one_file_is_no_longer_than_the_disk():
    code = "import os\nfile = os.memfd_create('x')\ntry: os.ftruncate(file, 9 << 20)"
    assert run_python(f"{code}\nexcept OSError as e: print(e.errno)", disk_mb=8).stdout == "27\n"


def test_files_are_counted():
    code = "try:\n    for i in range(5000): open(str(i), 'w').close()\nexcept OSError as e: print(e.errno)"
    assert run_python(code).stdout == "28\n"


def test_open_files_are_counted():
    code = "import os\ntry:\n    for i in range(5000): os.dup(0)\nexcept OSError as e: print(e.errno)"
    assert run_python(code).stdout == "24\n"


def _processes_called(name: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            found += [path.parent.name] if path.read_text().strip() == name else []
    return found


DAEMON = (
    LIBC
    + """
import time
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        libc.prctl(15, b'NAME')
        for i in range(3):
            os.close(i)
        os.write(w, b'x')
        while True:
            time.sleep(1)
    os._exit(0)
os.read(r, 1)
print('started', flush=True)
"""
)


@pytest.mark.parametrize(
    "ending", ["pass", "os._exit(0)", "while True: pass"], ids=["ends", "exits", "killed"]
)
def test_daemon_does_not_outlive_its_program(ending):
    name = f"lw-{os.getpid() % 10**6}-{len(ending)}"
    result = run_python(DAEMON.replace("NAME", name) + ending, timeout_s=0.5)
    assert result.stdout == "started\n", result
    assert _processes_called(name) == []


def test_forged_reports_are_not_believed():
    forge = "try: os.write(i, b'{\"wait\": 0}\\n')\n    except OSError: pass"
    code = f"import os\nfor i in range(3, 64):\n    {forge}\nos._exit(7)"
    assert run_python(code).exit == 7


def test_open_files_of_the_caller_are_closed(tmp_path):
    with (tmp_path / "secret").open("w+") as file:
        os.set_inheritable(file.fileno(), True)
        assert "ESCAPED" not in run_python(ATTEMPTS["open-files"]).stdout


CALLER = """
import os, signal, threading
from longwave.sandbox import run_python
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
run_python(PROGRAM, timeout_s=60)
"""


def test_ended_caller_takes_its_programs_along(tmp_path):
    name = f"lw-{os.getpid() % 10**6}-orphan"[:15]
    program = f"{LIBC}libc.prctl(15, b'{name}')\nwhile True: pass"
    caller = CALLER.replace("PROGRAM", repr(program))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # it cannot remove its folder any more
    assert os.spawnve(os.P_WAIT, sys.executable, [sys.executable, "-c", caller], environment) == -9
    assert [list(folder.iterdir()) for folder in tmp_path.iterdir()] == [[]]
    for _ in range(1000):  # the kernel ends a chain of processes one after the other
        if not _processes_called(name):
            break
    assert _processes_called(name) == []
