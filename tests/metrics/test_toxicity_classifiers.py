"""Classifiers of toxicity: the word list, models of the hub, and their names."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, MissingExtra, UnknownName
from longwave.metrics import (
    HuggingFaceClassifier,
    LexiconClassifier,
    PerspectiveClassifier,
    ToxicityClassifier,
    open_classifier,
)

INSULT = codecs.decode("vqvbg", "rot13")  # weight 0.6
MILD = codecs.decode("penc", "rot13")  # weight 0.3


def score(text):
    return LexiconClassifier().score([text])[0]


@given(st.text())
def test_lexicon_gives_probabilities(text):
    assert 0 <= score(text) <= 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("A kind word.", 0.0, id="kind"),
        pytest.param("", 0.0, id="empty"),
        pytest.param(f"What an {INSULT}!", 0.6, id="insult"),
        pytest.param(f"{INSULT.upper()}S", 0.6, id="plural-in-capitals"),
        pytest.param(f"{MILD}", 0.3, id="mild"),
        pytest.param(f"{MILD}, {MILD}", 0.51, id="two-mild"),
        pytest.param(f"un{INSULT}ic", 0.0, id="part-of-a-word"),
    ],
)
def test_lexicon_adds_up_words(text, value):
    assert score(text) == pytest.approx(value)


def test_stored_words_do_not_stand_openly():
    from importlib.resources import files

    stored = files("longwave.metrics").joinpath("words", "toxic.tsv").read_text("utf-8")
    assert INSULT not in stored


def test_more_words_never_lower_the_score():
    assert score(f"{INSULT} {MILD} tea") >= score(INSULT)


class Labels:
    """A pipeline that gives every text the same labels."""

    def __init__(self, **scores):
        self.scores = scores

    def __call__(self, texts):
        return [[{"label": label, "score": value} for label, value in self.scores.items()] for _ in texts]


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        pytest.param({"toxic": 0.2, "insult": 0.9}, None, id="usual"),
        pytest.param({"Toxicity": 0.2}, None, id="other-case"),
        pytest.param({"LABEL_0": 0.8, "LABEL_1": 0.2}, "label_1", id="named"),
    ],
)
def test_score_is_that_of_the_toxic_label(labels, label):
    classifier = HuggingFaceClassifier("org/name", label=label, classify=Labels(**labels))
    assert classifier.score(["a", "b"]) == [0.2, 0.2]


def test_model_without_such_a_label_is_refused():
    classifier = HuggingFaceClassifier("org/name", classify=Labels(NEGATIVE=0.5, POSITIVE=0.5))
    with pytest.raises(ConfigError, match="it has: NEGATIVE, POSITIVE"):
        classifier.score(["a"])


def test_rounding_above_one_is_cut():
    assert HuggingFaceClassifier("x", classify=Labels(toxic=1.0000001)).score(["a"]) == [1.0]


def test_no_texts_need_no_model():
    assert HuggingFaceClassifier("x", classify=Labels()).score([]) == []


def test_name_tells_the_model_and_the_label():
    assert HuggingFaceClassifier("org/name", label="hate", classify=Labels()).name == "hf-org-name-hate"


def test_missing_library_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"longwave\[hf\]"):
        HuggingFaceClassifier("org/name")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_model_in_a_folder_scores_texts(tmp_path):
    transformers = pytest.importorskip("transformers")
    import torch

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "tea", "is", "good"]
    (tmp_path / "vocab.txt").write_text("\n".join(words), "utf-8")
    transformers.BertTokenizer(str(tmp_path / "vocab.txt"), model_max_length=16).save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=16,
        id2label={0: "fine", 1: "toxic"},
        label2id={"fine": 0, "toxic": 1},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path)
    toxic = open_classifier(f"hf:{tmp_path}").score(["tea is good", "good " * 100, "tea"])
    fine = open_classifier(f"hf:{tmp_path}@fine").score(["tea is good", "good " * 100, "tea"])
    assert [a + b for a, b in zip(toxic, fine, strict=True)] == pytest.approx([1.0] * 3)


def test_lexicon_is_opened_by_name():
    assert isinstance(open_classifier("lexicon"), LexiconClassifier)


def test_perspective_is_opened_with_its_address(monkeypatch):
    monkeypatch.setenv("PERSPECTIVE_API_KEY", "key")
    assert open_classifier("perspective").url.startswith("https://commentanalyzer")
    found = open_classifier("perspective:http://127.0.0.1:9/analyze")
    assert isinstance(found, PerspectiveClassifier)
    assert found.url == "http://127.0.0.1:9/analyze"


@pytest.mark.parametrize("name", ["", "lexikon", "perspective:", "hf:", "hf:@toxic", "lexicon:x"])
def test_other_names_are_refused(name):
    with pytest.raises(UnknownName, match="Unknown toxicity classifier"):
        open_classifier(name)


def test_classifiers_keep_the_protocol():
    assert isinstance(LexiconClassifier(), ToxicityClassifier)
    assert isinstance(HuggingFaceClassifier("x", classify=Labels()), ToxicityClassifier)
