"""Metrics go to JSON lines, and to TensorBoard on request."""

from __future__ import annotations

import dataclasses
import errno
import sys
import types
from pathlib import Path
from typing import ClassVar

import pytest

from longwave.errors import MissingExtra, StorageError
from longwave.training import JsonLinesWriter, TensorBoardWriter, TrainConfig, train
from longwave.training.writers import cut_rows, read_rows


class FakeSummaryWriter:
    """Records what TensorBoard would draw."""

    calls: ClassVar[list[tuple[object, ...]]] = []

    def __init__(self, folder: str, purge_step: int) -> None:
        self.calls.append(("open", Path(folder).name, purge_step))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.calls.append((name, value, step))

    def close(self) -> None:
        self.calls.append(("close",))


@pytest.fixture
def tensorboard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = FakeSummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(FakeSummaryWriter, "calls", [])
    return FakeSummaryWriter.calls


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    writer = JsonLinesWriter(tmp_path / "metrics.jsonl")
    for step in (1, 2, 2, 3):
        writer.log(step, {"loss": 1 / 3})
    writer.close()
    return tmp_path / "metrics.jsonl"


def test_numbers_survive_exactly(rows: Path) -> None:
    assert read_rows(rows)[0] == {"step": 1, "loss": 1 / 3}


def test_a_row_can_be_read_before_the_file_is_closed(tmp_path: Path) -> None:
    writer = JsonLinesWriter(tmp_path / "metrics.jsonl")
    writer.log(1, {"loss": 2.0})
    assert read_rows(tmp_path / "metrics.jsonl") == [{"step": 1, "loss": 2.0}]
    writer.close()


def test_writing_appends(rows: Path) -> None:
    writer = JsonLinesWriter(rows)
    writer.log(4, {})
    writer.close()
    assert [row["step"] for row in read_rows(rows)] == [1, 2, 2, 3, 4]


def test_cutting_drops_later_rows(rows: Path) -> None:
    cut_rows(rows, 2)
    assert [row["step"] for row in read_rows(rows)] == [1, 2, 2]


def test_cutting_drops_a_half_written_row(rows: Path) -> None:
    rows.write_text(rows.read_text() + '{"step": 3, "lo')
    cut_rows(rows, 9)
    assert [row["step"] for row in read_rows(rows)] == [1, 2, 2, 3]


def test_a_missing_file_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "gone.jsonl") == []


def test_cutting_on_a_full_disk_keeps_the_file(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = rows.read_text()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", fill)
        with pytest.raises(StorageError, match="No space left"):
            cut_rows(rows, 1)
    assert rows.read_text() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"Cannot write .*metrics\.jsonl"):
        JsonLinesWriter(tmp_path / "gone" / "metrics.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_row_on_a_full_disk_is_a_storage_error() -> None:
    writer = JsonLinesWriter(Path("/dev/full"))
    with pytest.raises(StorageError, match="No space left"):
        writer.log(1, {})
    with pytest.raises(OSError, match="No space left"):
        writer.close()


def test_tensorboard_gets_every_value(
    config: TrainConfig, tensorboard: list[tuple[object, ...]], tmp_path: Path
) -> None:
    train(dataclasses.replace(config, tensorboard=True), tmp_path / "out")
    drawn = [
        {"step": call[2], call[0]: call[1]} for call in tensorboard if len(call) == 3 and call[0] != "open"
    ]
    written = [
        {"step": row["step"], key: value}
        for row in read_rows(tmp_path / "out" / "metrics.jsonl")
        for key, value in row.items()
        if key != "step"
    ]
    assert drawn == written
    assert (tensorboard[0], tensorboard[-1]) == (("open", "tensorboard", 1), ("close",))


def test_tensorboard_without_the_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtra, match=r"longwave\[track\]"):
        TensorBoardWriter(tmp_path)
