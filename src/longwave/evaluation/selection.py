"""Choose what is asked: load, cap, perturb; the same instances for every model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from longwave.errors import DataError
from longwave.perturbations import Perturbation
from longwave.prompting import VOTES, PromptVariant, ama_variants, choose_examples, own_variant
from longwave.prompting.votes import is_vote
from longwave.scenarios.base import Instance, Scenario

__all__ = ["Selection", "select_instances"]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The instances of a scenario that an evaluation asks about.

    Parameters
    ----------
    scenario : Scenario
    train : tuple of Instance
        The pool of in-context examples, whole.
    instances : tuple of Instance
        The drawn originals in the scenario's order, then their perturbed copies, one perturbation after the
        other, then the rows of the train split that are asked for their votes only.
    variants : tuple of PromptVariant
        The ways in which each of them is asked; default: the scenario's own.
    """

    scenario: Scenario
    train: tuple[Instance, ...]
    instances: tuple[Instance, ...]
    variants: tuple[PromptVariant, ...] = ()

    def __post_init__(self) -> None:
        if not self.variants:
            own = own_variant(self.scenario, (*self.train, *self.instances))
            object.__setattr__(self, "variants", (own,))

    @property
    def originals(self) -> tuple[Instance, ...]:
        """The instances to score as the scenario gave them."""
        splits = self.scenario.eval_splits
        return tuple(item for item in self.instances if item.perturbation is None and item.split in splits)

    @property
    def shows_examples(self) -> bool:
        """Whether prompts show in-context examples that differ from trial to trial."""
        return any(variant.has_trials for variant in self.variants)

    def variant(self, name: object) -> PromptVariant:
        """Return a variant by what stands in the ``prompt`` column."""
        return self._by_name[name]

    def examples(
        self, instance: Instance, *, trial: int, seed: int = 0, variant: PromptVariant | None = None
    ) -> tuple[Instance, ...]:
        """Choose the in-context examples of an instance in a trial, among its kind (``examples_by``)."""
        n_examples = self.scenario.prompt.max_train_instances if variant is None else variant.n_examples
        draw = seed + trial + (0 if variant is None else variant.seed)
        by = self.scenario.prompt.examples_by
        kind = None if by is None else instance.extra.get(by)
        # where the train split itself is evaluated, no instance may show its own answer
        own = instance.id if instance.id in self._train_ids else None
        known = self._chosen.get((kind, own, draw, n_examples))
        if known is None:
            pool = [
                example
                for example in self.train
                if example.id != own and (by is None or example.extra.get(by) == kind)
            ]
            chosen = choose_examples(pool, n_examples, trial=draw)
            known = self._chosen[kind, own, draw, n_examples] = tuple(chosen)
        return known

    @cached_property
    def _train_ids(self) -> frozenset[str]:
        return frozenset(example.id for example in self.train)

    @cached_property
    def _chosen(self) -> dict[tuple[object, str | None, int, int], tuple[Instance, ...]]:
        """Examples by kind, instance left out, draw and number: one draw serves all instances of a trial."""
        return {}

    @cached_property
    def _by_name(self) -> dict[object, PromptVariant]:
        return {variant.name: variant for variant in self.variants}


def select_instances(
    scenario: Scenario,
    *,
    perturbations: Sequence[Perturbation] = (),
    max_instances: int | None = None,
    seed: int = 0,
    prompting: str = "own",
    votes: int = VOTES,
    train_votes: int = 0,
) -> Selection:
    """Load a scenario, draw the instances to evaluate, and perturb them.

    Parameters
    ----------
    scenario : Scenario
    perturbations : sequence of Perturbation
        Instances that one leaves as they are have no copy for it. Language modelling is not perturbed: other
        text has other bytes.
    max_instances : int, optional
        Originals at most, valid and test together, drawn without replacement before they are perturbed.
    seed : int
        Seeds the draw (numpy's default generator) and the perturbations.
    prompting : str
        ``"own"``: by the prompt that the scenario describes; ``"ama"``: by chains for its task; or the path
        of a file of chains.
    votes : int
        Chains, where there are chains.
    train_votes : int
        Rows of the train split at most, drawn like the others, on which chains vote as well.

    Raises
    ------
    DataError
        If the scenario has nothing to evaluate, an id twice, or text that is no Unicode.
    """
    loaded = scenario.load()
    _check(scenario, loaded)
    asked = [instance for instance in loaded if instance.split in scenario.eval_splits]
    if not asked:
        raise DataError(
            f'The scenario "{scenario.key}" has no instances in its splits '
            f"{', '.join(scenario.eval_splits)}. Add some, or change its eval_splits."
        )
    asked = _draw(asked, max_instances, seed)
    edits = () if scenario.prompt.method == "language_modeling" else perturbations
    copies = [
        replace(copy, id=instance.id, perturbation=edit.name)
        for edit in edits
        for instance in asked
        if (copy := edit.perturb(instance, seed)) is not None
    ]
    train = tuple(instance for instance in loaded if instance.split == "train")
    variants = () if prompting == "own" else _vote(scenario, loaded, prompting, votes)
    unscored = () if "train" in scenario.eval_splits else train
    more = _draw(unscored, train_votes, seed) if any(is_vote(variant.name) for variant in variants) else []
    return Selection(scenario=scenario, train=train, instances=(*asked, *copies, *more), variants=variants)


def _draw(instances: Sequence[Instance], at_most: int | None, seed: int) -> list[Instance]:
    """Draw without replacement, in the order that there is."""
    if at_most is None or len(instances) <= at_most:
        return list(instances)
    drawn = np.random.default_rng(seed).choice(len(instances), size=at_most, replace=False)
    return [instances[index] for index in sorted(drawn)]


def _vote(
    scenario: Scenario, loaded: Sequence[Instance], prompting: str, votes: int
) -> tuple[PromptVariant, ...]:
    file = None if prompting == "ama" else prompting
    return ama_variants(scenario, loaded, votes=votes, file=file)


def _check(scenario: Scenario, loaded: Sequence[Instance]) -> None:
    seen: set[str] = set()
    for instance in loaded:
        if instance.id in seen:
            raise DataError(
                f'The scenario "{scenario.key}" has the id "{instance.id}" twice. Give every instance its '
                "own."
            )
        seen.add(instance.id)
        try:
            "".join(_texts(scenario, instance)).encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f'Instance "{instance.id}" of "{scenario.key}" holds half of a surrogate pair, which is no '
                "character. Decode its source as UTF-8 and write it again."
            ) from error


def _texts(scenario: Scenario, instance: Instance) -> list[str]:
    """List all texts of an instance that reach prompts or tables."""
    shown = str(instance.extra.get(scenario.prompt.examples_by or "", ""))
    references = [reference.text for reference in instance.references]
    return [instance.id, instance.group or "", instance.input, shown, *references]
