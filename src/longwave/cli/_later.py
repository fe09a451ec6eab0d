"""Groups of commands that are built when one of them is asked for."""

from __future__ import annotations

from collections.abc import MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING

from typer.core import TyperGroup
from typer.main import get_group

if TYPE_CHECKING:
    from typer._click.core import Command

__all__ = ["LaterGroup"]


class LaterGroup(TyperGroup):
    """A group whose commands are those of ``app`` in the module named like it, ``longwave.cli._NAME``.

    Importing and building a command takes some milliseconds, and ``longwave --help`` shows none of those
    below a group.
    """

    _built: MutableMapping[str, Command] | None = None

    @property
    def commands(self) -> MutableMapping[str, Command]:
        """The commands by name."""
        if self._built is None:
            self._built = get_group(import_module(f"longwave.cli._{self.name}").app).commands
        return self._built

    @commands.setter
    def commands(self, given: MutableMapping[str, Command]) -> None:
        """Leave the commands of the empty group that stands in for the module's."""
