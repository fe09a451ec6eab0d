from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.cli import _output
from longwave.cli._output import Output, visible

Terminal = Callable[[str], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a one-element list that holds the time."""
    now = [100.0]
    monkeypatch.setattr(_output.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain\ttext\n", "plain\ttext\n", id="text"),
        pytest.param("\x1b[2J", "␛[2J", id="escape"),
        pytest.param("a\rb\x08", "a␍b␈", id="return-and-backspace"),
        pytest.param("\x9b31m\x7f", "⟨U+009B⟩31m␡", id="c1-and-delete"),
        pytest.param("naïve — 日本", "naïve — 日本", id="unicode"),
        pytest.param("", "", id="empty"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_remark_goes_to_stderr_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output().say("[bold] :smile: 12 %")
    assert tuple(capsys.readouterr()) == ("", "[bold] :smile: 12 %\n")


def test_a_long_remark_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output().say("word " * 100)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_remark_holds_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    Output().say("\x1b[31mred")
    assert capsys.readouterr().err == "␛[31mred\n"


def test_quiet_drops_remarks(capsys: pytest.CaptureFixture[str]) -> None:
    Output(is_quiet=True).say("remark")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_no_number_that_json_does_not_have(value: float, capsys: pytest.CaptureFixture[str]) -> None:
    Output().result_json({"value": value, "path": Path("a")})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"value": None, "path": "a"}


def test_json_keeps_letters_readable(capsys: pytest.CaptureFixture[str]) -> None:
    Output().result_json("naïve")
    assert capsys.readouterr().out == '"naïve"\n'


def test_a_row_of_a_piped_table_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output().result_table(("name", "text"), [("a" * 300, "word " * 100)])
    assert capsys.readouterr().out.count("\n") == 2


def test_cells_are_taken_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Output().result_table(("name", "text"), [("[b]", "\\[/b] :smile: \x1b[31m")])
    assert capsys.readouterr().out.splitlines()[1].rstrip() == "[b]   \\[/b] :smile: ␛[31m"


def test_a_plain_bar_says_a_line_at_the_end(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Output().bar("work") as update:
        for done in range(1, 5):
            clock[0] += 1
            update(done, 4, "text")
    assert capsys.readouterr().err == "work 4/4  text  4 s\n"


def test_a_plain_bar_says_a_line_every_ten_seconds(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Output().bar("work") as update:
        for done in range(1, 5):
            clock[0] += 6
            update(done, 10)
    assert capsys.readouterr().err == "work 2/10  48 s left\nwork 4/10  36 s left\n"


def test_what_was_done_before_does_not_shorten_the_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Output().bar("work") as update:
        update(90, 100)
        clock[0] += 10
        update(91, 100)
    assert capsys.readouterr().err == "work 91/100  90 s left\n"


def test_a_quiet_bar_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(is_quiet=True).bar("work") as update:
        update(1, 1)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal("stderr")
    with Output().bar("work") as update:
        update(1, 2, "[text]")
        update(2, 2, "[text]")
    err = capsys.readouterr().err
    assert ("\x1b[" in err, "2/2" in err, "[text]" in err) == (True, True, True)


@pytest.mark.parametrize("name", ["NO_COLOR", "CI"])
def test_a_terminal_without_colour_gets_plain_lines(
    name: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "1")
    terminal("stderr")
    with Output().bar("work") as update:
        update(2, 2, "text")
    assert capsys.readouterr().err == "work 2/2  text  0 s\n"


def test_a_remark_appears_above_a_bar(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal("stderr")
    output = Output()
    with output.bar("work") as update:
        update(1, 2)
        output.say("remark")
    assert "remark\n" in capsys.readouterr().err.replace("\r", "")
