"""What the doctor finds: versions, backends by real calls, what is broken, and nothing about the user."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import platform
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from longwave import doctor
from longwave.doctor import Diagnosis, Finding, diagnose, list_extras, look_up
from longwave.ops.long_conv import BACKENDS


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    return diagnose()


def one(diagnosis: Diagnosis, area: str, name: str) -> Finding:
    (finding,) = [each for each in diagnosis.findings if (each.area, each.name) == (area, name)]
    return finding


def test_this_installation_is_sound(found: Diagnosis) -> None:
    assert [each for each in found.findings if each.state == "broken"] == []


def test_python_is_told(found: Diagnosis) -> None:
    assert one(found, "machine", "Python").detail.startswith(platform.python_version())


def test_every_extra_is_told(found: Diagnosis) -> None:
    told = {each.name for each in found.findings if each.area == "extras"}
    stated = importlib.metadata.metadata("longwave").get_all("Provides-Extra")
    assert told == set(stated) - {"all"}


def test_versions_are_those_that_are_installed(found: Diagnosis) -> None:
    assert f"torch {importlib.metadata.version('torch')}" in one(found, "extras", "torch").detail


def test_every_backend_is_called(found: Diagnosis) -> None:
    assert {each.name for each in found.findings if each.area == "long_conv"} == set(BACKENDS)


@pytest.mark.parametrize("name", sorted(set(BACKENDS) - {"triton"}))
def test_backends_without_a_gpu_agree_with_the_plain_sum(name: str, found: Diagnosis) -> None:
    assert one(found, "long_conv", name).state == "ok"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_triton_is_not_compiled_without_a_gpu(found: Diagnosis) -> None:
    assert (one(found, "torch", "GPU").state, one(found, "long_conv", "triton").state) == ("off", "off")


def test_samples_are_counted(found: Diagnosis) -> None:
    from longwave.samples import list_samples

    assert one(found, "data", "bundled samples").detail.startswith(f"{len(list_samples())} files")


def test_neither_user_nor_host_nor_home_is_told(found: Diagnosis) -> None:
    text = json.dumps(asdict(found))
    private = {getpass.getuser(), platform.node(), str(Path.home())} - {"root", "", "/"}
    assert [word for word in private if word in text] == []


@pytest.mark.parametrize(
    ("required", "state", "detail"),
    [
        pytest.param(["numpy>=1"], "ok", f"numpy {importlib.metadata.version('numpy')}", id="there"),
        pytest.param(["surely-not-there>=1"], "missing", "no surely-not-there", id="missing"),
        pytest.param(["numpy>=999"], "broken", "(required: >=999)", id="too-old"),
        pytest.param(["numpy>=999", "surely-not-there"], "broken", "no surely-not-there", id="worst-counts"),
        pytest.param(["numpy[extra]>=1 "], "ok", "numpy", id="with-extra"),
        pytest.param([], "ok", "", id="nothing"),
    ],
)
def test_requirements_are_looked_up(required: list[str], state: str, detail: str) -> None:
    looked = look_up(required)
    assert (looked[0], detail in looked[1]) == (state, True)


@pytest.mark.parametrize(
    ("version", "least", "state"),
    [
        ("1.10.0", "1.9", "ok"),
        ("2.0.0rc1", "2.0", "ok"),
        ("1.9.0", "1.10", "broken"),
        ("2.13.0+cpu", "2.8", "ok"),
    ],
)
def test_versions_are_compared_as_numbers(
    version: str, least: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    assert look_up([f"thing>={least}"])[0] == state


def test_extras_are_read_from_what_is_stated() -> None:
    lines = [
        'torch>=2.8; extra == "torch"',
        "einops; extra == 'torch'",
        "numpy>=2",
        'torch>=2.8; extra == "all"',
        'triton; (platform_system == "Linux") and extra == "gpu"',
    ]
    assert list_extras(lines) == {"torch": ("torch>=2.8", "einops"), "gpu": ("triton",)}


def _raise(*_: object, **__: object) -> None:
    raise OSError("no such library")


@pytest.mark.parametrize(
    ("patched", "area", "name"),
    [
        ("longwave.ops.long_conv", "long_conv", "fft"),
        ("vl_convert.vegalite_to_svg", "tools", "charts as files"),
        ("longwave.sandbox.missing_walls", "tools", "sandbox for code"),
        ("longwave.samples.list_samples", "data", "bundled samples"),
        ("shutil.disk_usage", "data", "cache folder"),
    ],
)
def test_what_fails_is_broken_and_says_why(
    patched: str, area: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if patched == "longwave.ops.long_conv":
        monkeypatch.setattr("longwave.ops.long_conv", _raise)
    else:
        monkeypatch.setattr(patched, _raise)
    diagnosis = diagnose()
    finding = one(diagnosis, area, name)
    assert (finding.state, finding.detail, diagnosis.is_sound) == (
        "broken",
        "OSError: no such library",
        False,
    )


def test_a_backend_that_computes_something_else_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    right = BACKENDS["chunked"]
    monkeypatch.setitem(BACKENDS, "chunked", lambda *words: 1.001 * right(*words))
    finding = one(diagnose(), "long_conv", "chunked")
    assert (finding.state, finding.detail) == ("broken", "is off by 1.0e-03 of the values on cpu")


def test_an_empty_sample_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "hole.txt").touch()
    monkeypatch.setattr("longwave.samples.list_samples", lambda: ["hole.txt"])
    monkeypatch.setattr("longwave.samples.sample_path", lambda name: tmp_path / name)
    assert one(diagnose(), "data", "bundled samples").detail == "hole.txt is empty"


def test_a_sandbox_without_walls_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longwave.sandbox.missing_walls", lambda: "No user namespaces.")
    finding = one(diagnose(), "tools", "sandbox for code")
    assert (finding.state, finding.detail, "Linux" in finding.remedy) == ("off", "No user namespaces.", True)


def test_a_full_disk_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_DISK_GB", 1e9)
    assert one(diagnose(), "data", "cache folder").state == "broken"


def test_the_cache_is_named_without_its_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "of-mine"))
    assert one(diagnose(), "data", "cache folder").detail.endswith("in $XDG_CACHE_HOME/longwave")
