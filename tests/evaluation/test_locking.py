"""Two runs never write the same rows into one folder at once."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from longwave.errors import FolderTaken, StorageError
from longwave.evaluation import Shard, evaluate
from longwave.evaluation.locking import LOCK_NAME, lock_folder
from longwave.evaluation.plan import WHOLE

HOLDER = """
    import sys
    from pathlib import Path
    from longwave.evaluation import Shard
    from longwave.evaluation.locking import lock_folder

    with lock_folder(Path(sys.argv[1]), Shard.parse(sys.argv[2])):
        print("held", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Start processes that hold parts of a folder until they are killed."""
    started = []

    def start(part):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLDER), tmp_path, part],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("held", "wanted", "is_taken"),
    [
        ("1/1", "1/1", True),
        ("1/2", "2/2", False),
        ("1/2", "1/2", True),
        ("1/2", "1/1", True),
        ("2/2", "3/4", True),
        ("2/2", "2/4", False),
        ("3/7", "4/7", False),
        ("1/3", "2/6", True),
    ],
)
def test_overlapping_parts_exclude_each_other(tmp_path, held, wanted, is_taken):
    with lock_folder(tmp_path, Shard.parse(held)):
        try:
            with lock_folder(tmp_path, Shard.parse(wanted)):
                assert not is_taken
        except FolderTaken:
            assert is_taken
    with lock_folder(tmp_path, Shard.parse(wanted)):
        assert (tmp_path / LOCK_NAME).exists()


@pytest.mark.slow
def test_another_process_is_kept_out_until_it_is_killed(tmp_path, holder):
    process = holder("1/2")
    with pytest.raises(FolderTaken, match="Another evaluation is writing"), lock_folder(tmp_path, WHOLE):
        pass
    with lock_folder(tmp_path, Shard.parse("2/2")):
        pass
    process.kill()
    process.wait()
    with lock_folder(tmp_path, WHOLE):
        pass


def test_a_second_run_is_refused_before_it_writes(make_scenario, tmp_path):
    with lock_folder(tmp_path, WHOLE), pytest.raises(FolderTaken, match="choose another folder"):
        evaluate(model="fake:first", scenarios=[make_scenario()], out=tmp_path)
    assert not (tmp_path / "predictions").exists()


def test_a_folder_that_cannot_hold_a_lock_is_told(tmp_path):
    (tmp_path / LOCK_NAME).mkdir()
    with pytest.raises(StorageError, match="Cannot make"), lock_folder(tmp_path, WHOLE):
        pass
