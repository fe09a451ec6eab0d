"""A locked-in process from outside: how a bad start is told, and that closing is final."""

from __future__ import annotations

from pathlib import Path

import pytest

from longwave.errors import BackendUnavailable, StorageError
from longwave.sandbox import box as box_module
from longwave.sandbox.box import Box, Limits, supervise

pytestmark = pytest.mark.usefixtures("walls")


def test_program_that_does_not_begin_is_told(monkeypatch):
    monkeypatch.setattr(box_module, "START_S", 0.0)
    box = Box("", "", Limits())
    supervise([box])
    with pytest.raises(BackendUnavailable, match="it did not begin within 0 s"):
        box.result()


def test_broken_launcher_is_told(monkeypatch, tmp_path):
    launcher = tmp_path / "launcher.py"
    launcher.write_text("raise SystemExit('no launch today')")
    monkeypatch.setattr(box_module, "_LAUNCHER", launcher)
    box = Box("", "", Limits())
    supervise([box])
    with pytest.raises(BackendUnavailable, match="no launch today"):
        box.result()


def test_missing_temporary_folder_is_told(monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/no/such/folder")
    with pytest.raises(StorageError, match="needs a temporary folder"):
        Box("", "", Limits())


def test_launcher_that_does_not_end_is_killed(monkeypatch, tmp_path):
    launcher = tmp_path / "launcher.py"
    launcher.write_text("import os, sys, time\nos.close(int(sys.argv[1]))\nsys.stdin.read()\ntime.sleep(60)")
    monkeypatch.setattr(box_module, "_LAUNCHER", launcher)
    monkeypatch.setattr(box_module, "GRACE_S", 0.1)
    box = Box("", "", Limits())
    supervise([box])
    assert box._process.returncode == -9


def test_closing_twice_is_closing_once(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    box = Box("while True: pass", "", Limits())
    box.close()
    box.close()
    assert box.result().status == "timeout"
    assert list(tmp_path.iterdir()) == []
    assert not Path(f"/proc/{box._process.pid}").exists()


def test_first_to_end_ends_the_others():
    first, second = Box("print(1)", "", Limits()), Box("while True: pass", "", Limits())
    supervise([first, second])
    assert (first.result().status, first.result().stdout) == ("ok", "1\n")
    assert (second.result().status, second.result().exit) == ("timeout", None)


def test_others_may_end_earlier():
    first, second = (
        Box("import time; time.sleep(0.3)", "", Limits(timeout_s=30)),
        Box("print(2)", "", Limits(timeout_s=30)),
    )
    supervise([first, second])
    assert [box.result().status for box in (first, second)] == ["ok", "ok"]
    assert 0.3 <= first.result().wall_s < 30
