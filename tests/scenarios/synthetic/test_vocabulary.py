from __future__ import annotations

from collections import Counter

from longwave.scenarios.synthetic.vocabulary import read_vocabulary

WORDS = read_vocabulary()


def test_no_word_stands_twice_in_its_list():
    names = [name for kind in WORDS.kinds.values() for name in kind]
    attributes = [*WORDS.narrower, *(word for words in WORDS.narrower.values() for word in words)]
    for words in (WORDS.things, WORDS.probes, names, attributes):
        assert max(Counter(words).values()) == 1


def test_rule_symbols_are_written_as_twelve_animals_and_ten_fruits():
    assert len(WORDS.things) == 22


def test_words_are_single_and_only_people_have_capitals():
    people = set(WORDS.kinds["person"])
    attributes = [word for words in WORDS.narrower.values() for word in words]
    names = [name for kind in WORDS.kinds.values() for name in kind]
    for word in (*WORDS.things, *WORDS.probes, *WORDS.narrower, *attributes, *names):
        assert word.isalpha()
        assert word[0].isupper() == (word in people)


def test_there_are_enough_attributes_for_five_rules():
    assert len(WORDS.narrower) >= 15
