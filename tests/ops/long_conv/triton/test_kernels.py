"""The GPU kernels against float64: values and all gradients, small in the interpreter, larger on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch

from longwave.ops import long_conv

BF16, FP16 = torch.bfloat16, torch.float16


@dataclass(frozen=True)
class Problem:
    """One convolution; fields not given are plain."""

    L: int
    B: int = 3
    D: int = 4
    K: int | None = None  # L unless given
    heads: int | None = None  # D unless given
    both: bool = False
    gates: str = "ab"
    skip: bool = False
    dtype: torch.dtype = torch.float32

    def __str__(self) -> str:
        parts = [f"B{self.B}-D{self.D}-L{self.L}", f"K{self.K}" if self.K else ""]
        parts += [f"H{self.heads}" if self.heads else "", "both" if self.both else "", f"gates:{self.gates}"]
        parts += ["skip" if self.skip else "", str(self.dtype).removeprefix("torch.")]
        return "-".join(part for part in parts if part)

    def tensors(self, generator: torch.Generator, device: str) -> list[torch.Tensor | None]:
        """Return u, k, skip, gate_in and gate_out; filters decay as trained ones do."""

        def draw(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator).to(device)

        K, heads, shape = self.K or self.L, self.heads or self.D, (self.B, self.D, self.L)
        k = draw(*((2,) if self.both else ()), heads, K)
        k = k * torch.exp(-4 * torch.arange(K, device=device) / K)
        gates = (draw(*shape).to(self.dtype) if name in self.gates else None for name in "ab")
        u, skip = draw(*shape).to(self.dtype), draw(self.D) if self.skip else None
        return [u, k / k.norm(dim=-1, keepdim=True), skip, *gates]


# Relative L2 error against float64: the kernels' own, and with the rounding of bfloat16 (1.66e-3) on top. The
# interpreter truncates where a GPU rounds, which doubles the latter.
LIMITS = {torch.float32: 1e-3, torch.float16: 1.2e-3, torch.bfloat16: 2.5e-3}
TAPS_LIMIT = 1e-3
INTERPRETED_BFLOAT16 = 4.5e-3


LENGTHS = (1, 2, 3, 31, 127, 128, 1000)
SMALL = [Problem(L=L) for L in LENGTHS]
SMALL += [
    Problem(L=250, B=1, D=1),
    Problem(L=129, K=40, heads=2, gates="a", skip=True),
    Problem(L=257, heads=1, gates="b", skip=True),
    Problem(L=96, both=True, gates="ab", skip=True),
    Problem(L=63, both=True, K=20, heads=2, gates=""),
    Problem(L=300, B=2, D=2, dtype=BF16),
    Problem(L=301, B=2, D=2, dtype=FP16, gates="a"),
    Problem(L=515, B=2, D=2, dtype=BF16),
]
LARGE = [Problem(L=L, B=2, dtype=BF16) for L in (*LENGTHS, 512, 1025, 4096, 8191, 8192, 12000, 16384)]
LARGE += [Problem(L=L, B=2, dtype=BF16) for L in (32768, 50001, 65536)]
LARGE += [Problem(L=L, B=1, D=2, dtype=BF16) for L in (131072, 262144, 2**20)]
LARGE += [Problem(L=L, dtype=dtype) for dtype in (FP16, torch.float32) for L in (1024, 2048, 20000)]
LARGE += [Problem(L=L, B=5, dtype=BF16) for L in (513, 1026, 1032, 1280, 2049, 2056, 4104, 5120, 8200)]
LARGE += [
    Problem(L=1032, K=700, heads=2, gates="a", skip=True, dtype=BF16),
    Problem(L=4000, K=1000, heads=2, gates="a", skip=True, dtype=BF16),
    Problem(L=5000, gates="", skip=True, dtype=BF16),
    Problem(L=2048, both=True, heads=2, skip=True, dtype=BF16),
    Problem(L=20000, K=777, both=True, heads=1, gates="b", skip=True, dtype=BF16),
]


@pytest.fixture
def limit(device: str) -> Callable[[torch.dtype], float]:
    """Return the largest relative error of a type on this device."""

    def of(dtype: torch.dtype) -> float:
        return INTERPRETED_BFLOAT16 if device == "cpu" and dtype == torch.bfloat16 else LIMITS[dtype]

    return of


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Return the relative L2 error."""
    found, wanted = found.detach().double(), wanted.detach().double()
    return float((found - wanted).norm() / wanted.norm())


@pytest.fixture
def errors(generator: torch.Generator, device: str) -> Callable[..., dict[str, float]]:
    """Return a function from a problem to the errors of the output and of every gradient."""

    def of(problem: Problem, *, scale: float = 1.0, mean: float = 0.0) -> dict[str, float]:
        tensors = problem.tensors(generator, device)
        tensors[0] = tensors[0] * scale + mean
        grad = torch.randn(tensors[0].shape, generator=generator).to(device, problem.dtype) * scale
        found, wanted = (
            _with_gradients([t if t is None else t.to(wide or t.dtype) for t in tensors], grad, problem, name)
            for name, wide in (("triton", None), ("fft", torch.float64))
        )  # fmt: skip
        return {name: relative(found[name], wanted[name]) for name in wanted}

    return of


def _with_gradients(
    tensors: list, grad: torch.Tensor, problem: Problem, backend: str
) -> dict[str, torch.Tensor]:
    leaves = [t if t is None else t.detach().requires_grad_() for t in tensors]
    u, k, skip, a, b = leaves
    y = long_conv(u, k, skip, gate_in=a, gate_out=b, bidirectional=problem.both, backend=backend)
    names = [name for name, t in zip(("du", "dk", "dskip", "da", "db"), leaves, strict=True) if t is not None]
    grads = torch.autograd.grad(y, [t for t in leaves if t is not None], grad.to(y.dtype))
    return {"y": y, **dict(zip(names, grads, strict=True))}


def check(found: dict[str, float], problem, limit) -> None:
    bounds = {name: TAPS_LIMIT if name == "dk" else limit(problem.dtype) for name in found}
    bounds |= {"dskip": 10 * TAPS_LIMIT}  # one tap of dk, which may be far smaller than the others
    assert {name: error for name, error in found.items() if not error <= bounds[name]} == {}


@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_values_and_gradients_equal_float64(errors, limit, problem):
    check(errors(problem), problem, limit)


@pytest.mark.gpu
@pytest.mark.parametrize("problem", LARGE, ids=str)
def test_values_and_gradients_equal_float64_on_a_gpu(errors, limit, problem):
    check(errors(problem), problem, limit)


@pytest.mark.parametrize("scale", [1e-7, 1e4], ids=["tiny", "huge"])
def test_scale_of_the_signal_does_not_matter(errors, limit, scale):
    problem = Problem(L=200, B=2, D=2)
    check(errors(problem, scale=scale), problem, limit)


@pytest.mark.gpu
@pytest.mark.parametrize("L", [1024, 8192, 65536, 2**20])
def test_large_mean_does_not_overflow_half_precision(errors, limit, L):
    problem = Problem(L=L, B=1, D=2, gates="", dtype=FP16)
    found = errors(problem, mean=30.0)
    assert found["y"] <= limit(FP16)
    assert all(error == error for error in found.values())


@pytest.mark.gpu
@pytest.mark.parametrize("L", [1000, 1032, 4096, 8192, 20000])
def test_gradients_repeat_bit_for_bit(generator, L):
    u, k, _, a, b = (
        t if t is None else t.requires_grad_()
        for t in Problem(L=L, B=5, dtype=BF16).tensors(generator, "cuda")
    )
    outputs = (long_conv(u, k, gate_in=a, gate_out=b, backend="triton").float() for _ in range(2))
    first, second = (torch.autograd.grad(y.square().sum(), (u, k, a, b)) for y in outputs)
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))


@pytest.mark.gpu
def test_offsets_have_64_bits():
    u = torch.zeros(2, 520, 2**21, dtype=BF16, device="cuda")  # 2**31 elements and some
    u[1, -1, -5] = 1
    k = torch.zeros(520, 8, device="cuda")
    k[:, 2] = 3.0
    y = long_conv(u, k, backend="triton")
    assert y[1, -1, -3] == 3
    y[1, -1, -3] = 0
    assert y[1, -1].abs().amax() < 1e-3  # a transform leaks rounding
    assert not y[0, 0].any()


@pytest.mark.gpu
def test_four_million_steps(errors, limit):
    problem = Problem(L=2**22, B=1, D=2, dtype=BF16)
    check(errors(problem), problem, limit)
