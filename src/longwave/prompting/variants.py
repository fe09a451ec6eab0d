"""The ways in which a scenario is asked: as it says itself, or by several chains whose answers are votes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from longwave.prompting.ama.choosing import chains_for, file_for
from longwave.prompting.ama.generic import kind_of
from longwave.prompting.ama.method import AskMeAnything
from longwave.prompting.base import PromptVariant, get_method, name_prompt
from longwave.scenarios.base import Instance, Scenario

__all__ = ["ama_variants", "own_variant"]

logger = logging.getLogger(__name__)

LONG = 100  # tokens of an answer that no short chain is written for: a solution, a summary, a program
NOT_ASKED = ("language_modeling", "ranking_binary")


def own_variant(scenario: Scenario, instances: Sequence[Instance]) -> PromptVariant:
    """Return the prompt that a scenario describes itself.

    Parameters
    ----------
    scenario : Scenario
    instances : sequence of Instance
        All of it; without a train split there are no examples to draw anew in every trial.
    """
    n_examples = scenario.prompt.max_train_instances
    return PromptVariant(
        name=name_prompt(scenario.prompt),
        method=get_method(scenario.prompt.method),
        n_examples=n_examples,
        has_trials=n_examples > 0 and any(instance.split == "train" for instance in instances),
    )


def ama_variants(
    scenario: Scenario, instances: Sequence[Instance], *, votes: int, file: str | None = None
) -> tuple[PromptVariant, ...]:
    """Return the votes on a scenario, named ``ama-1``, ``ama-2``, ...

    Parameters
    ----------
    scenario : Scenario
    instances : sequence of Instance
        All of it.
    votes : int
    file : str, optional
        File of chains, see ``chains_for``.

    Returns
    -------
    tuple of PromptVariant
        Chains, see ``chains_for``. Long free answers, such as programs, are asked for by the scenario's own
        prompt instead, a vote with other in-context examples each. What is not an answer, text that is
        predicted or documents that are ranked, what has no right answer, and long answers without examples
        keep their one own prompt.

    Raises
    ------
    DataError
        As ``chains_for``.
    """
    own = own_variant(scenario, instances)
    asked = [instance for instance in instances if instance.split in scenario.eval_splits]
    is_long = file is None and _is_long(scenario, asked)
    is_answered = scenario.prompt.method not in NOT_ASKED and any(item.label is not None for item in asked)
    if not is_answered or (is_long and not own.has_trials):
        logger.warning(
            '"%s" has no answers to vote on by other prompts; it keeps its own, %s', scenario.key, own.name
        )
        return (own,)
    names = [f"ama-{place}" for place in range(1, votes + 1)]
    if is_long:
        return tuple(
            PromptVariant(
                name=name, method=own.method, n_examples=own.n_examples, seed=place, has_trials=False
            )
            for place, name in enumerate(names)
        )
    chains = chains_for(scenario, votes=votes, instances=instances, file=file)
    return tuple(
        PromptVariant(
            name=name,
            method=AskMeAnything(chain=chain),
            n_examples=chain.n_examples,
            seed=chain.seed,
            has_trials=False,
        )
        for name, chain in zip(names, chains, strict=True)
    )


def _is_long(scenario: Scenario, asked: Sequence[Instance]) -> bool:
    """Tell answers that are free and long, and that no file of chains is there for."""
    prompt = scenario.prompt
    if kind_of(asked) != "answer" or file_for(scenario, asked) is not None:
        return False
    return prompt.max_tokens > LONG or prompt.temperature > 0 or prompt.n_outputs > 1
