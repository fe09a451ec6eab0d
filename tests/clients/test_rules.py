from __future__ import annotations

import pytest

from longwave.clients import Request, open_client
from longwave.errors import UnknownName

CASE = "Ava is from Ohio. Mia is from {state}. Ava sues Mia for fraud for $80,000."


@pytest.mark.parametrize(("state", "answer"), [("Iowa", " Yes"), ("Ohio", " No")])
def test_the_last_question_is_answered(state, answer):
    shown = f"Q: {CASE.format(state='Utah')} Is there?\nA: Yes\n\nQ: {CASE.format(state=state)} Is there?\nA:"
    result = open_client("rule:diversity").complete([Request(prompt=shown)])[0]
    assert result.completions[0].text == answer


def test_a_question_that_the_rule_cannot_read_gets_an_error():
    result = open_client("rule:diversity").complete([Request(prompt="Q: Is it hearsay?\nA:")])[0]
    assert "as diversity_1 to diversity_6 write them" in result.error


def test_text_is_not_scored():
    result = open_client("rule:diversity").complete([Request(prompt="Q: x", continuation=" Yes")])[0]
    assert "Ask it by generation" in result.error


def test_name_and_version_are_fixed():
    client = open_client("rule:diversity")
    assert (client.name, client.version, client.max_length) == ("rule:diversity", "1", None)


def test_an_unknown_rule_is_refused():
    with pytest.raises(UnknownName, match=r'Unknown rule "hearsay"\. .*Known: diversity'):
        open_client("rule:hearsay")
