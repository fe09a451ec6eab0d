"""Reading checkpoint files: tensors, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from longwave.errors import CheckpointError, MissingFile
from longwave.hf import read_state_dict

TENSORS = {"backbone.ln_f.weight": torch.arange(3.0), "lm_head.weight": torch.ones(2, 3)}


class Malice:
    """What a pickle could do to whoever loads it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('this ran')",))


def _equal(found: dict[str, Tensor]) -> bool:
    return found.keys() == TENSORS.keys() and all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TENSORS, id="bare"),
        pytest.param(
            {
                "state_dict": {f"model.{name}": t for name, t in TENSORS.items()}
                | {"loss.weight": torch.ones(1)},
                "epoch": 3,
                "pytorch-lightning_version": "1.8",
            },
            id="lightning",
        ),
    ],
)
def test_pickled_state_dicts_are_read(content: dict[str, object], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "model.pt")
    assert _equal(read_state_dict(tmp_path / "model.pt"))


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    assert _equal(read_state_dict(str(tmp_path / "model.safetensors")))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TENSORS | {"note": Malice()}, id="beside-tensors"),
        pytest.param({"state_dict": TENSORS, "hyper_parameters": Malice()}, id="in-a-lightning-checkpoint"),
        pytest.param(Malice(), id="alone"),
    ],
)
def test_code_in_a_pickle_never_runs(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="holds more than tensors, which is not loaded"):
        read_state_dict(tmp_path / "model.pt")


@pytest.mark.parametrize(
    "content", [pytest.param([torch.ones(1)], id="list"), pytest.param({"epoch": 3}, id="numbers")]
)
def test_what_is_no_state_dict_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="not a state dict"):
        read_state_dict(tmp_path / "model.pt")


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no checkpoint at all"], ids=["empty", "text"])
def test_damaged_files_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_state_dict(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r'No file ".*model\.pt"'):
        read_state_dict(tmp_path / "model.pt")
