"""Choose the chains of a scenario: those written for its task, else general ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from longwave.errors import DataError
from longwave.prompting.ama.chain import Chain
from longwave.prompting.ama.files import ChainFile, get_chain_file, list_chain_files
from longwave.prompting.ama.generic import generic_chains, vary_chains
from longwave.scenarios.base import Instance, Scenario

__all__ = ["VOTES", "chains_for", "file_for"]

VOTES = 5  # chains of most tasks of the paper


def chains_for(
    scenario: Scenario,
    *,
    votes: int = VOTES,
    instances: Sequence[Instance] | None = None,
    file: str | None = None,
) -> list[Chain]:
    """Return the chains that vote on a scenario.

    Parameters
    ----------
    scenario : Scenario
    votes : int
        How many; from 1.
    instances : sequence of Instance, optional
        All of the scenario, if they are loaded already.
    file : str, optional
        Name of a bundled file of chains, or the path of one's own, in place of the choice by the scenario's
        name.

    Returns
    -------
    list of Chain
        A file that lists the scenario's name serves it if the instances have the fields that its chains need.
        Otherwise the instances tell the kind of general chains. Without a train split, chains that differ
        only in the examples drawn from it are one. Where there are fewer than ``votes``, the chains come
        again with other demonstrations, see ``vary_chains``.

    Raises
    ------
    DataError
        If the scenario has no instances, or they do not fit a file that was named.
    """
    known = list(scenario.load() if instances is None else instances)
    asked = [instance for instance in known if instance.split in scenario.eval_splits]
    if not asked:
        raise DataError(f'The scenario "{scenario.key}" has no instances to ask about. Add some.')
    found = get_chain_file(file) if file is not None else file_for(scenario, asked)
    if found is None:
        chains = list(generic_chains(scenario.prompt, asked))
    else:
        found.format().read(asked[0])
        chains = list(found.build())
    if not any(instance.split == "train" for instance in known):
        chains = _distinct(chains)
    return list(vary_chains(chains, votes))


def file_for(scenario: Scenario, asked: Sequence[Instance]) -> ChainFile | None:
    """Return the bundled file for a scenario whose fields its instances have; None where there is none."""
    for file in list_chain_files().values():
        if scenario.name in file.scenarios and asked and _fits(file, asked[0]):
            return file
    return None


def _fits(file: ChainFile, instance: Instance) -> bool:
    try:
        file.format().read(instance)
    except DataError:
        return False
    return True


def _distinct(chains: Sequence[Chain]) -> list[Chain]:
    """Leave out chains that would differ in examples that cannot be drawn."""
    kept: list[Chain] = []
    bare: list[Chain] = []
    for chain in chains:
        plain = replace(chain, name="", seed=0)
        if not chain.n_examples or plain not in bare:
            kept.append(chain)
            bare.append(plain)
    return kept
