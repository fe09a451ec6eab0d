"""Training text: documents, tokenizers, memory-mapped tokens, deterministic windows."""

from longwave.data.corpus import hash_source, read_documents
from longwave.data.sampling import WindowSampler, spread_windows, take_windows
from longwave.data.text import TextData, TextDataConfig, prepare_text
from longwave.data.tokenizers import BPETokenizer, ByteTokenizer, Tokenizer, load_tokenizer
from longwave.data.tokens import TokenFile, TokenMeta, build_token_file

__all__ = [
    "BPETokenizer",
    "ByteTokenizer",
    "TextData",
    "TextDataConfig",
    "TokenFile",
    "TokenMeta",
    "Tokenizer",
    "WindowSampler",
    "build_token_file",
    "hash_source",
    "load_tokenizer",
    "prepare_text",
    "read_documents",
    "spread_windows",
    "take_windows",
]
