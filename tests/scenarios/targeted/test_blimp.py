from longwave.scenarios import get_scenario
from longwave.scenarios.rows import read_sample


def test_the_acceptable_sentence_is_first_in_about_half_of_the_pairs():
    first = [instance.references[0].is_correct for instance in get_scenario("blimp").load()]
    assert 0.45 < sum(first) / len(first) < 0.55


def test_shuffling_is_the_same_every_time():
    assert get_scenario("blimp").load() == get_scenario("blimp").load()


def test_shuffling_keeps_both_sentences():
    for shown, source in zip(get_scenario("blimp").load(), read_sample("blimp"), strict=True):
        assert set(shown.references) == set(source.references)
