"""From a configuration to tokenizer and token files, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from longwave.config import load_config
from longwave.data import BPETokenizer, ByteTokenizer, TextDataConfig, load_tokenizer, prepare_text
from longwave.errors import ConfigError, MissingFile


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text("the cat sat on the mat. " * 100)
    return tmp_path / "text.txt"


def test_the_bundled_books_bring_their_validation_split(tmp_path: Path) -> None:
    data = prepare_text(TextDataConfig(), tmp_path)
    assert (data.train.meta.bytes, data.validation.meta.bytes) == (1_245_946, 199_836)


def test_without_a_validation_source_the_end_is_held_out(source: Path, tmp_path: Path) -> None:
    data = prepare_text(TextDataConfig(path=str(source), validation_fraction=0.25), tmp_path / "out")
    assert (len(data.train), len(data.validation)) == (1801, 600)


def test_a_fraction_of_zero_trains_without_validation(source: Path, tmp_path: Path) -> None:
    data = prepare_text(TextDataConfig(path=str(source), validation_fraction=0.0), tmp_path / "out")
    assert data.validation is None


def test_a_validation_source_of_ones_own_is_used(source: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("another text")
    config = TextDataConfig(path=str(source), validation_path=str(tmp_path / "other.txt"))
    assert prepare_text(config, tmp_path / "out").validation.meta.bytes == 12


def test_the_tokenizer_is_saved_beside_the_tokens(source: Path, tmp_path: Path) -> None:
    data = prepare_text(TextDataConfig(path=str(source), tokenizer="bpe", vocab_size=270), tmp_path / "out")
    assert load_tokenizer(tmp_path / "out").fingerprint == data.tokenizer.fingerprint


def test_a_trained_tokenizer_is_trained_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TextDataConfig(path=str(source), tokenizer="bpe", vocab_size=270)
    first = prepare_text(config, tmp_path / "out")
    monkeypatch.setattr(BPETokenizer, "train", None)
    assert prepare_text(config, tmp_path / "out").hash == first.hash


@pytest.mark.parametrize("tokenizer", ["byte", "bpe"])
def test_when_all_fits_nothing_is_written(tokenizer: str, source: Path, tmp_path: Path) -> None:
    config = TextDataConfig(path=str(source), tokenizer=tokenizer, vocab_size=270)
    prepare_text(config, tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}
    prepare_text(config, tmp_path / "out")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")} == before


def test_another_vocabulary_size_trains_again(source: Path, tmp_path: Path) -> None:
    sizes = [
        prepare_text(
            TextDataConfig(path=str(source), tokenizer="bpe", vocab_size=n), tmp_path
        ).tokenizer.vocab_size
        for n in (258, 260)
    ]
    assert sizes == [258, 260]


def test_a_tokenizer_file_can_be_named(source: Path, tmp_path: Path) -> None:
    ByteTokenizer().save(tmp_path)
    data = prepare_text(
        TextDataConfig(path=str(source), tokenizer=str(tmp_path / "tokenizer.json")), tmp_path / "out"
    )
    assert data.tokenizer.fingerprint == "byte-1"


def test_a_tokenizer_that_is_missing_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match='No tokenizer at "bite"'):
        prepare_text(TextDataConfig(path=str(source), tokenizer="bite"), tmp_path / "out")


def test_the_hash_follows_the_held_out_share(source: Path, tmp_path: Path) -> None:
    hashes = {
        prepare_text(TextDataConfig(path=str(source), validation_fraction=f), tmp_path / "out").hash
        for f in (0.1, 0.2)
    }
    assert len(hashes) == 2


@pytest.mark.parametrize("fraction", [-0.1, 0.6])
def test_a_share_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match=r"accepted are 0 to 0\.5"):
        TextDataConfig(validation_fraction=fraction)


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match='Did you mean "tokenizer"'):
        load_config(TextDataConfig, {"tokeniser": "byte"})
