"""An operator speaks in the units of its data, and its record comes back as it was written."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from longwave.config import to_dict
from longwave.errors import CheckpointError, MissingFile
from longwave.models.pde import T1Config
from longwave.ops.transforms import transform
from longwave.training import (
    ChannelScale,
    FieldDataConfig,
    Operator,
    TrainConfig,
    load_fields,
    load_operator,
    train,
)
from longwave.training.operators import OPERATOR, OperatorRecord, read_operator_record

NOISE = torch.randn(5, 2, 6, 4, generator=torch.Generator().manual_seed(0))
FIELDS = NOISE * torch.tensor([[[2.0]], [[0.1]]]) + torch.tensor([[[1.0]], [[-3.0]]])


def test_scaled_fields_have_mean_0_and_deviation_1() -> None:
    scaled = ChannelScale.of(FIELDS).apply_to(FIELDS).transpose(0, 1).flatten(1)
    torch.testing.assert_close(scaled.mean(1), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(1, correction=0), torch.ones(2))


def test_undo_is_the_inverse() -> None:
    scale = ChannelScale.of(FIELDS)
    torch.testing.assert_close(scale.undo(scale.apply_to(FIELDS)), FIELDS)


@pytest.mark.parametrize("basis", ["dct", "hartley", "rfft"])
def test_coefficients_get_the_scale_that_their_fields_get(basis: str) -> None:
    scale = ChannelScale.of(FIELDS)
    got = scale.undo_coefficients(transform(FIELDS, basis, (3, 2)), (6, 4))
    torch.testing.assert_close(got, transform(scale.undo(FIELDS), basis, (3, 2)))


def test_a_constant_channel_is_only_centred() -> None:
    scale = ChannelScale.of(torch.full((3, 1, 4), 7.0))
    assert scale.lists() == ([7.0], [1.0])


def test_no_scale_changes_nothing() -> None:
    assert torch.equal(ChannelScale.none(2).apply_to(FIELDS), FIELDS)


def test_an_operator_scales_what_goes_in_and_what_comes_out() -> None:
    class Double(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    operator = Operator(Double(), ChannelScale([1.0], [2.0]), ChannelScale([5.0], [10.0]))
    assert float(operator(torch.full((1, 1, 3), 4.0))[0, 0, 0]) == 2 * (4 - 1) / 2 * 10 + 5


@pytest.fixture
def record(fields: FieldDataConfig, t1: T1Config) -> OperatorRecord:
    data = load_fields(fields)
    scales = (ChannelScale.of(data.train.inputs), ChannelScale.of(data.train.targets))
    return OperatorRecord.of(data, t1, *scales, 0.01)


def test_a_record_comes_back(record: OperatorRecord, tmp_path: Path) -> None:
    record.write(tmp_path)
    back = read_operator_record(tmp_path)
    for name in (
        "data",
        "data_hash",
        "is_periodic",
        "resolution",
        "model",
        "input_channels",
        "target_channels",
    ):
        assert getattr(back, name) == getattr(record, name)
    assert (back.inputs.lists(), back.targets.lists()) == (record.inputs.lists(), record.targets.lists())
    assert back.irreducible_loss == 0.01


def test_a_folder_without_a_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no model was trained on fields there"):
        read_operator_record(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"model": {"kind": "no"}}'], ids=["cut", "list", "empty", "kind"]
)
def test_a_damaged_record_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / OPERATOR).write_text(text)
    with pytest.raises(CheckpointError, match=r"operator\.json"):
        read_operator_record(tmp_path)


def test_a_trained_operator_loads_from_run_and_model_folder(field_run: TrainConfig, tmp_path: Path) -> None:
    train(field_run, tmp_path)
    x = load_fields(field_run.fields).test.inputs
    said = [load_operator(place)[0](x).detach() for place in (tmp_path, tmp_path / "model")]
    assert torch.equal(*said)
    assert not load_operator(tmp_path)[0].training


def test_a_language_model_is_no_operator(field_run: TrainConfig, tmp_path: Path) -> None:
    from longwave.models import LanguageModel, LanguageModelConfig

    train(field_run, tmp_path)
    small = LanguageModelConfig(vocab_size=9, d_model=4, n_layers=1, max_length=8)
    LanguageModel(small).save_pretrained(tmp_path / "model")
    with pytest.raises(CheckpointError, match="holds a LanguageModel, not a model of fields"):
        load_operator(tmp_path)


def test_an_operator_is_no_language_model(field_run: TrainConfig, tmp_path: Path) -> None:
    from longwave.training import load_model

    train(field_run, tmp_path)
    with pytest.raises(CheckpointError, match="holds a T1, not a language model"):
        load_model(tmp_path)


def test_the_record_is_json_that_people_can_read(record: OperatorRecord, tmp_path: Path) -> None:
    record.write(tmp_path)
    values = json.loads((tmp_path / OPERATOR).read_text())
    assert values["model"] == to_dict(record.model)
    assert math.isfinite(values["targets"][0]["std"])
