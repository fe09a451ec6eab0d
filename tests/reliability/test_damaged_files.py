"""What fuzzing found, each as one case: a damaged or hostile file and the error that tells of it."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.adapters import read_groups
from longwave.adapters.inputs import read_inputs
from longwave.clients.budget import load_price
from longwave.config import read_config_file, read_run_record
from longwave.data import ByteTokenizer, TokenFile, build_token_file, load_tokenizer
from longwave.data.images import read_cifar, read_image_folder, read_mnist, read_npz
from longwave.errors import CheckpointError, ConfigError, DataError, MissingFile, StorageError, TableError
from longwave.monitoring import Policy, ProbeConfig, Sampler
from longwave.monitoring.hapi.archive import unpack
from longwave.monitoring.hapi.collecting import _read_record
from longwave.monitoring.hapi.released import _read_statuses
from longwave.predictions import KEY, done_keys, finish_run, read_predictions, write_predictions
from longwave.scenarios import reading
from longwave.scenarios.legal import check_legal_folder, new_legal_folder

DEEP = "[" * 100_000
LABELS = ["a", "b", "a", "b", "a", "a"]


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """Return a named pipe: whoever opens it waits for ever."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


# settings


@pytest.mark.parametrize(
    "value", ["9" * 5000, "2024-99-99", "!!timestamp x", "!!int x"], ids=lambda v: v[:12]
)
def test_values_that_only_look_like_numbers_and_dates_are_told(value: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"a: {value}\n")
    with pytest.raises(ConfigError, match=r"a\.yaml"):
        read_config_file(tmp_path / "a.yaml")


def test_a_few_lines_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="more than 1,000,000 values once its aliases are written out"):
        read_config_file(tmp_path / "a.yaml")


def test_deep_and_missing_json_of_a_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(DEEP)
    with pytest.raises(ConfigError, match="is not a run record"):
        read_run_record(tmp_path)


def test_a_pipe_is_no_file_of_prices(pipe: Path) -> None:
    with pytest.raises(MissingFile, match="No file of prices"):
        load_price(pipe, "m")


# monitoring


@pytest.mark.parametrize(
    "change",
    [
        {"prices": {"a": "1"}},
        {"plans": [{"base": "a", "share": 1, "rules": [{"label": [], "addon": "a", "below": 1}]}]},
        {"expected": {"price_per_10k": [], "score": 1}},
        {"prices": []},
    ],
    ids=["price", "label", "expected", "list"],
)
def test_a_policy_of_other_types_is_refused(change: dict[str, object]) -> None:
    policy = {
        "format": 1,
        "plans": [{"base": "a", "share": 1.0, "rules": []}],
        "prices": {"a": 1.0},
        "expected": {"price_per_10k": 1.0, "score": 0.5},
    }
    assert Policy.from_json(json.dumps(policy)).services == {"a"}
    with pytest.raises(DataError, match="The policy cannot be read"):
        Policy.from_json(json.dumps(policy | change))


def test_a_deep_policy_is_refused() -> None:
    with pytest.raises(DataError, match="The policy cannot be read"):
        Policy.from_json(DEEP)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"pending": [99]}, "names row 99; the baseline has rows 0 to 5"),
        ({"rows": [-1], "answers": ["a"]}, "names row -1"),
        ({"rows": [float("inf")]}, "cannot be read"),
    ],
    ids=["beyond", "negative", "infinite"],
)
def test_a_probe_of_rows_that_are_not_there_is_refused(change: dict[str, object], match: str) -> None:
    state = json.loads(Sampler(LABELS, LABELS, config=ProbeConfig()).to_json())
    with pytest.raises(DataError, match=match):
        Sampler.from_json(json.dumps(state | change), LABELS, LABELS)


def test_a_probe_that_has_asked_nothing_goes_on() -> None:
    begun = Sampler(LABELS, LABELS, config=ProbeConfig())
    again = Sampler.from_json(begun.to_json(), LABELS, LABELS)
    assert again.next(2).tolist() == begun.next(2).tolist()


def test_a_record_of_answers_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b'\xff{"row": 1}\n')
    with pytest.raises(DataError, match=r"r\.jsonl\" is no UTF-8"):
        _read_record(tmp_path / "r.jsonl")


@pytest.mark.parametrize(
    "text", ['{"a": ["unknown"]}', '{"a": "soon"}', "[]", DEEP], ids=["list", "word", "array", "deep"]
)
def test_statuses_of_dates_are_checked(text: str, tmp_path: Path) -> None:
    (tmp_path / "date_status.json").write_text(text)
    with pytest.raises(DataError, match=r"date_status\.json"):
        _read_statuses(tmp_path / "date_status.json")


def test_a_deep_note_of_an_unpacked_archive_does_not_pass_for_ours(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    unpack(tmp_path / "a.tar", tmp_path / "out")
    (tmp_path / "out" / "unpacked.json").write_text(DEEP)
    with pytest.raises(StorageError, match="is not empty and not unpacked from"):
        unpack(tmp_path / "a.tar", tmp_path / "out")


# tables


def rows(start: int = 0) -> pl.DataFrame:
    whole = {
        "scenario": "s@1",
        "model": "m",
        "version": "1",
        "date": "2025-01-01",
        "prompt": "p",
        "trial": 0,
        "split": "test",
        "label": "a",
    }
    frame = pl.DataFrame([whole | {"instance": f"i{n}", "prediction": "a"} for n in range(start, start + 3)])
    return frame.with_columns(perturbation=pl.lit(None, dtype=pl.String))


def test_a_pipe_among_shards_is_told(tmp_path: Path) -> None:
    write_predictions(tmp_path, rows(), run="one")
    os.mkfifo(tmp_path / "predictions" / "part-00000009-a.parquet")
    with pytest.raises(TableError, match=r"part-00000009-a\.parquet"):
        read_predictions(tmp_path)


def test_a_link_to_itself_among_shards_is_told(tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    link = tmp_path / "predictions" / "part-00000009-a.parquet"
    link.symlink_to(link.name)
    with pytest.raises(TableError, match=r"part-00000009-a\.parquet"):
        done_keys(tmp_path)


def test_what_polars_gives_up_by_a_panic_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(*_: object, **__: object) -> None:
        raise pl.exceptions.PanicException("called `Result::unwrap()`")

    path = write_predictions(tmp_path, rows(), run="one")
    monkeypatch.setattr(pl, "read_parquet", panic)
    with pytest.raises(TableError, match=str(path)):
        read_predictions(tmp_path)


def test_pieces_with_fewer_columns_are_finished_like_others(tmp_path: Path) -> None:
    from longwave.predictions._shards import RUN_KEY

    for place in (0, 3):
        path = write_predictions(tmp_path, rows(place), run="one", place=str(place))
    pl.read_parquet(path).drop("logprob", "cost_usd").write_parquet(path, metadata={RUN_KEY: "one"})
    before = read_predictions(tmp_path).sort(KEY)
    finish_run(tmp_path, "one")
    assert len(list((tmp_path / "predictions").glob("part-*"))) == 1
    assert read_predictions(tmp_path).sort(KEY).equals(before)


# scenarios


def test_a_readme_that_is_no_text_is_a_fault_of_the_folder(tmp_path: Path) -> None:
    folder = new_legal_folder("mine", tmp_path)
    (folder / "README.md").write_bytes(b"\xff")
    assert "is not UTF-8 text" in "".join(check_legal_folder(folder))


def zipped(path: Path, kind: int) -> bytes:
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("a.txt", b"some text " * 50)
    return path.read_bytes()


@pytest.mark.parametrize(
    "kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED], ids=["lzma", "bzip2", "deflate"]
)
def test_a_damaged_member_is_told_whatever_packed_it(kind: int, tmp_path: Path) -> None:
    data = bytearray(zipped(tmp_path / "a.zip", kind))
    data[45:60] = bytes(range(200, 215))
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.zip"):
        reading.read_zip_member(tmp_path / "a.zip", "a.txt")


def test_a_member_larger_than_allowed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_MEMBER", 100)
    zipped(tmp_path / "a.zip", zipfile.ZIP_DEFLATED)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = 101
        archive.addfile(info, io.BytesIO(b"x" * 101))
    for read, name in ((reading.read_zip_member, "a.zip"), (reading.read_tar_member, "a.tar.gz")):
        with pytest.raises(DataError, match="more than 100 bytes when unpacked"):
            read(tmp_path / name, "a.txt")


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_a_line_longer_than_allowed_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGEST_LINE", 100)
    (tmp_path / name).write_bytes(gzip.compress(b"x" * 200) if name.endswith("gz") else b"x" * 200)
    with pytest.raises(DataError, match="a line of more than 100 bytes"):
        list(reading.read_lines(tmp_path / name))


def test_a_name_is_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "run [2]"
    folder.mkdir()
    pl.DataFrame({"a": [1], "text": ["x"]}).write_parquet(folder / "a.parquet")
    assert [row["a"] for row in reading.read_parquet(folder / "a.parquet", ["a"])] == [1]
    assert read_inputs(folder / "a.parquet").items == ("x",)


# arrays


def npz(path: Path, **members: bytes | np.ndarray) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in members.items():
            if isinstance(value, bytes):
                archive.writestr(name, value)
            else:
                with archive.open(f"{name}.npy", "w") as file:
                    np.save(file, value)
    return path


def npy(header: str, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + body


HEADERS = {
    "memory": "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,), }\n",
    "multi-line": "{'descr': '<f8', \n",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n",
    "deep": "{'descr': " + "-" * 5000 + "1}\n",
}


@pytest.mark.parametrize("read", [read_npz, read_groups])
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_head_that_lies_is_told(read: Callable[[Path], object], header: str, tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", **{"images.npy": npy(header), "embeddings.npy": npy(header)})
    with pytest.raises(DataError, match=r"a\.npz"):
        read(path)


@pytest.mark.parametrize("read", [read_npz, read_groups])
def test_a_member_that_is_no_array_is_told(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'holds "images\.txt", which is no array'):
        read(npz(tmp_path / "a.npz", **{"images.txt": b"x", "embeddings": np.ones((2, 2))}))


def test_a_huge_label_is_no_number_of_classes(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", images=np.zeros((2, 3, 3), np.uint8), labels=np.array([0, 2**40]))
    with pytest.raises(DataError, match="go up to 1099511627776"):
        read_npz(path)


@pytest.mark.parametrize("sizes", [(0, 2**31, 2**31), (1,) * 100], ids=["empty", "axes"])
def test_an_idx_file_of_impossible_sizes_is_told(sizes: tuple[int, ...], tmp_path: Path) -> None:
    head = bytes((0, 0, 8, len(sizes))) + b"".join(size.to_bytes(4, "big") for size in sizes)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(head + b"x" * (len(sizes) == 100))
    with pytest.raises(DataError, match="train-images"):
        read_mnist(tmp_path)


def test_an_idx_file_that_unpacks_to_too_much_is_not_unpacked_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from longwave.data.images import files

    monkeypatch.setattr(files, "LARGEST", 1000)
    monkeypatch.setattr(files, "BLOCK", 300)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(
        gzip.compress(bytes((0, 0, 8, 1, 0, 0, 255, 255)) + bytes(10_000))
    )
    with pytest.raises(DataError, match="has 1200 bytes where"):
        read_mnist(tmp_path)


def test_names_that_are_no_text_are_told(tmp_path: Path) -> None:
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        (tmp_path / f"{name}.bin").write_bytes(bytes(3073))
    (tmp_path / "batches.meta.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"batches\.meta\.txt\" is no UTF-8"):
        read_cifar(tmp_path)


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    os.mkfifo(tmp_path / "cat" / "a.png")
    with pytest.raises(DataError, match=r"a\.png\" is no file"):
        read_image_folder(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "meta.json"])
def test_deep_json_of_tokens_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    build_token_file(tmp_path / "a.txt", tmp_path, ByteTokenizer())
    (tmp_path / name).write_text(DEEP)
    with pytest.raises(DataError, match=name):
        (load_tokenizer if name == "tokenizer.json" else TokenFile)(tmp_path)


def test_texts_to_embed_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match="cannot be read as UTF-8"):
        read_inputs(tmp_path / "a.txt")


def test_lists_in_a_column_of_texts_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"text": [[1], None]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r'The column "text" of .* holds List'):
        read_inputs(tmp_path / "a.parquet")


# weights


def test_a_checkpoint_of_links_to_devices_is_damaged(tmp_path: Path) -> None:
    from longwave.training.checkpoints import read_checkpoint

    (tmp_path / "state.json").symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match=r"has no file state\.json"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "data",
    [b"\x80\x02.", b"\x80", b"PK\x03\x04", b"\x80\x02]q\x00(K\x01."],
    ids=["empty", "cut", "zip", "list"],
)
def test_a_released_file_that_is_damaged_is_told(data: bytes, tmp_path: Path) -> None:
    from longwave.hf import read_state_dict

    (tmp_path / "a.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"a\.pt"):
        read_state_dict(tmp_path / "a.pt")


@pytest.mark.parametrize("damage", ["width", "names", "nan", "deep"])
def test_an_adapter_whose_parts_do_not_fit_is_refused_when_it_is_loaded(damage: str, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    from longwave.adapters import LinearProbe, load_adapter

    rng = np.random.default_rng(0)
    LinearProbe(seed=0).fit(
        rng.standard_normal((8, 4)), np.arange(8) % 2, class_embeddings=np.eye(2, 4)
    ).save(tmp_path)
    arrays, facts = (
        load_file(tmp_path / "adapter.safetensors"),
        json.loads((tmp_path / "adapter.json").read_text()),
    )
    if damage == "width":
        arrays["coef_"] = arrays["coef_"][:, :3].copy()
    elif damage == "nan":
        arrays["coef_"] = arrays["coef_"] * np.nan
    elif damage == "names":
        facts["learned"]["predict"] = 3
    save_file(arrays, tmp_path / "adapter.safetensors")
    (tmp_path / "adapter.json").write_text(DEEP if damage == "deep" else json.dumps(facts))
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        load_adapter(tmp_path)
