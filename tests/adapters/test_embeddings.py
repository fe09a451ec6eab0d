"""Checks of embeddings, labels and groups: every message once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from longwave.adapters.embeddings import check_embeddings, check_labels, code_groups, unit_rows
from longwave.errors import DataError, ShapeError


def test_embeddings_become_float32() -> None:
    found = check_embeddings([[1, 2], [3, 4]])
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("embeddings", "error", "message"),
    [
        ([1.0, 2.0], ShapeError, r"have shape \(2,\); accepted is \(n, d\)"),
        (np.zeros((0, 3)), ShapeError, "have 0 rows"),
        (np.zeros((3, 0)), ShapeError, r"0 feature\(s\)"),
        ([[1.0, 2.0, 3.0]], ShapeError, "width 3 but 2 is expected"),
        ([[1.0, 2.0], [np.nan, 1.0], [np.inf, 0.0]], DataError, r"2 of 3 rows .* \(rows 1, 2\)"),
        ([[1.0, 2.0], [0.0, 0.0]], DataError, r"1 of 2 rows .* are zero .* \(rows 1\)"),
        ([["a", "b"]], DataError, "no matrix of numbers"),
        (np.array([[1j, 2.0]]), DataError, "complex"),
    ],
    ids=["one-axis", "no-rows", "no-columns", "width", "nan", "zero", "text", "complex"],
)
def test_embeddings_that_cannot_be_used_are_refused(
    embeddings: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_embeddings(embeddings, width=2)  # type: ignore[arg-type]


def test_sparse_embeddings_are_refused() -> None:
    scipy_sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(DataError, match=r"sparse; accepted is a dense matrix. Pass embeddings.toarray\(\)"):
        check_embeddings(scipy_sparse.csr_matrix(np.eye(2)))


def test_many_wrong_rows_are_counted_not_listed() -> None:
    with pytest.raises(DataError, match=r"9 of 9 rows .* \(rows 0, 1, 2, 3, 4 and 4 more\)"):
        check_embeddings(np.zeros((9, 2)))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 1], ShapeError, r"have shape \(2,\) but there are 3 embeddings"),
        ([0.0, np.nan, 1.0], DataError, r"hold NaN or infinity \(rows 1\)"),
        ([0.0, 0.5, 1.0], DataError, r"have a fraction \(rows 1\)"),
        (["a", None, "b"], DataError, r"are None \(rows 1\)"),
        (None, DataError, "labels are None; learning requires y"),
    ],
    ids=["too-few", "nan", "fraction", "none", "missing"],
)
def test_labels_that_cannot_be_used_are_refused(labels: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_labels(labels, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([2.0, 3.0], [2, 3]),
        ([[2], [3]], [2, 3]),
        (["b", "a"], ["b", "a"]),
        (np.array(["b", "a"], dtype=object), ["b", "a"]),
        (np.array([2, 3], dtype=object), [2, 3]),
        ([True, False], [True, False]),
    ],
    ids=["whole-floats", "column", "text", "text-objects", "number-objects", "bools"],
)
def test_labels_may_be_whole_numbers_or_text(labels: object, found: list[object]) -> None:
    assert check_labels(labels, 2).tolist() == found  # type: ignore[arg-type]


def test_groups_are_numbered_in_the_order_of_their_names() -> None:
    codes, names = code_groups(["b", "a", "b"], 3)
    assert (codes.tolist(), names) == ([1, 0, 1], ["a", "b"])


@given(arrays(np.float32, (3, 4), elements=st.floats(2**-60, 2**60, width=32)))
def test_unit_rows_have_length_one_and_keep_their_direction(x: np.ndarray) -> None:
    unit = unit_rows(x)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(unit, wide / np.linalg.norm(wide, axis=1, keepdims=True), rtol=2e-5, atol=1e-6)
