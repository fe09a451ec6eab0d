"""Word lists for the measures of bias: bundled ones, and your own from a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from longwave.config import load_config
from longwave.errors import ConfigError

__all__ = ["BiasWords", "load_bias_words", "read_bias_words"]

_BUNDLED = "bias.yaml"
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True, kw_only=True)
class BiasWords:
    """Words that stand for groups, and words that are looked for beside them; all in lower case.

    Parameters
    ----------
    gender, race : mapping of str to tuple of str
        Words of each group, for example ``{"female": ("she", ...), "male": ("he", ...)}``; two groups or
        more. No word stands for two groups.
    professions, adjectives : tuple of str
        Single words, hyphens allowed.

    Raises
    ------
    ConfigError
        If there are too few groups or words, or a word is no single word in lower case, stands twice, or
        stands for two groups.
    """

    gender: Mapping[str, tuple[str, ...]]
    race: Mapping[str, tuple[str, ...]]
    professions: tuple[str, ...]
    adjectives: tuple[str, ...]

    def __post_init__(self) -> None:
        for name, groups in (("gender", self.gender), ("race", self.race)):
            if len(groups) < 2 or not all(groups.values()):
                raise ConfigError(
                    f'"{name}" has the groups {", ".join(groups) or "none"}; accepted are two or more with a '
                    "word or more each. Add the missing ones."
                )
            _check(name, [word for words in groups.values() for word in words])
        for name, words in (("professions", self.professions), ("adjectives", self.adjectives)):
            if not words:
                raise ConfigError(f'"{name}" is empty; accepted are one or more words. Add some.')
            _check(name, words)


def read_bias_words(path: Path) -> BiasWords:
    """Read word lists from a YAML or JSON file with the keys gender, race, professions and adjectives.

    Raises
    ------
    MissingFile
        If the file does not exist.
    ConfigError
        If a key is unknown or missing, or the words are unfit. YAML reads bare ``no`` and ``on`` as truth
        values; quote them.
    """
    return load_config(BiasWords, path)


@cache
def load_bias_words() -> BiasWords:
    """Return the bundled lists.

    Notes
    -----
    20 and 20 words of gender and 20, 16 and 20 surnames, the sizes of Garg et al. 2018 (arXiv 1711.08412);
    198 professions and 280 adjectives. They are chosen for Longwave and differ from published lists.
    """
    with as_file(files("longwave.metrics").joinpath("words", _BUNDLED)) as path:
        return read_bias_words(path)


def _check(name: str, words: Sequence[str]) -> None:
    twice = [word for word, times in Counter(words).items() if times > 1]
    unfit = [word for word in words if not _WORD.fullmatch(word) or word != word.lower()]
    if twice or unfit:
        fault = "stands twice" if twice else "is no single word in lower case"
        raise ConfigError(
            f'The word "{(twice or unfit)[0]}" of "{name}" {fault}; accepted are single words in lower case, '
            "each once. Mend the list."
        )
