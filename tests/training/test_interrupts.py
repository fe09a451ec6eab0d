"""Ctrl-C at any point leaves a run that goes on as if nothing had happened."""

from __future__ import annotations

import os
import pkgutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.training import TrainConfig, load_trained, train
from longwave.training.interrupts import delay_interrupts

Curve = Callable[[Path], list[dict[str, float]]]
Change = Callable[..., TrainConfig]


def interrupt_call(patch: pytest.MonkeyPatch, target: str, number: int) -> None:
    """Let the ``number``-th call of a function raise KeyboardInterrupt instead."""
    place, _, name = target.rpartition(".")
    owner = pkgutil.resolve_name(place)
    real, calls = getattr(owner, name), []

    def interrupted(*args: object, **keys: object) -> object:
        calls.append(name)
        if len(calls) == number:
            raise KeyboardInterrupt
        return real(*args, **keys)

    patch.setattr(owner, name, interrupted)


POINTS = {
    "tokenising": ("longwave.training.text.prepare_text", 1),
    "recording": ("longwave.training.loop.open_run", 1),
    "first-forward": ("longwave.training.text.next_token_loss", 1),
    "middle-of-a-step": ("longwave.training.session.clip_gradients", 5),
    "logging": ("longwave.training.writers.JsonLinesWriter.log", 5),
    "validating": ("longwave.training.text.validate", 1),
    "model-file-written": ("longwave.training.checkpoints._flush", 1),
    "moments-file-written": ("longwave.training.checkpoints._flush", 2),
    "second-checkpoint": ("longwave.training.checkpoints._flush", 7),
    "old-checkpoints-removed": ("longwave.training.checkpoints.list_checkpoints", 3),
    "exporting": ("longwave.models.language.save_pretrained", 1),
    "result": ("longwave.training.session.write_json", 1),
}


@pytest.mark.parametrize(("target", "number"), POINTS.values(), ids=POINTS)
def test_a_run_interrupted_anywhere_goes_on_as_if_nothing_had_happened(
    target: str, number: int, config: TrainConfig, curve: Curve, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        interrupt_call(patch, target, number)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "out")
    train(config, tmp_path / "out")
    train(config, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


def test_an_interrupted_run_leaves_no_unfinished_checkpoint_in_the_end(
    config: TrainConfig, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        interrupt_call(patch, "longwave.training.checkpoints._flush", 2)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out" / "checkpoints").iterdir()] == [".tmp-step-00000003"]
    train(config, tmp_path / "out")
    names = sorted(p.name for p in (tmp_path / "out" / "checkpoints").iterdir())
    assert names == ["step-00000006", "step-00000008"]


def test_an_interrupted_run_can_be_generated_from(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        interrupt_call(patch, "longwave.training.session.clip_gradients", 5)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "out")
    assert load_trained(tmp_path / "out")[0].max_length == 24


def test_a_stop_before_the_first_log_still_saves(change: Change, tmp_path: Path) -> None:
    def stop(row: dict[str, float]) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        train(change(log_every=5, checkpoint_every=100), tmp_path / "out", on_step=stop)
    assert [p.name for p in (tmp_path / "out" / "checkpoints").iterdir()] == ["step-00000001"]


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_the_second_signal_interrupts_at_once(second: int) -> None:
    with delay_interrupts() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_made
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), second)


def test_without_a_signal_nothing_is_asked_for() -> None:
    with delay_interrupts() as stop:
        pass
    assert not stop.is_made


def test_handlers_come_back_after_an_error() -> None:
    before = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]
    with pytest.raises(ZeroDivisionError), delay_interrupts():
        raise ZeroDivisionError
    assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == before
