"""What every perturbation owes: copies, seeds, names."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave import registry
from longwave.errors import ConfigError, DataError, UnknownName
from longwave.perturbations import FillerWords, Lowercase, Perturbation, Typos, get_perturbation, match_case

TEXT = "Is the Thames longer than the Severn, or is it the other way round?"


def test_copy_carries_the_name_and_keeps_the_rest(make_instance):
    original = make_instance(TEXT, group="a", extra={"subject": "rivers"})
    copy = Lowercase().perturb(original)
    assert (copy.perturbation, copy.input) == ("lowercase", TEXT.lower())
    assert (copy.id, copy.references, copy.split, copy.group, copy.extra) == (
        original.id, original.references, "test", "a", {"subject": "rivers"},
    )  # fmt: skip


def test_original_is_left_alone(make_instance):
    original = make_instance(TEXT)
    Lowercase().perturb(original)
    assert (original.input, original.perturbation) == (TEXT, None)


def test_unchanged_input_gives_none(make_instance):
    assert Lowercase().perturb(make_instance("all small")) is None


def test_train_instances_are_never_edited(make_instance):
    assert Lowercase().perturb(make_instance(TEXT, split="train")) is None


def test_perturbed_copy_is_not_perturbed_again(make_instance):
    copy = Lowercase().perturb(make_instance(TEXT))
    with pytest.raises(DataError, match='"id0" is already perturbed by "lowercase"'):
        Typos().perturb(copy)


def _inputs(make_instance, seed=0, **fields):
    return Typos(rate=0.5).perturb(make_instance(TEXT, **fields), seed).input


def test_seed_repeats_the_edit(make_instance):
    assert _inputs(make_instance) == _inputs(make_instance)


def test_another_seed_edits_otherwise(make_instance):
    assert _inputs(make_instance, 0) != _inputs(make_instance, 1)


def test_another_instance_is_edited_otherwise(make_instance):
    assert _inputs(make_instance, id="id0") != _inputs(make_instance, id="id1")


def test_global_random_state_is_neither_read_nor_moved(make_instance):
    random.seed(1)
    first, state = _inputs(make_instance), random.getstate()
    random.seed(2)
    assert _inputs(make_instance) == first
    random.seed(1)
    assert random.getstate() == state


def test_edit_is_the_same_in_another_process(make_instance):
    code = (
        "from longwave.perturbations import Typos; from longwave.scenarios.base import Instance;"
        f"instance = Instance(id='id0', input={TEXT!r}, references=(), split='test');"
        "print(Typos(rate=0.5).perturb(instance).input)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == _inputs(make_instance)


@pytest.mark.parametrize("name", ["typos", "space", "filler-words"])
def test_edit_is_pinned(make_instance, name):
    """A change of these texts changes every published robustness: it needs another name."""
    assert get_perturbation(name).perturb(make_instance(TEXT)).input == PINNED[name]


PINNED = {
    "typos": "Is yhe Thames longer tban thr Severn, or iz it the ofner way round?",
    "space": "Is the   Thames longer than the  Severn,   or is   it the   other   way round?",
    "filler-words": "Is the Thames longer than maybe the Severn, or is it basically the other way round?",
}


@pytest.mark.parametrize(
    ("perturbation", "name"),
    [(Typos(), "typos"), (Typos(rate=0.3), "typos-0.3"), (FillerWords(rate=0.1), "filler-words-0.1")],
    ids=["default", "typos", "fillers"],
)
def test_parameters_are_in_the_name(perturbation, name):
    assert perturbation.name == name


@dataclass(frozen=True, kw_only=True)
class Shout(Perturbation):
    """A perturbation as a user might write it."""

    base_name: ClassVar[str] = "shout"
    description: ClassVar[str] = "Capitals"
    is_loud: bool = False
    is_long: bool = True
    words: tuple[str, ...] = ()

    def rewrite(self, text: str, rng: random.Random) -> str:  # noqa: ARG002
        return text.upper()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "shout"),
        ({"is_loud": True}, "shout-is-loud"),
        ({"is_long": False}, "shout-no-is-long"),
        ({"words": ("a",)}, "shout-own-[0-9a-f]{8}"),
    ],
    ids=["default", "on", "off", "list"],
)
def test_switches_and_lists_are_in_the_name(fields, name):
    assert re.fullmatch(name, Shout(**fields).name)


def test_own_perturbation_edits_the_input_alone_and_counts_for_robustness(make_instance):
    copy = Shout().perturb(make_instance("it is"))
    assert (copy.input, copy.references[0].text) == ("IT IS", "It is")
    assert (Shout.is_robustness, Shout.is_fairness, Shout.edits_references) == (True, False, False)


@pytest.mark.parametrize(
    ("word", "like", "want"),
    [
        ("it's", "it is", "it's"),
        ("it's", "It is", "It's"),
        ("it's", "IT IS", "IT'S"),
        ("i'm", "I am", "I'm"),
        ("x", "", "x"),
        ("", "It", ""),
        ("word", "1", "word"),
    ],
)
def test_match_case(word, like, want):
    assert match_case(word, like) == want


@given(st.text(), st.text())
def test_match_case_changes_case_only(word, like):
    assert match_case(word, like).casefold() == word.casefold() or not word.isascii()


def test_unknown_perturbation_names_the_nearest():
    with pytest.raises(UnknownName, match='Did you mean "typos"'):
        get_perturbation("typo")


def test_entry_that_is_no_perturbation_is_refused(monkeypatch):
    monkeypatch.setattr(registry, "load", lambda *_: len)
    with pytest.raises(ConfigError, match=r'"length" is builtin_function_or_method; accepted are'):
        get_perturbation("length")
