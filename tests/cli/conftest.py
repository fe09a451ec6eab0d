"""The command line in this process, and one tiny trained model for all of its tests."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.cli import main
from longwave.data import TextDataConfig
from longwave.models import LanguageModelConfig
from longwave.samples import sample_path
from longwave.training import TrainConfig, train


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return json.loads(self.out)


Longwave = Callable[..., Ran]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the machine's own environment says about colour."""
    for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def longwave(capsys: pytest.CaptureFixture[str]) -> Longwave:
    """Return a function that runs a command in this process."""

    def run(*words: object) -> Ran:
        code = main([str(word) for word in words])
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes ``"stdout"`` or ``"stderr"`` a terminal; call it in the test."""
    monkeypatch.setenv("TERM", "xterm")
    return lambda name: monkeypatch.setattr(getattr(sys, name), "isatty", lambda: True)


@pytest.fixture
def process() -> Callable[..., Ran]:
    """Return a function that runs a command in a process of its own, or Python code with ``code=``."""

    def run(*words: object, code: str = "import sys; from longwave.cli import main; sys.exit(main())") -> Ran:
        command = [sys.executable, "-c", code, *map(str, words)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return Ran(found.returncode, found.stdout, found.stderr)

    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a text file of 6 kB."""
    path = tmp_path / "text.txt"
    path.write_text(sample_path("books/train.txt").read_text("utf-8")[:6000], "utf-8")
    return path


@pytest.fixture
def tiny(source: Path) -> list[str]:
    """Return the words after ``longwave train`` that make a run of four steps of a two-layer model."""
    return [
        "quickstart-hyena",
        f"data.path={source}",
        "data.tokenizer=byte",
        "model.vocab_size=257",
        "model.d_model=16",
        "model.n_layers=2",
        "model.max_length=32",
        "steps=4",
        "batch_size=2",
        "eval_every=2",
        "validation_windows=2",
        "checkpoint_every=2",
    ]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished run, a byte model of context 64; not to be written to."""
    folder = tmp_path_factory.mktemp("trained")
    text = folder / "text.txt"
    text.write_text(sample_path("books/train.txt").read_text("utf-8")[:6000], "utf-8")
    config = TrainConfig(
        model=LanguageModelConfig(vocab_size=257, d_model=16, n_layers=2, max_length=64),
        data=TextDataConfig(path=str(text)),
        steps=2,
        batch_size=2,
        device="cpu",
        validation_windows=2,
    )
    train(config, folder / "hyena")
    return folder / "hyena"
