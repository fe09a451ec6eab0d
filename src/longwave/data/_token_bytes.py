"""What bytes the tokens of a ``tokenizer.json`` stand for, and where a long text may be cut."""

from __future__ import annotations

from collections.abc import Iterator

from longwave.errors import DataError


def token_bytes(spec: dict[str, object], vocabulary: dict[str, int], end_id: int) -> list[bytes]:
    """Return the bytes of every id; special tokens and holes in the numbering stand for none."""
    kinds = _types(spec.get("pre_tokenizer")) | _types(spec.get("decoder"))
    if "ByteLevel" in kinds:
        alphabet = _byte_alphabet()
    elif "ByteFallback" in kinds:
        alphabet = None
    else:
        raise DataError(
            "The tokenizer does not keep every byte of a text, so bits per byte and packed text would be "
            'wrong. Use a byte-level one (GPT-2, Llama 3, Qwen, ...), train one (tokenizer="bpe") or take '
            'tokenizer="byte".'
        )
    found = [b""] * (max(vocabulary.values()) + 1)
    for token, index in vocabulary.items():
        found[index] = _fallback_bytes(token) if alphabet is None else _level_bytes(token, alphabet)
    added = spec.get("added_tokens")
    for entry in added if isinstance(added, list) else []:
        found[entry["id"]] = b"" if entry["special"] else entry["content"].encode()
    found[end_id] = b""
    return found


def _level_bytes(token: str, alphabet: dict[str, int]) -> bytes:
    if all(character in alphabet for character in token):
        return bytes(alphabet[character] for character in token)
    return token.encode()


def _fallback_bytes(token: str) -> bytes:
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return bytes([int(token[3:5], 16)])
    return token.replace("\u2581", " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """Map the printable stand-ins of GPT-2's byte-level BPE to the bytes they stand for."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def _types(part: object) -> set[str]:
    """Collect every "type" in a nested piece of a tokenizer.json."""
    if isinstance(part, list):
        return {name for item in part for name in _types(item)}
    if not isinstance(part, dict):
        return set()
    own = {part["type"]} if isinstance(part.get("type"), str) else set()
    return own | {name for item in part.values() for name in _types(item)}


def split_at_blanks(text: str, size: int) -> Iterator[str]:
    """Cut before a blank that follows a letter: there the words of a byte-level BPE end in any case."""
    start = 0
    while start < len(text):
        cut = min(start + size, len(text))
        while cut < len(text) and not (text[cut] == " " and text[cut - 1].isalpha()):
            cut += 1
        yield text[start:cut]
        start = cut


def utf8(text: str) -> bytes:
    """Encode a text, or say which half of a character stands in the way."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"The text holds half a character ({text[error.start]!a} at position {error.start}), which UTF-8 "
            f"cannot write. Remove it or decode the source correctly."
        ) from error


def checked(text: str) -> str:
    """Return a text that can be written as UTF-8, without encoding it when it is ASCII."""
    if not text.isascii():
        utf8(text)
    return text
