"""Probe of run time over sizes of prompts and answers (arXiv 2211.09110, section 4.7).

One scenario a number of output tokens: ``synthetic_efficiency`` asks for 64, ``synthetic_efficiency_16`` for
16, and so on. Each holds prompts of ten sizes. What it measures stands in the columns ``latency_s``,
``tokens_in`` and ``tokens_out`` of the predictions; the score only tells how many tokens were written.
"""

from __future__ import annotations

from functools import partial

from longwave.scenarios.base import PromptFormat, Scenario
from longwave.scenarios.synthetic import make_probes

__all__ = ["SCENARIO", "probe_scenario"]

MAX_OUTPUT_TOKENS = 64


def probe_scenario(n_output_tokens: int) -> Scenario:
    """Make the probe that asks for so many output tokens."""
    is_whole = n_output_tokens == MAX_OUTPUT_TOKENS
    return Scenario(
        name="synthetic_efficiency" if is_whole else f"synthetic_efficiency_{n_output_tokens}",
        version=1,
        description=f"Take the time for prompts of 1 to 1920 words; output tokens: {n_output_tokens}",
        task="efficiency",
        what="random frequent words",
        who="n/a",
        when="n/a",
        language="English words",
        source="generated",
        licence="Apache-2.0",
        prompt=PromptFormat(
            method="generation",
            input_prefix="",
            input_suffix="",
            output_prefix="",
            output_suffix="",
            max_train_instances=0,
            max_tokens=n_output_tokens,
        ),
        main_metric="num_output_tokens",
        metrics=("finish_reason_stop", "finish_reason_length"),
        eval_splits=("test",),
        load=partial(make_probes, n_output_tokens),
        category="efficiency",
        unmeasured=("accuracy", "calibration", "robustness", "fairness", "bias", "toxicity"),
    )


SCENARIO = probe_scenario(64)
SCENARIO_1 = probe_scenario(1)
SCENARIO_2 = probe_scenario(2)
SCENARIO_4 = probe_scenario(4)
SCENARIO_8 = probe_scenario(8)
SCENARIO_16 = probe_scenario(16)
SCENARIO_32 = probe_scenario(32)
