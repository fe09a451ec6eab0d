"""What models train on: text as memory-mapped tokens in deterministic windows, and tasks made by a rule."""

from longwave.data.corpus import hash_source, read_documents
from longwave.data.sampling import WindowSampler, spread_windows, take_windows
from longwave.data.tasks import Examples, ExampleSampler, Task, TaskData, TaskDataConfig, prepare_task
from longwave.data.text import TextData, TextDataConfig, prepare_text
from longwave.data.tokenizers import BPETokenizer, ByteTokenizer, Tokenizer, load_tokenizer
from longwave.data.tokens import TokenFile, TokenMeta, build_token_file

__all__ = [
    "BPETokenizer",
    "ByteTokenizer",
    "ExampleSampler",
    "Examples",
    "Task",
    "TaskData",
    "TaskDataConfig",
    "TextData",
    "TextDataConfig",
    "TokenFile",
    "TokenMeta",
    "Tokenizer",
    "WindowSampler",
    "build_token_file",
    "hash_source",
    "load_tokenizer",
    "prepare_task",
    "prepare_text",
    "read_documents",
    "spread_windows",
    "take_windows",
]
