"""The ratchet: sizes, names and habits of the code, read from the syntax trees. Limits go down, never up."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "longwave"
TREES = {
    path.relative_to(SRC).as_posix(): ast.parse(path.read_text("utf-8"), filename=str(path))
    for path in sorted(SRC.rglob("*.py"))
}

FILE_MAX = 600
FILE_P95 = 400
FUNCTION_MAX = 80
FUNCTION_MEDIAN = 12
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "core"}
SCENARIOS_CORE = "scenarios/core/"  # HELM's own word for its sixteen scenarios

# one request in a run, and the top of the program; everywhere else an error has a name
BROAD_EXCEPT_SEAMS = {"cli/_main.py", "doctor.py", "evaluation/asking.py"}


def _file_lengths() -> dict[str, int]:
    return {name: len((SRC / name).read_text("utf-8").splitlines()) for name in TREES}


def _places(is_wrong: Callable[[ast.AST], bool]) -> list[str]:
    """Return "file:line" of every node that breaks a rule."""
    return [
        f"{name}:{node.lineno}" for name, tree in TREES.items() for node in ast.walk(tree) if is_wrong(node)
    ]


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def _is_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _swallows_everything(node: ast.AST) -> bool:
    """Whether a handler catches any error and does not raise it again."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    names = {kind.id if isinstance(kind, ast.Name) else None for kind in kinds if kind is not None}
    is_broad = node.type is None or bool(names & {"Exception", "BaseException"})
    return is_broad and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))


def _is_star_import(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _edits_sys_path(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path"


def _undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield the public classes, functions and methods without a docstring."""
    scopes: list[tuple[str, ast.Module | ast.ClassDef]] = [("", tree)]
    while scopes:
        prefix, scope = scopes.pop()
        for node in scope.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_") or _is_overload_or_accessor(node):
                continue
            if ast.get_docstring(node) is None:
                yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                scopes.append((f"{prefix}{node.name}.", node))


def _is_overload_or_accessor(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    marks = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(mark.endswith((".setter", ".deleter", "overload", "override")) for mark in marks)


def test_files_are_short_enough_to_read_in_a_sitting() -> None:
    assert {name: lines for name, lines in _file_lengths().items() if lines > FILE_MAX} == {}


def test_nearly_all_files_stay_below_the_length_worth_a_talk() -> None:
    lengths = sorted(_file_lengths().values())
    assert lengths[min(len(lengths) - 1, round(0.95 * len(lengths)))] <= FILE_P95


def test_functions_are_short() -> None:
    lengths = {
        f"{name} {function}": lines for name, tree in TREES.items() for function, lines in _functions(tree)
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_MAX} == {}


def test_the_usual_function_has_less_than_a_dozen_lines() -> None:
    assert median(lines for tree in TREES.values() for _, lines in _functions(tree)) <= FUNCTION_MEDIAN


def test_modules_are_named_after_what_they_hold() -> None:
    parts = {name: {part.lstrip("_") for part in Path(name).with_suffix("").parts} for name in TREES}
    assert [name for name in TREES if parts[name] & VAGUE_NAMES and not name.startswith(SCENARIOS_CORE)] == []


def test_nothing_prints_outside_the_command_line() -> None:
    assert [place for place in _places(_is_print) if not place.startswith("cli/")] == []


def test_code_raises_instead_of_asserting() -> None:
    assert _places(lambda node: isinstance(node, ast.Assert)) == []


def test_no_error_is_swallowed_outside_the_two_seams() -> None:
    found = _places(_swallows_everything)
    assert [place for place in found if place.partition(":")[0] not in BROAD_EXCEPT_SEAMS] == []


def test_imports_name_what_they_take() -> None:
    assert _places(_is_star_import) + _places(_edits_sys_path) == []


def test_public_names_have_docstrings() -> None:
    assert [f"{path}: {name}" for path, tree in TREES.items() for name in _undocumented(tree)] == []


def test_modules_say_what_they_hold() -> None:
    assert [name for name, tree in TREES.items() if tree.body and not ast.get_docstring(tree)] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*.py")), ids=lambda path: path.name)
def test_example_is_below_eighty_lines_and_says_what_it_is(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) < 80
    assert lines[0].startswith('"""')


def test_the_ratchet_sees_what_it_forbids() -> None:
    tree = ast.parse(
        "from os import *\nprint(1)\nsys.path.append('x')\n"
        "try:\n    f()\nexcept Exception:\n    pass\ndef g(): ...\n"
    )
    nodes = list(ast.walk(tree))
    seen = [
        any(map(check, nodes))
        for check in (_is_star_import, _is_print, _swallows_everything, _edits_sys_path)
    ]
    assert (seen, list(_undocumented(tree))) == ([True] * 4, ["g"])
