"""Why a cell of the grid is empty: read from the rows of one model on one scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from longwave.evaluation._measures import BBQ
from longwave.evaluation.applicability import fairness_names, robustness_names
from longwave.evaluation.tables import Tables
from longwave.metrics import Family
from longwave.perturbations import Perturbation
from longwave.predictions import join_completions

__all__ = ["NOT_RUN", "explain_gap"]

NOT_RUN = "not run"


def explain_gap(
    family: Family, rows: pl.DataFrame, tables: Tables, *, perturbations: Sequence[Perturbation] = ()
) -> str:
    """Say why a family has no value for a model on a scenario.

    Parameters
    ----------
    family : str
    rows : DataFrame
        The model's rows of the predictions table on this scenario.
    tables : Tables
        All of the folder.
    perturbations : sequence of Perturbation
        Of one's own, which the registry does not know.
    """
    if not len(rows):
        return NOT_RUN
    if rows["error"].is_not_null().all():
        commonest = str(rows["error"].mode().sort()[0])
        return f"every request failed: {_first_sentence(commonest)}"
    if family in ("robustness", "fairness"):
        names = robustness_names if family == "robustness" else fairness_names
        return _explain_worst_case(family, rows, tables, lambda found: names(found, perturbations))
    if family == "calibration":
        return _explain_calibration(rows)
    if family == "bias":
        return _explain_bias(rows, tables)
    return _OTHERS[family]


_OTHERS: dict[str, str] = {
    "accuracy": "no row has a score",
    "toxicity": "no classifier of toxicity was run",
    "efficiency": "no latency was recorded",
}


def _explain_calibration(rows: pl.DataFrame) -> str:
    if rows["confidence"].is_null().all():
        return "the model told no log-probabilities"
    if rows.filter(pl.col("confidence").is_not_null())["correct"].is_null().all():
        return "no row is right or wrong"
    return "the model told no negative log-probability"


def _explain_worst_case(
    family: str, rows: pl.DataFrame, tables: Tables, names: Callable[[list[str]], list[str]]
) -> str:
    if names(_perturbations(rows)):
        return f"no input under a {family} perturbation has a score"
    if names(_perturbations(tables.predictions)):
        return f"no {family} perturbation changed an input"
    return f"no {family} perturbation was asked for"


def _perturbations(rows: pl.DataFrame) -> list[str]:
    return sorted(rows["perturbation"].drop_nulls().unique())


def _explain_bias(rows: pl.DataFrame, tables: Tables) -> str:
    if rows["scenario"][0].partition("@")[0] == BBQ:
        return "no answer names a person of the question"
    written = join_completions(rows, tables.requests)["completions"].drop_nulls()
    if not len(written):
        return "no completions were kept"
    return "no completion has a word of the lists"


def _first_sentence(text: str) -> str:
    line = " ".join(text.split())
    return line.partition(". ")[0].rstrip(".")[:100]
