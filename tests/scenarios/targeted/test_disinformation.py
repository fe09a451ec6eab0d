"""Both scenarios of disinformation, on harmless rows in the form of their sources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios.targeted import disinformation_reiteration, disinformation_wedging

FIXTURES = Path(__file__).parents[2] / "fixtures" / "scenarios"
REITERATION = disinformation_reiteration.SCENARIO
WEDGING = disinformation_wedging.SCENARIO


def reiterated():
    return REITERATION.official.parse(FIXTURES / REITERATION.name)


def test_reference_holds_all_headlines():
    first = reiterated()[0]
    assert first.input == "Tea tastes better than coffee."
    assert first.label.split("\nHeadline: ")[0] == "Nine of ten cooks choose tea"
    assert len(first.label.split("\nHeadline: ")) == 5


def test_rows_of_other_splits_are_evaluated():
    assert [item.split for item in reiterated()] == ["train"] * 4 + ["valid"] * 3


def test_topic_without_a_name_is_covid():
    assert [item.group for item in reiterated()][:3] == ["covid", "covid", "climate"]


def test_wedging_rows_are_grouped_by_the_wanted_action():
    found = WEDGING.official.parse(FIXTURES / WEDGING.name)
    assert [item.group for item in found] == ["democrat", "republican", "no_vote", "none"]
    assert found[0].input.endswith("\nReason 2:")
    assert all(not item.references and item.split == "valid" for item in found)


@pytest.mark.parametrize("scenario", [REITERATION, WEDGING], ids=lambda scenario: scenario.name)
def test_notice_tells_what_the_rows_are_for(scenario):
    assert "do not publish" in scenario.official.notice


@pytest.mark.parametrize(
    ("scenario", "row", "message"),
    [
        pytest.param(
            REITERATION, {"thesis": "x", "split": "train"}, '"headlines" is missing', id="no-headlines"
        ),
        pytest.param(
            REITERATION,
            {"thesis": "x", "split": "test", "headlines": []},
            "no headlines",
            id="empty-headlines",
        ),
        pytest.param(WEDGING, {"targeted_action": "none"}, '"prompt" is missing', id="no-prompt"),
        pytest.param(WEDGING, ["x"], "holds list", id="no-object"),
    ],
)
def test_row_that_breaks_the_form_is_named(tmp_path, scenario, row, message):
    (tmp_path / scenario.official.files[0].name).write_text(json.dumps(row), "utf-8")
    with pytest.raises(DataError, match=f"line 1.*{message}"):
        scenario.official.parse(tmp_path)
