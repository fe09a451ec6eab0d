"""Overlap of two texts: ROUGE and BLEU, and how much of a summary was copied from its document."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Literal

from longwave.errors import ConfigError
from longwave.metrics.base import Answer, AnswerMetric, InstanceMetric
from longwave.metrics.stemming import porter_stem

__all__ = ["bleu", "extractive_fragments", "rouge"]

_WORD = re.compile(r"[a-z0-9]+")
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_SHORT = 3  # longest word that is not stemmed


def rouge(prediction: str, reference: str, *, kind: Literal["1", "2", "l"] = "l") -> float:
    """Return the F1 of the stemmed words, pairs of words or longest common subsequence of two texts.

    Parameters
    ----------
    prediction, reference : str
        Only the letters a to z and the digits count, in lower case; words of more than three letters are
        stemmed by `porter_stem`.
    kind : {"1", "2", "l"}
        Words, pairs of neighbouring words, or the longest common subsequence of the whole texts.

    Raises
    ------
    ConfigError
        If the kind is none of the three.

    Notes
    -----
    ``2 m / (a + b)`` with m the matches, each counted as often as both have it, of a in the prediction and b
    in the reference; 0 if there is no match. The numbers of ``rouge-score`` with its stemmer on.

    References
    ----------
    C.-Y. Lin, ROUGE, Text Summarization Branches Out (2004).

    Examples
    --------
    >>> rouge("The dogs barked.", "dogs bark", kind="1"), rouge("The dogs barked.", "dogs bark", kind="2")
    (0.8, 0.6666666666666666)
    """
    got, want = _stems(prediction), _stems(reference)
    if kind == "l":
        return _f1(_common_subsequence(got, want), len(got), len(want))
    if kind not in ("1", "2"):
        raise ConfigError(f'Unknown kind "{kind}" of ROUGE. Known: 1, 2, l.')
    a, b = (Counter(_runs(words, int(kind))) for words in (got, want))
    return _f1((a & b).total(), a.total(), b.total())


def bleu(
    prediction: str, reference: str, *, max_order: int = 4, compat: Literal["helm"] | None = None
) -> float:
    """Return the BLEU of one text against one reference, without smoothing.

    Parameters
    ----------
    prediction, reference : str
        Compared by words and single signs, case kept.
    max_order : int
        Longest runs of words looked at, at least 1.
    compat : {"helm"}, optional
        Look at the longest runs alone, as HELM's ``bleu_4`` does; the default is the usual BLEU.

    Raises
    ------
    ConfigError
        If ``max_order`` is less than 1 or ``compat`` is unknown.

    Notes
    -----
    ``exp(min(0, 1 - r/c)) · (p_1 p_2 ... p_N)^(1/N)``, with c and r words in prediction and reference and p_n
    the share of the prediction's runs of n words that the reference has, each counted as often as there at
    most. With ``compat="helm"``, p_N takes the place of the product's root. One p_n of 0 makes the whole 0,
    so texts of fewer than N words get 0 even when they are equal.

    HELM splits words by the rules of the Penn Treebank ("do n't"), here "don't" is one: over pieces of 159
    bundled passages that moves one word's BLEU by 0.02 on average.

    References
    ----------
    Papineni et al., BLEU, ACL 2002.

    Examples
    --------
    >>> round(bleu("the cat sat on the mat", "the cat sat on a mat"), 4)
    0.5373
    """
    if max_order < 1:
        raise ConfigError(f"max_order is {max_order}; accepted are 1 and more.")
    if compat not in (None, "helm"):
        raise ConfigError(f'Unknown compat "{compat}" of BLEU. Known: helm, or leave it out.')
    got, want = _TOKEN.findall(prediction), _TOKEN.findall(reference)
    orders = range(max_order if compat else 1, max_order + 1)
    shares = [_share_of_runs(got, want, n) for n in orders]
    if not all(shares):
        return 0.0
    mean_log = sum(math.log(share) for share in shares) / len(shares)
    return math.exp(mean_log + min(0.0, 1 - len(want) / len(got)))


def extractive_fragments(document: str, summary: str) -> list[list[str]]:
    """Cut out of a summary the longest runs of words that its document has too.

    Parameters
    ----------
    document, summary : str
        Compared by words and single signs, case ignored.

    Returns
    -------
    list of list of str
        Words of each fragment, in lower case, in the order of the summary; no word is in two of them.

    Notes
    -----
    Greedy, from left to right: at each word of the summary the longest run that starts there and stands
    somewhere in the document, then on after it. O(words of the summary · words of the document) at worst.

    References
    ----------
    Figure 3 of arXiv 1804.11283.

    Examples
    --------
    >>> extractive_fragments("The cat sat on the mat.", "A cat sat still on the mat")
    [['cat', 'sat'], ['on', 'the', 'mat']]
    """
    source, words = _TOKEN.findall(document.lower()), _TOKEN.findall(summary.lower())
    places: dict[str, list[int]] = {}
    for place, word in enumerate(source):
        places.setdefault(word, []).append(place)
    fragments = []
    start = 0
    while start < len(words):
        longest = 0
        for place in places.get(words[start], ()):
            longest = max(longest, _common_prefix(source, place, words, start))
        if longest:
            fragments.append(words[start : start + longest])
        start += max(1, longest)
    return fragments


def _stems(text: str) -> list[str]:
    words = _WORD.findall(text.lower())
    stems = (porter_stem(word) if len(word) > _SHORT else word for word in words)
    return [stem for stem in stems if stem]


def _runs(words: list[str], n: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[i:] for i in range(n)), strict=False)


def _f1(matches: int, a: int, b: int) -> float:
    return 2 * matches / (a + b) if matches else 0.0


def _common_subsequence(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Return the length of the longest common subsequence; a row of the usual table is one whole number.

    Bit i of ``row`` is 0 where the length grows at ``first[i]`` (H. Hyyrö, Bit-parallel LCS-length
    computation revisited, AWOCA 2004).
    """
    where: dict[Hashable, int] = {}
    for i, item in enumerate(first):
        where[item] = where.get(item, 0) | 1 << i
    full = row = (1 << len(first)) - 1
    for item in second:
        matched = row & where.get(item, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(first) - row.bit_count()


def _share_of_runs(got: list[str], want: list[str], n: int) -> float:
    a, b = (Counter(_runs(words, n)) for words in (got, want))
    return (a & b).total() / a.total() if a else 0.0


def _common_prefix(source: list[str], place: int, words: list[str], start: int) -> int:
    length = 0
    while (
        place + length < len(source)
        and start + length < len(words)
        and source[place + length] == words[start + length]
    ):
        length += 1
    return length


def _fragment_share(power: int) -> Callable[[Answer], float | None]:
    """Make ``sum |f|^power / |summary|`` over the fragments f of a summary; None where there is none."""

    def share(answer: Answer) -> float | None:
        words = _TOKEN.findall((answer.prediction or "").lower())
        if not words:
            return None
        fragments = extractive_fragments(answer.instance.input, answer.prediction or "")
        return float(sum(len(fragment) ** power for fragment in fragments)) / len(words)

    return share


def _compression(answer: Answer) -> float | None:
    words = len(_TOKEN.findall(answer.prediction or ""))
    return len(_TOKEN.findall(answer.instance.input)) / words if words else None


def _overlap(name: str, function: Callable[[str, str], float]) -> InstanceMetric:
    return InstanceMetric(name=name, family="accuracy", higher_is_better=True, function=function)


def _summary(
    name: str, function: Callable[[Answer], float | None], high: float | None = None
) -> AnswerMetric:
    # they describe a summary; neither end is the better one, but a summary should not invent nor ramble
    return AnswerMetric(name=name, family="accuracy", higher_is_better=True, high=high, function=function)


ROUGE_1 = _overlap("rouge_1", lambda prediction, reference: rouge(prediction, reference, kind="1"))
ROUGE_2 = _overlap("rouge_2", lambda prediction, reference: rouge(prediction, reference, kind="2"))
ROUGE_L = _overlap("rouge_l", lambda prediction, reference: rouge(prediction, reference, kind="l"))
BLEU_1 = _overlap("bleu_1", lambda prediction, reference: bleu(prediction, reference, max_order=1))
BLEU_4 = _overlap("bleu_4", bleu)
BLEU_4_HELM = _overlap(
    "bleu_4_helm", lambda prediction, reference: bleu(prediction, reference, compat="helm")
)
SUMMARY_COVERAGE = _summary("summary_coverage", _fragment_share(1), high=1.0)
SUMMARY_DENSITY = _summary("summary_density", _fragment_share(2))
SUMMARY_COMPRESSION = _summary("summary_compression", _compression)
