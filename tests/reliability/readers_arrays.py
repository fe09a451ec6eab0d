"""Training data: texts, tokens, tokenizers, images, fields, embeddings and what is embedded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
from registry import Reader

from longwave.adapters import EmbeddingDataset, read_groups
from longwave.adapters.inputs import read_inputs
from longwave.adapters.wilds import read_layout
from longwave.data import (
    BPETokenizer,
    ByteTokenizer,
    TextDataConfig,
    TokenFile,
    build_token_file,
    load_tokenizer,
    prepare_text,
    read_documents,
)
from longwave.data.images import read_cifar, read_image_folder, read_mnist, read_npz
from longwave.data.pde import read_pde_file

LINES = [{"text": "hello"}, {"text": "there", "more": 1}]


def rng() -> np.random.Generator:
    """Return the same numbers for every reader, so that an example is the same whatever runs before it."""
    return np.random.default_rng(0)


def put(name: str, data: bytes):
    return lambda folder: (folder / name).write_bytes(data)


def make_tokens(folder: Path) -> None:
    (folder / "a.txt").write_text("hello")
    build_token_file(folder / "a.txt", folder / "out", ByteTokenizer())


def make_tokenizer(folder: Path) -> None:
    BPETokenizer.train(["a b a b ab"], 259).save(folder)


def read_tokenizer(folder: Path) -> object:
    found = load_tokenizer(folder)
    return found.encode("a b c"), found.fingerprint


def make_text_run(folder: Path) -> None:
    (folder / "a.txt").write_text("hello there " * 30)
    prepare_text(text_config(folder), folder / "run")


def text_config(folder: Path) -> TextDataConfig:
    return TextDataConfig(
        path=str(folder / "a.txt"), tokenizer="bpe", vocab_size=260, validation_fraction=0.2
    )


def idx(array: np.ndarray) -> bytes:
    return (
        bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()
    )


def make_mnist(folder: Path) -> None:
    for name in ("train", "t10k"):
        images, labels = rng().integers(0, 255, (4, 5, 5)).astype(np.uint8), np.arange(4, dtype=np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))


def make_cifar(folder: Path) -> None:
    records = rng().integers(0, 10, (2, 3073)).astype(np.uint8).tobytes()
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        (folder / f"{name}.bin").write_bytes(records)
    (folder / "batches.meta.txt").write_text("\n".join(f"c{n}" for n in range(10)))


def make_pictures(folder: Path) -> None:
    from PIL import Image

    for label in ("cat", "dog"):
        (folder / label).mkdir()
        for number, ending in enumerate(("png", "jpg", "gif", "bmp", "webp", "tif")):
            picture = Image.fromarray(rng().integers(0, 255, (6, 6, 3)).astype(np.uint8))
            picture.save(folder / label / f"{number}.{ending}")


def make_images(folder: Path) -> None:
    np.savez(
        folder / "a.npz",
        images=rng().integers(0, 255, (6, 5, 5)).astype(np.uint8),
        labels=np.arange(6) % 2,
        classes=np.array(["a", "b"]),
    )


def make_h5(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "a.h5", "w") as file:
        file["tensor"] = rng().standard_normal((4, 3, 8)).astype("f4")
        file["t-coordinate"] = np.arange(3.0)
        file["x-coordinate"] = np.arange(8.0)
        file.attrs["nu"] = 0.1


def make_packed_h5(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset(
            "tensor",
            data=rng().standard_normal((4, 3, 8)).astype("f4"),
            chunks=(1, 3, 8),
            compression="gzip",
            shuffle=True,
        )


def make_mat(folder: Path) -> None:
    from scipy.io import savemat

    savemat(
        folder / "a.mat",
        {"a": rng().standard_normal((4, 8)), "u": rng().standard_normal((4, 8, 3)), "text": "x"},
    )


def read_fields(path: Path) -> object:
    return read_pde_file(path, n_train=2, n_test=1)


def dataset() -> EmbeddingDataset:
    return EmbeddingDataset(
        embeddings=rng().standard_normal((6, 4)).astype(np.float32),
        labels=np.arange(6) % 2,
        groups=np.arange(6) % 3,
        splits=np.array(["train", "train", "val", "val", "test", "test"]),
        class_names=("a", "b"),
        class_embeddings=rng().standard_normal((2, 4)).astype(np.float32),
        group_names=("x", "y", "z"),
    )


TABLE = pl.DataFrame(
    {
        "text": ["a", "b", "c"],
        "label": ["x", "y", "x"],
        "split": ["train", "val", "test"],
        "group": ["g", "h", "g"],
    }
)


def make_layout(folder: Path) -> None:
    np.save(folder / "e.npy", rng().standard_normal((3, 4)).astype(np.float32))
    TABLE.with_columns(attribute=pl.lit("g")).write_csv(folder / "meta.csv")


def make_joint(folder: Path) -> None:
    pl.DataFrame(
        {
            "embedding": rng().standard_normal((3, 4)).tolist(),
            "label": ["x", "y", "x"],
            "split": ["train", "val", "test"],
            "group": ["g", "h", "g"],
        }
    ).write_parquet(folder / "e.parquet")


READERS = (
    Reader(
        name="text",
        target="a.txt",
        make=put("a.txt", b"hello\nthere\n"),
        read=lambda path: list(read_documents(path)),
    ),
    Reader(
        name="text-lines",
        target="a.jsonl",
        make=put("a.jsonl", "".join(json.dumps(line) + "\n" for line in LINES).encode()),
        read=lambda path: list(read_documents(path)),
    ),
    Reader(
        name="text-packed",
        target="a.jsonl.gz",
        make=put("a.jsonl.gz", gzip.compress("".join(json.dumps(line) + "\n" for line in LINES).encode())),
        read=lambda path: list(read_documents(path)),
    ),
    Reader(
        name="tokens",
        target="out",
        make=make_tokens,
        read=lambda folder: TokenFile(folder).tokens.sum(),
        spared=("a.txt",),
    ),
    Reader(name="tokenizer", target="", make=make_tokenizer, read=read_tokenizer),
    Reader(
        name="text-run",
        target="",
        make=make_text_run,
        read=lambda folder: prepare_text(text_config(folder), folder / "run"),
    ),
    Reader(name="mnist", target="", make=make_mnist, read=read_mnist),
    Reader(name="cifar", target="", make=make_cifar, read=read_cifar),
    Reader(name="pictures", target="", make=make_pictures, read=read_image_folder),
    Reader(name="images", target="a.npz", make=make_images, read=read_npz),
    Reader(name="fields-hdf5", target="a.h5", make=make_h5, read=read_fields),
    Reader(name="fields-hdf5-packed", target="a.h5", make=make_packed_h5, read=read_fields),
    Reader(name="fields-matlab", target="a.mat", make=make_mat, read=read_fields),
    Reader(
        name="groups", target="a.npz", make=lambda folder: dataset().save(folder / "a.npz"), read=read_groups
    ),
    Reader(
        name="layout",
        target="",
        make=make_layout,
        read=lambda folder: read_layout(folder / "e.npy", folder / "meta.csv"),
    ),
    Reader(name="layout-joint", target="e.parquet", make=make_joint, read=read_layout),
    Reader(name="inputs-lines", target="a.txt", make=put("a.txt", b"hello\nthere\n"), read=read_inputs),
    Reader(
        name="inputs-csv",
        target="a.csv",
        make=lambda folder: TABLE.write_csv(folder / "a.csv"),
        read=read_inputs,
    ),
    Reader(
        name="inputs-parquet",
        target="a.parquet",
        make=lambda folder: TABLE.write_parquet(folder / "a.parquet"),
        read=read_inputs,
    ),
)
