from __future__ import annotations

import pytest

from longwave.clients import open_client
from longwave.errors import ConfigError, MissingFile, UnknownName


@pytest.mark.parametrize("spec", ["", "hyena", ":first"])
def test_a_spec_without_a_kind_lists_the_kinds(spec):
    with pytest.raises(ConfigError, match="checkpoint:FOLDER"):
        open_client(spec)


def test_a_folder_without_a_kind_is_explained(tmp_path):
    with pytest.raises(ConfigError, match='Did you mean "checkpoint:'):
        open_client(str(tmp_path).lstrip(":"))


def test_an_unknown_kind_lists_the_nearest():
    with pytest.raises(UnknownName, match='"checkpoint"'):
        open_client("checkpiont:x")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(MissingFile, match="none"):
        open_client(f"checkpoint:{tmp_path / 'none'}")
