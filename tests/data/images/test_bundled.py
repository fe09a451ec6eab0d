"""What is bundled: the files, and what they show."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from longwave.data.images import (
    load_digits,
    load_mnist,
    load_omniglot,
)
from longwave.errors import DataError, MissingExtra
from longwave.samples import sample_path

README = sample_path("images/README.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(\w+\.npz)` .* \| ([\d,]+) \| [\d,]+ \| `(\w+)` \|$", README, re.MULTILINE)


@pytest.mark.parametrize(("name", "size", "digest"), ROWS, ids=[row[0] for row in ROWS])
def test_bundled_files_are_those_of_the_readme(name: str, size: str, digest: str) -> None:
    data = sample_path(f"images/{name}").read_bytes()
    assert (f"{len(data):,}", hashlib.sha256(data).hexdigest()) == (size, digest)


def test_bundled_images_stay_small_and_all_are_in_the_readme() -> None:
    files = list(sample_path("images").iterdir())
    assert {path.name for path in files} == {"README.md", *(row[0] for row in ROWS)}
    assert sum(path.stat().st_size for path in files) < 1.2e6


def test_mnist_sample_has_each_digit_equally_often() -> None:
    mnist = load_mnist()
    assert mnist.train.images.shape == (4000, 1, 28, 28)
    assert torch.bincount(mnist.train.labels).tolist() == [400] * 10
    assert torch.bincount(mnist.test.labels).tolist() == [100] * 10
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # MNIST's own first images


def test_nearest_class_mean_reads_most_of_the_mnist_sample() -> None:
    mnist = load_mnist().at_rate(4)
    train, test = (part.images.flatten(1) for part in (mnist.train, mnist.test))
    means = torch.stack([train[mnist.train.labels == digit].mean(0) for digit in range(10)])
    assert (torch.cdist(test, means).argmin(1) == mnist.test.labels).float().mean() > 0.65


@pytest.mark.parametrize(("task", "n_classes"), [("alphabet", 8), ("character", 242)])
def test_omniglot_has_ink_on_black_and_new_hands_in_the_test(task: str, n_classes: int) -> None:
    omniglot = load_omniglot(task)
    assert (omniglot.n_classes, omniglot.sizes) == (n_classes, (105, 105))
    assert (len(omniglot.train), len(omniglot.test)) == (242 * 16, 242 * 4)
    assert omniglot.test.images[:50].unique().tolist() == [0, 255]
    assert 0.02 < omniglot.test.images[:50].float().mean() / 255 < 0.2
    assert set(omniglot.test.labels.tolist()) == set(range(n_classes))


def test_omniglot_in_another_format_is_refused() -> None:
    with pytest.raises(DataError, match='no array "ink_bits"'):
        load_omniglot(path=sample_path("images/mnist.npz"))


def test_digits_of_scikit_learn_are_whole_sixteenths() -> None:
    pytest.importorskip("sklearn")
    digits = load_digits()
    assert (len(digits.train), len(digits.test), digits.sizes) == (1437, 360, (8, 8))
    assert digits.train.images.max() == 1
    assert (digits.train.images * 16 % 1 == 0).all()


def test_digits_without_scikit_learn_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra, match=r"longwave\[images\]"):
        load_digits()


def test_omniglot_of_another_shape_is_refused(tmp_path: Path) -> None:
    names = {f"{task}_names": np.array(["a"]) for task in ("alphabet", "character")}
    np.savez(tmp_path / "some.npz", ink_bits=np.zeros((2, 14)), alphabet=[0, 0], drawer=[1, 17], **names)
    with pytest.raises(DataError, match=r"float64 and shape \(2, 14\) for 2 labels"):
        load_omniglot(path=tmp_path / "some.npz")
