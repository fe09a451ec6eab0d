"""Findings about a GPU on disk: kept whole, by key, and never an obstacle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from longwave.ops.long_conv.triton import remembered
from longwave.ops.long_conv.triton.remembered import gpu_key, recall, remember


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of findings of a test, not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "longwave"


@pytest.mark.usefixtures("folder")
def test_nothing_is_known_at_first():
    assert recall("plans") == {}


@pytest.mark.usefixtures("folder")
def test_findings_add_up():
    remember("plans", "one", {"a": [1, 2]})
    remember("plans", "two", 2.5)
    assert recall("plans") == {"one": {"a": [1, 2]}, "two": 2.5}


@pytest.mark.usefixtures("folder")
def test_a_later_finding_replaces_the_one_of_its_key():
    remember("plans", "one", 1)
    remember("plans", "one", 2)
    assert recall("plans") == {"one": 2}


@pytest.mark.usefixtures("folder")
def test_files_do_not_share_findings():
    remember("plans", "one", 1)
    assert recall("checks") == {}


@pytest.mark.parametrize("text", [b"", b"{", b"[1, null]", b'"text"', b"\x00", b"\xff\xfe\xff"], ids=repr)
def test_damaged_file_is_ignored_and_replaced(folder, text):
    folder.mkdir()
    (folder / "plans.json").write_bytes(text)
    assert recall("plans") == {}
    remember("plans", "one", 1)
    assert json.loads((folder / "plans.json").read_text("utf-8")) == {"one": 1}


def test_folder_that_cannot_be_made_is_no_obstacle(folder):
    folder.write_text("a file where the folder should be", "utf-8")
    remember("plans", "one", 1)
    assert recall("plans") == {}
    assert folder.is_file()


def test_nothing_else_is_left_in_the_folder(folder):
    remember("plans", "one", 1)
    assert [path.name for path in folder.iterdir()] == ["plans.json"]


def test_without_a_setting_findings_are_kept_in_the_home_folder(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert remembered._file("plans") == Path.home() / ".cache" / "longwave" / "plans.json"


def test_key_names_the_gpu_and_the_versions(monkeypatch):
    import triton

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA Pretended")
    monkeypatch.setattr(remembered, "_digest", lambda: "0123456789abcdef")
    expected = f"{triton.__version__} NVIDIA Pretended 0123456789abcdef"
    assert gpu_key(torch.device("cuda", 0)) == expected


def test_fingerprint_is_short_and_the_same_every_time():
    first = remembered._digest()
    remembered._digest.cache_clear()
    assert (len(first), first) == (16, remembered._digest())
