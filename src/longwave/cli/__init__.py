"""The command line: ``longwave COMMAND``. Thin: every command parses, calls the library and prints."""

from longwave.cli._main import main

__all__ = ["main"]
