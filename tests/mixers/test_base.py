"""Building mixers by name, and what goes wrong."""

from __future__ import annotations

import pytest

from longwave import registry
from longwave.errors import ConfigError, UnknownName
from longwave.mixers import FilterConfig, Hyena, build_mixer


def test_options_reach_the_mixer():
    mixer = build_mixer("hyena", d_model=8, max_length=16, options={"order": 3, "n_heads": 2})
    assert (mixer.order, mixer.n_heads) == (3, 2)


def test_nested_options_may_be_a_mapping():
    mixer = build_mixer("hyena", d_model=8, max_length=16, options={"filter": {"d_hidden": 5}})
    assert mixer.filter.config == FilterConfig(d_hidden=5)


def test_nested_options_may_be_a_configuration():
    mixer = build_mixer("hyena", d_model=8, max_length=16, options={"filter": FilterConfig(d_hidden=5)})
    assert mixer.filter.config.d_hidden == 5


def test_options_that_are_not_given_keep_the_mixers_defaults():
    mixer = build_mixer("hyena", d_model=8, max_length=16, options={})
    assert (mixer.order, mixer.filter.config) == (2, FilterConfig())


def test_unknown_mixer_lists_the_known_ones():
    with pytest.raises(UnknownName, match=r'"hyna".*"hyena".*Known: .*attention'):
        build_mixer("hyna", d_model=8, max_length=16)


def test_misspelt_option_names_the_nearest():
    with pytest.raises(ConfigError, match=r'"orderr" in Hyena. Did you mean "order"\?'):
        build_mixer("hyena", d_model=8, max_length=16, options={"orderr": 3})


def test_misspelt_nested_option_names_the_nearest():
    with pytest.raises(ConfigError, match=r'"frequencyy" in FilterConfig. Did you mean "frequency"\?'):
        build_mixer("hyena", d_model=8, max_length=16, options={"filter": {"frequencyy": 3.0}})


def test_option_of_a_wrong_type_names_key_and_value():
    with pytest.raises(ConfigError, match=r'"order" in Hyena is wrong.*"two"'):
        build_mixer("hyena", d_model=8, max_length=16, options={"order": "two"})


def test_sizes_are_not_options():
    with pytest.raises(ConfigError, match='"d_model"'):
        build_mixer("hyena", d_model=8, max_length=16, options={"d_model": 4})


def test_an_entry_that_is_no_mixer_is_an_error(monkeypatch):
    monkeypatch.setattr(registry, "load", lambda *_: dict)
    with pytest.raises(ConfigError, match="is no Mixer"):
        build_mixer("hyena", d_model=8, max_length=16)


def test_unknown_keyword_of_a_constructor_is_an_error():
    with pytest.raises(TypeError, match="num_blocks"):
        Hyena(8, 16, num_blocks=2)
