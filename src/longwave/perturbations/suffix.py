"""Suffix: a phrase of style at the end of the input."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import ClassVar

from longwave.errors import ConfigError
from longwave.perturbations.base import Perturbation, label

__all__ = ["Suffix"]


@dataclass(frozen=True, kw_only=True)
class Suffix(Perturbation):
    """Append a phrase of style, such as "in plain words"; HELM's later addition for prompts of image models.

    The phrase follows a comma, or a blank where the text ends with another sign than a letter or a digit, and
    comes before the white space at the end. A text without any sign is left alone.

    Parameters
    ----------
    phrase : str
        What is appended. In the name, blanks of a phrase of small letters and digits become hyphens; any
        other phrase stands there as a digest.
    """

    base_name: ClassVar[str] = "suffix"
    description: ClassVar[str] = "A phrase of style at the end: digital art"
    phrase: str = "digital art"

    def __post_init__(self) -> None:
        if not self.phrase.strip():
            raise ConfigError(
                f'phrase is "{self.phrase}"; accepted are texts that say something, such as "oil painting".'
            )

    def labels(self) -> dict[str, str]:
        """Return the phrase as a part of the name."""
        found = super().labels()
        if "phrase" in found:
            is_plain = re.fullmatch(r"[a-z0-9]+(?: [a-z0-9]+)*", self.phrase)
            found["phrase"] = self.phrase.replace(" ", "-") if is_plain else label("phrase", (self.phrase,))
        return found

    def rewrite(self, text: str, rng: random.Random) -> str:  # noqa: ARG002
        """Return the text with the phrase behind it."""
        bare = text.rstrip()
        if not bare:
            return text
        return f"{bare}{', ' if bare[-1].isalnum() else ' '}{self.phrase}{text[len(bare) :]}"


SUFFIX = Suffix()
