"""The rule of diversity jurisdiction, read off the facts of LegalBench's tasks diversity_1 to diversity_6.

A federal court has diversity jurisdiction when no plaintiff is of the same state as any defendant, and the
amount in controversy exceeds $75,000. One plaintiff's claims against one defendant add up; claims against
different defendants do not, and neither do those of different plaintiffs (28 U.S.C. 1332; arXiv 2209.06120).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from longwave.errors import Refused

__all__ = ["DiversityFacts", "read_diversity_facts"]

LIMIT_USD = 75_000
# "Emma is from Ohio." of 2023 or "Emma (from Ohio)" of 2022, a suit that begins, an amount
_FACT = re.compile(
    r"\bis from (?P<stated>[A-Z][A-Za-z ]*)\.|\(from (?P<bracketed>[A-Z][A-Za-z ]*)\)"
    r"|(?P<suit>\bsues?\b)|\$(?P<amount>\d[\d,]*)"
)
_PLAINTIFFS = re.compile(r"\b[A-Z]\w+(?P<second> and [A-Z]\w+)?(?: both)? sues?\b")


@dataclass(frozen=True, kw_only=True)
class DiversityFacts:
    """Who sues whom for how much.

    Parameters
    ----------
    plaintiffs, defendants : tuple of str
        The state of each party.
    claims_usd : tuple of int
        What one plaintiff claims from one defendant, all claims together, for each defendant that is sued
        apart.
    """

    plaintiffs: tuple[str, ...]
    defendants: tuple[str, ...]
    claims_usd: tuple[int, ...]

    @property
    def parties_are_diverse(self) -> bool:
        """Whether no plaintiff shares a state with a defendant."""
        return not set(self.plaintiffs) & set(self.defendants)

    @property
    def amount_is_met(self) -> bool:
        """Whether the amount against every defendant exceeds the limit."""
        return all(amount > LIMIT_USD for amount in self.claims_usd)

    @property
    def has_jurisdiction(self) -> bool:
        """Whether both conditions are met."""
        return self.parties_are_diverse and self.amount_is_met


def read_diversity_facts(text: str) -> DiversityFacts:
    """Read the facts of a case as the tasks write them.

    Parties are told by their place, plaintiffs first: some cases of diversity_6 give both defendants one
    name.

    Raises
    ------
    Refused
        If parties, a suit or an amount are missing.

    Examples
    --------
    >>> facts = read_diversity_facts("Ava (from Ohio) sues Mia (from Iowa) for fraud for $80,000.")
    >>> facts.parties_are_diverse, facts.amount_is_met
    (True, True)
    """
    stated: list[str] = []
    before: list[str] = []  # in brackets before the first suit
    after: list[str] = []
    claims: list[list[int]] = []
    for fact in _FACT.finditer(text):
        if fact["stated"]:
            stated.append(fact["stated"])
        elif fact["suit"]:
            claims.append([])
        elif fact["bracketed"]:
            (after if claims else before).append(fact["bracketed"])
            claims += [[]] if claims else []  # this defendant's own claims follow
        elif claims:
            claims[-1].append(int(fact["amount"].replace(",", "")))
    named = _PLAINTIFFS.search(text)
    n_plaintiffs = 2 if named and named["second"] else 1
    facts = DiversityFacts(
        plaintiffs=(*stated[:n_plaintiffs], *before),
        defendants=(*stated[n_plaintiffs:], *after),
        claims_usd=tuple(sum(amounts) for amounts in claims if amounts),
    )
    if not facts.plaintiffs or not facts.defendants or not facts.claims_usd:
        raise Refused(
            f'No suit of a plaintiff against a defendant can be read in "{text[:80]}". The rule reads cases '
            "as diversity_1 to diversity_6 write them."
        )
    return facts
