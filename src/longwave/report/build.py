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
from longwave.evaluation import VoteFigures
from longwave.report.adapters_page import GROUPS_PAGE, groups_content, has_groups
from longwave.report.analysis import Analysis, analyse
from longwave.report.browser import open_browser
from longwave.report.case_html import write_cases
from longwave.report.coverage import grid_page, taxonomy_page
from longwave.report.family_tables import family_link, present_families
from longwave.report.fields_page import FIELDS_PAGE, fields_content, has_fields
from longwave.report.formats import count
from longwave.report.images_page import IMAGES_PAGE, has_images, images_content
from longwave.report.links import instances_page, model_page, pair_page
from longwave.report.model_pages import model_content, models_page
from longwave.report.monitoring_page import MONITORING_PAGE, has_rounds, monitoring_content
from longwave.report.monitoring_series import watch, watched_scenarios
from longwave.report.pages import describe_extent, family_page, index_page, rows_page
from longwave.report.pair_pages import pair_content, pairs_page
from longwave.report.reading import read_results
from longwave.report.row_index import OUTCOMES, confidence_index, filter_lists, row_index
from longwave.report.scenario_pages import scenario_page
from longwave.report.style import theme
from longwave.report.text import embed_json, markup, plain
from longwave.report.votes_page import VOTES_PAGE, vote_figures, votes_content

__all__ = ["build_report"]

_MANIFEST = "files.json"  # what the last build wrote, so that the next one removes what it no longer writes
_STATIC = ("report.css", "report.js", "filter.js", "vega.js", "vega-licence.txt")
OVERVIEW = "Overview"  # what the first page is called in the navigation
_NEARBY = 3  # links to pages before and after the one shown


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
    The same results give the same bytes: nothing on the pages tells when they were built. One scenario is in
    memory at a time, but for the page of votes. Time grows with the rows, about 0.1 ms for each.
    """
    folder = Path(folder)
    target = folder / "report" if out is None else Path(out)
    results = read_results(folder)
    analysis = analyse(results)
    written = []
    for name, content in _files(analysis, folder, title or folder.resolve().name or "Results"):
        _write(target / name, content)
        written.append(name)
    _remove_stale(target, set(written))
    _write(target / _MANIFEST, (json.dumps(sorted(written), indent=1) + "\n").encode())
    return target / "index.html"


def _files(analysis: Analysis, folder: Path, title: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of every file of the report."""
    record = analysis.results.record
    shows_images = has_images(analysis, folder)
    environment = _environment()
    environment.globals |= {
        "version": __version__,
        "title": title,
        "record": record,
        "provenance": describe_extent(analysis),
        "themes": {"light": theme(), "dark": theme(dark=True)},
        "sections_of_report": _report_sections(analysis, shows_images=shows_images),
    }

    def page(
        template: str, name: str, heading: str, content: Content, crumbs: list[dict[str, str]]
    ) -> tuple[str, bytes]:
        root = "../" * (len(PurePosixPath(name).parts) - 1)
        values = {"needs_charts": False, **content, "root": root, "heading": heading, "crumbs": crumbs}
        return name, environment.get_template(template).render(values).encode()

    for static in _STATIC:
        yield f"static/{static}", files("longwave.report").joinpath("static", static).read_bytes()
    votes = vote_figures(analysis, folder)
    watched = [watch(analysis, scenario) for scenario in watched_scenarios(analysis)]
    first = index_page(analysis, votes=votes if isinstance(votes, VoteFigures) else None, watched=watched)
    yield page("index.html", "index.html", title, first, [{"text": OVERVIEW}])
    if not analysis.scenarios:
        return
    yield from _table_pages(analysis, page)
    yield from _model_files(analysis, page)
    special: dict[str, tuple[str, Callable[[], Content]]] = {}
    if votes is not None:
        special["Votes"] = VOTES_PAGE, lambda: votes_content(analysis, folder, figures=votes)
    if has_fields(analysis):
        special["Fields"] = FIELDS_PAGE, lambda: fields_content(analysis, folder)
    if shows_images:
        special["Images"] = IMAGES_PAGE, lambda: images_content(analysis, folder)
    if has_groups(analysis):
        special["Groups"] = GROUPS_PAGE, lambda: groups_content(analysis, folder)
    if watched:
        special["Monitoring"] = MONITORING_PAGE, lambda: monitoring_content(analysis, watched)
    for heading, (name, content) in special.items():
        yield page(name, name, heading, content(), [{"text": heading}])
    for scenario in analysis.scenarios:
        yield page(
            "scenario.html",
            f"scenarios/{analysis.slugs[scenario]}.html",
            scenario,
            scenario_page(analysis, scenario),
            [{"text": "Scenarios", "href": "taxonomy.html"}, {"text": scenario}],
        )
        yield from _browser_files(analysis, scenario, page)


Content = dict[str, object]
Page = Callable[[str, str, str, Content, list[dict[str, str]]], tuple[str, bytes]]


def _report_sections(analysis: Analysis, *, shows_images: bool) -> list[dict[str, str]]:
    """List the parts of the report that every page leads to."""
    if not analysis.scenarios:
        return []
    families = present_families(analysis)
    found = [(OVERVIEW, "index.html"), ("Scenarios", "taxonomy.html"), ("Models", "models/index.html")]
    found += [("Comparisons", "comparisons/index.html")] if analysis.pairs else []
    found += [("Families", family_link(families[0]))] if families else []
    found += [("Fields", FIELDS_PAGE)] if has_fields(analysis) else []
    found += [("Images", IMAGES_PAGE)] if shows_images else []
    found += [("Groups", GROUPS_PAGE)] if has_groups(analysis) else []
    found += [("Monitoring", MONITORING_PAGE)] if has_rounds(analysis) else []
    found += [("Votes", VOTES_PAGE)] if len(analysis.findings.votes) else []
    found += [("Grid", "grid.html"), ("Rows", "instances/index.html")]
    return [{"text": text, "href": href} for text, href in found]


def _table_pages(analysis: Analysis, page: Page) -> Iterator[tuple[str, bytes]]:
    """Yield the pages that are a list of tables."""
    bare: Content = {"sentences": [], "notes": [], "contamination": None}

    def listed(name: str, heading: str, crumb: str, content: Content) -> tuple[str, bytes]:
        content = {"tables": [{"id": "", "title": "", "table": content.get("table")}], **bare, **content}
        return page("tables.html", name, heading, content, [{"text": crumb}])

    rows = {"sentences": ["Every prediction of the report, by model and scenario."], **rows_page(analysis)}
    yield listed("instances/index.html", "Rows", "Rows", rows)
    yield listed("models/index.html", "Models", "Models", models_page(analysis))
    yield listed("taxonomy.html", "Scenarios", "Scenarios", taxonomy_page(analysis))
    grid = grid_page(analysis)
    yield listed("grid.html", "Grid", "Grid", {**grid, "contamination": grid["contamination"] or False})
    if analysis.pairs:
        yield listed("comparisons/index.html", "Comparisons", "Comparisons", pairs_page(analysis))
    families = present_families(analysis)
    for family in families:
        crumbs = [{"text": "Families", "href": family_link(families[0])}, {"text": family}]
        heading = family.capitalize()
        yield page("family.html", family_link(family), heading, family_page(analysis, family), crumbs)


def _model_files(analysis: Analysis, page: Page) -> Iterator[tuple[str, bytes]]:
    for place, system in enumerate(analysis.systems):
        crumbs = [{"text": "Models", "href": "models/index.html"}, {"text": system}]
        content = {
            **model_content(analysis, system),
            "color": place % 8,
            "rows_href": f"instances/index.html#m-{place}",
        }
        yield page("model.html", model_page(analysis.model_slugs[system]), system, content, crumbs)
    for first, second in analysis.pairs:
        crumbs = [
            {"text": "Comparisons", "href": "comparisons/index.html"},
            {"text": f"{first} and {second}"},
        ]
        name = pair_page(analysis.model_slugs[first], analysis.model_slugs[second])
        yield page("pair.html", name, f"{first} and {second}", pair_content(analysis, first, second), crumbs)


def _browser_files(analysis: Analysis, scenario: str, page: Page) -> Iterator[tuple[str, bytes]]:
    slug = analysis.slugs[scenario]
    browser = open_browser(analysis, scenario)
    rows = browser.rows
    lists = filter_lists(analysis, rows)
    yield f"instances/{slug}.rows.js", row_index(rows, lists, browser.page_size).encode()
    has_confidence = bool(rows["confidence"].is_not_null().any())
    if has_confidence:
        yield f"instances/{slug}.confidence.js", confidence_index(rows).encode()
    shared: Content = {
        "slug": slug,
        "models": browser.systems,
        "lists": lists,
        "outcomes": [name for name in OUTCOMES if name in set(rows["outcome"])],
        "has_confidence": has_confidence,
        "n_pages": browser.n_pages,
        "n_rows": len(rows),
        "n_instances": browser.n_instances,
        "meta": f"{count(browser.n_instances, 'instance')}, {count(len(rows), 'row')}; "
        f"every input, prompt and completion",
    }
    crumbs = [
        {"text": "Scenarios", "href": "taxonomy.html"},
        {"text": scenario, "href": f"scenarios/{slug}.html"},
        {"text": "instances"},
    ]
    for number, cases in enumerate(browser.pages(), 1):
        heading = f"{scenario}: instances"
        heading += f", page {number:,} of {browser.n_pages:,}" if browser.n_pages > 1 else ""
        links = _page_links(slug, number, browser.n_pages)
        written = write_cases(
            cases,
            browser.systems,
            n_ranked=len(analysis.systems),
            measure=analysis.measures[scenario],
        )
        content = {**shared, "cases": written, "page": number, "page_links": links}
        yield page("instances.html", instances_page(slug, number), heading, content, crumbs)


def _page_links(slug: str, page: int, n_pages: int) -> list[dict[str, object]]:
    """Link the first and the last page and those around this one."""
    shown = [one for one in range(1, n_pages + 1) if one in (1, n_pages) or abs(one - page) <= _NEARBY]
    return [
        {
            "number": one,
            "href": instances_page(slug, one),
            "follows_gap": place > 0 and one > shown[place - 1] + 1,
        }
        for place, one in enumerate(shown)
    ]


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
