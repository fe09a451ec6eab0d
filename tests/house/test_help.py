"""The command line's own words, frozen: a change of ``--help`` is a decision, not an accident.

``python tests/house/test_help.py`` (or ``make reference``) writes the texts anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from longwave.cli._app import app

GOLDEN = Path(__file__).parents[1] / "golden" / "help"
WIDTH = 100
ROOT = get_command(app)


def _walk(command: TyperCommand | TyperGroup, name: str) -> Iterator[str]:
    yield name
    for word, below in sorted(getattr(command, "commands", {}).items()):
        yield from _walk(below, f"{name} {word}")


COMMANDS = list(_walk(ROOT, "longwave"))


def _help(name: str) -> str:
    command = ROOT
    context = ROOT.context_class(
        ROOT, info_name="longwave", terminal_width=WIDTH, color=False, **ROOT.context_settings
    )
    for word in name.split()[1:]:
        command = command.commands[word]
        context = command.context_class(command, info_name=word, parent=context)
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines()) + "\n"


def _command(name: str) -> TyperCommand | TyperGroup:
    command = ROOT
    for word in name.split()[1:]:
        command = command.commands[word]
    return command


def _file(name: str) -> Path:
    return GOLDEN / f"{name.replace(' ', '-')}.txt"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_it_said(name: str) -> None:
    assert _help(name) == _file(name).read_text("utf-8")


def test_no_text_is_kept_for_a_command_that_is_gone() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(_file(name).name for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_word_of_a_command_is_explained(name: str) -> None:
    command = _command(name)
    assert command.help
    assert [parameter.name for parameter in command.params if not parameter.help] == []


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for each in COMMANDS:
        _file(each).write_text(_help(each), "utf-8")
