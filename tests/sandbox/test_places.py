"""What a locked-in interpreter sees: what it needs, and neither packages nor samples."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from longwave.errors import BackendUnavailable
from longwave.sandbox import places, run_python
from longwave.sandbox.places import hidden_places, python_path, readable_places


def test_interpreter_is_a_file_and_no_link():
    assert Path(python_path()).is_file()
    assert not Path(python_path()).is_symlink()


def test_interpreter_and_library_are_readable():
    for needed in (python_path(), os.path.realpath(os.__file__)):
        assert any(Path(place) in Path(needed).parents for place in readable_places())


def test_places_are_there_and_none_is_inside_another():
    found = [Path(place) for place in readable_places()]
    assert all(place.exists() for place in found)
    assert [a for a in found for b in found if b in a.parents and not b.is_symlink()] == []


def test_home_and_root_are_no_places():
    assert not {"/", "/home", "/etc", str(Path.home())} & set(readable_places())


def test_hidden_places_are_inside_readable_ones_and_not_inside_each_other():
    found = [Path(place) for place in hidden_places()]
    readable = [Path(place) for place in readable_places()]
    assert all(any(outer in place.parents for outer in readable) for place in found)
    assert [a for a in found for b in found if b in a.parents] == []


@pytest.mark.usefixtures("walls")
def test_hidden_places_are_empty_inside():
    code = f"import os\nfor path in {hidden_places()!r}: print(os.listdir(path))"
    assert set(run_python(code).stdout.split("\n")) <= {"[]", ""}


@pytest.mark.parametrize("name", [None, "", "/no/such/python"], ids=["none", "empty", "gone"])
def test_a_program_without_interpreter_is_told(monkeypatch, name):
    monkeypatch.setattr(sys, "_base_executable", name)
    monkeypatch.setattr(sys, "executable", name or "")
    with pytest.raises(BackendUnavailable, match=r"sys\.executable names none"):
        places.python_path()
