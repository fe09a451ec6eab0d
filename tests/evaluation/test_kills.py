"""Killed at any moment and started again: only what is missing is asked, and the tables end the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from longwave.predictions import read_predictions

RUN = """
    import sys, time
    from pathlib import Path
    from longwave.clients import Completion, FakeClient
    from longwave.evaluation import EvaluateConfig, Own, run_evaluation, writer

    writer.FLUSH_ROWS = 7

    def rule(request):
        with Path(sys.argv[1]).open("a") as file:
            file.write(request.hash("slow", "1") + "\\n")
        time.sleep(0.002)
        return Completion(text=" Yes", logprob=-0.5)

    config = EvaluateConfig(
        models=("slow",), scenarios=("boolq", "blimp"), perturbations=("lowercase",),
        max_instances=40, date="2025-01-01", batch_size=5,
    )
    print("start", flush=True)
    run_evaluation(config, Path(sys.argv[2]), own=Own(clients={"slow": FakeClient(rule, name="slow")}))
"""


def start(log, out):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RUN), log, out],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def tables(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("*/*.parquet"))
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_kills_at_random_moments_leave_no_trace(tmp_path, seed):
    rng = random.Random(seed)
    with start(tmp_path / "whole.log", tmp_path / "whole") as process:
        process.communicate()
    assert process.returncode == 0
    kills = 0
    while process.returncode != 0 or kills == 0:
        with start(tmp_path / "cut.log", tmp_path / "cut") as process:
            process.stdout.readline()
            deadline = time.monotonic() + rng.uniform(0.1, 0.5)
            while process.poll() is None and (kills == 5 or time.monotonic() < deadline):
                time.sleep(0.005)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
    assert kills > 0
    assert tables(tmp_path / "cut") == tables(tmp_path / "whole")
    asked = (tmp_path / "cut.log").read_text().split()
    whole = (tmp_path / "whole.log").read_text().split()
    assert set(asked) == set(whole)
    assert len(asked) - len(set(asked)) <= 5 * kills + (
        len(whole) - len(set(whole))
    )  # a batch under way each
    assert read_predictions(tmp_path / "cut")["error"].is_null().all()
