"""Solvers that no model stands behind: programs that answer by a rule, as a check of a task and its ceiling.

================== =========================================================================================
``rule:diversity`` answers LegalBench's diversity_1 to diversity_6 from the facts of the last question
================== =========================================================================================

A question that the rule cannot read is refused: its row gets an error, not a guess.
"""

from __future__ import annotations

from longwave.clients.base import Client, Completion, Request
from longwave.clients.diversity_rule import read_diversity_facts
from longwave.clients.fake import FakeClient, Rule
from longwave.errors import Refused, UnknownName

__all__ = ["open_rule"]

QUESTION = "\nQ: "


def open_rule(rest: str) -> Client:
    r"""Open a solver by the name of its rule, as in ``rule:diversity``.

    Raises
    ------
    UnknownName
        If there is no such rule.

    Examples
    --------
    >>> prompt = "Q: Ava is from Ohio. Mia is from Ohio. Ava sues Mia for fraud for $80,000. Why?\nA:"
    >>> open_rule("diversity").complete([Request(prompt=prompt)])[0].completions[0].text
    ' No'
    """
    rules: dict[str, Rule] = {"diversity": _diversity}
    if rest not in rules:
        raise UnknownName("rule", rest, rules)
    return FakeClient(rules[rest], name=f"rule:{rest}")


def _diversity(request: Request) -> Completion:
    if request.continuation is not None:
        raise Refused("The rule writes answers and scores no text. Ask it by generation.")
    question = f"\n{request.prompt}".rpartition(QUESTION)[2]
    return Completion(text=" Yes" if read_diversity_facts(question).has_jurisdiction else " No", logprob=0.0)
