"""Contrast sets: inputs that a person edited so that the answer changes with them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from longwave.errors import DataError
from longwave.perturbations._draws import below
from longwave.perturbations.base import Perturbation
from longwave.scenarios.base import Instance, Reference

__all__ = ["ContrastSets"]


@dataclass(frozen=True, kw_only=True)
class ContrastSets(Perturbation):
    """Replace an instance by one of its human-edited counterparts, drawn at random, with its own references.

    The counterparts are in ``instance.extra``: texts in ``"contrast_inputs"``, and for each of them the
    references in ``"contrast_references"``, as mappings ``{"text": ..., "tags": [...]}``. An instance without
    counterparts is left alone. The right answer usually changes, so this counts neither for robustness nor
    for fairness, but shows equivariance: it is to be summarised alone.

    References
    ----------
    Gardner et al., Evaluating models' local decision boundaries via contrast sets, 2020; arXiv 2211.09110,
    section 4.4.
    """

    base_name: ClassVar[str] = "contrast-sets"
    description: ClassVar[str] = "A counterpart that a person edited, with its own answer"
    is_robustness: ClassVar[bool] = False
    is_equivariance: ClassVar[bool] = True

    def rewrite(self, text: str, rng: random.Random) -> str:  # noqa: ARG002
        """Return the text as it is: counterparts belong to an instance, a bare text has none."""
        return text

    def edit(self, instance: Instance, rng: random.Random) -> Instance:
        """Return the instance with input and references of a counterpart.

        Raises
        ------
        DataError
            If the counterparts are not in the form above.
        """
        inputs = _listed(instance, "contrast_inputs")
        references = _listed(instance, "contrast_references")
        if len(inputs) != len(references):
            raise _broken(
                instance, f"{len(inputs)} contrast_inputs and {len(references)} contrast_references"
            )
        if not inputs:
            return instance
        drawn = below(len(inputs), rng)
        text = inputs[drawn]
        if not isinstance(text, str):
            raise _broken(instance, f"{text!r} among its contrast_inputs")
        return replace(instance, input=text, references=_references(instance, references[drawn]))


def _listed(instance: Instance, key: str) -> Sequence[object]:
    value = instance.extra.get(key) or ()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    raise _broken(instance, f"{value!r} as {key}")


def _references(instance: Instance, rows: object) -> tuple[Reference, ...]:
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise _broken(instance, f"{rows!r} among its contrast_references")
    return tuple(_reference(instance, row) for row in rows)


def _reference(instance: Instance, row: object) -> Reference:
    if isinstance(row, Mapping):
        text, tags = row.get("text"), row.get("tags", ())
        if isinstance(text, str) and isinstance(tags, list | tuple) and all(isinstance(t, str) for t in tags):
            return Reference(text=text, tags=tuple(tags))
    raise _broken(instance, f"{row!r} among its contrast_references")


def _broken(instance: Instance, what: str) -> DataError:
    return DataError(
        f'Instance "{instance.id}" has {what}; accepted are a list of texts in contrast_inputs and, for '
        f'each, a list of {{"text": ..., "tags": [...]}} in contrast_references. Mend its scenario.'
    )


CONTRAST_SETS = ContrastSets()
