from __future__ import annotations

import pytest

from longwave.errors import ConfigError
from longwave.evaluation import EvaluateConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"models": ()}, '"models" is empty'),
        ({"scenarios": ()}, "nothing to evaluate"),
        ({"trials": 0}, '"trials" is 0'),
        ({"max_instances": 0}, '"max_instances" is 0'),
        ({"shots": -1}, '"shots" is -1'),
        ({"train_votes": 0, "prompting": "ama"}, '"train_votes" is 0'),
        ({"train_votes": 5}, r'"train_votes" is 5, but a scenario.s own prompt is one'),
        ({"batch_size": 0}, '"batch_size" is 0'),
        ({"seed": -1}, '"seed" is -1'),
        ({"date": "2025-02-30"}, '"date" is "2025-02-30"'),
        ({"date": "20250203"}, '"date" is "20250203"'),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        EvaluateConfig(**{"models": ("fake:first",), "scenarios": ("boolq",), **settings})


def test_a_suite_is_enough_to_evaluate():
    assert EvaluateConfig(models=("fake:first",), suite="quickstart").trials is None
