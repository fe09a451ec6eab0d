from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import Completion
from longwave.errors import ConfigError
from longwave.metrics import Answer, get_metric
from longwave.metrics.general import count_output_tokens, count_outputs, finish_reason_share
from longwave.scenarios import Instance

ASKED = Instance(id="0", input="Count.", references=(), split="test")
REASONS = ("stop", "length", "other")
completions = st.lists(
    st.builds(
        Completion,
        text=st.text(max_size=5),
        n_tokens=st.integers(0, 50),
        finish_reason=st.sampled_from(["stop", "length", "content_filter", "scored", ""]),
    ),
    max_size=6,
)


def answer(*found):
    return Answer(instance=ASKED, completions=found)


@given(completions)
def test_tokens_are_those_of_all_completions(found):
    expected = float(sum(completion.n_tokens for completion in found)) if found else None
    assert count_output_tokens(answer(*found)) == expected


@given(completions)
def test_outputs_are_counted(found):
    assert count_outputs(answer(*found)) == len(found)


@given(completions.filter(bool))
def test_shares_of_finish_reasons_add_up_to_one(found):
    assert sum(finish_reason_share(answer(*found), reason) for reason in REASONS) == pytest.approx(1)


@pytest.mark.parametrize(("reason", "share"), [("stop", 0.5), ("length", 0.25), ("other", 0.25)])
def test_share_of_a_reason_is_that_of_its_completions(reason, share):
    found = [Completion(text="", finish_reason=name) for name in ("stop", "stop", "length", "filter")]
    assert finish_reason_share(answer(*found), reason) == share


@pytest.mark.parametrize("reason", REASONS)
def test_no_completion_has_no_finish_reason(reason):
    assert finish_reason_share(answer(), reason) is None


def test_unknown_reason_is_refused_with_the_accepted_ones():
    with pytest.raises(ConfigError, match='"eos" is unknown; accepted are stop, length and other'):
        finish_reason_share(answer(), "eos")


def test_number_of_tokens_makes_no_row_right_or_wrong():
    assert get_metric("num_output_tokens").is_full_marks(0.0) is None


@pytest.mark.parametrize("name", ["finish_reason_stop", "finish_reason_length", "finish_reason_other"])
def test_registered_finish_reasons_measure_their_own_reason(name):
    found = answer(Completion(text="", finish_reason=name.removeprefix("finish_reason_")))
    assert get_metric(name).measure(found) == 1.0


def test_registered_number_of_outputs_counts_them():
    assert get_metric("num_outputs").measure(answer(Completion(text="a"), Completion(text="b"))) == 2.0
