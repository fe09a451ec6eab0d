"""Write docs/reference/ from the program: API, command line, configuration, table, errors, registry.

Run ``python docs/build_reference.py`` (or ``make reference``) after a change. With ``--check`` nothing is
written and the exit code tells whether the pages agree with the program; a test does that.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

from _api import WIDTH, api_page, type_name
from _docstrings import first_paragraph, inline, parameter_texts

from longwave import errors, registry

FOLDER = Path(__file__).parent / "reference"
MARK = "<!-- written by docs/build_reference.py; do not edit -->\n"
CONFIGS = (
    (
        "Training",
        "longwave.training",
        "TrainConfig",
        "What `longwave train` takes, as YAML, JSON or `key=value`.",
    ),
    (
        "Evaluation",
        "longwave.evaluation",
        "EvaluateConfig",
        "What `longwave evaluate` records in `run.json`.",
    ),
    (
        "A monitoring job",
        "longwave.monitoring",
        "CollectConfig",
        "The YAML file of `longwave monitor collect`.",
    ),
    (
        "Quickstart",
        "longwave.quickstart",
        "QuickstartConfig",
        "What `longwave quickstart` records in `run.json`.",
    ),
    ("Sampling", "longwave.generation", "SamplingConfig", "How `longwave generate` draws tokens."),
    ("A scenario file", "longwave.scenarios", "ScenarioFile", "The YAML file of a scenario of your own."),
)
CLI_INTRO = (
    "A user's mistake exits 2, a run that failed 1, an interrupted one 130 with finished work kept; "
    "`longwave monitor collect` exits 3 when an alarm went off. Results go to stdout, progress and remarks "
    "to stderr."
)
ERRORS_INTRO = (
    "Every error Longwave raises on purpose, in `longwave.errors`. A message says what was wrong with which "
    "value, what is accepted, and what to do next. Beside each stands the built-in it also is."
)
FIXED_BY_THE_MODEL = {"d_model", "max_length"}


def main() -> None:
    """Write every page, or check them."""
    FOLDER.mkdir(exist_ok=True)
    pages = build()
    if "--check" in sys.argv:
        stale = [name for name, text in pages.items() if not _agrees(FOLDER / name, text)]
        sys.exit(f"Stale pages: {', '.join(stale)}. Run: make reference" if stale else 0)
    for name, text in pages.items():
        (FOLDER / name).write_text(text, "utf-8")


def _agrees(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text


def build() -> dict[str, str]:
    """Return the text of each page by its file name."""
    pages = {
        "api.md": api_page(),
        "cli.md": _cli_page(),
        "config.md": _config_page(),
        "errors.md": _errors_page(),
        "registry.md": _registry_page(),
        "table.md": _table_page(),
    }
    return {
        name: MARK + "\n" + re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n" for name, text in pages.items()
    }


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(" ".join(cell.split()) for cell in line) + " |" for line in lines) + "\n"
    )


def _code(text: object) -> str:
    return "`" + str(text).replace("|", r"\|") + "`"


def _cli_page() -> str:
    from typer.main import get_command

    from longwave.cli._app import app

    root = get_command(app)
    parts = [f"# Command line\n\n{CLI_INTRO}\n"]
    top = root.context_class(root, info_name="longwave", terminal_width=WIDTH, **root.context_settings)
    for name, command in _commands(root):
        context = command.context_class(command, info_name=name, parent=top) if name else top
        name = f"longwave {name}".strip()
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        records = [
            record
            for parameter in command.get_params(context)
            if (record := parameter.get_help_record(context))
        ]
        parts.append(f"## {name}\n\n{inline(command.help or '')}\n\n```text\n{usage}\n```\n")
        parts.append(_rows(("word", "meaning"), [(_code(word), inline(text)) for word, text in records]))
    return "\n".join(parts)


def _commands(command: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Walk over a command and those below it."""
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from _commands(below, f"{name} {word}".strip())


def _config_page() -> str:
    parts = [
        "# Configuration\n\nKeys as they are written in files and as `key=value`; nested ones with dots.\n"
    ]
    for title, module, name, text in CONFIGS:
        cls = getattr(importlib.import_module(module), name)
        parts.append(f"## {title}\n\n{text} Python: `{module}.{name}`.\n\n{_config_table(_config_keys(cls))}")
    parts.append("## Options of mixers\n\nThe keys of `model.mixer_options` and `model.attention_options`.\n")
    for name in registry.entries("mixers"):
        mixer = typing.cast(type, registry.load("mixers", name))
        parts.append(f"### {name}\n\n{_config_table(_config_keys(mixer))}")
    return "\n".join(parts)


def _config_table(keys: list[tuple[str, str, str, str]]) -> str:
    rows = [(_code(key), _code(kind), _code(default), inline(text)) for key, kind, default, text in keys]
    return _rows(("key", "type", "default", "meaning"), rows)


def _config_keys(cls: type, prefix: str = "") -> list[tuple[str, str, str, str]]:
    """Return (dotted key, type, default, meaning) of every setting, nested configurations included."""
    texts = parameter_texts(cls)
    hints = typing.get_type_hints(cls if dataclasses.is_dataclass(cls) else cls.__init__)
    found = []
    for name, parameter in inspect.signature(cls).parameters.items():
        if name in FIXED_BY_THE_MODEL and not dataclasses.is_dataclass(cls):
            continue
        inner = [
            part for part in (hints[name], *typing.get_args(hints[name])) if dataclasses.is_dataclass(part)
        ]
        if inner:
            for part in inner:  # one of several: the keys tell which
                found += _config_keys(part, f"{prefix}{name}.")
            continue
        default = "required" if parameter.default is parameter.empty else repr(parameter.default)
        default = "empty" if "factory" in default else default
        is_alias = typing.get_origin(hints[name]) is typing.Literal
        kind = type_name(hints[name] if is_alias else parameter.annotation)
        found.append((prefix + name, kind, default, texts.get(name, "")))
    return found


def _errors_page() -> str:
    tree = inspect.cleandoc((errors.__doc__ or "").partition("::\n")[2].rpartition("\n\n")[0])
    rows = [
        (_code(name), first_paragraph(getattr(errors, name))) for name in errors.__all__ if name[0].isupper()
    ]
    return f"# Errors\n\n{ERRORS_INTRO}\n\n```text\n{tree}\n```\n\n{_rows(('error', 'raised when'), rows)}"


def _registry_page() -> str:
    parts = ["# What there is\n\nEverything that is found by name, as `longwave list` prints it.\n"]
    for kind in registry.KINDS:
        rows = [
            (_code(entry.name), inline(entry.description), _paper(entry.paper))
            for entry in registry.entries(kind).values()
            if entry.target.startswith("longwave.")  # not what happens to be installed here
        ]
        parts.append(
            f"## {kind}\n\n" + (_rows(("name", "what it is", "paper"), rows) if rows else "None yet.\n")
        )
    return "\n".join(parts)


def _paper(number: str) -> str:
    return f"[{number}](https://arxiv.org/abs/{number})" if number else ""


def _table_page() -> str:
    from longwave.predictions import schema

    key = ", ".join(f"`{name}`" for name in schema.KEY)
    columns = [(_code(name), _code(dtype), inline(text)) for name, (dtype, text) in schema.COLUMNS.items()]
    parts = [
        "# The predictions table\n\n"
        f"One row is one prediction. Schema version {schema.SCHEMA_VERSION}. Key: {key}.\n"
    ]
    parts.append(_rows(("column", "type", "what it holds"), columns))
    for name in ("requests", "instances", "scores"):
        side = getattr(schema, name.upper())
        rows = [(_code(column), _code(dtype)) for column, dtype in side.items()]
        parts.append(f"## Side table: {name}\n\n{_rows(('column', 'type'), rows)}")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
