"""The commands on a page run, in its order and between its Python blocks, or say here why they do not."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from longwave.cli import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FIXTURES = ROOT / "tests" / "fixtures" / "interchange"
PAGES = [*sorted(set(DOCS.rglob("*.md")) - set((DOCS / "reference").rglob("*.md"))), ROOT / "README.md"]
SHELLS = ("bash", "sh", "console", "shell")
NOT_SHOWN = re.compile(r"<!-- not run: .+ -->\s*$")

# Commands that are not run, and why. Every line must be of use: a test looks.
NOT_RUN = {
    r": make\b": "sets up an environment; tests/house/test_makefile.py reads the Makefile",
    r": pip\b": "changes the environment that the tests run in",
    r": export \w+_KEY=": "a key of nobody",
    r"PIP_EXTRA_INDEX_URL": "the network",
    r"--official\b": "the network",
    r"\btorchrun\b": "two processes; tests/training starts them",
    r"\btorch\.cuda\b": "a GPU",
    r"--device cuda\b": "a GPU",
    r"--engine ray\b": "a cluster; tests/evaluation starts one",
    r": longwave bench [a-z]": "minutes; tests/benchmarks runs each in small",
    r": python benchmarks/": "the record of a run that takes minutes",
    r": python examples/": "tests/docs/test_examples.py runs it",
    r": longwave quickstart\b": "minutes; tests/test_quickstart.py takes a short tour",
    r"\blongwave-quickstart\b": "what the quickstart leaves",
    r"\bquickstart-hyena steps=1000\b": "minutes",
    r": longwave adapt embed ": "models of the hub",
    r"--metadata\b": "files of the published data sets",
    r"--data captionbirds --seeds 3": "tens of minutes",
    r"data=(FOLDER|FILE\.mat|cifar-10-batches-bin|navier_stokes_1e-4)": "files of the reader, or minutes",
    r": longwave train (t1|fno)-(navier-stokes|darcy)": "minutes of solving and training",
    r"monitor collect tickets\.yaml|--baseline (tickets|march)": "a server, day after day; tests/cli has one",
    r"runs/my-hyena\b": "a model that the reader has; tests/cli/test_distill.py has one",
    r"--scenario parity\.yaml": "examples/own_scenario.py writes it",
    r"legal (new-task|check|export) assignment": "to be filled in by a person; Python makes it",
    r": longwave serve ": "serves until it is stopped; tests/serving does so",
    r": (curl|lm_eval|inspect|export MINE)": "another tool and a running server",
    r"serve\.md: longwave evaluate": "the server of that page, which its Python blocks ask",
    r"tests/reliability/fuzz\.py": "runs in the repository; its short form is a test there",
    r"quickstart\.md: longwave report": "what the quickstart leaves",
}
# What takes the place of a model or a folder that the reader has and a test has not.
STAND_INS = {
    r"checkpoint:runs/hyena\b": "fake:random",
    r"benchmark_output/runs/v1": f"{FIXTURES / 'helm' / 'tiny'}",
    r"lm_eval_results": f"{FIXTURES / 'lm_eval'}",
    r"inspect logs": f"inspect {FIXTURES / 'inspect' / 'logs'}",
    r" --open\b": "",
    r"(openai|hf):[^\s\"]+": "fake:random",
}
# What a command is given in addition, so that it does the same in less time.
SHORTER = {
    r": longwave train (recall|s4nd|conv3d|conv2d)[\w-]*": "steps=2 batch_size=2 eval_every=2",
    r": longwave train s4nd-mnist": "data.stages=[{rate: 4, steps: 1}, {rate: 1, steps: 1}]",
    r": longwave train (t1|fno)-tiny": "steps=2",
    r"--suite (legalbench|quickstart)": "--max-instances 1",
    r": longwave adapt (fit|compare)": "descent.epochs=1",
}
SLOW = {
    "docs/concepts/ama.md",
    "docs/concepts/legalbench.md",
    "docs/concepts/reasoning_tasks.md",
    "docs/concepts/s4nd.md",
    "docs/howto/evaluate.md",
    "docs/howto/monitor_budget.md",
    "docs/howto/repair_groups.md",
    "docs/howto/train.md",
    "docs/howto/train_images.md",
    "docs/howto/train_operators.md",
    "docs/howto/watch_a_model.md",
    "docs/tutorials/api_predictions.md",
    "docs/tutorials/frozen_model.md",
    "docs/tutorials/long_sequences.md",
    "docs/tutorials/report_card.md",
}


@dataclasses.dataclass(frozen=True)
class Step:
    """A Python block, or one command of a shell block."""

    page: Path
    line: int
    text: str
    is_python: bool
    is_shown_only: bool

    @property
    def reason(self) -> str:
        """Say why it does not run; empty where it does."""
        if self.is_shown_only:
            return "the page says why"
        return "" if self.is_python else next((NOT_RUN[each] for each in NOT_RUN if self.matches(each)), "")

    def matches(self, pattern: str) -> bool:
        """Tell whether a pattern is in the command, or in page and command."""
        return re.search(pattern, f"{self.page.name}: {self.text}") is not None


def steps(page: Path) -> Iterator[Step]:
    """Yield what a reader of a page would run, in order."""
    text = page.read_text("utf-8")
    for match in re.finditer(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```\s*$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 2
        body = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
        is_shown_only = NOT_SHOWN.search(text[: match.start()]) is not None
        if match[2] == "python":
            yield Step(page, line, body, True, is_shown_only)
        elif match[2] in SHELLS:
            for command in body.replace("\\\n", " ").splitlines():
                if shlex.split(command, comments=True):
                    yield Step(page, line, command.removeprefix("$ "), False, is_shown_only)


COMMANDS = [step for page in PAGES for step in steps(page) if not step.is_python]
WITH_COMMANDS = [page for page in PAGES if any(step.page == page and not step.reason for step in COMMANDS)]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _run(step: Step, folder: Path) -> None:
    text = step.text
    for pattern, stand_in in STAND_INS.items():
        text = re.sub(pattern, stand_in, text)
    words = shlex.split(text, comments=True)
    if words[0] != "longwave":
        ran = subprocess.run(
            ["bash", "-c", step.text], cwd=folder, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{_name(step.page)}:{step.line} {step.text}\n{ran.stderr}"
        return
    for pattern, more in SHORTER.items():
        if step.matches(pattern):
            words += [more] if "{" in more else more.split()
    assert main(words[1:]) == 0, f"{_name(step.page)}:{step.line} {step.text}"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=_name(page), marks=[pytest.mark.slow] * (_name(page) in SLOW))
        for page in WITH_COMMANDS
    ],
)
def test_commands_of_a_page_run_in_its_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    namespace: dict[str, object] = {"__name__": "page"}
    for step in steps(page):
        if step.reason:
            continue
        if step.is_python:
            code = "\n" * (step.line - 1) + step.text
            exec(compile(code, str(page), "exec", dont_inherit=True), namespace)
        else:
            _run(step, tmp_path)


@pytest.mark.parametrize("pattern", NOT_RUN)
def test_a_reason_not_to_run_is_needed(pattern: str) -> None:
    assert [step.text for step in COMMANDS if step.matches(pattern)]


@pytest.mark.parametrize("pattern", SHORTER)
def test_a_shorter_form_is_needed(pattern: str) -> None:
    assert [step.text for step in COMMANDS if step.matches(pattern) and not step.reason]
