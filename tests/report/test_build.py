"""Building: every link resolves, hostile text stays text, equal results give equal bytes."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl
import pytest

from longwave.errors import MissingFile, StorageError
from longwave.predictions import append_side, write_predictions
from longwave.report import build_report

Rows = Callable[..., pl.DataFrame]
FAMILIES = ("accuracy", "calibration", "robustness", "fairness", "efficiency")
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Page(HTMLParser):
    """Collects ids, links, tags and attributes of a page, and checks that elements close."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes out of turn in {self.path}"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def report(hostile_report: Path) -> Path:
    return hostile_report


@pytest.fixture(scope="module")
def pages(report: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(report.rglob("*.html"))}


def hrefs_in(value: object) -> Iterator[str]:
    """Yield the links in the data of a chart."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "href" and isinstance(inner, str):
                yield inner
            else:
                yield from hrefs_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from hrefs_in(inner)


def specs(page: Page) -> list[object]:
    return [json.loads(text) for text in page.text if text.startswith('{"')]


def test_every_page_is_there(pages: dict[Path, Page], report: Path) -> None:
    names = {str(path.relative_to(report)) for path in pages}
    assert names == {
        "index.html",
        "instances/index.html",
        "grid.html",
        "taxonomy.html",
        "models/index.html",
        "models/attention.html",
        "models/hyena.html",
        "comparisons/index.html",
        "comparisons/attention~hyena.html",
        *(f"families/{name}.html" for name in FAMILIES),
        *(f"scenarios/{name}-1.html" for name in ("blimp", "books", "boolq", "openbookqa")),
        *(f"instances/{name}-1.html" for name in ("blimp", "books", "boolq", "openbookqa")),
        "instances/boolq-1~2.html",
        "instances/blimp-1~2.html",
    }


def test_every_link_resolves(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *(href for spec in specs(page) for href in hrefs_in(spec))]:
            address = urlsplit(link)
            if link == "data:,":
                continue
            assert not address.scheme, link
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            known = pages[target].ids if target in pages else []
            if not target.is_file() or (address.fragment and address.fragment not in known):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_links_to_rows_name_models_and_inputs_that_exist(pages: dict[Path, Page]) -> None:
    queries = {urlsplit(link).query for page in pages.values() for link in page.links if "?" in link}
    assert any("model=hyena" in query and "input=original" in query for query in queries)
    assert any("versus=attention" in query for query in queries)


def test_ids_are_unique_on_each_page(pages: dict[Path, Page]) -> None:
    assert all(len(page.ids) == len(set(page.ids)) for page in pages.values())


def test_elements_close_in_turn(pages: dict[Path, Page]) -> None:
    assert all(page.open == [] for page in pages.values())


def test_no_text_becomes_an_element_or_a_handler(pages: dict[Path, Page]) -> None:
    tags = {tag for page in pages.values() for tag, _ in page.tags}
    attributes = {name for page in pages.values() for _, values in page.tags for name in values}
    assert not {"img", "svg", "iframe", "object", "style"} & tags
    assert not {name for name in attributes if name.startswith("on") or name in ("style", "autofocus")}


def test_every_script_is_ours_or_data(pages: dict[Path, Page]) -> None:
    for page in pages.values():
        for tag, values in page.tags:
            if tag == "script":
                assert values.get("type") == "application/json" or str(values.get("src")).endswith(".js")


def test_hostile_text_is_shown_as_text(pages: dict[Path, Page], hostile_texts: tuple[str, ...]) -> None:
    text = "".join(page for one in pages.values() for page in one.text)
    for harm in hostile_texts[:5]:
        assert harm in text


def test_nothing_is_hidden_in_the_files(report: Path) -> None:
    hidden = set("\x00\x07\x1b\u202e\u202c\u200b\u2028")
    assert all(not hidden & set(path.read_text("utf-8")) for path in report.rglob("*.html"))


def test_huge_texts_are_cut(pages: dict[Path, Page]) -> None:
    assert any("more characters" in text for page in pages.values() for text in page.text)
    assert all(len(text) < 25_000 for page in pages.values() for text in page.text if "xxxx" in text)


def test_pages_forbid_everything_remote(pages: dict[Path, Page]) -> None:
    for page in pages.values():
        policy = next(values["content"] for tag, values in page.tags if values.get("http-equiv"))
        assert policy is not None
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "http" not in policy


def test_tables_have_captions_and_scoped_heads(pages: dict[Path, Page]) -> None:
    for page in pages.values():
        tags = [tag for tag, _ in page.tags]
        assert tags.count("table") == tags.count("caption")
        assert all("scope" in values for tag, values in page.tags if tag == "th")


def test_every_chart_has_a_table_behind_it(pages: dict[Path, Page]) -> None:
    for page in pages.values():
        charts = [values for _, values in page.tags if "data-chart" in values]
        figures = [values["id"] for tag, values in page.tags if tag == "figure"]
        assert [values["data-chart"] for values in charts] == figures
        assert sum(tag == "details" for tag, _ in page.tags) >= len(charts)


def test_the_same_results_give_the_same_bytes(hostile_folder: Path, report: Path, tmp_path: Path) -> None:
    again = build_report(hostile_folder, tmp_path).parent
    names = sorted(path.relative_to(report) for path in report.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((report / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_a_rebuild_removes_its_old_pages_and_nothing_else(plain_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(plain_folder, folder)
    page = build_report(folder)
    assert page == folder / "report" / "index.html"
    (folder / "report" / "note.txt").write_text("mine", "utf-8")
    table = pl.read_parquet(next((folder / "predictions").glob("*.parquet")))
    shutil.rmtree(folder / "predictions")
    write_predictions(folder, table.filter(pl.col("scenario") == "books@1"))
    build_report(folder)
    assert not (folder / "report" / "scenarios" / "boolq-1.html").exists()
    assert (folder / "report" / "note.txt").exists()
    assert (folder / "report" / "scenarios" / "books-1.html").exists()


def test_a_manifest_cannot_remove_files_elsewhere(plain_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "keep.txt").write_text("keep", "utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "files.json").write_text('["../keep.txt", "/etc/hostname", 3]', "utf-8")
    build_report(plain_folder, tmp_path / "out")
    assert (tmp_path / "keep.txt").exists()


def test_the_title_is_the_folders_name_or_what_is_given(plain_folder: Path, tmp_path: Path) -> None:
    assert "<h1>twins</h1>" in build_report(plain_folder, tmp_path / "a").read_text("utf-8")
    page = build_report(plain_folder, tmp_path / "b", title="<My> report")
    assert "<h1>&lt;My&gt; report</h1>" in page.read_text("utf-8")


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        build_report(tmp_path / "nowhere")


def test_a_place_that_cannot_be_written_is_an_error(plain_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(StorageError, match="--out"):
        build_report(plain_folder, tmp_path / "file" / "report")


def stored(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.drop("system", "input_name", "outcome", "is_floor")


def test_an_empty_table_makes_a_page_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    assert "no predictions in this folder" in build_report(tmp_path).read_text("utf-8")


def test_only_failures_make_a_page_that_says_so(tmp_path: Path, rows: Rows) -> None:
    frame = rows(("s@1", "a", "m", None, None), ("s@1", "b", "m", None, None))
    write_predictions(tmp_path, stored(frame).with_columns(error=pl.lit("Timeout <b>")))
    page = build_report(tmp_path)
    assert "No answer could be scored" in page.read_text("utf-8")
    browser = (page.parent / "instances" / "s-1.html").read_text("utf-8")
    assert browser.count('<p class="error text" dir="auto">Timeout &lt;b&gt;</p>') == 2


def test_one_model_without_side_tables_makes_a_whole_report(tmp_path: Path, rows: Rows) -> None:
    frame = rows(*[("s@1", f"i{place}", "m", None, float(place % 2)) for place in range(9)])
    write_predictions(tmp_path, stored(frame))
    text = build_report(tmp_path).read_text("utf-8")
    assert "44.4 %" in text
    assert "inputs and references are not shown" in text
    assert 'id="differences"' not in text


def test_training_alone_makes_a_report(plain_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(plain_folder / "models", tmp_path / "models")
    text = build_report(tmp_path).read_text("utf-8")
    assert 'id="training"' in text
    assert 'id="scores"' not in text
    assert "grid.html" not in text


def test_prompts_and_trials_have_their_own_answers(tmp_path: Path, rows: Rows) -> None:
    frame = stored(rows(*[("s@1", f"i{place}", "m", None, float(place % 2)) for place in range(4)]))
    other = frame.with_columns(prompt=pl.lit("other <p>"), trial=pl.lit(1, pl.Int32))
    write_predictions(tmp_path, pl.concat([frame, other]))
    page = build_report(tmp_path)
    assert 'id="prompts"' in (page.parent / "scenarios" / "s-1.html").read_text("utf-8")
    assert "other &lt;p&gt; · trial 1" in (page.parent / "instances" / "s-1.html").read_text("utf-8")


def test_credit_between_right_and_wrong_is_shown(tmp_path: Path, rows: Rows) -> None:
    frame = stored(rows(("s@1", "a", "m", None, 0.25))).with_columns(correct=pl.lit(False))
    write_predictions(tmp_path, frame)
    assert "score 0.250" in (build_report(tmp_path).parent / "instances" / "s-1.html").read_text("utf-8")


def test_many_comparisons_stand_on_the_scenarios_pages(tmp_path: Path, rows: Rows) -> None:
    models = "abcdefg"
    frame = rows(*[("s@1", f"i{n}", model, None, float(n % 2)) for n in range(5) for model in models])
    write_predictions(tmp_path, stored(frame))
    text = build_report(tmp_path).read_text("utf-8")
    assert 'id="differences"' not in text
    assert 'href="scenarios/s-1.html#differences"' in text


def test_other_metrics_are_shown(tmp_path: Path, rows: Rows) -> None:
    frame = stored(rows(("s@1", "a", "m", None, 1.0)))
    write_predictions(tmp_path, frame)
    key = frame.select("scenario", "instance", "model", "version", "date", "prompt", "perturbation", "trial")
    append_side(tmp_path, "scores", key.with_columns(metric=pl.lit("token_f1"), value=pl.lit(0.625)))
    assert "0.625" in (build_report(tmp_path).parent / "scenarios" / "s-1.html").read_text("utf-8")


@pytest.mark.slow
def test_a_report_of_fifteen_hundred_rows_takes_under_ten_seconds(tmp_path: Path, rows: Rows) -> None:
    names = ("a", "b")
    frame = rows(
        *[
            ("boolq@1", f"i{n}", m, p, float(n % 3 > 0))
            for n in range(250)
            for m in names
            for p in (None, "x", "y")
        ]
    )
    write_predictions(tmp_path, stored(frame))
    start = time.perf_counter()
    build_report(tmp_path)
    assert time.perf_counter() - start < 10


@pytest.mark.slow
def test_pages_stay_light_where_there_are_many_instances(tmp_path: Path, rows: Rows) -> None:
    frame = rows(*[("s@1", f"i{n}", m, None, float(n % 3 > 0)) for n in range(3000) for m in "ab"])
    write_predictions(tmp_path, stored(frame))
    report = build_report(tmp_path).parent
    sizes = {path: path.stat().st_size for path in report.rglob("*.html")}
    assert len(list(report.glob("instances/s-1*.html"))) == 60
    assert all(size < 300_000 for size in sizes.values())
    middle = Page(report / "instances" / "s-1~30.html")
    numbers = [values["data-page"] for tag, values in middle.tags if tag == "a" and "data-page" in values]
    assert numbers[: len(numbers) // 2] == ["1", "27", "28", "29", "30", "31", "32", "33", "60"]
    assert (report / "instances" / "s-1.rows.js").stat().st_size < 10 * len(frame)
