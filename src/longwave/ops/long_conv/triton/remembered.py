"""What was found out about a GPU, kept in small JSON files of the user's cache folder.

A file holds one object: what was found, by a key that begins with ``gpu_key``. Files may be deleted at any
time; one that is damaged counts as absent.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
from pathlib import Path

import torch

__all__ = ["gpu_key", "recall", "remember"]

_log = logging.getLogger(__name__)


def gpu_key(device: torch.device) -> str:
    """Return what all findings depend on: the version of Triton, the GPU's name and the kernels' source."""
    import triton

    return f"{triton.__version__} {torch.cuda.get_device_name(device)} {_digest()}"


def recall(name: str) -> dict[str, object]:
    """Return what a file holds; nothing if there is none or it is damaged."""
    try:
        known = json.loads(_file(name).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(name: str, key: str, value: object) -> None:
    """Add a finding to a file, whole or not at all; a folder that cannot be written to is no obstacle."""
    path = _file(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({**recall(name), key: value}, indent=1, sort_keys=True), "utf-8")
        part.replace(path)
    except OSError as failure:
        _log.debug("%s could not be written, so it is found out again next time: %s", path, failure)


def _file(name: str) -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "longwave" / f"{name}.json"


@functools.lru_cache(maxsize=1)
def _digest() -> str:
    """Return a fingerprint of the kernels' source and of what launches them."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
