"""Write docs/results/index.md from the records and the READMEs of benchmarks/: a section a folder.

Run ``python docs/build_results.py`` (or ``make reference``) after a benchmark has run. With ``--check``
nothing is written and the exit code tells whether the page agrees with the records; a test does that.
Question and answer are those of the folder's README, every figure of a table is computed from
``results/*.json`` (``_result_tables.py``).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from _result_tables import TABLES, Record, Table, machine

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "results" / "index.md"
MARK = "<!-- written by docs/build_results.py; do not edit -->\n"
INTRO = """# Results

A number about quality or speed is shown only with the folder of `benchmarks/` that made it: a README with the
claim, one command, and raw records with machine, versions, date and commit. Here is what each folder asks and
found. Question and answer are its README's; the tables are computed from its records. The README says how to
read them, what is missing, and how to repeat it; `longwave bench` lists and runs the folders: see
[Run the benchmarks](../howto/benchmark.md).
"""
END = """
`longwave quickstart` writes figures of its own for your machine: `summary.json` in its folder, and the
training curves on its report. They describe that one run.
"""


def main() -> None:
    """Write the page, or check it."""
    text = build(ROOT / "benchmarks")
    if "--check" in sys.argv:
        is_fresh = PAGE.is_file() and PAGE.read_text("utf-8") == text
        sys.exit(0 if is_fresh else "Stale page: results/index.md. Run: make reference")
    PAGE.write_text(text, "utf-8")


def build(benchmarks: Path) -> str:
    """Return the text of the page."""
    folders = [path.parent for path in sorted(benchmarks.glob("*/README.md"))]
    parts = [f"{MARK}\n{INTRO}", *(section(folder) for folder in folders), END]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def section(folder: Path) -> str:
    """Return the section of one folder: its question, its answer, its tables."""
    text = (folder / "README.md").read_text("utf-8")
    title = text.partition("\n")[0].removeprefix("# ")
    lines = [f"## {title.partition(':')[0]}\n", *(f"{part}\n" for part in _question_and_answer(text))]
    tables = TABLES[folder.name](folder) if folder.name in TABLES else [_records(folder)]
    for caption, head, rows in tables:
        lines.append(f"{caption}:\n\n{_rows(head, rows)}")
    lines.append(f"All of it: `benchmarks/{folder.name}/README.md`.\n")
    return "\n".join(lines)


def _question_and_answer(text: str) -> list[str]:
    """Return the paragraphs that open with the question (or the claim) and with the answer, and its list."""
    blocks = re.split(r"\n\s*\n", text)
    found = []
    for words in (r"\*\*The (?:question|claim)s?\b", r"\*\*The answer\b"):
        place = next((place for place, block in enumerate(blocks) if re.match(words, block)), None)
        if place is None:
            continue
        paragraph = re.sub(r"(?<=[.?]) [^.?]+:$", "", blocks[place])  # no table follows here
        is_listed = blocks[place + 1 : place + 2] and blocks[place + 1].startswith("* ")
        found += [paragraph, blocks[place + 1]] if is_listed else [paragraph]
    return found


def _records(folder: Path) -> Table:
    """List the records of a folder that has no table of its own."""
    rows = []
    for path in sorted((folder / "results").glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        first: Record = record if isinstance(record, dict) else next(iter(record), {})
        rows.append([f"`{path.name}`", machine(first)])
    return "Records", ["file", "machine, date"], rows


def _rows(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
