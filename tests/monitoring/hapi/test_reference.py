from __future__ import annotations

import tarfile

import pytest

from longwave.errors import DataError, MissingFile
from longwave.monitoring import hapi
from longwave.monitoring.hapi import reference


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("HAPI_DATA_DIR", str(tmp_path / "default"))
    monkeypatch.setattr(reference.config, "_data_dir", None)


def test_code_for_the_reference_package_runs(release):
    hapi.config.data_dir = release.folder
    assert hapi.config.data_dir == str(release.folder)
    assert len(hapi.summary()) == 4
    assert list(hapi.get_predictions(task="mic", dataset=["pascal"])) == ["mic/pascal/google_mic/20-10-28"]
    assert list(hapi.get_labels(task="mic")) == ["mic/pascal"]
    with pytest.raises(DataError, match="inputs of pascal"):
        hapi.get_dataset("pascal")


def test_folder_without_data_is_told_and_made_when_it_is_set(tmp_path):
    with pytest.raises(
        MissingFile, match=r"Set config.data_dir to the folder that holds .* call download\(\)"
    ):
        _ = hapi.config.data_dir
    hapi.config.data_dir = tmp_path / "new"
    assert (tmp_path / "new").is_dir()
    with pytest.raises(MissingFile, match="holds no HAPI data"):
        hapi.summary()


def test_download_unpacks_and_becomes_the_folder(release, tmp_path):
    folder = tmp_path / "default"
    folder.mkdir()
    with tarfile.open(folder / "hapi.tar.gz", "w:gz") as tar:  # is there already: nothing is asked for
        tar.add(release.tasks, arcname="tasks")
    assert hapi.download() == str(folder / "hapi") == hapi.config.data_dir
    assert len(hapi.summary()) == 4
