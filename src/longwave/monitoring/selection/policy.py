"""Policies that call a cheap service first and a better one where that is worth its price."""

# Shapes: N rows

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from longwave.config import load_config
from longwave.errors import ConfigError, DataError
from longwave.monitoring.classes import Floats, Label
from longwave.monitoring.selection.services import CALLS, Services

__all__ = ["Answer", "Plan", "Policy", "PolicyRun", "Rule", "Service"]

FORMAT = 1
T = TypeVar("T")
Answer = tuple[Label, float | None]  # label and confidence
Service = Callable[[Sequence[T]], Sequence[Answer]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Ask another service where the base gave this label with less confidence than a threshold.

    Parameters
    ----------
    label : str, int or None
    addon : str
        Whose answer counts then.
    below : float or None
        Threshold of the base's confidence; None: always ask.
    """

    label: Label
    addon: str
    below: float | None

    def covers(self, label: Label, confidence: float | None) -> bool:
        """Tell whether an answer is passed on."""
        return label == self.label and (self.below is None or (confidence or 0.0) < self.below)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Call a base service, and another one by rules: at most one a label."""

    base: str
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PolicyRun:
    """What a policy answered.

    Parameters
    ----------
    predictions : list
    services : list of tuple of str
        Services called for each instance, in order; the last one's answer counts.
    cost_usd : float
    """

    predictions: list[Label]
    services: list[tuple[str, ...]]
    cost_usd: float


@dataclass(frozen=True, kw_only=True)
class Policy(Generic[T]):
    """One plan, or two between which chance decides instance by instance so that the budget is met exactly.

    Parameters
    ----------
    plans : tuple of Plan
    shares : tuple of float
        Probability of each plan; they sum to 1.
    prices : dict of str to float
        US dollars for 10,000 calls of each service.
    expected_price, expected_score : float
        For 10,000 instances, and a mean, on the rows that the policy was made from.

    Raises
    ------
    ConfigError
        If shares are no probabilities, or a price is missing.
    """

    plans: tuple[Plan, ...]
    shares: tuple[float, ...]
    prices: dict[str, float]
    expected_price: float
    expected_score: float

    def __post_init__(self) -> None:
        is_law = len(self.plans) == len(self.shares) and abs(sum(self.shares) - 1) < 1e-9
        if not self.plans or not is_law or min(self.shares) < 0:
            raise ConfigError(
                f"The shares of {len(self.plans)} plans are {self.shares}; accepted is a share for each, and "
                "shares that sum to 1."
            )
        if missing := sorted(self.services - set(self.prices)):
            raise ConfigError(f"The policy calls {', '.join(missing)} without a price. Add it to prices.")

    @property
    def services(self) -> set[str]:
        """Names of all services that may be called."""
        return {plan.base for plan in self.plans} | {rule.addon for plan in self.plans for rule in plan.rules}

    def apply(self, services: Services) -> tuple[Floats, Floats]:
        """Evaluate on recorded answers.

        Returns
        -------
        score, price : ndarray, shape (N,)
            Expected score of each row, and its expected price in US dollars for 10,000 of its kind: no
            chance is involved.
        """
        score, price = np.zeros((2, services.n_rows))
        for plan, share in zip(self.plans, self.shares, strict=True):
            got, paid = apply_plan(plan, services, self.prices)
            score += share * got
            price += share * paid
        return score, price

    def run(self, services: Mapping[str, Service[T]], instances: Sequence[T], *, seed: int = 0) -> PolicyRun:
        """Answer instances by calling services.

        Parameters
        ----------
        services : mapping of str to callable
            Each takes a list of instances and gives a (label, confidence) for each, in order.
        instances : sequence
        seed : int
            Seeds the choice between two plans.

        Raises
        ------
        ConfigError
            If a service of the policy is not given.
        DataError
            If one gives another number of answers than it got instances.
        """
        if missing := sorted(self.services - set(services)):
            raise ConfigError(
                f"The policy calls {', '.join(missing)}, which is not given. Add it to services."
            )
        chosen = np.random.default_rng(seed).choice(len(self.plans), size=len(instances), p=self.shares)
        answers: list[Answer] = [(None, None)] * len(instances)
        called: list[tuple[str, ...]] = [()] * len(instances)
        for number, plan in enumerate(self.plans):
            rows = [int(row) for row in np.flatnonzero(chosen == number)]
            _call(services, plan.base, rows, instances, answers, called)
            passed: dict[str, list[int]] = {}
            for row in rows:
                rule = next((rule for rule in plan.rules if rule.covers(*answers[row])), None)
                if rule is not None:
                    passed.setdefault(rule.addon, []).append(row)
            for name, those in passed.items():
                _call(services, name, those, instances, answers, called)
        cost = sum(self.prices[name] for names in called for name in names) / CALLS
        return PolicyRun(predictions=[label for label, _ in answers], services=called, cost_usd=cost)

    def describe(self, names: Mapping[Label, str] | None = None) -> str:
        """Say what the policy does.

        Parameters
        ----------
        names : mapping, optional
            From labels to words, for labels that are codes.
        """
        words = names or {}
        price, score = f"{self.expected_price:.2f}", f"{self.expected_score:.4f}"
        lines = [f"{price} US dollars for 10,000 instances, expected score {score}"]
        is_one = len({plan.base for plan in self.plans}) == 1
        shared = set.intersection(*(set(plan.rules) for plan in self.plans)) if is_one else set()
        if is_one:
            lines.append(f"Call {self.plans[0].base}.")
            lines += [f"  {_describe(rule, words)}" for rule in self.plans[0].rules if rule in shared]
        for plan, share in zip(self.plans, self.shares, strict=True):
            own = [rule for rule in plan.rules if rule not in shared]
            if own or not is_one:
                call = "" if is_one else f" Call {plan.base}."
                lines.append(f"For {share:.1%} of the instances, drawn at random:{call}")
                lines += [f"  {_describe(rule, words)}" for rule in own]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Write the policy."""
        plans = [
            {
                "share": share,
                "base": plan.base,
                "rules": [
                    {"label": rule.label, "addon": rule.addon, "below": rule.below} for rule in plan.rules
                ],
            }
            for plan, share in zip(self.plans, self.shares, strict=True)
        ]
        expected = {"price_per_10k": self.expected_price, "score": self.expected_score}
        return json.dumps(
            {"format": FORMAT, "plans": plans, "prices": self.prices, "expected": expected}, indent=2
        )

    @classmethod
    def from_json(cls, text: str) -> Policy[T]:
        """Read what `to_json` wrote.

        Raises
        ------
        DataError
            If it is no policy, or one of a newer format.
        """
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                raise DataError(
                    f"The policy has format {found['format']}, and this Longwave reads {FORMAT}. Select anew."
                )
            plans = tuple(
                load_config(Plan, {"base": plan["base"], "rules": plan["rules"]}) for plan in found["plans"]
            )
            return cls(
                plans=plans,
                shares=tuple(_number(plan["share"]) for plan in found["plans"]),
                prices={name: _number(price) for name, price in found["prices"].items()},
                expected_price=_number(found["expected"]["price_per_10k"]),
                expected_score=_number(found["expected"]["score"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise DataError(f"The policy cannot be read: {error!r}. Write it with to_json.") from error


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def apply_plan(plan: Plan, services: Services, prices: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Return score and price of every row under one plan."""
    base = services.place(plan.base)
    codes = {label: code for code, label in enumerate(services.classes)}
    below = np.full(len(codes), -np.inf)  # by answer of the base
    to = np.full(len(codes), base)
    for rule in plan.rules:
        if rule.label in codes:
            below[codes[rule.label]] = np.inf if rule.below is None else rule.below
            to[codes[rule.label]] = services.place(rule.addon)
    answer = services.predictions[:, base]
    called = np.where(services.confidence[:, base] < below[answer], to[answer], base)
    score = services.score[np.arange(services.n_rows), called]
    fees = np.array([prices.get(name, np.nan) for name in services.names])
    return score, fees[base] + np.where(called != base, fees[called], 0.0)


def _call(
    services: Mapping[str, Service[T]],
    name: str,
    rows: Sequence[int],
    instances: Sequence[T],
    answers: list[Answer],
    called: list[tuple[str, ...]],
) -> None:
    if not rows:
        return
    given = services[name]([instances[row] for row in rows])
    if len(given) != len(rows):
        raise DataError(f'"{name}" gave {len(given)} answers to {len(rows)} instances; one each is accepted.')
    for row, answer in zip(rows, given, strict=True):
        answers[row] = answer
        called[row] = (*called[row], name)


def _describe(rule: Rule, names: Mapping[Label, str]) -> str:
    word = names.get(rule.label, str(rule.label))
    says = "If it gives no answer" if rule.label is None else f'If it says "{word}"'
    how = "" if rule.below is None else f" with confidence < {rule.below:.3g}"
    return f"{says}{how}, ask {rule.addon}."
