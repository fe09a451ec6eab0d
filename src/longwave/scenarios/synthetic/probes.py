"""Texts of wanted sizes, for measuring how long a model takes (arXiv 2211.09110, section 4.7)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from longwave.errors import ConfigError
from longwave.scenarios.base import Instance
from longwave.scenarios.synthetic.vocabulary import read_vocabulary

__all__ = ["PROMPT_WORDS", "make_probes"]

PROMPT_WORDS = (1, 16, 32, 64, 256, 512, 768, 1024, 1536, 1920)


def make_probes(
    n_output_tokens: int,
    *,
    sizes: Sequence[int] = PROMPT_WORDS,
    n_each: int = 10,
    seed: int = 42,
) -> list[Instance]:
    """Draw texts of each size, without references: what counts is the time that an answer takes.

    Parameters
    ----------
    n_output_tokens : int
        Tokens that the model is asked for; kept in ``extra``, the scenario's prompt does the asking.
    sizes : sequence of int
        Words of the texts; also their group.
    n_each : int
        Texts of each size.
    seed : int

    Raises
    ------
    ConfigError
        If a size is not positive, or there are not enough different texts of one word.

    Notes
    -----
    The published data has texts of exactly so many *tokens*, one set a tokenizer. Rows are made before the
    model is known, so that ours have so many *words*; the tokens that it became are in the column
    ``tokens_in`` of the predictions, which is what run times should be compared by.
    """
    vocabulary = read_vocabulary().probes
    if min((*sizes, n_each, n_output_tokens)) < 1 or n_each > len(vocabulary):
        raise ConfigError(
            f"{n_each} texts each of {list(sizes)} words with {n_output_tokens} tokens were asked for; "
            f"accepted are sizes of 1 and more, and 1 to {len(vocabulary)} texts."
        )
    rng = random.Random(seed)
    found = []
    for size in sizes:
        starts = rng.sample(vocabulary, n_each)  # different first words, hence different texts
        for row, start in enumerate(starts):
            words = [start, *rng.choices(vocabulary, k=size - 1)]
            found.append(
                Instance(
                    id=f"synthetic_efficiency-test-{size}-{row}",
                    input=" ".join(words),
                    references=(),
                    split="test",
                    group=f"{size} words",
                    extra={"n_prompt_words": size, "n_output_tokens": n_output_tokens},
                )
            )
    return found
