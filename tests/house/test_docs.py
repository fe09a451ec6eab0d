"""The docs name everything there is, their code runs, their commands exist and their links lead somewhere."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shlex
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup

from longwave import errors, registry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [
    *sorted(DOCS.rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]
IDS = [path.relative_to(ROOT).as_posix() for path in PAGES]
CONFIGS = (
    ("longwave.training", "TrainConfig"),
    ("longwave.evaluation", "EvaluateConfig"),
    ("longwave.quickstart", "QuickstartConfig"),
    ("longwave.generation", "SamplingConfig"),
)
# a block right after this comment is shown and not run; the comment says why
NOT_RUN = re.compile(r"<!-- not run: .+ -->\s*$")
SHELLS = ("bash", "sh", "console", "shell")


@dataclasses.dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str
    line: int
    is_run: bool


def blocks(path: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = path.read_text("utf-8")
    for match in re.finditer(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```\s*$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 2
        body = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
        yield Block(match[2], body, line, NOT_RUN.search(text[: match.start()]) is None)


def _without_code(text: str) -> str:
    text = re.sub(r"^( *)```.*?^\1```\s*$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`", "", text)


def _named(page: str) -> set[str]:
    """Return every word in backticks on a page of the reference."""
    text = (REFERENCE / page).read_text("utf-8")
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in (code, *re.split(r"[,\s(]+", code))}


def _leaves(cls: type, prefix: str = "") -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        inner = [
            part for part in (hints[field.name], *typing.get_args(hints[field.name])) if _is_config(part)
        ]
        if inner:
            for part in inner:
                yield from _leaves(part, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def _is_config(hint: object) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


@pytest.mark.parametrize(("module", "name"), CONFIGS, ids=[name for _, name in CONFIGS])
def test_every_configuration_key_is_named(module: str, name: str) -> None:
    keys = set(_leaves(getattr(importlib.import_module(module), name)))
    assert keys - _named("config.md") == set()


def test_every_command_and_option_is_named() -> None:
    root = _commands()
    words = {f"longwave {name}" for name in root if name} | {
        word for options in root.values() for word in options
    }
    text = (REFERENCE / "cli.md").read_text("utf-8")
    assert {word for word in words if word not in text} == set()


def test_every_column_of_every_table_is_named() -> None:
    from longwave.predictions import schema

    columns = {*schema.COLUMNS, *schema.REQUESTS, *schema.INSTANCES, *schema.SCORES}
    assert columns - _named("table.md") == set()


def test_every_registry_entry_is_named() -> None:
    there = {name for kind in registry.KINDS for name in registry.entries(kind)}
    assert there - _named("registry.md") == set()


def test_every_error_is_named() -> None:
    assert {name for name in errors.__all__ if name[0].isupper()} - _named("errors.md") == set()


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    listed = set(re.findall(r"[\w/.-]+\.md", navigation))
    assert {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} == listed


PAGES_WITH_CODE = [  # the Python of tutorials needs the commands in between: tests/docs/test_code_blocks.py
    path
    for path in PAGES
    if (path.parent.name != "tutorials" or path.stem == "quickstart")
    and any(block.language == "python" and block.is_run for block in blocks(path))
]


@pytest.mark.parametrize("path", PAGES_WITH_CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_blocks_of_a_page_run_one_after_the_other(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "page"}
    for block in blocks(path):
        if block.language == "python" and block.is_run:
            code = "\n" * (block.line - 1) + block.text  # so that a traceback shows the page's own line
            exec(compile(code, str(path), "exec", dont_inherit=True), namespace)


def _commands() -> dict[str, set[str]]:
    """Return the options of each command; "" is ``longwave`` itself."""
    from typer.main import get_command

    from longwave.cli._app import app

    return {
        name: {word for p in each.params for word in p.opts if word[0] == "-"}
        for name, each in _walk(get_command(app))
    }


def _walk(
    command: TyperCommand | TyperGroup, name: str = ""
) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """Walk over a command and those below it."""
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from _walk(below, f"{name} {word}".strip())


def _command_lines(path: Path) -> Iterator[list[str]]:
    for block in blocks(path):
        if block.language in SHELLS:
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):  # settings of the environment
                    words = words[1:]
                yield words


def _wrong_words(words: list[str]) -> list[str]:
    """Return the words of one command line that Longwave or the Makefile does not know."""
    if words[:1] == ["make"]:
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        return [
            word for word in words[1:] if "=" not in word and not word.startswith("-") and word not in targets
        ]
    while words and "longwave" in words[1:] and words[0] != "pip":  # torchrun, python -m ... longwave
        words = words[words.index("longwave") :]
    if words[:1] != ["longwave"]:
        return []
    known = _commands()
    plain = [word for word in words[1:] if not word.startswith("-")]
    name = " ".join(plain[:2]) if " ".join(plain[:2]) in known else plain[0] if plain else ""
    if name not in known:
        return [name]
    options = {word.partition("=")[0] for word in words[1:] if re.match(r"-{1,2}[a-zA-Z]", word)}
    return sorted(options - known[name] - known[""] - {"--help", "-h"})


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_commands_on_a_page_exist(path: Path) -> None:
    assert [(words, wrong) for words in _command_lines(path) if (wrong := _wrong_words(words))] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("longwave quickstart --out x", []),
        ("longwave quikstart", ["quikstart"]),
        ("longwave train a --steps 3", ["--steps"]),
        ("make quickstart ARGS=1", []),
        ("make quikstart", ["quikstart"]),
        ("ls --all", []),
    ],
)
def test_wrong_commands_would_be_found(line: str, wrong: list[str]) -> None:
    assert _wrong_words(line.split()) == wrong


def _slug(heading: str) -> str:
    """Return the anchor the site makes of a heading."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def _anchors(path: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {_slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def _broken_links(path: Path) -> Iterator[str]:
    text = _without_code(path.read_text("utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)[^)]*\)", text) + re.findall(
        r"(?:src|href|srcset)=\"([^\"]+)\"", text
    )
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in _anchors(there)):
            yield target


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_links_within_the_docs_lead_somewhere(path: Path) -> None:
    assert list(_broken_links(path)) == []


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_page_begins_with_its_title(path: Path) -> None:
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("<!--")]
    assert lines[0].startswith("# ")
