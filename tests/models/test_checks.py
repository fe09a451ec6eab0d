"""Checks that the configurations of all models share."""

from __future__ import annotations

import pytest

from longwave.errors import ConfigError
from longwave.models._checks import check_fractions, check_sizes


def test_sizes_below_one_are_refused():
    with pytest.raises(ConfigError, match='"n_layers" is 0; it must be at least 1'):
        check_sizes(d_model=4, n_layers=0)


@pytest.mark.parametrize("widths", [(), (3, 0)], ids=["empty", "holds-0"])
def test_sequences_of_sizes_are_refused_as_one(widths):
    with pytest.raises(ConfigError, match=r"must be at least 1\. Give positive whole numbers"):
        check_sizes(widths=widths)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_shares_out_of_range_are_refused(share):
    with pytest.raises(ConfigError, match=r'"dropout" is .* below 1'):
        check_fractions(dropout=share)


def test_what_is_left_to_a_default_passes():
    check_sizes(d_mlp=None)
    check_fractions(embedding_dropout=None, dropout=0.0)
