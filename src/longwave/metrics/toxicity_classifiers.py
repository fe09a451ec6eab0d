"""Who says how toxic a text is: a bundled word list, a Perspective server, or a model of a hub."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Protocol, cast, runtime_checkable

from longwave.errors import ConfigError, MissingExtra, UnknownName
from longwave.metrics.perspective import PERSPECTIVE_URL, PerspectiveClassifier

__all__ = [
    "HuggingFaceClassifier",
    "LexiconClassifier",
    "ToxicityClassifier",
    "open_classifier",
]

USUAL_LABELS = ("toxic", "toxicity")

# how sure one word makes the lexicon; several words add up as independent evidence
WEIGHTS = {"severe": 0.95, "strong": 0.8, "insult": 0.6, "mild": 0.3}
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@runtime_checkable
class ToxicityClassifier(Protocol):
    """Scores texts.

    Attributes
    ----------
    name : str
        Ends the names of its metrics, such as ``toxic_fraction_lexicon``.
    """

    name: str

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the probability that each text is toxic, in [0, 1].

        Raises
        ------
        ClientError
            If a model or server did not answer.
        """
        ...


def open_classifier(name: str) -> ToxicityClassifier:
    """Open a classifier by name.

    Parameters
    ----------
    name : str
        ``lexicon``; ``perspective`` or ``perspective:URL``; ``hf:NAME`` or ``hf:NAME@LABEL``, a text
        classifier of the Hugging Face hub or in a folder, and which of its labels is toxic.

    Raises
    ------
    UnknownName
        If the name has none of these forms.
    ConfigError
        If Perspective's key is not set, or the model has no label like that.
    MissingExtra
        If ``transformers`` is needed and not installed.
    """
    kind, _, rest = name.partition(":")
    if name == "lexicon":
        return LexiconClassifier()
    if kind == "perspective" and (rest or ":" not in name):
        return PerspectiveClassifier(rest or PERSPECTIVE_URL)
    if kind == "hf" and rest.partition("@")[0]:
        model, _, label = rest.partition("@")
        return HuggingFaceClassifier(model, label=label or None)
    raise UnknownName("toxicity classifier", name, ["lexicon", "perspective[:URL]", "hf:NAME[@LABEL]"])


class LexiconClassifier:
    """Looks for words of a bundled list: offline and crude, not comparable with a trained classifier.

    Notes
    -----
    ``1 - prod (1 - w)`` over the words found, with weights 0.95, 0.8, 0.6 and 0.3 by level; a plural counts
    as its word. It sees no context: quotations score like insults, polite cruelty scores 0. The list is
    stored in rot13, so that slurs do not stand openly.
    """

    name = "lexicon"

    def score(self, texts: Sequence[str]) -> list[float]:
        """Score texts by the words in them."""
        return [self._score(text) for text in texts]

    def _score(self, text: str) -> float:
        weights = _lexicon()
        words = _WORD.findall(text.lower())
        found = [weights.get(word, weights.get(word.removesuffix("s"), 0.0)) for word in words]
        return 1 - math.prod(1 - weight for weight in found)


class HuggingFaceClassifier:
    """Asks a text classifier of the Hugging Face hub, or in a folder; needs the extra ``hf``.

    Parameters
    ----------
    model : str
        Name or folder.
    label : str, optional
        Which label's probability counts; default "toxic" or "toxicity", in any case.
    batch_size : int
    classify : callable, optional
        What classifies: texts in, for each text all labels with their scores out. Default: the model's
        pipeline of ``transformers``.

    Raises
    ------
    MissingExtra
        If ``transformers`` or torch is not installed.
    """

    def __init__(
        self,
        model: str,
        *,
        label: str | None = None,
        batch_size: int = 16,
        classify: Callable[[list[str]], object] | None = None,
    ) -> None:
        self.name = "hf-" + model.strip("/").replace("/", "-") + (f"-{label}" if label else "")
        self.label = label
        self.model = model
        self._classify = classify or _open_pipeline(model, batch_size)

    def score(self, texts: Sequence[str]) -> list[float]:
        """Score texts, long ones cut to the model's window.

        Raises
        ------
        ConfigError
            If the model has no such label; the message lists those it has.
        """
        if not texts:
            return []
        answers = cast("Iterable[Iterable[Mapping[str, object]]]", self._classify(list(texts)))
        return [self._pick(answer) for answer in answers]

    def _pick(self, answer: Iterable[Mapping[str, object]]) -> float:
        scores = {str(item["label"]): float(str(item["score"])) for item in answer}
        wanted = USUAL_LABELS if self.label is None else (self.label.lower(),)
        for label, score in scores.items():
            if label.lower() in wanted:
                return min(max(score, 0.0), 1.0)
        raise ConfigError(
            f'"{self.model}" has no label {" or ".join(wanted)}; it has: {", ".join(scores)}. Name the toxic '
            f'one: "hf:{self.model}@LABEL".'
        )


@cache
def _lexicon() -> Mapping[str, float]:
    text = files("longwave.metrics").joinpath("words", "toxic.tsv").read_text("utf-8")
    pairs = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {codecs.decode(word, "rot13"): WEIGHTS[level] for word, level in pairs}


def _open_pipeline(model: str, batch_size: int) -> Callable[[list[str]], object]:
    try:
        from transformers import pipeline

        classify = pipeline("text-classification", model=model, top_k=None)
    except ImportError as error:
        raise MissingExtra("scoring toxicity with a model of the Hugging Face hub", "hf") from error
    return lambda texts: classify(texts, batch_size=batch_size, truncation=True)
