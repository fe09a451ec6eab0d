"""The tree of errors and the names they suggest."""

from __future__ import annotations

import re

import pytest

from longwave import errors
from longwave.errors import LongwaveError, MissingExtra, UnknownName, nearest, repr_name

ALL_ERRORS = [
    thing
    for name in errors.__all__
    if isinstance(thing := getattr(errors, name), type) and thing is not LongwaveError
]


def _tree_in_docstring() -> dict[str, tuple[int, str]]:
    """Read the drawn tree: name -> (depth, built-in named beside it)."""
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ([│├└─\s]*)(\w+)(?:\s{2,}(\w*Error)\b)?", line)
        if match:
            found[match[2]] = (len(match[1]) // 4, match[3] or "")
    return found


@pytest.mark.parametrize("error", ALL_ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_a_longwave_error(error: type[Exception]) -> None:
    assert issubclass(error, LongwaveError)


@pytest.mark.parametrize("error", ALL_ERRORS, ids=lambda error: error.__name__)
def test_drawn_tree_shows_the_built_in_each_error_also_is(error: type[Exception]) -> None:
    built_in = _tree_in_docstring()[error.__name__][1]
    assert not built_in or built_in in {base.__name__ for base in error.__bases__}


@pytest.mark.parametrize("error", ALL_ERRORS, ids=lambda error: error.__name__)
def test_drawn_tree_has_the_depth_of_the_classes(error: type[Exception]) -> None:
    ancestors = [base for base in error.__mro__[1:] if issubclass(base, LongwaveError)]
    assert _tree_in_docstring()[error.__name__][0] == len(ancestors)


@pytest.mark.parametrize(
    ("error", "built_in"),
    [
        (errors.ConfigError, ValueError),
        (errors.UnknownName, LookupError),
        (errors.ShapeError, ValueError),
        (errors.DataError, ValueError),
        (errors.MissingFile, FileNotFoundError),
        (errors.TableError, ValueError),
        (errors.StorageError, OSError),
        (errors.MissingExtra, ImportError),
        (errors.ClientError, RuntimeError),
        (errors.ClientTimeout, TimeoutError),
        (errors.BudgetExceeded, RuntimeError),
    ],
)
def test_error_is_also_the_built_in_it_resembles(error: type[Exception], built_in: type[Exception]) -> None:
    assert issubclass(error, built_in)


def test_unknown_name_says_what_is_near_and_what_is_known() -> None:
    message = str(UnknownName("mixer", "hyna", ["hyena", "attention"]))
    assert message == 'Unknown mixer "hyna". Did you mean "hyena"? Known: attention, hyena.'


def test_unknown_name_guesses_nothing_when_nothing_is_near() -> None:
    assert str(UnknownName("mixer", "zzz", ["hyena"])) == 'Unknown mixer "zzz". Known: hyena.'


def test_unknown_name_of_an_empty_registry_says_none() -> None:
    assert str(UnknownName("mixer", "hyena", [])) == 'Unknown mixer "hyena". Known: none.'


def test_missing_extra_says_what_to_install() -> None:
    assert str(MissingExtra("Charts as PDF", "plots")) == (
        'Charts as PDF needs an extra; install it with: pip install "longwave[plots]".'
    )


def test_nearest_is_blind_to_case() -> None:
    assert nearest("HYENA", ["hyena"]) == ["hyena"]


def test_nearest_gives_at_most_three() -> None:
    assert len(nearest("blimp", [f"blimp{i}" for i in range(9)])) == 3


def test_nearest_of_nothing_is_nothing() -> None:
    assert nearest("hyena", []) == []


def test_names_are_written_in_double_quotes() -> None:
    assert repr_name("boolq@1") == '"boolq@1"'
