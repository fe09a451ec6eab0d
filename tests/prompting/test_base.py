from __future__ import annotations

import pytest

from longwave.errors import UnknownName
from longwave.prompting import Generation, get_method, name_prompt
from longwave.scenarios import PromptFormat


def test_methods_are_found_by_name():
    assert isinstance(get_method("generation"), Generation)


def test_an_unknown_method_lists_the_nearest():
    with pytest.raises(UnknownName, match="generation"):
        get_method("generate")


def test_prompt_name_tells_the_number_of_examples():
    assert name_prompt(PromptFormat(method="generation", max_train_instances=0)) == "generation-0-shot"


def test_prompt_name_of_language_modelling_has_no_examples():
    assert name_prompt(PromptFormat(method="language_modeling")) == "language_modeling"
