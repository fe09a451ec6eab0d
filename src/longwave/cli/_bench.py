"""``longwave bench``: run a folder of ``benchmarks/``, which lies in the clone and not in the wheel."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from longwave.cli._output import Output
from longwave.errors import MissingExtra, MissingFile, UnknownName

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130
GRACE_S = 10.0  # for a benchmark that was interrupted to write what it has


def bench(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A benchmark, e.g. long-conv. All are listed when left out.")
    ] = None,
    options: Annotated[
        list[str] | None, typer.Argument(help="After --: options of the benchmark itself.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; the benchmark chooses by default.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer sizes and repeats.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the raw figures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a benchmark of the repository and print its figures; without a name, list them."""
    output: Output = context.obj
    found = find_benchmarks(Path.cwd(), Path(__file__))
    if name is None:
        claims = {each: first_line(folder / "README.md") for each, folder in found.items()}
        if as_json:
            output.result_json([{"name": each, "claim": claim} for each, claim in claims.items()])
        else:
            output.result_table(("name", "claim"), list(claims.items()))
        return
    key = name.replace("_", "-")
    if key not in found:
        raise UnknownName("benchmark", name, found)
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("A benchmark", "torch")
    words = pass_on(device=device, quick=quick, out=out, as_json=as_json)
    command = [sys.executable, str(found[key] / "run.py"), *words, *(options or ())]
    code = run_benchmark(key, command, is_quiet=output.is_quiet)
    raise typer.Abort if code == INTERRUPTED else typer.Exit(code)


def find_benchmarks(start: Path, installed: Path) -> dict[str, Path]:
    """Return the folders of ``benchmarks/`` by name, with hyphens.

    Parameters
    ----------
    start : Path
        The clone is looked for here and upwards.
    installed : Path
        A file of the package; an editable install lies in its clone.

    Raises
    ------
    MissingFile
        If there is no clone.
    """
    for root in (*_with_parents(start.resolve()), *_with_parents(installed.resolve())):
        if (root / "src" / "longwave").is_dir() and (root / "benchmarks").is_dir():
            runs = sorted((root / "benchmarks").glob("*/run.py"))
            return {run.parent.name.replace("_", "-"): run.parent for run in runs}
    raise MissingFile(
        f'No clone of Longwave was found from "{start}" upwards; benchmarks are not part of the installed '
        f"package. Clone the repository and start the command inside it."
    )


def _with_parents(path: Path) -> Iterator[Path]:
    yield path
    yield from path.parents


def first_line(path: Path) -> str:
    """Return the title of a README, the claim in one line; empty when there is none."""
    if not path.is_file():
        return ""
    lines = path.read_text("utf-8").splitlines()
    return next((line.removeprefix("# ") for line in lines if line.strip()), "")


def pass_on(*, device: str | None, quick: bool, out: Path | None, as_json: bool) -> list[str]:
    """Return what was asked of every benchmark as the words of its own command line."""
    words = [] if device is None else ["--device", device]
    words += ["--quick"] if quick else []
    words += [] if out is None else ["--out", str(out)]
    return words + (["--json"] if as_json else [])


def run_benchmark(name: str, command: Sequence[str], *, is_quiet: bool = False) -> int:
    """Run a benchmark to its end and return the exit code of this command.

    Its results go to stdout and its progress to stderr as they come; quiet, progress is shown only if it
    failed. On Ctrl-C it has ten seconds to write what it has.
    """
    with tempfile.TemporaryFile() as progress:
        child = subprocess.Popen(command, stderr=progress if is_quiet else None)
        code = _wait(child)
        if code not in (0, INTERRUPTED) and is_quiet:
            progress.seek(0)
            sys.stderr.write(progress.read().decode("utf-8", "replace"))
    if code in (0, WRONG_INPUT, INTERRUPTED):
        return code
    print(f'The benchmark "{name}" failed (exit code {code}); its last words stand above.', file=sys.stderr)
    return FAILED


def _wait(child: subprocess.Popen[bytes]) -> int:
    try:
        code = child.wait()
    except KeyboardInterrupt:  # the terminal has told the child as well
        _end(child)
        return INTERRUPTED
    return INTERRUPTED if code == -signal.SIGINT else code


def _end(child: subprocess.Popen[bytes]) -> None:
    """Wait for a child that was interrupted; then ask it to end, then end it."""
    for insist in (child.terminate, child.kill):
        try:
            child.wait(GRACE_S)
            return
        except subprocess.TimeoutExpired:
            insist()
    child.wait()
