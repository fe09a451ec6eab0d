"""What is installed here, what of it works, and how to get the rest: the facts behind ``longwave doctor``.

Optional packages are looked up and not imported, but for those that are tried by a real call. Nothing is
written but a temporary folder, and no name of a user or a machine is among the facts.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import json
import logging
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from longwave import __version__

__all__ = ["Diagnosis", "Finding", "diagnose", "list_extras"]

logger = logging.getLogger(__name__)

State = Literal["ok", "missing", "off", "broken"]
Look = tuple[State, str]

PYTHON = (3, 11)
LEAST_DISK_GB = 1.0
GB = 1e9
LENGTH = 201  # steps of the signal that backends are tried on
TOLERANCE = 1e-4  # of float32 backends beside the sum as it is written
HALF_TOLERANCE = 1e-2  # of GPU kernels, which compute in half precision inside
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")
_REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:\[[^\]]*\])?([^;]*)")
CHART = {
    "data": {"values": [{"x": 1, "y": 2}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    area : str
        What it belongs to: ``machine``, ``extras``, ``torch``, ``long_conv``, ``tools`` or ``data``.
    name : str
    state : {"ok", "missing", "off", "broken"}
        ``missing``: not installed; ``off``: cannot be used on this machine; ``broken``: is there, and fails.
    detail : str
        Versions, or what is wrong.
    remedy : str
        What to do about it; empty where nothing is to be done.
    """

    area: str
    name: str
    state: State
    detail: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All that was looked at.

    Parameters
    ----------
    version : str
        Of Longwave.
    findings : tuple of Finding
    """

    version: str
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether all that is there works."""
        return all(finding.state != "broken" for finding in self.findings)


def diagnose() -> Diagnosis:
    """Look at this installation: a fraction of a second, and the time that torch takes to be imported.

    Examples
    --------
    >>> diagnose().is_sound
    True
    """
    found = [*_machine(), *_extras(), *_torch(), *_tools(), *_data()]
    return Diagnosis(version=__version__, findings=tuple(found))


def list_extras(requirements: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Return what each extra but ``all`` requires, as the installed package states it.

    Parameters
    ----------
    requirements : iterable of str, optional
        Lines such as ``torch>=2.8; extra == "torch"``; default: those of the installed package, none where
        Longwave runs without having been installed.

    Examples
    --------
    >>> list_extras(['torch>=2.8; extra == "torch"', "numpy>=2.0", 'torch>=2.8; extra == "all"'])
    {'torch': ('torch>=2.8',)}
    """
    found: dict[str, tuple[str, ...]] = {}
    for line in _own_requirements() if requirements is None else requirements:
        wanted, _, marker = line.partition(";")
        extra = _EXTRA.search(marker)
        if extra is not None and extra[1] != "all":  # which is made of the others
            found[extra[1]] = (*found.get(extra[1], ()), wanted.strip())
    return found


def _own_requirements() -> list[str]:
    try:
        return importlib.metadata.requires("longwave") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _machine() -> Iterator[Finding]:
    is_new = tuple(map(int, platform.python_version_tuple()[:2])) >= PYTHON
    yield Finding(
        area="machine",
        name="Python",
        state="ok" if is_new else "broken",
        detail=f"{platform.python_version()} ({platform.python_implementation()})",
        remedy="" if is_new else "Longwave needs Python 3.11 or newer.",
    )
    system = f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors"
    yield Finding(area="machine", name="platform", state="ok", detail=system)
    required = [line for line in _own_requirements() if not _EXTRA.search(line)]
    state, detail = look_up(required)
    if not required:
        detail = "not known: Longwave runs without having been installed"
    is_whole = state == "ok"
    yield Finding(
        area="machine",
        name="packages",
        state="ok" if is_whole else "broken",
        detail=detail,
        remedy="" if is_whole else 'pip install --upgrade "longwave"',
    )


def _extras() -> Iterator[Finding]:
    for name, required in list_extras().items():
        state, detail = look_up(required)
        remedy = "" if state == "ok" else f'pip install --upgrade "longwave[{name}]"'
        yield Finding(area="extras", name=name, state=state, detail=detail, remedy=remedy)


def look_up(required: Iterable[str]) -> Look:
    """Look up the versions of some requirements; one that is older than required is broken.

    Examples
    --------
    >>> look_up(["surely-not-there>=1"])
    ('missing', 'no surely-not-there')
    """
    told, states = [], set()
    for line in required:
        name, bounds = _REQUIREMENT.match(line).groups()  # type: ignore[union-attr]
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            told.append(f"no {name}")
            states.add("missing")
            continue
        is_old = any(_numbers(version) < _numbers(least) for least in re.findall(r">=\s*([\w.]+)", bounds))
        told.append(f"{name} {version}" + (f" (required: {bounds.strip()})" if is_old else ""))
        states.add("broken" if is_old else "ok")
    worst: State = "broken" if "broken" in states else "missing" if "missing" in states else "ok"
    return worst, ", ".join(told)


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with, so that they can be compared."""
    return tuple(int(part) for part in re.match(r"[\d.]*", version)[0].split(".") if part)  # type: ignore[index]


def _try(area: str, name: str, look: Callable[[], Look], remedy: str = "") -> Finding:
    """Look at something that may fail in any way, which then is the finding."""
    try:
        state, detail = look()
    except Exception as error:  # a seam: whatever an installation does wrong is told, never raised
        logger.debug("%s", name, exc_info=True)
        state, detail = "broken", f"{type(error).__name__}: {error}".strip().splitlines()[0]
    detail = detail.replace(str(Path.home()), "~")
    return Finding(area=area, name=name, state=state, detail=detail, remedy="" if state == "ok" else remedy)


def _torch() -> Iterator[Finding]:
    """Import torch, if it is there, and call every backend of the long convolution."""
    install = 'pip install "longwave[torch]"'
    if find_spec("torch") is None:
        yield Finding(area="torch", name="torch", state="missing", detail="not installed", remedy=install)
        return
    yield (found := _try("torch", "torch", _import_torch, f"{install} --force-reinstall"))
    if found.state == "broken":
        return
    yield (gpu := _try("torch", "GPU", _name_gpus, "A CPU serves; for a GPU install PyTorch for CUDA."))
    if find_spec("triton") is None:
        detail = "not installed; PyTorch for CUDA on Linux brings it along"
        yield Finding(area="torch", name="triton", state="missing", detail=detail)
    else:
        yield Finding(area="torch", name="triton", state="ok", detail=importlib.metadata.version("triton"))
    from longwave.ops.long_conv import BACKENDS

    device = "cuda" if gpu.state == "ok" else "cpu"
    for name in BACKENDS:
        yield _try("long_conv", name, partial(_call_backend, name, device), 'Use backend="auto".')


def _import_torch() -> Look:
    import torch

    return "ok", f"{torch.__version__}, {torch.get_num_threads()} threads"


def _name_gpus() -> Look:
    import torch

    if not torch.cuda.is_available():
        return "off", "no CUDA device"
    found = [torch.cuda.get_device_properties(place) for place in range(torch.cuda.device_count())]
    return "ok", ", ".join(f"{one.name} ({one.total_memory / GB:.0f} GB)" for one in found)


def _call_backend(name: str, device: str) -> Look:
    """Convolve a short signal, and compare with the sum as it is written."""
    import torch

    from longwave.errors import BackendUnavailable
    from longwave.ops import long_conv

    if name == "triton" and device == "cpu":  # nothing is compiled where it cannot run
        return "off", "needs a GPU"
    generator = torch.Generator().manual_seed(0)
    u, k = (torch.randn(shape, generator=generator).to(device) for shape in ((2, 4, LENGTH), (4, LENGTH)))
    expected = long_conv(u, k, backend="naive")
    try:
        found = long_conv(u, k, backend=name)
    except BackendUnavailable as error:
        return "off", str(error)
    off = float((found - expected).norm() / expected.norm())
    if not off <= (HALF_TOLERANCE if name == "triton" else TOLERANCE):
        return "broken", f"is off by {off:.1e} of the values on {device}"
    return "ok", f"{device}, within {off:.0e} of the plain sum"


def _tools() -> Iterator[Finding]:
    if find_spec("vl_convert") is None:
        remedy = 'pip install "longwave[plots]"'
        detail = "not installed; the report needs none, charts as files do"
        yield Finding(area="tools", name="charts as files", state="missing", detail=detail, remedy=remedy)
    else:
        remedy = 'pip install --force-reinstall "longwave[plots]"'
        yield _try("tools", "charts as files", _draw_chart, remedy)
    remedy = "Scenarios that run code, such as code_humaneval, need Linux with user namespaces."
    yield _try("tools", "sandbox for code", _lock_in, remedy)


def _draw_chart() -> Look:
    import vl_convert

    drawing = vl_convert.vegalite_to_svg(json.dumps(CHART))
    is_drawing = drawing.lstrip().startswith("<svg")
    return ("ok", "SVG, PNG and PDF") if is_drawing else ("broken", "the drawing is no SVG")


def _lock_in() -> Look:
    from longwave.sandbox import missing_walls

    problem = missing_walls()
    return ("ok", "programs are locked in") if problem is None else ("off", problem)


def _data() -> Iterator[Finding]:
    yield _try("data", "bundled samples", _read_samples, 'pip install --force-reinstall "longwave"')
    remedy = "Free some space, or let XDG_CACHE_HOME name a folder on another disk."
    yield _try("data", "cache folder", _measure_disk, remedy)


def _read_samples() -> Look:
    """Read every bundled file to its end."""
    from longwave.samples import list_samples, sample_path

    n_bytes = 0
    for name in (names := list_samples()):
        path = sample_path(name)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            if not file.read():
                return "broken", f"{name} is empty"
        n_bytes += path.stat().st_size
    return ("ok", f"{len(names)} files, {n_bytes / 1e6:.1f} MB") if names else ("broken", "there are none")


def _measure_disk() -> Look:
    """Tell how much room there is for what is fetched and compiled."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = Path(base) if base else Path.home() / ".cache"
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    if not os.access(there, os.W_OK):
        return "broken", f"{_public(folder)} cannot be written"
    free = shutil.disk_usage(there).free / GB
    return ("ok" if free >= LEAST_DISK_GB else "broken"), f"{free:.1f} GB free in {_public(folder)}"


def _public(folder: Path) -> str:
    """Name a folder without the name of its owner."""
    if folder == Path.home() / ".cache":
        return "~/.cache/longwave"
    return "$XDG_CACHE_HOME/longwave"
