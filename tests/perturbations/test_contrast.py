"""Counterparts replace an instance, references and all."""

from __future__ import annotations

import random

import pytest

from longwave.errors import DataError
from longwave.perturbations import ContrastSets
from longwave.scenarios import get_scenario
from longwave.scenarios.base import Reference

YES = [{"text": "Yes", "tags": ["correct"]}, {"text": "No", "tags": []}]
NO = [{"text": "Yes"}, {"text": "No", "tags": ("correct",)}]


def with_counterparts(make_instance, inputs=("one", "two"), references=(YES, NO), **fields):
    extra = {"contrast_inputs": inputs, "contrast_references": references}
    return make_instance("zero", extra=extra, **fields)


def test_counterpart_comes_with_its_own_references(make_instance):
    original = with_counterparts(make_instance)
    found = {(copy.input, copy.label) for s in range(30) if (copy := ContrastSets().perturb(original, s))}
    assert found == {("one", "Yes"), ("two", "No")}


def test_copy_keeps_the_rest(make_instance):
    original = with_counterparts(make_instance, group="a")
    copy = ContrastSets().perturb(original)
    assert (copy.id, copy.split, copy.group, copy.extra) == ("id0", "test", "a", original.extra)
    assert copy.perturbation == "contrast-sets"


def test_draw_repeats(make_instance):
    original = with_counterparts(make_instance)
    assert ContrastSets().perturb(original, 3) == ContrastSets().perturb(original, 3)


@pytest.mark.parametrize(
    "extra",
    [{}, {"contrast_inputs": None}, {"contrast_inputs": [], "contrast_references": []}],
    ids=["absent", "null", "empty"],
)
def test_instance_without_counterparts_is_left_alone(make_instance, extra):
    assert ContrastSets().perturb(make_instance("zero", extra=extra)) is None


def test_counterpart_with_the_same_text_is_none(make_instance):
    assert ContrastSets().perturb(with_counterparts(make_instance, ["zero"], [YES])) is None


def test_bare_text_has_no_counterpart():
    assert ContrastSets().rewrite("zero", random.Random(0)) == "zero"


@pytest.mark.parametrize(
    ("inputs", "references", "what"),
    [
        (["one"], [], "1 contrast_inputs and 0 contrast_references"),
        ("one", [YES], "'one' as contrast_inputs"),
        ([1], [YES], "1 among its contrast_inputs"),
        (["one"], "Yes", "'Yes' as contrast_references"),
        (["one"], ["Yes"], "'Yes' among its contrast_references"),
        (["one"], [["Yes"]], "'Yes' among its contrast_references"),
        (["one"], [[{"tags": []}]], "{'tags': \\[\\]} among"),
        (["one"], [[{"text": "Yes", "tags": "correct"}]], "among its contrast_references"),
        (["one"], [[{"text": "Yes", "tags": [1]}]], "among its contrast_references"),
    ],
    ids=[
        "lengths",
        "text",
        "number",
        "word",
        "word-inside",
        "no-mapping",
        "no-text",
        "bare-tag",
        "number-tag",
    ],
)
def test_other_forms_are_refused(make_instance, inputs, references, what):
    with pytest.raises(DataError, match=f'Instance "id0" has .*{what}.*; accepted are a list of texts'):
        ContrastSets().perturb(with_counterparts(make_instance, inputs, references))


def test_bundled_reviews_change_their_label():
    originals = [each for each in get_scenario("imdb").load() if each.split == "valid"]
    copies = [ContrastSets().perturb(each) for each in originals]
    assert all(isinstance(reference, Reference) for copy in copies for reference in copy.references)
    assert all(copy.label != original.label for copy, original in zip(copies, originals, strict=True))


def test_it_counts_for_neither_worst_case():
    edit = ContrastSets()
    assert (edit.is_robustness, edit.is_fairness, edit.is_equivariance) == (False, False, True)
