"""The learned transform: exact at the start, a dense product at any factors, trainable, and its messages."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError
from longwave.ops.long_conv.butterfly import ButterflyTransform, balanced_factors

both_orders = pytest.mark.parametrize("order", [2, 3])
kinds = pytest.mark.parametrize("kind", ["free", "additive"])
lengths = pytest.mark.parametrize("n", [8, 12, 27, 60, 105, 128, 1000], ids=lambda n: f"n{n}")


def scatter(transform, generator, std=0.3):
    """Move the factors away from the exact ones."""
    with torch.no_grad():
        for factor in transform.factors:
            factor += std * torch.randn(factor.shape, generator=generator, dtype=factor.dtype)
    return transform


def twiddle(rows, columns):
    turns = torch.outer(torch.arange(rows), torch.arange(columns)).double() / (rows * columns)
    return torch.exp(-2j * math.pi * turns)


def dense(factors):
    """Multiply the factors out to (H, n, n), index by index as the formula has it."""
    sizes = [factor.shape[-1] for factor in factors]
    n = math.prod(sizes)
    if len(factors) == 2:
        one, two = factors
        matrix = torch.einsum("hka,kb,hlb->hlkab", one, twiddle(*sizes), two)
    else:
        one, two, three = factors
        outer = twiddle(sizes[0], n // sizes[0]).reshape(sizes)
        matrix = torch.einsum(
            "hka,kbc,hlb,lc,hmc->hmlkabc", one, outer, two, twiddle(sizes[1], sizes[2]), three
        )
    return matrix.reshape(-1, n, n)


def dense_transform(transform, x):
    matrix = dense([transform.factor(i) for i in range(transform.order)])
    matrix = matrix.repeat_interleave(x.shape[-2] // transform.heads, dim=0)
    return torch.einsum("dfs,...ds->...df", matrix, x.to(matrix.dtype))


@kinds
@both_orders
@lengths
def test_transform_starts_as_the_fft_in_double_precision(draw, n, order, kind):
    x = torch.complex(draw(2, 3, n), draw(2, 3, n))
    transform = ButterflyTransform(n, order, parametrization=kind, dtype=torch.float64)
    expected = torch.fft.fft(x)
    assert (transform(x) - expected).norm() / expected.norm() <= 1e-12


@kinds
@both_orders
@lengths
def test_transform_starts_as_the_fft_in_single_precision(draw, n, order, kind):
    x = draw(2, 3, n, dtype=torch.float32)
    expected = torch.fft.fft(x)
    found = ButterflyTransform(n, order, parametrization=kind)(x)
    assert found.dtype == torch.complex64
    assert (found - expected).norm() / expected.norm() <= 1e-5


@pytest.mark.parametrize("L", [0, 1, 7, 12])
def test_shorter_input_is_padded_with_zeros(draw, tolerance, L):
    x = draw(2, 3, L)
    expected = torch.fft.fft(torch.nn.functional.pad(x, (0, 12 - L)))
    found = ButterflyTransform(12, dtype=torch.float64)(x)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@kinds
@pytest.mark.parametrize("heads", [1, 2, 6])
@pytest.mark.parametrize(("n", "order"), [(12, 2), (12, 3), (30, 3), (35, 2)], ids=str)
def test_learned_transform_equals_the_dense_product(draw, generator, tolerance, n, order, heads, kind):
    transform = ButterflyTransform(n, order, heads, parametrization=kind, dtype=torch.float64)
    scatter(transform, generator)
    x = draw(2, 6, n)
    torch.testing.assert_close(transform(x), dense_transform(transform, x), **tolerance(torch.float64))


@kinds
@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize(("n", "order"), [(12, 2), (12, 3), (30, 3), (35, 2)], ids=str)
def test_gradients_equal_autograd_of_the_dense_product(draw, generator, tolerance, n, order, heads, kind):
    transform = ButterflyTransform(n, order, heads, parametrization=kind, dtype=torch.float64)
    scatter(transform, generator)
    x, weight = draw(2, 6, n), torch.complex(draw(2, 6, n), draw(2, 6, n)).detach()
    wanted = [x, *transform.factors]
    found = torch.autograd.grad((weight * transform(x)).sum().real, wanted)
    expected = torch.autograd.grad((weight * dense_transform(transform, x)).sum().real, wanted)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_each_head_serves_its_neighbouring_channels(draw, generator):
    transform = ButterflyTransform(12, heads=2)
    before = transform(x := draw(1, 6, 12, dtype=torch.float32))
    with torch.no_grad():
        transform.factors[0][1] += 0.1
    changed = (transform(x) != before).any(-1)[0]
    assert changed.tolist() == [False, False, False, True, True, True]


@settings(max_examples=40)
@given(st.integers(4, 300), st.sampled_from([2, 3]))
def test_factors_are_the_best_split_or_there_is_none(n, order):
    if order == 2:
        splits = [(a, n // a) for a in range(2, n) if n % a == 0 and n // a > 1]
    else:
        splits = [
            (a, b, n // (a * b))
            for a in range(2, n)
            if n % a == 0
            for b in range(2, n // a)
            if (n // a) % b == 0
        ]
    if not splits:
        with pytest.raises(ConfigError):
            balanced_factors(n, order)
    else:
        found = balanced_factors(n, order)
        assert (math.prod(found), sum(found)) == (n, min(map(sum, splits)))


def test_parameters_are_real_and_nothing_else_is_stored():
    transform = ButterflyTransform(12, heads=2, parametrization="additive")
    assert {name: (tuple(t.shape), t.dtype) for name, t in transform.state_dict().items()} == {
        "factors.0": ((2, 4, 4, 2), torch.float32),
        "factors.1": ((2, 3, 3, 2), torch.float32),
    }


@kinds
def test_stored_factors_load_again(draw, generator, kind):
    transform = scatter(ButterflyTransform(12, parametrization=kind), generator)
    other = ButterflyTransform(12, parametrization=kind)
    other.load_state_dict(transform.state_dict())
    x = draw(1, 2, 12)
    assert torch.equal(other(x), transform(x))


@kinds
def test_changed_data_type_keeps_the_imaginary_parts(draw, kind):
    transform = ButterflyTransform(12, parametrization=kind).to(torch.bfloat16).to(torch.float64)
    x = draw(2, 3, 12)
    assert transform(x).dtype == torch.complex128
    assert (transform(x) - torch.fft.fft(x)).norm() / x.norm() < 0.05


def test_correction_starts_where_it_is_told(generator):
    transform = ButterflyTransform(256, parametrization="additive", correction_std=0.01)
    assert 0.008 < float(transform.factors[0].detach().std()) < 0.012


def test_dropout_drops_whole_entries_of_the_correction():
    torch.manual_seed(0)
    transform = ButterflyTransform(64, parametrization="additive", dropout=0.5)
    with torch.no_grad():
        transform.factors[0].fill_(1.0)
    learned = transform.factor(0) - torch.view_as_complex(transform.exact_0)
    kept = learned.abs() > 1e-3
    torch.testing.assert_close(learned[kept], torch.full_like(learned[kept], 2 + 2j), rtol=1e-6, atol=1e-6)
    assert 0 < kept.sum() < kept.numel()


def test_dropout_is_off_outside_training(draw, generator):
    transform = ButterflyTransform(12, parametrization="additive", dropout=0.5)
    scatter(transform, generator).eval()
    x = draw(1, 2, 12)
    assert torch.equal(transform(x), transform(x))


def test_autocast_does_not_narrow_the_arithmetic(draw):
    transform, x = ButterflyTransform(12), draw(2, 3, 12, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = transform(x)
    assert torch.equal(inside, transform(x))


@pytest.mark.parametrize("shape", [(0, 3, 12), (2, 0, 12), (0, 12)], ids=str)
def test_nothing_is_transformed_to_nothing(shape):
    assert ButterflyTransform(12)(torch.zeros(shape)).shape == shape


@pytest.mark.parametrize("shape", [(5, 12), (1, 1, 12), (2, 2, 4, 12)], ids=str)
def test_any_axes_may_stand_before_the_time(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ButterflyTransform(12)(x), torch.fft.fft(x), rtol=1e-5, atol=1e-5)


def distance(transform, target):
    identity = torch.eye(transform.n)[:, None]  # (n, 1, n): one impulse a batch entry
    return (transform(identity)[:, 0].T - target).abs().square().mean()


def train(transform, target, steps=300):
    optimizer = torch.optim.Adam(transform.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = distance(transform, target)
        loss.backward()
        optimizer.step()
        scheduler.step()
    return distance(transform, target).item()


@kinds
@both_orders
def test_training_finds_the_fourier_transform_again(generator, order, kind):
    transform = scatter(ButterflyTransform(16, order, parametrization=kind), generator, std=0.1)
    target = torch.fft.fft(torch.eye(16))
    before = distance(transform, target).item()
    assert train(transform, target) < 1e-4 * before


def test_training_fits_another_map_better_than_the_fourier_transform(generator):
    far = scatter(ButterflyTransform(12), generator, std=0.5)
    target = dense([far.factor(i).detach().to(torch.complex128) for i in range(2)])[0]
    transform = ButterflyTransform(12)
    before = distance(transform, target).item()
    assert train(transform, target) < 0.01 * before


@pytest.mark.parametrize(
    ("n", "order", "message"),
    [
        (13, 2, "13 is prime"),
        (2, 2, "2 is prime"),
        (6, 3, "6 has fewer than 3 prime factors"),
        (1, 2, "1 has fewer than 2"),
        (0, 2, "0 has fewer than 2"),
        (-8, 2, "-8 has fewer than 2"),
        (12, 4, "order is 4; a butterfly has 2 or 3 factors"),
    ],
    ids=str,
)
def test_points_that_do_not_factor_are_refused(n, order, message):
    with pytest.raises(ConfigError, match=message):
        ButterflyTransform(n, order)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 0}, "heads of a butterfly is 0"),
        ({"parametrization": "fre"}, '"free" or "additive"'),
        ({"parametrization": "additive", "dropout": 1.0}, "from 0 to below 1"),
        ({"parametrization": "additive", "correction_std": -1.0}, "0 or above"),
        ({"dtype": torch.float16}, "torch.float32 or torch.float64"),
        ({"dropout": 0.1}, "A free butterfly has no correction"),
        ({"correction_std": 0.1}, "A free butterfly has no correction"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ButterflyTransform(12, **options)


@pytest.mark.parametrize("shape", [(12,), (2, 3, 12)], ids=str)
def test_width_must_be_a_multiple_of_the_heads(shape):
    with pytest.raises(ShapeError, match="a multiple of its 2 heads"):
        ButterflyTransform(12, heads=2)(torch.zeros(shape))


def test_longer_input_is_refused():
    with pytest.raises(ShapeError, match=r"13 steps .* has 12 points"):
        ButterflyTransform(12)(torch.zeros(1, 13))
