from __future__ import annotations

import pytest

from longwave.clients.diversity_rule import read_diversity_facts
from longwave.errors import Refused
from longwave.scenarios.legal import load_legal_rows

# the seed takes exactly $75,000 for more than $75,000
WRONG_LABELS = {
    f"seed2022/diversity_{n}" for n in ("2/test/24", "3/test/37", "3/test/63", "3/test/77", "4/test/91")
}
WRONG_LABELS |= {"seed2022/diversity_6/test/46", "seed2022/diversity_6/test/93"}


def rows_of(release):
    return [row for n in range(1, 7) for row in load_legal_rows(f"diversity_{n}", release=release)]


@pytest.mark.parametrize(("release", "count"), [("2023-03-history", 1800), ("2023", 36)])
def test_every_answer_and_both_truths_follow_from_the_facts(release, count):
    rows = rows_of(release)
    facts = [read_diversity_facts(row.inputs["text"]) for row in rows]
    assert len(rows) == count
    assert [("No", "Yes")[each.has_jurisdiction] for each in facts] == [row.answer for row in rows]
    assert [str(each.parties_are_diverse) for each in facts] == [
        row.inputs["parties_are_diverse"] for row in rows
    ]
    assert [str(each.amount_is_met) for each in facts] == [row.inputs["aic_is_met"] for row in rows]


def test_the_seed_has_seven_wrong_labels_all_at_the_limit():
    rows = rows_of("2022-seed")
    facts = [read_diversity_facts(row.inputs["text"]) for row in rows]
    wrong = {
        row.id: each
        for row, each in zip(rows, facts, strict=True)
        if ("No", "Yes")[each.has_jurisdiction] != row.answer
    }
    assert len(rows) == 600
    assert set(wrong) == WRONG_LABELS
    assert all(75_000 in each.claims_usd for each in wrong.values())


def test_claims_against_one_defendant_add_up():
    facts = read_diversity_facts(
        "Ava is from Ohio. Mia is from New York. Ava sues Mia for fraud for $40,000 and trespass for $36,000."
    )
    assert (facts.plaintiffs, facts.defendants, facts.claims_usd) == (("Ohio",), ("New York",), (76_000,))


def test_claims_against_different_defendants_do_not():
    facts = read_diversity_facts(
        "Ava is from Ohio. Mia is from Iowa. Noah is from Utah. Emma is from Maine. Ava and Mia both sue "
        "Noah for fraud for $80,000. Ava and Mia both sue Emma for trespass for $36,000."
    )
    assert facts.claims_usd == (80_000, 36_000)
    assert not facts.amount_is_met


def test_the_limit_itself_is_not_more_than_the_limit():
    facts = read_diversity_facts("Ava (from Ohio) sues Mia (from Iowa) for fraud for $75,000.")
    assert facts.parties_are_diverse
    assert not facts.amount_is_met


@pytest.mark.parametrize(
    "text", ["", "Ava is from Ohio.", "Ava is from Ohio. Mia is from Iowa. Ava sues Mia."]
)
def test_what_is_no_case_is_refused(text):
    with pytest.raises(Refused, match="No suit of a plaintiff against a defendant can be read"):
        read_diversity_facts(text)
