"""The first use of a plan on a GPU: checked, remembered, and replaced by the FFT where it is wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import triton
from torch import Tensor
from triton.runtime.errors import TritonError

from longwave.ops import long_conv
from longwave.ops.long_conv.triton import launch, self_check
from longwave.ops.long_conv.triton import remembered as files
from longwave.ops.long_conv.triton.plans import ChunkPlan, forward_plan
from longwave.ops.long_conv.triton.self_check import LIMIT, is_right

PLAN, GPU, CPU = forward_plan(256), torch.device("cuda", 0), torch.device("cpu")
Computed = list[tuple[object, ...]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where checks are remembered in a test, as on a machine with a GPU and nothing remembered."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA Pretended")
    is_right.cache_clear()
    yield tmp_path / "longwave"
    is_right.cache_clear()


@pytest.fixture
def computed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float | Exception], Computed]:
    """Return a function that sets what comparisons come out at, and returns the list of those made."""

    def set_to(outcome: float | Exception) -> Computed:
        made: Computed = []

        def compare(*arguments: object) -> float:
            made.append(arguments)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(self_check, "_largest_error", compare)
        return made

    return set_to


def ask(plan: ChunkPlan = PLAN, *, is_backward: bool = False, dtype: torch.dtype = torch.bfloat16) -> bool:
    """Ask as a new process would."""
    is_right.cache_clear()
    return is_right(plan, GPU, dtype, is_backward=is_backward)


def remembered(folder: Path) -> dict[str, float]:
    return json.loads((folder / "checked-kernels.json").read_text("utf-8"))


def test_interpreter_is_right_without_a_comparison(computed):
    made = computed(1.0)
    assert is_right(PLAN, CPU, torch.float32, is_backward=False)
    assert made == []


@pytest.mark.parametrize("is_backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("is_odd", [False, True], ids=["even", "odd"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_comparison_itself_finds_the_kernels_right(dtype, is_odd, is_backward):
    assert self_check._largest_error(PLAN, CPU, dtype, is_backward, is_odd) < LIMIT


@pytest.mark.parametrize("is_backward", [False, True], ids=["forward", "backward"])
def test_comparison_finds_a_wrong_kernel(monkeypatch, is_backward):
    name = "backward" if is_backward else "forward"
    genuine = getattr(self_check, name)

    def wrong(*arguments: object) -> Tensor | tuple[Tensor, ...]:
        found = genuine(*arguments)
        (found[-1] if is_backward else found).mul_(1 + 2 * LIMIT)
        return found

    monkeypatch.setattr(self_check, name, wrong)
    assert self_check._largest_error(PLAN, CPU, torch.float32, is_backward) > LIMIT


@pytest.mark.parametrize("which", range(4), ids=["u", "k", "gate_in", "gate_out"])
def test_comparison_finds_nan_in_any_gradient(monkeypatch, which):
    genuine = self_check.backward

    def wrong(*arguments: object) -> tuple[Tensor, ...]:
        found = genuine(*arguments)
        found[which][..., -1] = float("nan")
        return found

    monkeypatch.setattr(self_check, "backward", wrong)
    assert not self_check._largest_error(PLAN, CPU, torch.float32, True) < LIMIT


WRONG = {
    "large-error": 2 * LIMIT,
    "nan": float("nan"),
    "triton": TritonError("no such instruction"),
    "runtime": RuntimeError("out of resources"),
}


@pytest.mark.parametrize("outcome", WRONG.values(), ids=WRONG)
def test_wrong_kernel_is_refused_and_nothing_remembered(computed, folder, outcome):
    computed(outcome)
    assert not ask()
    assert not folder.exists()


@pytest.mark.parametrize("outcome", WRONG.values(), ids=WRONG)
def test_wrong_kernel_is_reported_once_with_the_version_and_the_steps(computed, caplog, outcome):
    computed(outcome)
    for _ in range(2):
        is_right(PLAN, GPU, torch.bfloat16, is_backward=False)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert all(
        part in record.getMessage() for part in ("256 steps", f"Triton {triton.__version__}", "Pretended")
    )


@pytest.mark.parametrize(
    ("outcome", "words"), [(0.5, "error of 5.0e-01"), (RuntimeError("out of resources"), "out of resources")]
)
def test_report_says_what_is_wrong(computed, caplog, outcome, words):
    computed(outcome)
    ask()
    assert words in caplog.text


def test_a_mistake_in_the_comparison_is_not_taken_for_a_wrong_kernel(computed):
    computed(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        ask()


def test_right_kernel_is_remembered_on_disk(computed, folder):
    computed(1e-3)
    assert ask()
    (key,) = remembered(folder)
    assert all(part in key for part in (triton.__version__, "Pretended", "bfloat16", str(PLAN), "False"))


def test_error_found_is_remembered_too(computed, folder):
    computed(1e-3)
    ask()
    assert list(remembered(folder).values()) == [1e-3]


def test_right_kernel_is_not_compared_again(computed):
    made = computed(1e-3)
    assert [ask(), ask()] == [True, True]
    assert len(made) == 1


def test_right_kernel_is_no_longer_looked_up_in_the_same_process(computed, folder, monkeypatch):
    computed(1e-3)
    ask()
    monkeypatch.setattr(self_check, "recall", None)
    assert is_right(PLAN, GPU, torch.bfloat16, is_backward=False)


@pytest.mark.parametrize(
    "other",
    [{"is_backward": True}, {"dtype": torch.float16}, {"plan": forward_plan(1024)}],
    ids=["direction", "type", "plan"],
)
def test_each_direction_type_and_plan_is_compared_for_itself(computed, folder, other):
    made = computed(1e-3)
    ask()
    ask(**other)
    assert len(made) == len(remembered(folder)) == 2


def test_another_version_of_the_kernels_is_compared_anew(computed, monkeypatch):
    made = computed(1e-3)
    ask()
    monkeypatch.setattr(files, "_digest", lambda: "another")
    ask()
    assert len(made) == 2


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every plan a wrong one, and the kernels unusable."""
    monkeypatch.setattr(self_check, "is_right", lambda *_, **__: False)
    monkeypatch.setattr(launch, "forward", None)
    monkeypatch.setattr(launch, "backward", None)


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("both", [False, True], ids=["causal", "both"])
def test_wrong_kernels_are_replaced_by_the_fft_forward_and_backward(draw, both):
    u, skip, a, b = (
        draw(*shape, dtype=torch.float32) for shape in ((2, 4, 37), (4,), (2, 4, 37), (2, 4, 37))
    )
    k = draw(*((2, 2, 11) if both else (2, 11)), dtype=torch.float32)
    leaves = (u, k, skip, a, b)

    def everything(backend: str) -> tuple[Tensor, ...]:
        y = long_conv(u, k, skip, gate_in=a, gate_out=b, bidirectional=both, backend=backend)
        return (y, *torch.autograd.grad(y.sin().sum(), leaves))

    for found, wanted in zip(everything("triton"), everything("fft"), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("name", ["u", "k", "skip", "gate_in", "gate_out"])
def test_replacement_gives_a_single_gradient_too(draw, name):
    tensors = {
        each: draw(2, 3, 17, dtype=torch.float32, requires_grad=False)
        for each in ("u", "gate_in", "gate_out")
    }
    tensors |= {"k": draw(3, 17, dtype=torch.float32, requires_grad=False), "skip": torch.ones(3)}
    tensors[name].requires_grad_()
    found, wanted = (
        torch.autograd.grad(long_conv(**tensors, backend=backend).sum(), tensors[name])[0]
        for backend in ("triton", "fft")
    )
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("refused")
def test_replacement_has_the_type_of_the_input(draw):
    u = draw(1, 2, 16, dtype=torch.bfloat16)
    y = long_conv(u, draw(2, 16, dtype=torch.float32), backend="triton")
    y.sum().backward()
    assert y.dtype == u.grad.dtype == torch.bfloat16
