"""Synonyms of WordNet, with a small stand-in for NLTK."""

from __future__ import annotations

import random
import subprocess
import sys
from types import SimpleNamespace

import pytest

from longwave.errors import MissingExtra, MissingFile
from longwave.perturbations import Synonym
from longwave.perturbations import _wordnet as module

# part of speech: lemma: senses, each with the counts of its lemmas
SENSES = {
    "n": {
        "dog": [{"dog": 40, "domestic_dog": 0}, {"dog": 2, "cad": 1}],
        "run": [{"run": 3, "streak": 1}],
        "br": [{"br": 0, "bromine": 1}],
        "is": [{"is": 9, "island": 9}],
    },
    "v": {"run": [{"run": 30, "operate": 2}], "set": [{"set": 5, "put": 9, "place": 4}]},
    "a": {"big": [{"big": 9, "large": 9, "Grand.x": 1}]},
    "r": {},
}
BASE = {"dogs": "dog", "ran": "run", "runs": "run", "running": "run", "bigger": "big", "geese": "goose"}


class FakeWordNet:
    def synsets(self, lemma, pos):
        return [_synset(sense) for sense in SENSES[pos].get(lemma, [])]

    def morphy(self, form, pos):
        lemma = BASE.get(form, form)
        return lemma if lemma in SENSES[pos] else None


def _synset(counts):
    lemmas = [_lemma(name, count) for name, count in counts.items()]
    return SimpleNamespace(lemmas=lambda: lemmas)


def _lemma(name, count):
    return SimpleNamespace(name=lambda: name, count=lambda: count)


class Broken:
    def __init__(self, error):
        self.error = error

    def synsets(self, *_):
        raise self.error


@pytest.fixture
def install(monkeypatch):
    """Return a function that puts a stand-in in the place of NLTK's corpora; None stands for no NLTK."""

    def put(wordnet):
        corpora = None if wordnet is None else SimpleNamespace(wordnet=wordnet)
        monkeypatch.setitem(sys.modules, "nltk.corpus", corpora)

    _forget()
    yield put
    _forget()


def _forget():
    module._load.cache_clear()
    module.wordnet_forms.cache_clear()


@pytest.mark.parametrize(
    ("word", "want"),
    [
        ("dog", ("domestic dog",)),
        ("dogs", ("domestic dogs",)),
        ("ran", ("operated",)),
        ("running", ("operating",)),
        ("runs", ("operates",)),
        ("big", ("large",)),
        ("bigger", ("larger",)),
        ("set", ("put",)),
        ("run", ()),  # base and participle, of which only one is operate
        ("br", ()),
        ("is", ()),
        ("unknown", ()),
    ],
)
def test_most_frequent_sense_gives_synonyms_in_the_same_form(install, word, want):
    install(FakeWordNet())
    assert module.wordnet_forms(word) == want


def test_edit_uses_it(install):
    install(FakeWordNet())
    found = Synonym(rate=1.0, source="wordnet").rewrite("A Dog ran. Dogs running", random.Random(0))
    assert found == "A Dog operated. Domestic dogs operating"


def test_without_nltk_the_extra_is_named(install):
    install(None)
    with pytest.raises(MissingExtra, match=r'Synonym\(source="wordnet"\) needs an extra.*longwave\[text\]'):
        Synonym(source="wordnet").rewrite("dog", random.Random(0))


@pytest.mark.parametrize("error", [LookupError("no corpus"), OSError("no file")], ids=["absent", "damaged"])
def test_without_the_data_the_way_to_install_it_is_named(install, error):
    install(Broken(error))
    with pytest.raises(MissingFile, match=r"nltk\.downloader wordnet; or take the list"):
        Synonym(source="wordnet").rewrite("dog", random.Random(0))


def test_our_own_list_needs_no_nltk(install, make_instance):
    install(None)
    assert Synonym(rate=1.0).perturb(make_instance("a sofa")).input == "a couch"


def test_true_nltk_is_used_or_its_lack_of_data_told(install):
    pytest.importorskip("nltk")
    try:
        found = module.wordnet_forms("dog")
    except MissingFile:
        return  # as on machines for tests, where nobody installed the data
    assert "domestic dog" in found


def test_nltk_is_imported_late():
    code = (
        "import sys; from longwave.perturbations import Synonym; Synonym(source='wordnet');"
        "sys.exit('nltk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
