"""Results of other harnesses: the fixtures that the tools made, and builders for what they did not."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures" / "interchange"


@pytest.fixture
def helm() -> Path:
    """Return the folder of the runs of HELM 0.5.16."""
    return FIXTURES / "helm" / "tiny"


@pytest.fixture
def paper() -> Path:
    """Return the folder of a run in the form of HELM 0.1."""
    return FIXTURES / "helm" / "paper"


@pytest.fixture
def lm_eval() -> Path:
    return FIXTURES / "lm_eval"


@pytest.fixture
def inspect_logs() -> Path:
    return FIXTURES / "inspect" / "logs"


@pytest.fixture
def inspect_json() -> Path:
    return next((FIXTURES / "inspect" / "json").glob("*.json"))


@pytest.fixture
def helm_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the folder of a HELM run."""

    def write(states, stats=(), *, spec=None, name="run", adapter=None) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        adapter = {"method": "generation", "model": "maker/m", **(adapter or {})}
        document = {"adapter_spec": adapter, "request_states": states}
        (folder / "scenario_state.json").write_text(json.dumps(document), "utf-8")
        entries = [{"train_trial_index": 0, **entry} for entry in stats]
        (folder / "per_instance_stats.json").write_text(json.dumps(entries), "utf-8")
        spec = {"name": "task:model=m", "adapter_spec": adapter, **(spec or {})}
        (folder / "run_spec.json").write_text(json.dumps(spec), "utf-8")
        return folder

    return write


@pytest.fixture
def eval_log(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an Inspect log: a ZIP archive of JSON members."""

    def write(members, name="2024-01-02T03-04-05_task.eval") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, value in members.items():
                archive.writestr(member, value if isinstance(value, str | bytes) else json.dumps(value))
        return path

    return write


@pytest.fixture
def samples_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes lm-eval's samples of a task, with its results where they are given."""

    def write(samples, results=None, *, task="task", stamp="2024-05-06T07-08-09.000001") -> Path:
        folder = tmp_path / "maker__m"
        folder.mkdir(exist_ok=True)
        path = folder / f"samples_{task}_{stamp}.jsonl"
        path.write_text("".join(json.dumps(sample) + "\n" for sample in samples), "utf-8")
        if results is not None:
            (folder / f"results_{stamp}.json").write_text(json.dumps(results), "utf-8")
        return path

    return write
