"""What strangers wrote does not steer the terminal: control characters are spelled out."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from longwave.cli import main
from longwave.cli._output import Output

HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\x08"
CONTROLS = ("\x1b", "\x07", "\x08", "\x9b")


def test_an_error_spells_control_characters_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text('"m\\e[2Jodel": 1\n', "utf-8")
    assert main(["train", str(tmp_path / "a.yaml")]) == 2
    said = capsys.readouterr().err
    assert "␛[2J" in said
    assert not any(sign in said for sign in CONTROLS)


def test_a_log_line_spells_control_characters_out(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []  # as in a process of its own; pytest has handlers here
    try:
        main(["list", "mixers"])
        logging.getLogger("longwave.test").warning("a name: %s", HOSTILE)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    said = capsys.readouterr().err
    assert "a name: ␛]0;title␇␛[2J⟨U+009B⟩31m␈" in said


@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
def test_a_terminal_gets_no_control_characters_and_a_pipe_the_text(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    Output().result(f"label {HOSTILE}\nnext")
    said = capsys.readouterr().out
    assert any(sign in said for sign in CONTROLS) is not is_terminal
    assert said.count("\n") == 2
