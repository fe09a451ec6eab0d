"""Diversity of several outputs to one prompt: how alike they are, and how unsure the model was.

Measures of arXiv 2211.09110. They say how varied a generator is, not whether what it wrote is true.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from longwave.clients.base import Completion
from longwave.metrics.base import Answer, AnswerMetric

__all__ = ["monte_carlo_entropy", "self_bleu"]

ORDER = 4
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
# all ASCII signs but the apostrophe, hyphen, full stop and comma stand alone
_SIGN = re.compile(r"([!-&(-+/:-@\[-`{-~])")
_AFTER_NO_DIGIT = re.compile(r"([^0-9])([.,])")
_BEFORE_NO_DIGIT = re.compile(r"([.,])([^0-9])")
_DASH = re.compile(r"([0-9])(-)")

Grams = list[Counter[tuple[str, ...]]]  # by length, from 1


def self_bleu(outputs: Sequence[str]) -> float | None:
    """Return the mean sentence BLEU of each output against the others: 1 is all alike.

    Parameters
    ----------
    outputs : sequence of str
        Completions of one prompt; empty ones do not count.

    Returns
    -------
    float or None
        In [0, 1]; None with fewer than two outputs, of which the reference code says 0, the greatest variety.

    Notes
    -----
    BLEU-4 with exponential smoothing and the effective order (only lengths of which the output has an
    n-gram), words by the rules of mteval-v13a; the reference code's values are 100 times as large.

    References
    ----------
    arXiv 1802.01886 (self-BLEU); arXiv 1804.08771 (the variant of BLEU).

    Examples
    --------
    >>> self_bleu(["the cat sat on the mat", "the cat sat on the mat"])
    1.0
    """
    texts = [_words(text) for text in outputs if text.strip()]
    if len(texts) < 2:
        return None
    grams = [_grams(words) for words in texts]
    scores = [
        _sentence_bleu(grams[i], [other for j, other in enumerate(grams) if j != i])
        for i in range(len(grams))
    ]
    return sum(scores) / len(scores)


def monte_carlo_entropy(completions: Sequence[Completion]) -> float | None:
    """Return the mean negative log-probability of completions in nats; None when the model tells none.

    Notes
    -----
    An unbiased estimate of the entropy of the model's answer only where completions were sampled at
    temperature 1 and cut by no limit.
    """
    known = [completion.logprob for completion in completions if completion.logprob is not None]
    return -sum(known) / len(known) if known else None


def _words(text: str) -> list[str]:
    """Split a text by the rules of mteval-v13a."""
    text = text.strip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES:
        text = text.replace(entity, sign)
    text = _SIGN.sub(r" \1 ", f" {text} ")
    text = _AFTER_NO_DIGIT.sub(r"\1 \2 ", text)
    text = _BEFORE_NO_DIGIT.sub(r" \1 \2", text)
    return _DASH.sub(r"\1 \2 ", text).split()


def _grams(words: Sequence[str]) -> Grams:
    return [Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)) for n in range(1, ORDER + 1)]


def _sentence_bleu(output: Grams, references: Sequence[Grams]) -> float:
    size = output[0].total()
    nearest = min((abs(grams[0].total() - size), grams[0].total()) for grams in references)[1]
    logs, halvings = [], 0
    for n in range(ORDER):
        total = output[n].total()
        if not total:
            break
        most: Counter[tuple[str, ...]] = Counter()
        for grams in references:
            most |= grams[n]
        matched = (output[n] & most).total()
        if n == 0 and not matched:
            return 0.0
        if matched:
            logs.append(math.log(matched / total))
        else:
            halvings += 1
            logs.append(-math.log(2.0**halvings * total))
    brevity = min(0.0, 1 - nearest / size)
    return math.exp(brevity + sum(logs) / len(logs))


def _self_bleu(answer: Answer) -> float | None:
    return self_bleu(answer.outputs)


def _entropy(answer: Answer) -> float | None:
    return monte_carlo_entropy(answer.completions)


SELF_BLEU = AnswerMetric(name="self_bleu", family="accuracy", higher_is_better=False, function=_self_bleu)
MONTE_CARLO_ENTROPY = AnswerMetric(
    name="monte_carlo_entropy", family="accuracy", higher_is_better=True, high=None, function=_entropy
)
