"""The best score for every budget: what passing answers on gains, made concave and bought by its slope.

For a base service, the rows with one answer are sorted by its confidence. Passing the least sure of them on
to another service costs its price and gains what it gets right more often. The upper hull of these gains,
over all services, is what a label offers; a budget buys the steepest pieces of all labels first, which is
optimal since the pieces are a linear program with one constraint (a fractional knapsack). The hull over all
bases is the frontier, and every point on it is one plan or lies between two.
"""

# Shapes: N rows, J services, V points of a hull

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from longwave.errors import ConfigError, UnknownName
from longwave.monitoring.classes import Codes, Floats
from longwave.monitoring.selection.policy import Plan, Policy, Rule
from longwave.monitoring.selection.services import Services

__all__ = ["Frontier", "concave_hull", "find_frontier"]

CUTS = 32  # thresholds a label is cut at: more fit the rows at hand and not the next ones


@dataclass(frozen=True, kw_only=True, eq=False)
class Frontier:
    """The best expected score for every price, on the rows it was found on.

    Parameters
    ----------
    prices, scores : ndarray, shape (V,)
        Points in order: both increase, slopes decrease. Prices are US dollars for 10,000 instances.
    plans : tuple of Plan, length V
    service_prices : dict of str to float
    """

    prices: Floats
    scores: Floats
    plans: tuple[Plan, ...]
    service_prices: dict[str, float]

    def at(self, budget: float) -> Policy[object]:
        """Return the best policy whose expected price is within a budget.

        Parameters
        ----------
        budget : float
            US dollars for 10,000 instances.

        Raises
        ------
        ConfigError
            If the cheapest service is dearer.
        """
        if not budget >= self.prices[0]:
            raise ConfigError(
                f"A budget of {budget:g} US dollars for 10,000 instances buys no service; the cheapest costs "
                f"{self.prices[0]:g}. Raise it."
            )
        high = int(np.searchsorted(self.prices, budget, side="right"))
        if high == len(self.prices) or self.prices[high - 1] == budget:
            return self._mix(high - 1, high - 1, 0.0)
        low = high - 1
        return self._mix(low, high, (budget - self.prices[low]) / (self.prices[high] - self.prices[low]))

    def score_at(self, budget: float) -> float:
        """Return the expected score at a budget, without its policy."""
        return float(np.interp(budget, self.prices, self.scores))

    def cheapest(self, score: float) -> Policy[object] | None:
        """Return the cheapest policy with at least this expected score; None where there is none."""
        if score > self.scores[-1] + 1e-12:
            return None
        if score <= self.scores[0]:
            return self._mix(0, 0, 0.0)
        high = min(int(np.searchsorted(self.scores, score, side="left")), len(self.scores) - 1)
        low = high - 1
        share = (score - self.scores[low]) / (self.scores[high] - self.scores[low])
        return self._mix(low, high, min(share, 1.0))

    def _mix(self, low: int, high: int, share: float) -> Policy[object]:
        """Take the upper of two neighbouring plans for a share of the instances."""
        parts = [(place, part) for place, part in ((low, 1 - share), (high, share)) if part > 0]
        return Policy(
            plans=tuple(self.plans[place] for place, _ in parts),
            shares=tuple(float(part) for _, part in parts),
            prices=self.service_prices,
            expected_price=float(sum(part * self.prices[place] for place, part in parts)),
            expected_score=float(sum(part * self.scores[place] for place, part in parts)),
        )


def find_frontier(services: Services, *, bases: Sequence[str] | None = None, cuts: int = CUTS) -> Frontier:
    """Find the best score for every price on recorded answers.

    Parameters
    ----------
    services : Services
    bases : sequence of str, optional
        Services that may be called first; default: all.
    cuts : int
        Thresholds a label at most, about equally many rows apart. More of them fit chance.

    Raises
    ------
    UnknownName
        If a base is none of the services.
    ConfigError
        If ``cuts`` is below 1.

    Notes
    -----
    Time O(J N log N + J² L cuts) for L labels. Every single service is one of the points that the hull is
    taken over: no budget buys a single service that scores higher.

    References
    ----------
    Chen, Zaharia, Zou, FrugalML (arXiv 2006.07512).
    """
    if cuts < 1:
        raise ConfigError(f'"cuts" is {cuts}; it must be at least 1.')
    for name in bases or ():
        if name not in services.names:
            raise UnknownName("service", name, services.names)
    points: list[tuple[float, float, Plan]] = []
    for name in bases or services.names:
        points += _base_points(services, services.place(name), cuts)
    prices, scores = np.array([point[0] for point in points]), np.array([point[1] for point in points])
    cheapest = prices == prices.min()
    start = int(np.flatnonzero(cheapest)[scores[cheapest].argmax()])
    kept = [start, *concave_hull(prices, scores, origin=(prices[start], scores[start]))]
    return Frontier(
        prices=prices[kept],
        scores=scores[kept],
        plans=tuple(points[place][2] for place in kept),
        service_prices=dict(zip(services.names, services.prices.tolist(), strict=True)),
    )


def concave_hull(x: Floats, y: Floats, *, origin: tuple[float, float] = (0.0, 0.0)) -> list[int]:
    """Return the places of the points on the increasing, concave upper hull that begins at an origin.

    Parameters
    ----------
    x, y : ndarray, shape (V,)
    origin : (float, float)
        Where the hull begins; no point left of it is taken.

    Examples
    --------
    >>> concave_hull(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.1, 3.0]))
    [0, 2]
    """
    hull: list[tuple[float, float, int]] = [(*origin, -1)]
    for place in np.lexsort((-y, x)).tolist():
        a, b = float(x[place]), float(y[place])
        if b <= hull[-1][1] or a < origin[0]:
            continue
        while len(hull) > 1 and _is_under(hull[-2], hull[-1], (a, b)):
            hull.pop()
        if a > hull[-1][0]:
            hull.append((a, b, place))
        else:  # a vertical step: free of charge, so it replaces what it stands on
            hull[-1] = (a, b, place)
    return [place for _, _, place in hull if place >= 0]


def _is_under(
    first: tuple[float, float, int], middle: tuple[float, float, int], last: tuple[float, float]
) -> bool:
    return (last[1] - first[1]) * (middle[0] - first[0]) >= (middle[1] - first[1]) * (last[0] - first[0])


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A piece of a label's hull: what it costs and gains, and the rule that holds at its end."""

    price: float
    gain: float
    label: int
    rule: Rule


def _base_points(services: Services, base: int, cuts: int) -> list[tuple[float, float, Plan]]:
    """Return price, score and plan at every step of a base's greedy path, from the base alone on."""
    pieces = [
        piece
        for label in np.unique(services.predictions[:, base])
        for piece in _pieces(services, base, int(label), cuts)
    ]
    pieces.sort(key=lambda piece: -piece.gain / piece.price if piece.price else -np.inf)
    name = services.names[base]
    price, score = float(services.prices[base]), float(services.score[:, base].mean())
    rules: dict[int, Rule] = {}
    points = [(price, score, Plan(base=name))]
    for piece in pieces:
        price, score = price + piece.price, score + piece.gain
        rules[piece.label] = piece.rule
        points.append((price, score, Plan(base=name, rules=tuple(rules[key] for key in sorted(rules)))))
    return points


def _pieces(services: Services, base: int, label: int, cuts: int) -> list[_Piece]:
    """Return the pieces of the hull of one label, steepest first."""
    rows = np.flatnonzero(services.predictions[:, base] == label)
    confidence = services.confidence[rows, base]
    order = np.argsort(confidence, kind="stable")
    rows, confidence = rows[order], confidence[order]
    ends = _cut_places(confidence, cuts)  # numbers of rows passed on
    gains = np.cumsum(services.score[rows] - services.score[rows, base, None], axis=0)[ends - 1]  # (E, J)
    addons = np.array([j for j in range(len(services.names)) if j != base])
    x = (ends[:, None] * services.prices[addons] / services.n_rows).ravel()
    y = (gains[:, addons] / services.n_rows).ravel()
    pieces = []
    before = (0.0, 0.0)
    for place in concave_hull(x, y):
        end = int(ends[place // len(addons)])
        rule = Rule(
            label=services.classes[label],
            addon=services.names[int(addons[place % len(addons)])],
            below=_threshold(confidence, end),
        )
        after = (float(x[place]), float(y[place]))
        pieces.append(_Piece(price=after[0] - before[0], gain=after[1] - before[1], label=label, rule=rule))
        before = after
    return pieces


def _cut_places(confidence: Floats, cuts: int) -> Codes:
    """Return how many rows each threshold passes on: ends of ties, about equally many rows apart, and all."""
    ends = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True)) + 1
    wanted = np.linspace(0, len(confidence), cuts + 1)[1:]
    return np.asarray(ends[np.unique(np.searchsorted(ends, wanted - 1e-9))], dtype=np.int64)


def _threshold(confidence: Floats, end: int) -> float | None:
    """Return a threshold halfway between the last row that is passed on and the next one."""
    if end == len(confidence):
        return None
    return float((confidence[end - 1] + confidence[end]) / 2)
