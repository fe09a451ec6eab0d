"""Values on their way between two interpreters: all plain ones arrive, and nothing else does."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.sandbox._exchange import from_json, to_json

hashable = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters()),
    st.binary(),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.complex_numbers(allow_nan=False),
)
values = st.recursive(
    st.one_of(hashable, st.builds(bytearray, st.binary())),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(deque),
        st.sets(hashable, max_size=4),
        st.frozensets(hashable, max_size=4),
        st.dictionaries(hashable, inner, max_size=4),
    ),
    max_leaves=12,
)


@given(values)
def test_plain_values_arrive(value):
    arrived = from_json(to_json(value))
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (True, True),
        (2**53, 2**53),
        (-0.0, -0.0),
        (range(2, 9, 3), range(2, 9, 3)),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (namedtuple("P", "x y")(1, 2), (1, 2)),
        (Decimal("1.50"), Decimal("1.50")),
        (Fraction(2, 4), Fraction(1, 2)),
    ],
)
def test_relatives_arrive_as_their_base(value, want):
    arrived = from_json(to_json(value))
    assert arrived == want
    assert type(arrived) is type(want)


@pytest.mark.parametrize("view", ["keys", "values", "items"])
def test_views_arrive_as_views(view):
    value = getattr({"a": 1, "b": 2}, view)()
    assert list(from_json(to_json(value))) == list(value)
    assert type(from_json(to_json(value))) is type(value)


def test_numbers_of_many_digits_arrive():
    assert from_json(to_json(-(10**5000))) == -(10**5000)


def test_iterators_arrive_as_iterators():
    assert next(from_json(to_json(iter([7])))) == 7


@pytest.mark.parametrize(
    "value",
    [object(), print, int, ValueError("x"), [object()], {1: print}],
    ids=["object", "function", "class", "error", "in-list", "in-mapping"],
)
def test_other_things_do_not_travel(value):
    with pytest.raises(TypeError, match="cannot be handed over"):
        to_json(value)


@pytest.mark.parametrize(
    "packed",
    [
        {"a": 1},
        ["eval", "1"],
        ["__class__"],
        [],
        ["int", "zz"],
        ["dict", 1],
        ["range"],
        [["list"]],
        ["int", 1.5],
    ],
    ids=str,
)
def test_what_stands_for_no_value_is_refused(packed):
    with pytest.raises((ValueError, TypeError, LookupError)):
        from_json(json.dumps(packed))
