from __future__ import annotations

from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios.targeted.archive_members import find_member

PATH = Path("data.zip")


@pytest.mark.parametrize("member", ["Buy.csv", "data/Buy.csv", "./a/b/Buy.csv"])
def test_folders_do_not_matter(member):
    assert find_member(PATH, ["Abt-Buy.csv", "Buy.csv.bak", member], "Buy.csv") == member


@pytest.mark.parametrize("members", [[], ["buy.csv"], ["__MACOSX/Buy.csv"]], ids=["none", "case", "system"])
def test_missing_file_is_told(members):
    with pytest.raises(DataError, match=r'"data.zip" holds no file "Buy.csv"'):
        find_member(PATH, members, "Buy.csv")
