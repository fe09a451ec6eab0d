"""Low Fourier modes by products and by FFTs, against sums written from the formula."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import pytest
import torch

from longwave.errors import ShapeError
from longwave.mixers import low_modes as module
from longwave.mixers.low_modes import from_low_modes, kept_shape, low_modes

CASES = {
    "N9-m4": ((9,), (4,)),
    "N7-m4": ((7,), (4,)),
    "N1-m1": ((1,), (1,)),
    "N9x8-m4x3": ((9, 8), (4, 3)),
    "N8x7-m4x4": ((8, 7), (4, 4)),
    "N21x17-m2x5": ((21, 17), (2, 5)),
    "N6x7x5-m2x3x3": ((6, 7, 5), (2, 3, 3)),
}
cases = pytest.mark.parametrize(("sizes", "n_modes"), CASES.values(), ids=CASES)


@pytest.fixture(params=["products", "fft"])
def _route(request, monkeypatch):
    if request.param == "fft":
        monkeypatch.setattr(module, "DENSE_MODES", 0)


def kept(n_modes):
    """Return the kept wave numbers in order, as one list a mode."""
    signed = [[*range(m), *range(-m, 0)] for m in n_modes[:-1]]
    return list(itertools.product(*signed, range(n_modes[-1])))


def wave(k, sizes):
    """Return exp(2 pi i k.i/N) on the grid."""
    axes = [
        torch.arange(n, dtype=torch.float64) * (wave_number / n)
        for wave_number, n in zip(k, sizes, strict=True)
    ]
    phase = sum(torch.meshgrid(*axes, indexing="ij"))
    return torch.polar(torch.ones_like(phase), 2 * math.pi * phase)


def modes_by_sums(x, n_modes):
    sizes, axes = x.shape[2:], tuple(range(2, x.ndim))
    z = torch.stack([(x * wave(k, sizes).conj()).sum(axes) for k in kept(n_modes)])
    return z.unflatten(0, kept_shape(n_modes))


def field_by_sums(z, sizes):
    n_modes = (*(n // 2 for n in z.shape[: len(sizes) - 1]), z.shape[len(sizes) - 1])
    parts = [
        (z_k[(..., *(None,) * len(sizes))] * wave(k, sizes)).real * (2 if k[-1] else 1)
        for k, z_k in zip(kept(n_modes), z.flatten(0, len(sizes) - 1), strict=True)
    ]
    return sum(parts) / math.prod(sizes)


@cases
@pytest.mark.usefixtures("_route")
def test_modes_and_their_gradients_equal_sums(draw, sizes, n_modes):
    x = draw(2, 3, *sizes).requires_grad_()
    found, expected = low_modes(x, n_modes), modes_by_sums(x, n_modes)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    weight = torch.complex(draw(*found.shape), draw(*found.shape))
    grads = [torch.autograd.grad((z * weight).real.sum(), x)[0] for z in (found, expected)]
    torch.testing.assert_close(*grads, rtol=1e-11, atol=1e-11)


@cases
@pytest.mark.usefixtures("_route")
def test_fields_and_their_gradients_equal_sums(draw, sizes, n_modes):
    shape = (*kept_shape(n_modes), 2, 3)
    z = torch.complex(draw(*shape), draw(*shape)).requires_grad_()
    found, expected = from_low_modes(z, sizes), field_by_sums(z, sizes)
    assert found.shape == (2, 3, *sizes)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    weight = draw(2, 3, *sizes)
    grads = [torch.autograd.grad((y * weight).sum(), z)[0] for y in (found, expected)]
    torch.testing.assert_close(*grads, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("sizes", "n_modes"),
    [((6,), (4,)), ((7, 9), (4, 4)), ((9, 6), (4, 4)), ((9,), (4, 4))],
    ids=["half-axis", "signed-axis", "last-axis", "axes"],
)
def test_a_grid_that_cannot_show_the_modes_is_refused(sizes, n_modes):
    with pytest.raises(ShapeError, match="Keep fewer modes or evaluate on a finer grid"):
        module.check_grid(sizes, n_modes)


def test_matrices_met_in_inference_mode_serve_training(draw):
    x = draw(1, 1, 1013).requires_grad_()
    with torch.inference_mode():
        from_low_modes(low_modes(x, (3,)), (1013,))
    from_low_modes(low_modes(x, (3,)), (1013,)).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones_like(x))


@pytest.mark.slow
@pytest.mark.usefixtures("_route")
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_a_compiled_graph_has_the_same_modes_and_gradients_on_any_grid(draw):
    def there_and_back(x):
        return from_low_modes(low_modes(x, (3, 4)).square(), x.shape[2:])

    torch.compiler.reset()
    compiled = torch.compile(there_and_back, fullgraph=True, backend="aot_eager")
    for sizes in ((9, 8), (6, 11)):
        x = draw(2, 3, *sizes).requires_grad_()
        weight = draw(2, 3, *sizes)
        found, expected = compiled(x), there_and_back(x)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        grads = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (found, expected)]
        torch.testing.assert_close(*grads, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_mixers_are_imported_without_the_compiler():
    code = (
        "import sys, torch\nbefore = set(sys.modules)\nimport longwave.mixers\n"
        "print([name in kept for kept in (before, sys.modules) for name in ['torch._dynamo']])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[False, False]"
