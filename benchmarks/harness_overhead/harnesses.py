"""How each harness is started on the questions with a fake model, and where it leaves its files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
QUIET = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "NO_COLOR": "1"}
COUNT_ROWS = """
import sys
from longwave.predictions import read_predictions
rows = read_predictions(sys.argv[1])
print(len(rows.filter(~rows["model"].str.starts_with("floor:"), rows["error"].is_null())))
"""


@dataclass(frozen=True, kw_only=True)
class Harness:
    """One harness in a virtual environment of its own.

    Parameters
    ----------
    name : str
    package : str
        What it is called on PyPI.
    python : Path
        Of its environment.
    script : str
        Its command, beside ``python``; tells its help.
    words : tuple of str
        Of a run over the questions in the current folder; the first is a program beside ``python``.
    cache_words : tuple of str
        Further words with which answers are cached; none where they always are.
    again_words : tuple of str or None
        Further words of a run that skips what is finished; None where it knows no such thing.
    results : tuple of str
        Files and folders in which a run leaves its results.
    cache : tuple of str
        Those of its cache of answers.
    count_answers : callable
        Counts the questions that the results in a folder hold an answer to.
    folders : dict
        Variables of its environment that name folders, by name.
    """

    name: str
    package: str
    python: Path
    script: str
    words: tuple[str, ...]
    cache_words: tuple[str, ...] = ()
    again_words: tuple[str, ...] | None = None
    results: tuple[str, ...]
    cache: tuple[str, ...]
    count_answers: Callable[[Path], int]
    folders: dict[str, str] = field(default_factory=dict)

    @property
    def start(self) -> list[str]:
        """Return the command of a run."""
        return [str(self.python.parent / self.words[0]), *self.words[1:]]

    @property
    def help(self) -> list[str]:
        """Return the command of its help."""
        return [str(self.python.parent / self.script), "--help"]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the variables it needs beside those of this process."""
        return QUIET | {name: str(folder.resolve() / place) for name, place in self.folders.items()}

    def forget(self, folder: Path, *, cache: bool) -> None:
        """Take the results of a run away, and with ``cache`` the answers too."""
        for name in (*self.results, *(self.cache if cache else ())):
            remove(folder / name)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def count_bytes(folder: Path, names: tuple[str, ...]) -> int:
    """Return the bytes of these files, and of all files below these folders."""
    roots = [folder / name for name in names]
    files = [path for root in roots for path in ([root] if root.is_file() else root.rglob("*"))]
    return sum(path.stat().st_size for path in files if path.is_file())


def count_rows(folder: Path) -> int:
    """Count the rows of Longwave without an error, floors apart.

    In a process of its own: a child's peak memory begins at that of the process that started it.
    """
    ran = subprocess.run(
        [sys.executable, "-c", COUNT_ROWS, str(folder / "longwave")],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stdout)


def count_samples(folder: Path) -> int:
    """Count the samples of lm-eval."""
    (path,) = (folder / "lm_eval").rglob("samples_gaps_*.jsonl")
    return len(path.read_text("utf-8").splitlines())


def count_states(folder: Path) -> int:
    """Count the requests of crfm-helm that succeeded."""
    (path,) = (folder / "benchmark_output" / "runs").rglob("scenario_state.json")
    states = json.loads(path.read_text("utf-8"))["request_states"]
    return sum(bool(state.get("result", {}).get("success")) for state in states)


def count_told(folder: Path) -> int:
    """Return what Inspect's log said, as ``inspect_questions.py`` prints it."""
    found = re.search(r"answered (\d+)", (folder / "log.txt").read_text("utf-8"))
    return int(found[1]) if found else 0


def longwave(python: Path, model: str = "fake:first") -> Harness:
    tables = ("predictions", "requests", "instances", "scores")
    return Harness(
        name="longwave",
        package="longwave",
        python=python,
        script="longwave",
        words=(
            "longwave",
            "-q",
            "evaluate",
            "--model",
            model,
            "--scenario",
            "gaps.yaml",
            "--out",
            "longwave",
        ),
        again_words=(),
        results=tuple(f"longwave/{name}" for name in (*tables, "runs", "run.json")),
        cache=("longwave/requests.sqlite",),
        count_answers=count_rows,
    )


def inspect_ai(python: Path) -> Harness:
    return Harness(
        name="inspect",
        package="inspect-ai",
        python=python,
        script="inspect",
        words=("python", "inspect_questions.py", "questions.jsonl", "inspect"),
        cache_words=("cache",),
        results=("inspect",),
        cache=("inspect_cache",),
        count_answers=count_told,
        folders={"XDG_CACHE_HOME": "inspect_cache"},
    )


def lm_eval(python: Path) -> Harness:
    options = ("--output_path", "lm_eval", "--log_samples")
    return Harness(
        name="lm-eval",
        package="lm-eval",
        python=python,
        script="lm-eval",
        words=("lm-eval", "run", "--model", "dummy", "--include_path", "tasks", "--tasks", "gaps", *options),
        cache_words=("--use_cache", "lm_eval_cache/answers"),
        results=("lm_eval",),
        cache=("lm_eval_cache",),
        count_answers=count_samples,
        folders={"HF_HOME": "hf_home"},
    )


def crfm_helm(python: Path) -> Harness:
    options = ("--suite", "gaps", "--max-eval-instances", "100000000", "--exit-on-error")
    plugin = ("--plugins", str(HERE / "peers" / "helm_questions.py"))
    return Harness(
        name="crfm-helm",
        package="crfm-helm",
        python=python,
        script="helm-run",
        words=("helm-run", *plugin, "--run-entries", "gaps:model=simple/model1", *options),
        again_words=("--skip-completed-runs",),
        results=("benchmark_output",),
        cache=("prod_env/cache",),
        count_answers=count_states,
    )


PEERS: dict[str, Callable[[Path], Harness]] = {
    "inspect": inspect_ai,
    "lm-eval": lm_eval,
    "crfm-helm": crfm_helm,
}
