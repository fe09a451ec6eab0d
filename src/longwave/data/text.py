"""Text for training a language model: its configuration, and the step from a source to token files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from longwave.config import config_hash, write_json
from longwave.data.corpus import hash_source, read_documents
from longwave.data.tokenizers import BPETokenizer, ByteTokenizer, Tokenizer, load_tokenizer
from longwave.data.tokens import TokenFile, build_token_file
from longwave.errors import ConfigError, DataError

__all__ = ["TextData", "TextDataConfig", "prepare_text"]

SAMPLE = "sample:"
TRAINED = "bpe.json"  # beside the token files: what the tokenizer was trained on


@dataclass(frozen=True, kw_only=True)
class TextDataConfig:
    """Which text to train on, and how it becomes tokens.

    Parameters
    ----------
    path : str
        A ``.txt``, ``.jsonl`` or ``.jsonl.gz`` file, a folder of such files, ``"sample:books"`` or
        ``"hf:NAME"``.
    tokenizer : str
        ``"byte"``, ``"bpe"`` (trained on this text) or the path of a ``tokenizer.json``.
    vocab_size : int
        Size of a BPE that is trained here; unused otherwise.
    text_field : str
        Key of the text in JSON lines and data sets.
    split : str
        Split of a data set or bundled sample to train on.
    validation_path : str, optional
        Source of the validation text, as ``path``. Default: the validation split of a bundled sample; for
        anything else the end of the training text.
    validation_split : str
        Split of the validation source, where it has splits.
    validation_fraction : float
        Share of the tokens, at the end of the training text, that is held out when there is no validation
        source; 0 trains without validation.
    """

    path: str = "sample:books"
    tokenizer: str = "byte"
    vocab_size: int = 4096
    text_field: str = "text"
    split: str = "train"
    validation_path: str | None = None
    validation_split: str = "validation"
    validation_fraction: float = 0.05

    def __post_init__(self) -> None:
        if not 0.0 <= self.validation_fraction <= 0.5:
            raise ConfigError(
                f"validation_fraction is {self.validation_fraction}; accepted are 0 to 0.5. Choose 0 to "
                f"train without validation."
            )


@dataclass(frozen=True, kw_only=True)
class TextData:
    """Text that is ready for training.

    Parameters
    ----------
    tokenizer : Tokenizer
    train : TokenFile
    validation : TokenFile, optional
    hash : str
        Of text and tokenizer; equal hashes mean equal tokens.
    """

    tokenizer: Tokenizer
    train: TokenFile
    validation: TokenFile | None
    hash: str


def prepare_text(config: TextDataConfig, folder: Path | str) -> TextData:
    """Build tokenizer and token files in a folder, or reuse those that are there and still fit.

    Writes ``tokenizer.json``, ``tokens/train`` and, with a validation source, ``tokens/validation``. When all
    of them fit already nothing is written, so that several processes may read at once.

    Raises
    ------
    MissingFile, DataError, MissingExtra
        If a source or the tokenizer cannot be used.
    StorageError
        If the disk is full.
    """
    folder = Path(folder)
    tokenizer = _make_tokenizer(config, folder)
    train = build_token_file(
        config.path, folder / "tokens" / "train", tokenizer, text_field=config.text_field, split=config.split
    )
    held_out: TokenFile | None = None
    source = _validation_source(config)
    if source is not None:
        held_out = build_token_file(
            source,
            folder / "tokens" / "validation",
            tokenizer,
            text_field=config.text_field,
            split=config.validation_split,
        )
    elif config.validation_fraction > 0:
        train, held_out = train.split(config.validation_fraction)
    digest = config_hash(train.meta.hash, held_out.meta.hash if held_out else "", len(train))
    return TextData(tokenizer=tokenizer, train=train, validation=held_out, hash=digest)


def _validation_source(config: TextDataConfig) -> str | None:
    if config.validation_path is not None:
        return config.validation_path
    return config.path if config.path.startswith(SAMPLE) else None


def _make_tokenizer(config: TextDataConfig, folder: Path) -> Tokenizer:
    if config.tokenizer == "bpe":
        return _train_or_reuse(config, folder)
    tokenizer = ByteTokenizer() if config.tokenizer == "byte" else load_tokenizer(config.tokenizer)
    kept = _load_if_whole(folder)
    if kept is None or kept.fingerprint != tokenizer.fingerprint:
        tokenizer.save(folder)
    return tokenizer


def _load_if_whole(folder: Path) -> Tokenizer | None:
    try:
        return load_tokenizer(folder)
    except DataError:
        return None


def _train_or_reuse(config: TextDataConfig, folder: Path) -> Tokenizer:
    record = folder / "tokens" / TRAINED
    source_hash = hash_source(config.path, text_field=config.text_field, split=config.split)
    wanted = {"source": source_hash, "vocab_size": config.vocab_size}
    kept = _load_if_whole(folder)
    if kept is not None and _read_record(record) == wanted | {"tokenizer": kept.fingerprint}:
        return kept
    documents = read_documents(config.path, text_field=config.text_field, split=config.split)
    tokenizer = BPETokenizer.train(documents, config.vocab_size)
    tokenizer.save(folder)
    write_json(record, wanted | {"tokenizer": tokenizer.fingerprint})
    return tokenizer


def _read_record(path: Path) -> object:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
