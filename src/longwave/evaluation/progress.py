"""How far an evaluation is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Progress"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One report to ``on_progress``.

    Parameters
    ----------
    stage : str
        ``"evaluate"``.
    done, total : int
        Rows, those of earlier starts included.
    text : str
        What is asked now: model and scenario, and failures where there are any.
    model, scenario : str
    elapsed_s : float
        Since this start.
    remaining_s : float or None
        Estimated from this start's rate; None before the first row.
    n_failed, n_cached : int
        Requests of this start that failed, and that were answered from the cache.
    cost_usd : float
        Price of this start's requests as far as models tell it.
    """

    stage: str
    done: int
    total: int
    text: str
    model: str = ""
    scenario: str = ""
    elapsed_s: float = 0.0
    remaining_s: float | None = None
    n_failed: int = 0
    n_cached: int = 0
    cost_usd: float = 0.0
