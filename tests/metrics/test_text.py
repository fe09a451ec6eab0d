"""ROUGE and BLEU against the usual libraries, and the fragments of summaries against a slow definition."""

from __future__ import annotations

import gzip
import json
import warnings
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import sentence_bleu
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

from longwave.errors import ConfigError
from longwave.metrics import Answer, bleu, extractive_fragments, get_metric, rouge
from longwave.metrics.text import _TOKEN
from longwave.scenarios.base import Instance

SCORER = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
KINDS = {"1": "rouge1", "2": "rouge2", "l": "rougeL"}
VOCABULARY = [
    "the",
    "cat",
    "cats",
    "sat",
    "sitting",
    "on",
    "mat",
    "Mat",
    "running",
    "runs",
    "ran",
    "7",
    ".",
    "don't",
]
sentences = st.lists(st.sampled_from(VOCABULARY), max_size=14).map(" ".join)
texts = st.one_of(sentences, st.text(max_size=40))


def _bundled(name: str, count: int = 40) -> list[str]:
    path = files("longwave").joinpath("samples", "scenarios", f"{name}.jsonl.gz")
    with path.open("rb") as file, gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["input"] for line, _ in zip(lines, range(count), strict=False)]


PASSAGES = _bundled("boolq") + _bundled("imdb")
PAIRS = [(a[:400], b[50:500]) for a, b in pairwise(PASSAGES)]
PAIRS += [(text[:300], text[20:400]) for text in PASSAGES]


def _rouge_score(prediction, reference, kind):
    name = KINDS[kind]
    return SCORER.score(reference, prediction)[name].fmeasure


@pytest.mark.parametrize("kind", KINDS)
@given(prediction=texts, reference=texts)
def test_rouge_agrees_with_rouge_score(kind, prediction, reference):
    want = _rouge_score(prediction, reference, kind)
    assert rouge(prediction, reference, kind=kind) == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_rouge_agrees_with_rouge_score_on_real_text(kind):
    pairs = PAIRS[::3]
    want = [_rouge_score(*pair, kind) for pair in pairs]
    assert [rouge(*pair, kind=kind) for pair in pairs] == pytest.approx(want, abs=1e-9)
    assert max(want) > 0.5


@pytest.mark.parametrize(
    ("prediction", "reference", "kind", "want"),
    [
        ("", "cat", "l", 0),
        ("", "", "l", 0),
        ("...", "...", "1", 0),
        ("cat", "cat", "2", 0),
        ("Cats RUNNING", "cat runs", "1", 1),
        ("was", "wa", "1", 0),
        ("a b c d", "d c b a", "l", 0.25),
        ("a b a b", "a b", "2", 0.5),
        ("größe", "gr e", "1", 1),
    ],
)
def test_rouge_by_hand(prediction, reference, kind, want):
    assert rouge(prediction, reference, kind=kind) == pytest.approx(want)


@given(sentences, sentences)
def test_rouge_is_symmetric(first, second):
    assert rouge(first, second) == rouge(second, first)


def test_rouge_keeps_the_best_reference():
    assert get_metric("rouge_1").score("red fish", ["blue cow", "red fish"]) == 1.0


def test_unknown_kind_of_rouge_is_refused():
    with pytest.raises(ConfigError, match='Unknown kind "3" of ROUGE'):
        rouge("a", "a", kind="3")


def _nltk_bleu(prediction, reference, weights):
    got, want = _TOKEN.findall(prediction), _TOKEN.findall(reference)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where a precision is 0
        return sentence_bleu([want], got, weights=weights) if got and want else 0.0


@pytest.mark.parametrize(
    ("metric", "weights"),
    [("bleu_1", (1, 0, 0, 0)), ("bleu_4", (0.25,) * 4), ("bleu_4_helm", (0, 0, 0, 1))],
)
@given(prediction=texts, reference=texts)
def test_bleu_agrees_with_nltk(metric, weights, prediction, reference):
    want = _nltk_bleu(prediction, reference, weights)
    assert get_metric(metric)(prediction, reference) == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "weights"),
    [("bleu_1", (1, 0, 0, 0)), ("bleu_4", (0.25,) * 4), ("bleu_4_helm", (0, 0, 0, 1))],
)
def test_bleu_agrees_with_nltk_on_real_text(metric, weights):
    want = [_nltk_bleu(*pair, weights) for pair in PAIRS]
    assert [get_metric(metric)(*pair) for pair in PAIRS] == pytest.approx(want, abs=1e-6)
    assert max(want) > 0.3


def test_bleu_agrees_with_sacrebleu_on_real_text():
    # its own sum without smoothing, over the same words: only then do the definitions agree
    other = BLEU(tokenize="none", smooth_method="none", effective_order=False, force=True)
    joined = [tuple(" ".join(_TOKEN.findall(text)) for text in pair) for pair in PAIRS]
    want = [other.sentence_score(got, [reference]).score / 100 for got, reference in joined]
    assert [bleu(*pair) for pair in PAIRS] == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize(
    ("prediction", "reference", "options", "want"),
    [
        ("", "", {}, 0),
        ("", "cat", {}, 0),
        ("a b c", "a b c", {}, 0),
        ("a b c", "a b c", {"max_order": 3}, 1),
        ("a b c d", "a b c d", {"compat": "helm"}, 1),
        ("a b c d x y z w", "a b c d", {"compat": "helm"}, 0.2),
        ("A", "a", {"max_order": 1}, 0),
        ("the the the", "the cat", {"max_order": 1}, 1 / 3),
    ],
)
def test_bleu_by_hand(prediction, reference, options, want):
    assert bleu(prediction, reference, **options) == pytest.approx(want)


def test_bleu_of_a_short_prediction_is_lowered():
    assert bleu("the cat", "the cat sat on the mat", max_order=1) == pytest.approx(2.718281828 ** (1 - 3))


@pytest.mark.parametrize(
    ("options", "says"),
    [({"max_order": 0}, "max_order is 0"), ({"compat": "moses"}, 'Unknown compat "moses" of BLEU')],
    ids=["order", "compat"],
)
def test_wrong_options_of_bleu_are_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        bleu("a", "a", **options)


def _slow_fragments(source, words):
    """Find fragments as the figure of the paper says: every start in the document, word by word."""
    found, i = [], 0
    while i < len(words):
        best, j = [], 0
        while j < len(source):
            if words[i] == source[j]:
                a, b = i, j
                while a < len(words) and b < len(source) and words[a] == source[b]:
                    a, b = a + 1, b + 1
                best = max(best, words[i:a], key=len)
                j = b
            else:
                j += 1
        i += max(len(best), 1)
        if best:
            found.append(best)
    return found


@given(
    document=st.lists(st.sampled_from("abc"), max_size=12),
    summary=st.lists(st.sampled_from("abcd"), max_size=9),
)
def test_fragments_cover_what_the_slow_definition_covers(document, summary):
    # the paper's pointer jumps over a match, so it may miss a longer one that starts inside; ours may not
    ours = extractive_fragments(" ".join(document), " ".join(summary))
    slow = _slow_fragments(document, summary)
    assert sum(map(len, ours)) == sum(map(len, slow)) == sum(word in document for word in summary)
    text = f" {' '.join(document)} "
    assert all(f" {' '.join(fragment)} " in text for fragment in ours)


@pytest.mark.parametrize(
    ("document", "summary", "want"),
    [
        ("", "a b", []),
        ("a b", "", []),
        ("The CAT sat", "the cat", [["the", "cat"]]),
        ("a b. a b c", "a b c", [["a", "b", "c"]]),
        ("a a a", "a a", [["a", "a"]]),
    ],
)
def test_fragments_by_hand(document, summary, want):
    assert extractive_fragments(document, summary) == want


def _answer(document, summary):
    return Answer(instance=Instance(id="0", input=document, references=(), split="test"), prediction=summary)


@pytest.mark.parametrize(
    ("metric", "want"), [("summary_coverage", 5 / 7), ("summary_density", 13 / 7), ("summary_compression", 1)]
)
def test_summary_measures_by_hand(metric, want):
    answer = _answer("The cat sat on the mat.", "A cat sat still on the mat")
    assert get_metric(metric).measure(answer) == pytest.approx(want)


@pytest.mark.parametrize("metric", ["summary_coverage", "summary_density", "summary_compression"])
@pytest.mark.parametrize("summary", [None, "", "  "], ids=["none", "empty", "blank"])
def test_no_summary_has_no_measures(metric, summary):
    assert get_metric(metric).measure(_answer("The cat.", summary)) is None


@given(document=sentences, summary=sentences.filter(bool))
def test_a_copied_summary_is_covered_at_a_density_of_its_length(document, summary):
    answer = _answer(f"{document} {summary} {document}", summary)
    words = len(_TOKEN.findall(summary))
    assert get_metric("summary_coverage").measure(answer) == 1
    assert get_metric("summary_density").measure(answer) == words
