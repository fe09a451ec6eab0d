"""General figures of one answer: how many outputs and tokens a model wrote, and why it stopped.

These are the figures that arXiv 2211.09110 calls general. The others stand elsewhere: the number of instances
is the ``n`` of every summary, ``n_examples`` and ``prompt_truncated`` are among the scores of a row, and the
tokens of its prompts and completions are its columns ``tokens_in`` and ``tokens_out``.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, get_args

from longwave.errors import ConfigError
from longwave.metrics.base import Answer, AnswerMetric

__all__ = ["FinishReason", "count_output_tokens", "count_outputs", "finish_reason_share"]

FinishReason = Literal["stop", "length", "other"]
KNOWN = ("stop", "length")


def count_output_tokens(answer: Answer) -> float | None:
    """Add up the tokens of all completions; None when there is no completion.

    Examples
    --------
    >>> from longwave.clients.base import Completion
    >>> from longwave.scenarios.base import Instance
    >>> asked = Instance(id="0", input="", references=(), split="test")
    >>> count_output_tokens(Answer(instance=asked, completions=(Completion(text="a b", n_tokens=2),) * 2))
    4.0
    """
    if not answer.completions:
        return None
    return float(sum(completion.n_tokens for completion in answer.completions))


def count_outputs(answer: Answer) -> float:
    """Count the completions of a row."""
    return float(len(answer.completions))


def finish_reason_share(answer: Answer, reason: FinishReason) -> float | None:
    """Return the share of completions that ended for a reason; None when there is no completion.

    Parameters
    ----------
    answer : Answer
    reason : {"stop", "length", "other"}
        ``"stop"``: a stop string or the model's own end of text; ``"length"``: the limit of tokens;
        ``"other"``: any other, such as a filter of the model's server.

    Raises
    ------
    ConfigError
        If the reason is none of these.
    """
    if reason not in get_args(FinishReason):
        raise ConfigError(f'The finish reason "{reason}" is unknown; accepted are stop, length and other.')
    if not answer.completions:
        return None
    found = [completion.finish_reason for completion in answer.completions]
    hits = sum(name not in KNOWN if reason == "other" else name == reason for name in found)
    return hits / len(found)


def _finish_reason(reason: FinishReason, *, higher_is_better: bool) -> AnswerMetric:
    return AnswerMetric(
        name=f"finish_reason_{reason}",
        family="efficiency",
        higher_is_better=higher_is_better,
        function=partial(finish_reason_share, reason=reason),
    )


# tokens cost time, but none at all is no goal: there is no best value, and rows are neither right nor wrong
NUM_OUTPUT_TOKENS = AnswerMetric(
    name="num_output_tokens",
    family="efficiency",
    higher_is_better=False,
    low=None,
    high=None,
    function=count_output_tokens,
)
NUM_OUTPUTS = AnswerMetric(
    name="num_outputs", family="efficiency", higher_is_better=True, high=None, function=count_outputs
)
FINISH_REASON_STOP = _finish_reason("stop", higher_is_better=True)
FINISH_REASON_LENGTH = _finish_reason("length", higher_is_better=False)
FINISH_REASON_OTHER = _finish_reason("other", higher_is_better=False)
