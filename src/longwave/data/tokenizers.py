"""Tokenizers: plain bytes, and byte-level BPE trained here or loaded from a ``tokenizer.json``.

Every token stands for a known number of bytes, so that bits per byte are exact whatever the vocabulary.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from longwave.config import naming, write_json
from longwave.data._token_bytes import checked, split_at_blanks, token_bytes, utf8
from longwave.errors import ConfigError, DataError, MissingExtra, MissingFile

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

__all__ = ["BPETokenizer", "ByteTokenizer", "Tokenizer", "load_tokenizer"]

FILE = "tokenizer.json"
SIDE_FILE = "tokenizer_config.json"  # where Hugging Face names the end token
END_TOKEN = "<|endoftext|>"
END_TOKENS = (END_TOKEN, "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>")
SMALLEST_BPE = 257  # every byte and the end of text
PIECE_CHARS = 1 << 16  # one unit of work for the BPE; 16 of them are encoded at a time, on all cores


class Tokenizer(Protocol):
    """What data, training and generation need of a tokenizer.

    Attributes
    ----------
    vocab_size : int
        Number of token ids; all ids lie below it.
    end_id : int
        Id of the end of a text; separates packed documents and stands for no bytes.
    byte_lengths : ndarray, shape (vocab_size,)
        UTF-8 bytes that each token stands for.
    fingerprint : str
        Equal for tokenizers that encode alike.
    """

    vocab_size: int
    end_id: int
    byte_lengths: np.ndarray
    fingerprint: str

    def encode(self, text: str) -> list[int]:
        """Turn text into token ids, without an end token."""
        ...

    def encode_pieces(self, text: str) -> Iterator[np.ndarray]:
        """Do the same in arrays of bounded size, for long texts."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Turn ids into text; an incomplete UTF-8 sequence becomes U+FFFD, special tokens become nothing."""
        ...

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` into a folder."""
        ...


class ByteTokenizer:
    """One token a byte: ids 0 to 255 are the bytes of UTF-8, 256 is the end of a text.

    Examples
    --------
    >>> tokenizer = ByteTokenizer()
    >>> tokenizer.encode("né")
    [110, 195, 169]
    >>> tokenizer.decode([110, 195, 169, 256])
    'né'
    """

    def __init__(self) -> None:
        self.vocab_size = SMALLEST_BPE
        self.end_id = 256
        self.byte_lengths = np.append(np.ones(256, dtype=np.int64), 0)
        self.fingerprint = "byte-1"

    def encode(self, text: str) -> list[int]:
        """Return the UTF-8 bytes of a text."""
        return list(utf8(text))

    def encode_pieces(self, text: str) -> Iterator[np.ndarray]:
        """Yield the UTF-8 bytes of a text as one array."""
        yield np.frombuffer(utf8(text), dtype=np.uint8)

    def decode(self, ids: Sequence[int]) -> str:
        """Turn byte ids into text.

        Raises
        ------
        DataError
            If an id is outside the vocabulary.
        """
        _check_ids(ids, self.vocab_size)
        return bytes(i for i in ids if i != self.end_id).decode("utf-8", errors="replace")

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` into a folder.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        write_json(folder / FILE, {"longwave": "byte", "vocab_size": self.vocab_size, "end_id": self.end_id})


class BPETokenizer:
    """A byte-level BPE: lossless on any text, special tokens written in a text are ordinary text.

    Parameters
    ----------
    backend : tokenizers.Tokenizer
    end_token : str
        The token that ends a text.

    Raises
    ------
    DataError
        If the end token is not in the vocabulary, or the tokenizer cannot give back the bytes of a text.

    Notes
    -----
    A loaded file may also be of the SentencePiece kind with byte fallback (Llama 2, Gemma); the blank which
    those put before a text counts as one byte a document. A normaliser in the file (NFC, say) stays in force.
    """

    def __init__(self, backend: Backend, *, end_token: str = END_TOKEN) -> None:
        end_id = backend.token_to_id(end_token)
        if end_id is None:
            raise DataError(
                f'The tokenizer has no token "{end_token}". Name the one that ends a text: '
                f"load_tokenizer(..., end_token=...)."
            )
        backend.encode_special_tokens = True
        backend.no_truncation()  # a loaded file may ask for both
        backend.no_padding()
        spec = json.loads(backend.to_str())
        self._backend = backend
        self._end_token = end_token
        self._bytes = token_bytes(spec, backend.get_vocab(with_added_tokens=True), end_id)
        self._cuts_at_blanks = _cuts_at_blanks(backend)
        self.vocab_size = len(self._bytes)
        self.end_id = int(end_id)
        self.byte_lengths = np.array([len(piece) for piece in self._bytes], dtype=np.int64)
        canonical = json.dumps([spec, end_token], sort_keys=True)
        self.fingerprint = "bpe-" + hashlib.sha256(canonical.encode()).hexdigest()[:16]

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> BPETokenizer:
        """Learn merges from texts; the same texts in the same order give the same tokenizer.

        Parameters
        ----------
        texts : iterable of str
        vocab_size : int
            At least 257 (every byte and the end of text). Few texts may give a smaller vocabulary.

        Raises
        ------
        ConfigError
            If the vocabulary is too small to hold every byte.
        """
        if vocab_size < SMALLEST_BPE:
            raise ConfigError(
                f"vocab_size is {vocab_size}; a byte-level BPE needs at least {SMALLEST_BPE} tokens (every "
                f'byte and the end of text). Raise it, or choose the "byte" tokenizer.'
            )
        _import_backend()
        from tokenizers import Tokenizer as Backend
        from tokenizers import decoders, models, pre_tokenizers, trainers

        backend = Backend(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[END_TOKEN],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        pieces = (piece for text in texts for piece in split_at_blanks(checked(text), PIECE_CHARS))
        backend.train_from_iterator(pieces, trainer)
        return cls(backend)

    def encode(self, text: str) -> list[int]:
        """Turn text into token ids, without an end token."""
        return [int(i) for piece in self.encode_pieces(text) for i in piece]

    def encode_pieces(self, text: str) -> Iterator[np.ndarray]:
        """Yield the ids of a text in arrays of about a million characters each."""
        whole = len(text) <= PIECE_CHARS or not self._cuts_at_blanks
        pieces = [checked(text)] if whole else list(split_at_blanks(checked(text), PIECE_CHARS))
        for start in range(0, len(pieces), 16):
            batch = self._backend.encode_batch_fast(pieces[start : start + 16], add_special_tokens=False)
            yield np.concatenate([np.asarray(encoding.ids, dtype=np.uint32) for encoding in batch])

    def decode(self, ids: Sequence[int]) -> str:
        """Turn ids into text; special tokens become nothing.

        Raises
        ------
        DataError
            If an id is outside the vocabulary.
        """
        _check_ids(ids, self.vocab_size)
        return b"".join(self._bytes[i] for i in ids).decode("utf-8", errors="replace")

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json``, and the name of the end token beside it as Hugging Face does.

        Raises
        ------
        StorageError
            If a file cannot be written.
        """
        write_json(folder / SIDE_FILE, {"eos_token": self._end_token})
        write_json(folder / FILE, json.loads(self._backend.to_str()))


def load_tokenizer(path: Path | str, *, end_token: str | None = None) -> ByteTokenizer | BPETokenizer:
    """Load a tokenizer from its file or from the folder that holds ``tokenizer.json``.

    Parameters
    ----------
    path : Path or str
        Written by ``save``, or a byte-level tokenizer of the Hugging Face hub (GPT-2, Llama, Qwen, ...).
    end_token : str, optional
        Token that ends a text; by default what ``tokenizer_config.json`` beside the file says, else the first
        known one (``<|endoftext|>``, ``</s>``, ...).

    Raises
    ------
    MissingFile
        If there is no such file.
    DataError
        If it is not a tokenizer, or one that does not keep every byte of a text.
    """
    file = Path(path)
    file = file / FILE if file.is_dir() else file
    if not file.is_file():
        raise MissingFile(f'No tokenizer at "{file}". Name a tokenizer.json or the folder that holds one.')
    try:
        text = file.read_text("utf-8")
        spec = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f'"{file}" is not a tokenizer.json: {error}. Save or download it again.') from error
    if isinstance(spec, dict) and spec.get("longwave") == "byte":
        return ByteTokenizer()
    with naming(file):
        return BPETokenizer(_parse_backend(text, file), end_token=end_token or _find_end_token(spec, file))


def _parse_backend(text: str, file: Path) -> Backend:
    _import_backend()
    from tokenizers import Tokenizer as Backend

    try:
        return Backend.from_str(text)
    except Exception as error:
        if type(error) is not Exception:  # the library raises the bare class for a file it cannot read
            raise
        raise DataError(f'"{file}" is not a tokenizer.json: {error}. Save or download it again.') from error


def _find_end_token(spec: dict[str, object], file: Path) -> str:
    side = file.with_name(SIDE_FILE)
    if side.is_file():
        named = _read_side_file(side).get("eos_token")
        named = named.get("content") if isinstance(named, dict) else named
        if isinstance(named, str):
            return named
    added = spec.get("added_tokens")
    names = {token["content"] for token in added} if isinstance(added, list) else set()
    found = next((token for token in END_TOKENS if token in names), None)
    if found is None:
        raise DataError(
            f'"{file}" names no token that ends a text (looked for {", ".join(END_TOKENS)}). Pass '
            f"end_token=... with one of: {', '.join(sorted(names)) or 'its vocabulary'}."
        )
    return found


def _read_side_file(side: Path) -> dict[str, object]:
    try:
        return dict(json.loads(side.read_text("utf-8")))
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f'"{side}" is damaged: {error}. Download it again, or delete it and pass end_token=...'
        ) from error


def _cuts_at_blanks(backend: Backend) -> bool:
    """Whether a blank after a letter always starts a new word, so that long texts may be cut there."""
    splitter = backend.pre_tokenizer
    return splitter is not None and len(splitter.pre_tokenize_str("a b")) == 2


def _check_ids(ids: Sequence[int], vocab_size: int) -> None:
    for i in ids:
        if not 0 <= i < vocab_size:
            raise DataError(
                f"Token {i} is outside the vocabulary (0 to {vocab_size - 1}). Use the model's tokenizer."
            )


def _import_backend() -> None:
    try:
        import tokenizers  # noqa: F401
    except ImportError as error:
        raise MissingExtra("A BPE tokenizer", "torch") from error
