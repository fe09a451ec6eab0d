"""Longwave without torch and without any optional package, in this environment with all of them hidden."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HIDDEN = (
    *("torch", "einops", "safetensors", "tokenizers", "triton", "transformers", "datasets", "accelerate"),
    *("vl_convert", "ray", "codecarbon", "tensorboard", "PIL", "sklearn", "h5py", "scipy", "onnx", "openai"),
    *("fastapi", "uvicorn", "nltk", "rapidfuzz", "sacrebleu", "rouge_score"),
)
HIDE = f"import sys\nsys.modules.update(dict.fromkeys({HIDDEN!r}))\n"
COMMAND = HIDE + "from longwave.cli import main\nsys.exit(main())"


@dataclass(frozen=True)
class Ran:
    """What a process left."""

    code: int
    out: str
    err: str


def run(*words: str, code: str = COMMAND) -> Ran:
    found = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    return Ran(found.returncode, found.stdout, found.stderr)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an evaluation with votes that ran without torch."""
    out = tmp_path_factory.mktemp("evaluated")
    words = ("--scenario", "blimp", "--max-instances", "5", "--prompting", "ama", "--out", str(out))
    ran = run("evaluate", "--model", "fake:random", *words)
    assert (ran.code, ran.err.splitlines()[-1]) == (0, f"Rows in {out}. Next: longwave report {out}")
    return out


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        pytest.param(["--version"], "0.", id="version"),
        pytest.param(["list", "mixers"], "hyena", id="list"),
        pytest.param(["legal", "tasks", "--seed"], "hearsay", id="legal"),
        pytest.param(
            ["monitor", "compare", "sample", "--task", "llm", "--dataset", "prime"], "declined", id="monitor"
        ),
    ],
)
def test_it_works_without_torch(words: list[str], shown: str) -> None:
    ran = run(*words)
    assert (ran.code, shown in ran.out, ran.err.startswith("Unexpected")) == (0, True, False)


def test_votes_are_aggregated_without_torch(evaluated: Path) -> None:
    ran = run("votes", str(evaluated))
    assert (ran.code, "label-model" in ran.out) == (0, True)


def test_a_report_is_written_without_torch(evaluated: Path) -> None:
    ran = run("report", str(evaluated))
    assert (ran.code, (evaluated / "report" / "index.html").is_file()) == (0, True)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["train", "quickstart-hyena"], id="train"),
        pytest.param(["generate", "nowhere", "--prompt", "x"], id="generate"),
        pytest.param(["evaluate", "--model", "checkpoint:nowhere", "--scenario", "blimp"], id="evaluate"),
        pytest.param(["adapt", "compare", "--data", "captionbirds"], id="adapt"),
        pytest.param(["quickstart"], id="quickstart"),
    ],
)
def test_what_needs_torch_says_how_to_get_it_and_writes_nothing(words: list[str], tmp_path: Path) -> None:
    more = [] if words[0] == "generate" else ["--out", str(tmp_path / "out")]
    ran = run(*words, *more)
    told = 'pip install "longwave[torch]"' in ran.err, ran.err.count("\n")
    assert (ran.code, told, list(tmp_path.iterdir())) == (2, (True, 1), [])


def test_the_doctor_finds_nothing_wrong_without_torch() -> None:
    ran = run("doctor", "--json")
    found = json.loads(ran.out)
    torch = next(one for one in found["findings"] if one["name"] == "torch" and one["area"] == "torch")
    assert (ran.code, found["is_sound"], torch["state"]) == (0, True, "missing")


@pytest.mark.parametrize(
    "module", ["longwave", "longwave.evaluation", "longwave.monitoring", "longwave.report"]
)
def test_spine_of_predictions_is_imported_without_torch(module: str) -> None:
    assert run(code=f"{HIDE}import {module}").code == 0
