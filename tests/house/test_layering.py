"""Imports point one way: read from the syntax trees, nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "longwave"

# bottom to top; a package may import what stands in a row below its own
LAYERS = (
    ("longwave",),
    ("errors",),
    ("_array_files", "_damage", "_parameters", "config", "registry", "samples", "sandbox"),
    ("ops", "predictions"),
    ("mixers", "metrics", "perturbations", "scenarios", "clients"),
    ("generation",),
    ("models", "prompting", "data"),
    ("training", "evaluation", "adapters", "interchange"),
    ("monitoring",),
    ("serving", "report", "hf"),
    ("recipes",),
    ("quickstart", "doctor"),
    ("cli",),
)
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}

# the types a package deals in; its siblings may name them too
SHARED_TYPES = {"scenarios.base", "clients.base"}
# clients that stand on a whole trained model or a hosted library, and reach for it only when they are opened
LATE_IMPORTERS = {"clients.local", "clients.hugging_face", "clients.hugging_face_decoding"}

SPINE_1 = {"ops", "mixers", "models", "data", "training", "generation", "serving", "hf"}
SPINE_2 = {"predictions", "scenarios", "perturbations", "prompting", "clients", "metrics", "evaluation"}
SPINE_2 |= {"monitoring", "adapters", "interchange"}
HEAVY_FOR_SPINE_1 = {"polars", "pydantic", "rich"}
HEAVY_FOR_SPINE_2 = {"torch", "safetensors", "tokenizers"}
SPINE_1_WITH_PYDANTIC = {"serving"}  # for what strangers send
SPINE_2_WITH_TORCH = {"adapters"}


@dataclass(frozen=True)
class Arrow:
    """One import: from a module to a module, and whether it runs when the importing module is imported."""

    source: str  # module below the root package, e.g. "clients.local"; "" is the root package itself
    target: str  # for other packages than ours the top-level name, e.g. "torch"
    is_ours: bool
    is_late: bool
    line: int

    def __str__(self) -> str:
        return f"{self.source or 'the root'} (line {self.line}) imports {self.target or 'the root'}"


def read_arrows(root: Path) -> list[Arrow]:
    """Return every import of a package's modules."""
    files = {_module_name(path, root): path for path in sorted(root.rglob("*.py"))}
    return [arrow for name, path in files.items() for arrow in _arrows_of(name, path, root.name, set(files))]


def upward_arrows(arrows: list[Arrow]) -> list[str]:
    """Return what breaks the order of the layers."""
    found = []
    for arrow in arrows:
        source, target = _package(arrow.source), _package(arrow.target)
        if not arrow.is_ours or source == target or (arrow.is_late and arrow.source in LATE_IMPORTERS):
            continue
        unknown = [name for name in (source, target) if name not in RANK]
        if unknown:
            found.append(f'{arrow}, but "{unknown[0]}" has no place in LAYERS')
        elif RANK[target] > RANK[source]:
            found.append(f"{arrow}, which stands above it")
        elif RANK[target] == RANK[source] and arrow.target not in SHARED_TYPES:
            found.append(f"{arrow}, which stands beside it")
    return found


def module_cycle(arrows: list[Arrow]) -> list[str]:
    """Return the modules of one import cycle, late imports counted; empty when there is none."""
    graph: dict[str, set[str]] = {}
    for arrow in arrows:
        if arrow.is_ours and not (arrow.is_late and arrow.source in LATE_IMPORTERS):
            graph.setdefault(arrow.source, set()).add(arrow.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def heavy_arrows(arrows: list[Arrow]) -> list[str]:
    """Return the imports by which a spine loads what it must do without."""
    found = []
    for arrow in arrows:
        package = _package(arrow.source)
        is_heavy_1 = package in SPINE_1 and arrow.target in HEAVY_FOR_SPINE_1 and not arrow.is_late
        is_heavy_1 &= not (package in SPINE_1_WITH_PYDANTIC and arrow.target == "pydantic")
        is_heavy_2 = package in SPINE_2 - SPINE_2_WITH_TORCH and arrow.target in HEAVY_FOR_SPINE_2
        if is_heavy_1 or (is_heavy_2 and not (arrow.is_late and arrow.source in LATE_IMPORTERS)):
            found.append(str(arrow))
    return found


def crossing_arrows(arrows: list[Arrow]) -> list[str]:
    """Return the imports by which one spine knows the other."""
    return [
        str(arrow)
        for arrow in arrows
        if arrow.is_ours and arrow.source not in LATE_IMPORTERS
        for source, target in [(_package(arrow.source), _package(arrow.target))]
        if (source in SPINE_1 and target in SPINE_2) or (source in SPINE_2 and target in SPINE_1)
    ]


def _module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _package(module: str) -> str:
    return module.partition(".")[0] or "longwave"


def _arrows_of(name: str, path: Path, root: str, known: set[str]) -> Iterator[Arrow]:
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(node) for block in ast.walk(tree) if _is_type_checking(block) for node in ast.walk(block)
    }
    late = typing_only | {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        for target, is_ours in _targets(node, name, path.name == "__init__.py", root, known):
            if not is_ours or target != name:
                yield Arrow(name, target, is_ours, id(node) in late, node.lineno)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _targets(
    node: ast.AST, name: str, is_package: bool, root: str, known: set[str]
) -> Iterator[tuple[str, bool]]:
    """Yield what a statement imports: (module, whether it is one of ours)."""
    if isinstance(node, ast.Import):
        dotted = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = [root, *filter(None, name.split("."))]
            base = ".".join([*parts[: len(parts) - node.level + is_package], *filter(None, [base])])
        dotted = [f"{base}.{alias.name}" for alias in node.names]
    else:
        return
    for target in dotted:
        if target.partition(".")[0] != root:
            yield target.partition(".")[0], False
            continue
        inner = target.partition(".")[2]
        while inner and inner not in known:  # "errors.ConfigError" is the module "errors"
            inner = inner.rpartition(".")[0]
        yield inner, True


@pytest.fixture(scope="module")
def arrows() -> list[Arrow]:
    return read_arrows(SRC)


def test_no_import_points_upward_or_to_a_sibling_package(arrows: list[Arrow]) -> None:
    assert upward_arrows(arrows) == []


def test_no_modules_import_each_other_in_a_circle(arrows: list[Arrow]) -> None:
    assert module_cycle(arrows) == []


def test_tensors_do_without_tables_and_tables_without_torch(arrows: list[Arrow]) -> None:
    assert heavy_arrows(arrows) == []


def test_the_spines_meet_only_where_the_design_says(arrows: list[Arrow]) -> None:
    assert crossing_arrows(arrows) == []


def test_every_package_has_its_place() -> None:
    there = {path.parent.name if path.name == "__init__.py" else path.stem for path in SRC.glob("*.py")} | {
        path.parent.name for path in SRC.glob("*/__init__.py")
    }
    assert there <= set(RANK)


def _made_up(folder: Path, files: dict[str, str]) -> list[Arrow]:
    root = folder / "longwave"
    for name, text in {"__init__.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return read_arrows(root)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        pytest.param(
            {
                "ops/__init__.py": "from longwave.mixers import Hyena",
                "mixers/__init__.py": "class Hyena: ...",
            },
            "ops (line 1) imports mixers, which stands above it",
            id="upward",
        ),
        pytest.param(
            {"ops/__init__.py": "def f():\n    import longwave.mixers", "mixers/__init__.py": ""},
            "ops (line 2) imports mixers, which stands above it",
            id="upward-and-late",
        ),
        pytest.param(
            {"ops/fft.py": "from ..mixers import hyena", "ops/__init__.py": "", "mixers/hyena.py": ""},
            "ops.fft (line 1) imports mixers.hyena, which stands above it",
            id="upward-and-relative",
        ),
        pytest.param(
            {"metrics/__init__.py": "import longwave.scenarios", "scenarios/__init__.py": ""},
            "metrics (line 1) imports scenarios, which stands beside it",
            id="sideways",
        ),
        pytest.param(
            {"odds/__init__.py": "import longwave.errors", "errors.py": ""},
            'odds (line 1) imports errors, but "odds" has no place in LAYERS',
            id="unknown-package",
        ),
    ],
)
def test_a_wrong_arrow_in_a_made_up_tree_is_found(tmp_path: Path, files: dict[str, str], says: str) -> None:
    assert upward_arrows(_made_up(tmp_path, files)) == [says]


def test_a_right_arrow_in_a_made_up_tree_is_let_through(tmp_path: Path) -> None:
    files = {
        "mixers/__init__.py": "from longwave.ops import long_conv",
        "ops/__init__.py": "def long_conv(): ...",
        "perturbations/typos.py": "from longwave.scenarios.base import Instance",
        "scenarios/base.py": "class Instance: ...",
        "clients/local.py": "def open():\n    from longwave.models import LanguageModel",
        "models/__init__.py": "class LanguageModel: ...",
    }
    assert upward_arrows(_made_up(tmp_path, files)) == []


def test_a_cycle_in_a_made_up_tree_is_found(tmp_path: Path) -> None:
    files = {
        "ops/__init__.py": "",
        "ops/a.py": "from longwave.ops.b import x",
        "ops/b.py": "def f():\n    from longwave.ops import a",
    }
    assert set(module_cycle(_made_up(tmp_path, files))) == {"ops.a", "ops.b"}


def test_torch_in_a_table_package_of_a_made_up_tree_is_found(tmp_path: Path) -> None:
    files = {"metrics/text.py": "def f():\n    import torch", "models/x.py": "import polars"}
    assert heavy_arrows(_made_up(tmp_path, files)) == [
        "metrics.text (line 2) imports torch",
        "models.x (line 1) imports polars",
    ]


def test_a_spine_that_knows_the_other_in_a_made_up_tree_is_found(tmp_path: Path) -> None:
    files = {
        "training/loop.py": "from longwave.predictions import SCHEMA",
        "predictions/__init__.py": "SCHEMA = 1",
    }
    assert crossing_arrows(_made_up(tmp_path, files)) == ["training.loop (line 1) imports predictions"]
