"""Build the static report: render every page, put the stylesheet and scripts beside them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path, PurePosixPath

import jinja2
from markupsafe import Markup

from longwave import __version__
from longwave.errors import StorageError
from longwave.report.analysis import Analysis, analyse
from longwave.report.browser import browse, row_index
from longwave.report.formats import count, significant
from longwave.report.links import ORIGINAL, instances_page
from longwave.report.pages import index_page, rows_page, scenario_page
from longwave.report.reading import read_results
from longwave.report.style import theme
from longwave.report.text import embed_json, markup, plain

__all__ = ["build_report"]

_MANIFEST = "files.json"  # what the last build wrote, so that the next one removes what it no longer writes
_STATIC = ("report.css", "report.js", "vega.js", "vega-licence.txt")
_MARKS = {"right": "✓", "wrong": "✗", "failed": "!", "unscored": "·"}


def build_report(folder: Path, out: Path | None = None, *, title: str | None = None) -> Path:
    """Build the static report of a folder of results.

    Parameters
    ----------
    folder : Path
        What an evaluation, a training run or the quickstart wrote.
    out : Path, optional
        Where the pages go; ``folder/report`` when left out. Files there that an earlier report wrote and
        this one does not are removed, others are left alone.
    title : str, optional
        Title of the report; the folder's name when left out.

    Returns
    -------
    Path
        The first page, ``index.html``.

    Raises
    ------
    MissingFile
        If the folder does not exist or holds no results.
    TableError
        If a table breaks its schema.
    StorageError
        If the pages cannot be written.

    Notes
    -----
    The same results give the same bytes: nothing on the pages tells when they were built. Time and memory
    grow with the rows; about 2 s for 1500 rows.
    """
    folder = Path(folder)
    target = folder / "report" if out is None else Path(out)
    results = read_results(folder)
    analysis = analyse(results)
    written = []
    for name, content in _files(analysis, title or folder.resolve().name or "Results"):
        _write(target / name, content)
        written.append(name)
    _remove_stale(target, set(written))
    _write(target / _MANIFEST, (json.dumps(sorted(written), indent=1) + "\n").encode())
    return target / "index.html"


def _files(analysis: Analysis, title: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of every file of the report."""
    record = analysis.results.record
    environment = _environment()
    environment.globals |= {
        "version": __version__,
        "title": title,
        "run_hash": record.hash if record else "",
        "themes": {"light": theme(), "dark": theme(dark=True)},
        "marks": _MARKS,
    }

    def page(
        template: str, name: str, heading: str, content: dict[str, object], crumbs: list[dict[str, str]]
    ) -> tuple[str, bytes]:
        root = "../" * (len(PurePosixPath(name).parts) - 1)
        values = {"needs_charts": False, **content, "root": root, "heading": heading, "crumbs": crumbs}
        return name, environment.get_template(template).render(values).encode()

    for static in _STATIC:
        yield f"static/{static}", files("longwave.report").joinpath("static", static).read_bytes()
    yield page("index.html", "index.html", title, index_page(analysis), [])
    if analysis.scenarios:
        yield page("rows.html", "instances/index.html", "Rows", rows_page(analysis), [{"text": "rows"}])
    for scenario in analysis.scenarios:
        yield page(
            "scenario.html",
            f"scenarios/{analysis.slugs[scenario]}.html",
            scenario,
            scenario_page(analysis, scenario),
            [{"text": scenario}],
        )
        yield from _browser_files(analysis, scenario, page)


Page = Callable[[str, str, str, dict[str, object], list[dict[str, str]]], tuple[str, bytes]]


def _browser_files(analysis: Analysis, scenario: str, page: Page) -> Iterator[tuple[str, bytes]]:
    slug = analysis.slugs[scenario]
    script = f"instances/{slug}.rows.js"
    yield script, row_index(analysis, scenario).encode()
    rows = analysis.rows.filter(analysis.rows["scenario"] == scenario)
    pages = list(browse(analysis, scenario))
    inputs = sorted(set(rows["input_name"]), key=lambda name: (name != ORIGINAL, name))
    shared: dict[str, object] = {
        "index_script": script,
        "models": [*analysis.systems, *analysis.floor_systems],
        "n_ranked": len(analysis.systems),
        "inputs": inputs,
        "outcomes": [name for name in _MARKS if name in set(rows["outcome"])],
        "group_names": sorted(set(rows["group"].drop_nulls())),
        "has_confidence": rows["confidence"].is_not_null().any(),
        "measure": analysis.measures[scenario],
        "page_links": [{"number": n, "href": instances_page(slug, n)} for n in range(1, len(pages) + 1)],
        "meta": f"{count(rows['instance'].n_unique(), 'instance')}, {count(len(rows), 'row')}; "
        f"every input, prompt and completion",
    }
    crumbs = [{"text": scenario, "href": f"scenarios/{slug}.html"}, {"text": "instances"}]
    for number, cases in enumerate(pages, 1):
        heading = f"{scenario}: instances" + (f", page {number} of {len(pages)}" if len(pages) > 1 else "")
        content = {**shared, "cases": cases, "page": number}
        yield page("instances.html", instances_page(slug, number), heading, content, crumbs)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("longwave.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "safe_text": _safe_text,
        "short": plain,
        "embed_json": embed_json,
        "significant": significant,
    }
    return environment


def _safe_text(value: object, limit: int | None = None) -> Markup:
    """Escape a text for a page; text that is markup of ours already stays."""
    if isinstance(value, Markup):
        return value
    return markup(str(value)) if limit is None else markup(str(value), limit)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StorageError(
            f'Cannot write "{path}": {error}. Free some space or choose another folder with --out.'
        ) from error


def _remove_stale(target: Path, written: set[str]) -> None:
    """Remove what an earlier build wrote and this one did not; nothing else in the folder is touched."""
    try:
        earlier = json.loads((target / _MANIFEST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    for name in earlier if isinstance(earlier, list) else []:
        if not isinstance(name, str) or name in written or "\0" in name:
            continue
        path = target / name
        if path.resolve().is_relative_to(target.resolve()) and path.is_file():
            path.unlink()
