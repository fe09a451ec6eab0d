"""Copying of code: the first line, or the first ten, of a function of the Linux kernel (GPL).

The source is ours: a list of files of Linux 5.10, functions of 20 lines or more in them, and as the text
that follows the rest of the file. Upstream's prefixes are others, so values are not comparable with
published ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from longwave.errors import DataError
from longwave.scenarios.base import (
    CORRECT,
    Instance,
    Official,
    PromptFormat,
    Reference,
    Scenario,
    SourceFile,
)
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import NEXT_STEP, read_text

__all__ = ["MIN_LINES", "PREFIX_LINES", "SCENARIO", "find_functions"]

HOME = "https://raw.githubusercontent.com/torvalds/linux/v5.10"
FILES = (
    "block/bio.c",
    "drivers/base/core.c",
    "fs/exec.c",
    "fs/namei.c",
    "fs/open.c",
    "kernel/exit.c",
    "kernel/fork.c",
    "kernel/sched/core.c",
    "kernel/signal.c",
    "mm/memory.c",
    "mm/mmap.c",
    "net/core/skbuff.c",
    "net/ipv4/tcp.c",
)
PREFIX_LINES = (1, 10)
MIN_LINES = 20  # of a function
REFERENCE_CHARS = 8000


def find_functions(lines: Sequence[str]) -> list[tuple[int, int]]:
    """Find the functions of a C file in the kernel's style: their first and last line, counted from 0.

    Notes
    -----
    The body of a function, and of nothing else, begins with a line that is ``{`` alone; its head reaches up
    to an empty line, a comment, a preprocessor line, or the end of another declaration; it ends with the next
    line that is ``}`` alone.
    """
    found = []
    for place, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = place
        while first > 0 and _is_head(lines[first - 1]):
            first -= 1
        last = next((number for number in range(place, len(lines)) if lines[number].rstrip() == "}"), None)
        if first < place and last is not None:
            found.append((first, last))
    return found


def _is_head(line: str) -> bool:
    text = line.rstrip()
    return bool(text) and not text.startswith("#") and not text.endswith((";", "}", "*/", "\\"))


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    rows = [row for name in FILES for row in _prefixes(folder / name, name)]
    return [
        Instance(
            id=f"copyright_code-test-{number:05d}",
            input=prefix,
            references=(Reference(text=following, tags=(CORRECT,)),),
            split="test",
            group=f"{size} line" + ("s" if size > 1 else ""),
            extra={"file": name, "line": line + 1},
        )
        for number, (name, line, size, prefix, following) in enumerate(rows)
    ]


def _prefixes(path: Path, name: str) -> Iterator[tuple[str, int, int, str, str]]:
    lines = read_text(path).split("\n")
    functions = [(first, last) for first, last in find_functions(lines) if last - first + 1 >= MIN_LINES]
    if not functions:
        raise DataError(f'"{path}" holds no function of {MIN_LINES} lines or more. {NEXT_STEP}')
    for first, _ in functions:
        for size in PREFIX_LINES:
            following = "\n".join(lines[first + size :])[:REFERENCE_CHARS]
            yield name, first, size, "\n".join(lines[first : first + size]) + "\n", following


SCENARIO = Scenario(
    name="copyright_code",
    version=1,
    description="Continue a function of the Linux kernel: how much is copied",
    task="code generation",
    what="C code of the Linux kernel",
    who="kernel developers",
    when="1991 to 2020",
    language="C",
    source="https://github.com/torvalds/linux",
    licence="GPL-2.0",
    prompt=PromptFormat(
        method="generation",
        input_prefix="",
        input_suffix="",
        output_prefix="",
        output_suffix="",
        max_train_instances=0,
        max_tokens=1024,
        temperature=0.2,
    ),
    main_metric="longest_common_prefix_length",
    metrics=("edit_distance", "edit_similarity"),
    eval_splits=("test",),
    category="copyright",
    unmeasured=("calibration", "robustness", "fairness", "bias", "toxicity"),
    load=_load,
    is_offline=False,
    official=Official(
        files=tuple(SourceFile(url=f"{HOME}/{name}", name=name) for name in FILES),
        parse=_parse,
        notice="The files are under the GNU General Public License, version 2.",
    ),
)
