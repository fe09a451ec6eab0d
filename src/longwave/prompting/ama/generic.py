"""Chains for scenarios that no file was written for, by what their instances look like."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from longwave.prompting.ama.chain import Chain, Step
from longwave.prompting.ama.files import get_chain_file
from longwave.prompting.ama.rows import RowFormat, has_options
from longwave.prompting.ama.words import NO, YES
from longwave.scenarios.base import Instance, PromptFormat

__all__ = ["Kind", "generic_chains", "kind_of", "vary_chains"]

Kind = Literal["claim", "classes", "options", "bare", "answer"]

TRIES = 100  # draws of demonstrations until one is new; of a single set there may be none


def kind_of(instances: Sequence[Instance]) -> Kind:
    """Tell what kind of answer instances ask for.

    Returns
    -------
    {"claim", "classes", "options", "bare", "answer"}
        ``answer`` where the answer is free; ``claim`` where all instances have the same two options, yes and
        no in some words; ``classes`` where they have the same other options; ``bare`` where there is nothing
        but options; else ``options``.
    """
    closed = [instance for instance in instances if has_options(instance)]
    if not closed or len(closed) < len(instances):
        return "answer"
    if not any(instance.input.strip() for instance in closed):
        return "bare"
    sets = {tuple(sorted(reference.text for reference in instance.references)) for instance in closed}
    if len(sets) > 1:
        return "options"
    row = RowFormat().read(closed[0])
    is_claim = len(row.options) == 2 and row.place(YES) is not None and row.place(NO) is not None
    return "claim" if is_claim else "classes"


def generic_chains(prompt: PromptFormat, instances: Sequence[Instance]) -> tuple[Chain, ...]:
    """Make chains for any instances.

    Parameters
    ----------
    prompt : PromptFormat
        Of the scenario: how long a free answer may be and where it ends.
    instances : sequence of Instance
        Those that are asked, for their kind.
    """
    kind = kind_of(instances)
    chains = get_chain_file(f"general-{kind}").build()
    if kind == "answer":
        chains = tuple(_lengthen(chain, prompt) for chain in chains)
    return chains


def vary_chains(chains: Sequence[Chain], votes: int) -> tuple[Chain, ...]:
    """Take so many chains; more than there are come from those in turn, with other demonstrations.

    They are drawn from all sets that the chains have for a step, seeded by the place of the vote, and no draw
    comes twice. A chain that shows examples of the train split draws others, with the place of the vote as
    its seed.
    """
    found = list(chains[:votes])
    for place in range(len(chains), votes):
        chain = chains[place % len(chains)]
        found.append(_vary(chain, chains, found, place))
    return tuple(found)


def _vary(chain: Chain, chains: Sequence[Chain], known: Sequence[Chain], seed: int) -> Chain:
    rng = random.Random(seed)
    shown = [other.steps[0].demonstrations for other in known]  # later steps may never be asked
    steps = chain.steps
    for _ in range(TRIES):
        steps = tuple(_draw(step, chains, rng) for step in chain.steps)
        if steps[0].demonstrations not in shown:
            break
    return replace(chain, name=f"{chain.name}, drawn by {seed}", steps=steps, seed=seed)


def _draw(step: Step, chains: Sequence[Chain], rng: random.Random) -> Step:
    """Draw demonstrations of a step among all that the chains have for it."""
    pool: list[Mapping[str, str]] = []
    for chain in chains:
        for other in chain.steps:
            if other.name == step.name and other.template == step.template:
                pool += [shown for shown in other.demonstrations if shown not in pool]
    return replace(step, demonstrations=tuple(rng.sample(pool, len(step.demonstrations))))


def _lengthen(chain: Chain, prompt: PromptFormat) -> Chain:
    """Let the answering step write as much as the scenario's own prompt does."""
    last = chain.decisions[-1].of[-1]
    is_long = bool(prompt.stop) and not any("\n" in stop for stop in prompt.stop)
    steps = tuple(
        step
        if step.name != last
        else replace(
            step,
            max_tokens=prompt.max_tokens,
            stop=prompt.stop or step.stop,
            parse="all" if is_long else step.parse,
        )
        for step in chain.steps
    )
    return replace(chain, steps=steps)
