"""Batches of fields: what is accepted, and what a message says of what is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from longwave.errors import DataError, ShapeError
from longwave.metrics import finite_samples
from longwave.metrics.field_arrays import check_fields, check_pair, mean_by_sample, quotient, sum_by_sample


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float16, np.int64, np.bool_], ids=lambda dtype: dtype.__name__
)
def test_any_real_type_becomes_double(dtype):
    fields = check_fields(np.ones((2, 1, 3), dtype), "target")
    assert fields.dtype == np.float64
    assert np.array_equal(fields, np.ones((2, 1, 3)))


def test_tensors_on_the_cpu_are_arrays():
    torch = pytest.importorskip("torch")
    assert check_fields(torch.ones(2, 1, 3), "target").shape == (2, 1, 3)


@pytest.mark.parametrize(
    "fields",
    [np.ones((2, 3)), np.ones((1,) * 6), np.ones((2, 0, 3)), np.ones((2, 1, 0)), np.ones((2, 1, 3)) * 1j],
    ids=["no-grid", "4d", "no-channel", "no-point", "complex"],
)
def test_what_is_no_batch_of_real_fields_is_refused(fields):
    with pytest.raises(ShapeError, match="Put samples and channels before the grid"):
        check_fields(fields, "target")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_first_sample_that_is_not_finite_is_named(bad):
    fields = np.ones((5, 1, 4))
    fields[2, 0, 1] = fields[4, 0, 0] = bad
    with pytest.raises(DataError, match=r"prediction of sample 2 has .* \(2 of 5 samples do\)"):
        check_pair(fields, np.ones((5, 1, 4)))
    assert finite_samples(fields).tolist() == [True, True, False, True, False]


def test_predictions_of_another_grid_are_refused():
    with pytest.raises(ShapeError, match=r"\(1, 1, 4\) but the targets \(1, 1, 5\)"):
        check_pair(np.ones((1, 1, 4)), np.ones((1, 1, 5)))


def test_sums_and_means_run_over_all_but_the_samples(rng):
    values = rng.normal(size=(3, 2, 4, 5))
    np.testing.assert_allclose(sum_by_sample(values), values.reshape(3, -1).sum(1))
    np.testing.assert_allclose(mean_by_sample(values), values.reshape(3, -1).mean(1))


def test_nothing_over_nothing_is_no_error():
    assert quotient(np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 0.0])).tolist() == [0.5, 0, math.inf]
