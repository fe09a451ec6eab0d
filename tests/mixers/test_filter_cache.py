"""Filters kept in evaluation: reused when nothing changed, computed again after every kind of change."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from longwave.mixers import FilterConfig, Hyena
from longwave.mixers.filter_cache import FilterCache


@pytest.fixture
def mixer():
    return Hyena(4, 16, order=3, filter=FilterConfig(init="sine")).eval()


@pytest.fixture
def count(mixer, monkeypatch):
    """Return a function that runs the mixer without gradients and says how often filters were computed."""
    calls = []
    compute = mixer.filter.forward
    monkeypatch.setattr(mixer.filter, "forward", lambda seq_len: calls.append(seq_len) or compute(seq_len))

    def run(seq_len: int = 12) -> int:
        before = len(calls)
        with torch.no_grad():
            mixer(torch.ones(1, seq_len, 4, dtype=mixer.in_proj.weight.dtype))
        return len(calls) - before

    run.calls = calls
    return run


def test_evaluation_computes_filters_once(count):
    assert [count(), count(), count()] == [1, 0, 0]


def test_another_length_is_computed_and_replaces_the_first(count):
    assert [count(12), count(7), count(7), count(12)] == [1, 1, 0, 1]


def step_of_an_optimiser(mixer):
    mixer(torch.ones(1, 12, 4)).sum().backward()
    torch.optim.SGD(mixer.parameters(), lr=0.1).step()


def new_parameter(mixer):
    mixer.filter.out_weight = torch.nn.Parameter(mixer.filter.out_weight.detach() + 1)


def written_data(mixer):
    mixer.filter.out_weight.data = mixer.filter.out_weight.detach() + 1


def loaded(assign):
    return lambda mixer: mixer.load_state_dict(
        {n: x + 1 for n, x in mixer.state_dict().items()}, assign=assign
    )


def in_place_change(mixer):
    with torch.no_grad():
        mixer.filter.decay.mul_(2)


CHANGES = {
    "optimiser": step_of_an_optimiser,
    "load": loaded(False),
    "load-assign": loaded(True),
    "buffer": in_place_change,
    "parameter": new_parameter,
    "data": written_data,
    "reset": lambda mixer: mixer.filter.reset_parameters(),
    "cast": lambda mixer: mixer.double(),
    "cast-there-and-back": lambda mixer: mixer.half().float(),
    "cast-of-the-filter": lambda mixer: mixer.filter.double(),
    "train-and-eval": lambda mixer: mixer.train().eval(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(mixer, count, change):
    count()
    change(mixer)
    assert [count(), count()] == [1, 0]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_outputs_after_a_change_are_those_of_a_mixer_that_kept_nothing(mixer, count, change):
    count()
    change(mixer)
    x = torch.ones(1, 12, 4, dtype=mixer.in_proj.weight.dtype)
    with torch.no_grad():
        found = mixer(x)
        mixer.kept.clear()
        assert torch.equal(found, mixer(x))


def test_training_keeps_nothing(mixer, count):
    mixer.train()
    assert [count(), count()] == [1, 1]


def test_a_filter_in_training_is_not_kept(mixer, count):
    mixer.filter.train()
    assert [count(), count()] == [1, 1]


def test_train_frees_the_filters(mixer, count):
    count()
    mixer.train()
    assert mixer.kept._taps is None


def test_gradients_flow_after_filters_were_kept(mixer, count):
    count()
    mixer(torch.ones(1, 12, 4)).sum().backward()
    assert mixer.filter.out_weight.grad.any()


def test_inference_mode_keeps_filters_apart(mixer, count):
    with torch.inference_mode():
        mixer(torch.ones(1, 12, 4))
    assert [count(), count()] == [1, 0]


def test_parameters_of_inference_mode_keep_nothing():
    with torch.inference_mode():
        weight, cache = torch.ones(2), FilterCache()
        first = cache.get(2, [weight], weight.clone)
        assert first is not cache.get(2, [weight], weight.clone)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"]
)
def test_copies_start_empty(mixer, copied):
    with torch.no_grad():
        mixer(torch.ones(1, 12, 4))
    assert copied(mixer).kept._taps is None


def test_functional_calls_use_their_own_parameters(mixer, count):
    count()
    zeros = {name: torch.zeros_like(x) for name, x in mixer.named_parameters()}
    with torch.no_grad():
        out = torch.func.functional_call(mixer, zeros, (torch.ones(1, 12, 4),))
    assert not out.any()
    assert count() == 1
