from __future__ import annotations

import shutil
import tarfile

import pytest

from longwave.errors import MissingFile
from longwave.monitoring import read_hapi
from longwave.monitoring.hapi.archive import LARGEST


@pytest.fixture
def archive(release, tmp_path):
    path = tmp_path / "hapi.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(release.tasks, arcname="home/hapi/tasks")
    return path


def test_archive_is_unpacked_beside_itself_once(archive, tmp_path):
    store = read_hapi(archive)
    assert len(store.runs()) == 4
    assert store.folder == tmp_path / "hapi" / "home" / "hapi"
    assert len(read_hapi(archive).runs()) == 4


def test_archive_is_unpacked_where_it_is_said(archive, tmp_path):
    assert read_hapi(archive, unpack_to=tmp_path / "there").folder == tmp_path / "there" / "home" / "hapi"


def test_archive_of_columns_is_read(release, tmp_path):
    read_hapi(release.folder).save(tmp_path / "columns")
    with tarfile.open(tmp_path / "columns.tgz", "w:gz") as tar:
        tar.add(tmp_path / "columns", arcname="my/columns")
    shutil.rmtree(tmp_path / "columns")
    assert len(read_hapi(tmp_path / "columns.tgz").runs()) == 4


def test_archive_without_an_ending_is_read(archive, tmp_path):
    archive.rename(tmp_path / "download")
    assert read_hapi(tmp_path / "download").folder == tmp_path / "download.unpacked" / "home" / "hapi"


def test_limit_leaves_room_for_the_release():
    assert LARGEST > 2 * 1.2e9


def test_unpacked_archive_is_found_by_its_folder(archive, tmp_path):
    read_hapi(archive)
    assert len(read_hapi(tmp_path / "hapi").runs()) == 4


def test_folder_of_the_reference_package_is_the_default(release, monkeypatch):
    monkeypatch.setenv("HAPI_DATA_DIR", str(release.folder))
    assert len(read_hapi().runs()) == 4


def test_missing_path_is_told_with_the_bundled_sample(tmp_path):
    with pytest.raises(MissingFile, match=r"No file or folder .*load_sample\(\)"):
        read_hapi(tmp_path / "absent")
