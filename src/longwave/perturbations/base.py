"""What a perturbation is: an edit of an instance, after which its answer is as it was, or known."""

from __future__ import annotations

import hashlib
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from longwave import registry
from longwave.errors import ConfigError, DataError
from longwave.scenarios.base import Instance

__all__ = ["Perturbation", "get_perturbation", "match_case"]


@dataclass(frozen=True, kw_only=True)
class Perturbation(ABC):
    """An edit of an instance; a subclass is a frozen dataclass of its parameters with a method `rewrite`.

    Attributes
    ----------
    base_name : str
        Name with default parameters.
    description : str
        One line.
    is_robustness, is_fairness : bool
        Which worst cases it counts for (arXiv 2211.09110, sections 4.4 and 4.5).
    is_equivariance : bool
        Whether the right answer may change with the input; such an edit counts for neither worst case.
    edits_references : bool
        Whether the texts of the references are edited too; their order and tags stay.
    """

    base_name: ClassVar[str]
    description: ClassVar[str]
    is_robustness: ClassVar[bool] = True
    is_fairness: ClassVar[bool] = False
    is_equivariance: ClassVar[bool] = False
    edits_references: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name in the ``perturbation`` column; parameters other than the default follow (typos-0.3)."""
        return "-".join([self.base_name, *self.labels().values()])

    def labels(self) -> dict[str, str]:
        """Return what each parameter other than the default adds to the name.

        A switch adds its own name, a list of one's own "own" and a digest of its content, all else its value.
        """
        return {
            part.name: label(part.name, value)
            for part in fields(self)
            if (value := getattr(self, part.name)) != part.default
        }

    @abstractmethod
    def rewrite(self, text: str, rng: random.Random) -> str:
        """Return the edited text; equal to ``text`` where there is nothing to edit."""

    def edit(self, instance: Instance, rng: random.Random) -> Instance:
        """Return the instance edited; by default its input is rewritten and all else stays."""
        return replace(instance, input=self.rewrite(instance.input, rng))

    def perturb(self, instance: Instance, seed: int = 0) -> Instance | None:
        """Return an edited copy of an instance; its id, split, group and extra stay.

        Parameters
        ----------
        instance : Instance
            An original.
        seed : int
            Seeds the edit together with the instance's id and `base_name`, so that it depends neither on the
            order of the instances nor on the process.

        Returns
        -------
        Instance or None
            None where the input stays as it is, whatever the references would become: the model would be
            asked the same. None too for instances of the train split: the examples in a prompt stay.

        Raises
        ------
        DataError
            If the instance is a perturbed copy already.
        """
        if instance.perturbation is not None:
            raise DataError(
                f'Instance "{instance.id}" is already perturbed by "{instance.perturbation}"; accepted are '
                f"originals. Combine two edits in one perturbation."
            )
        if instance.split == "train":
            return None
        copy = self.edit(instance, _seeded(self.base_name, instance.id, seed))
        return None if copy.input == instance.input else replace(copy, perturbation=self.name)


def get_perturbation(name: str) -> Perturbation:
    """Return a registered perturbation.

    Raises
    ------
    UnknownName
        If nothing has this name; the message lists the nearest ones.
    ConfigError
        If the entry of an installed package is no perturbation.
    """
    found = registry.load("perturbations", name)
    if isinstance(found, Perturbation):
        return found
    raise ConfigError(
        f'The perturbations entry "{name}" is {type(found).__name__}; accepted are objects of Perturbation. '
        f"Mend the package that registers it."
    )


def match_case(word: str, like: str) -> str:
    """Write a word in the case of another: all capitals, capitalised, or as it is.

    Examples
    --------
    >>> match_case("it's", "IT IS"), match_case("it's", "It is"), match_case("it's", "it is")
    ("IT'S", "It's", "it's")
    """
    letters = [letter for letter in like if letter.isalpha()]
    if len(letters) > 1 and all(letter.isupper() for letter in letters):
        return word.upper()
    if letters and letters[0].isupper():
        return word[:1].upper() + word[1:]
    return word


def label(name: str, value: object) -> str:
    """Write a parameter as a part of a name; see `Perturbation.labels`."""
    if isinstance(value, bool):
        return ("" if value else "no-") + name.replace("_", "-")
    if isinstance(value, tuple):
        return f"own-{hashlib.sha256(repr(value).encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return str(value)


def _seeded(*parts: object) -> random.Random:
    """Seed a generator by SHA-256: Python's own hash of a text differs from process to process."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()
    return random.Random(int.from_bytes(digest[:16], "big"))
