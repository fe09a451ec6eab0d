from __future__ import annotations

import pytest

from longwave.errors import UnknownName
from longwave.evaluation import get_suite, list_suites
from longwave.scenarios import get_scenario


@pytest.mark.parametrize("suite", list_suites(), ids=lambda suite: suite.name)
def test_every_suite_names_scenarios_that_exist(suite):
    assert all(get_scenario(name).key == name for name in suite.scenarios)


def test_zero_means_all_instances():
    assert set(get_suite("bundled").scenarios.values()) == {None}


def test_an_unknown_suite_lists_the_nearest():
    with pytest.raises(UnknownName, match="quickstart"):
        get_suite("quikstart")
