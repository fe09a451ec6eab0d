"""Nothing in the package unpickles, runs or unpacks what a stranger wrote; read from the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "longwave"
# code of a model runs here and nowhere else, behind the walls of the sandbox
LOCKED_IN = {"sandbox/_exchange.py"}
UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def keyword(call: ast.Call, name: str) -> str:
    """Return the source of a keyword's value, "" where it is not given."""
    return next((ast.unparse(part.value) for part in call.keywords if part.arg == name), "")


def is_unpickling_array(call: ast.Call, name: str) -> bool:
    return name in ("np.load", "numpy.load") and keyword(call, "allow_pickle") != "False"


def is_unpickling_tensors(call: ast.Call, name: str) -> bool:
    return name == "torch.load" and keyword(call, "weights_only") != "True"


def is_unsafe_yaml(call: ast.Call, name: str) -> bool:
    if name in ("yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.full_load_all"):
        return True
    return name in ("yaml.load", "yaml.compose") and keyword(call, "Loader") not in (
        "yaml.SafeLoader",
        "_yaml_loader()",
    )


def is_running_text(call: ast.Call, name: str) -> bool:
    return (
        name in ("eval", "exec", "os.system", "os.popen", "runpy.run_path")
        or keyword(call, "shell") == "True"
    )


def is_unpacking_anywhere(call: ast.Call, name: str) -> bool:
    return name.endswith((".extractall", "shutil.unpack_archive"))


def is_trusting_code(call: ast.Call, name: str) -> bool:
    return keyword(call, "trust_remote_code") not in ("", "False")


def is_trusting_any_server(call: ast.Call, name: str) -> bool:
    return keyword(call, "verify") == "False"


def is_racing(call: ast.Call, name: str) -> bool:
    return name in ("tempfile.mktemp", "os.tempnam")


UNSAFE: tuple[Callable[[ast.Call, str], bool], ...] = (
    is_unpickling_array,
    is_unpickling_tensors,
    is_unsafe_yaml,
    is_running_text,
    is_unpacking_anywhere,
    is_trusting_code,
    is_trusting_any_server,
    is_racing,
)


Calls = list[tuple[str, ast.Call, str]]  # file, call, what is called


def list_calls(trees: dict[str, ast.Module]) -> Calls:
    return [
        (name, node, ast.unparse(node.func))
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]


def found_by(is_wrong: Callable[[ast.Call, str], bool], calls: Calls) -> list[str]:
    return [
        f"{name}:{call.lineno}"
        for name, call, what in calls
        if name not in LOCKED_IN and is_wrong(call, what)
    ]


def unpickling_calls(calls: Calls) -> list[str]:
    return [f"{name}:{call.lineno}" for name, call, what in calls if what.partition(".")[0] in UNPICKLERS]


@pytest.fixture(scope="module")
def calls() -> Calls:
    """Return every call of the package."""
    paths = sorted(SRC.rglob("*.py"))
    return list_calls(
        {path.relative_to(SRC).as_posix(): ast.parse(path.read_text("utf-8")) for path in paths}
    )


@pytest.mark.parametrize("is_wrong", UNSAFE, ids=lambda check: check.__name__)
def test_no_call_is_unsafe(is_wrong: Callable[[ast.Call, str], bool], calls: Calls) -> None:
    assert len(calls) > 1000
    assert found_by(is_wrong, calls) == []


def test_nothing_is_unpickled(calls: Calls) -> None:
    assert unpickling_calls(calls) == []


def test_the_search_sees_what_it_forbids() -> None:
    code = """np.load(a)
torch.load(a, weights_only=False)
yaml.load(a)
eval(a)
subprocess.run(a, shell=True)
tar.extractall(a)
f(trust_remote_code=True)
httpx.get(a, verify=False)
tempfile.mktemp()
pickle.loads(a)
"""
    calls = list_calls({"a.py": ast.parse(code)})
    assert [len(found_by(check, calls)) for check in UNSAFE] == [1, 1, 1, 2, 1, 1, 1, 1]
    assert unpickling_calls(calls) == ["a.py:10"]
