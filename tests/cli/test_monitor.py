"""``longwave monitor import``, ``list``, ``compare``, ``select``: archives and tables on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from longwave.monitoring import HapiStore, Policy, load_sample
from longwave.monitoring import to_predictions as write_rows
from longwave.predictions import read_predictions

Longwave = Callable[..., object]


@pytest.fixture(scope="module")
def primes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the questions about primes as a predictions table."""
    folder = tmp_path_factory.mktemp("primes")
    write_rows(load_sample(), folder, task="llm", dataset="prime")
    return folder


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Return a small folder in the released layout."""
    store = HapiStore.empty("a test")
    labels = [{"example_id": str(place), "true_label": place % 2} for place in range(4)]
    store.add_labels("sa", "imdb", labels)
    for date, told in (("20-01-01", [0, 1, 0, 1]), ("21-01-01", [0, 0, 0, 0])):
        rows = [
            {"example_id": str(place), "predicted_label": code, "confidence": 0.5}
            for place, code in enumerate(told)
        ]
        from longwave.monitoring import Run

        store.add_run(Run(task="sa", dataset="imdb", api="acme_sa", date=date, date_status="confirmed"), rows)
    store.export_json(tmp_path / "released")
    return tmp_path / "released"


def test_runs_are_listed_with_accuracy_and_price(longwave: Longwave) -> None:
    ran = longwave("monitor", "list", "sample", "--task", "llm", "--dataset", "prime")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].split()[:4] == ["task", "dataset", "api", "date"]
    gpt_4 = [line.split() for line in lines if "openai_gpt-4" in line]
    assert [(line[3], line[-3]) for line in gpt_4] == [("23-03-14", "0.8400"), ("23-06-13", "0.5020")]
    assert "model snapshot" in lines[1]


def test_runs_that_are_only_listed_show_the_published_accuracy(longwave: Longwave) -> None:
    ran = longwave("monitor", "list", "sample", "--dataset", "afnet")
    assert "listed only" in ran.out
    assert "(published)" in ran.out


def test_the_list_is_printed_as_json(longwave: Longwave) -> None:
    found = longwave("monitor", "list", "sample", "--task", "llm", "--json").json
    assert len(found) == 16
    assert {run["confidence_kind"] for run in found} == {"none"}


def test_a_table_of_ones_own_is_listed_as_well(longwave: Longwave, primes: Path) -> None:
    ran = longwave("monitor", "list", primes)
    assert "hapi-llm-prime@1" in ran.out
    assert "0.5020" in ran.out


def test_series_are_compared_first_with_last(longwave: Longwave) -> None:
    ran = longwave("monitor", "compare", "sample", "--dataset", "prime")
    assert ran.code == 0
    head, first, second = ran.out.splitlines()
    assert head.split()[:5] == ["task", "dataset", "api", "first", "last"]
    assert first.rstrip().endswith("improved")
    assert "+16.2" in first
    assert second.rstrip().endswith("declined")
    assert "-33.8" in second


def test_a_single_series_is_shown_in_detail(longwave: Longwave) -> None:
    ran = longwave(
        *("monitor", "compare", "sample", "--dataset", "prime", "--api", "openai_gpt-3.5"),
        *("--by", "true_label"),
    )
    assert '! The whole rose (+16.2 points), but true_label "no" fell by 46.6 points' in ran.out
    groups = [line.split() for line in ran.out.splitlines() if line.startswith("true_label")]
    assert groups[0][1:7] == ["no", "500", "98.4", "%", "51.8", "%"]
    assert "Confusions that moved most" in ran.out
    assert "latency_s (median)" in ran.out


def test_details_and_series_are_printed_as_json(longwave: Longwave) -> None:
    words = (
        "monitor",
        "compare",
        "sample",
        "--dataset",
        "prime",
        "--by",
        "true_label",
        "--details",
        "--json",
    )
    found = longwave(*words).json
    assert [row["verdict"] for row in found["series"]] == ["improved", "declined"]
    one = found["details"][0]
    assert sum(one["flips"].values()) == pytest.approx(1)
    assert [row["group"] for row in one["groups"]] == ["no", "yes"]
    assert one["warnings"]


def test_two_dates_can_be_named(longwave: Longwave, released: Path) -> None:
    both = longwave(
        "monitor", "compare", released, "--before", "20-01-01", "--after", "21-01-01", "--json"
    ).json
    assert (both["series"][0]["date"], both["series"][0]["date_after"]) == ("20-01-01", "21-01-01")
    assert both["series"][0]["change"] == -0.5
    late = longwave("monitor", "compare", released, "--before", "20-06-01")
    assert late.code == 2
    assert "no two runs to compare" in late.err


def test_a_column_to_look_by_shows_details_of_every_series(longwave: Longwave) -> None:
    ran = longwave("monitor", "compare", "sample", "--dataset", "prime", "--by", "true_label")
    assert ran.out.count("For whom") > 1


def test_apis_are_compared_with_words_for_two_apis(longwave: Longwave) -> None:
    ran = longwave(
        "monitor", "compare", "sample", "--task", "scr", "--dataset", "digit", "--across", "apis",
        "--api", "google_scr", "--api", "ibm_scr",
    )  # fmt: skip
    assert "google_scr → ibm_scr" in ran.out
    assert "second better" in ran.out


def test_rows_of_the_sample_become_a_predictions_table(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave(
        "monitor", "import", "sample", "--as-predictions", "--dataset", "sensitiveq", "--out", tmp_path
    )
    assert ran.code == 0
    assert "400 rows of the predictions table" in ran.out
    assert f"Next: longwave report {tmp_path}" in ran.err
    assert len(read_predictions(tmp_path)) == 400


def test_a_released_folder_becomes_a_store(longwave: Longwave, released: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    found = longwave("monitor", "import", released, "--out", out, "--verify", "--json")
    assert found.json["runs"] == 2
    assert "2 files or runs are as they should be" in found.err
    assert len(HapiStore.open(out).runs()) == 2


def test_a_download_is_shown_and_read(
    longwave: Longwave, released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(folder: Path, *, on_progress: Callable[[int, int | None], None]) -> Path:
        on_progress(2_000_000, 4_000_000)
        on_progress(4_000_000, 4_000_000)
        return released

    monkeypatch.setattr("longwave.monitoring.hapi.download_release", download)
    ran = longwave("monitor", "import", "--download", "--out", tmp_path / "store")
    assert ran.code == 0
    assert "download (MB) 4/4" in ran.err


@pytest.mark.parametrize("words", [(), ("sample", "--download")], ids=["neither", "both"])
def test_import_takes_a_path_or_a_download(
    longwave: Longwave, tmp_path: Path, words: tuple[str, ...]
) -> None:
    ran = longwave("monitor", "import", *words, "--out", tmp_path)
    assert ran.code == 2
    assert "give a path or --download, and not both" in ran.err


def test_a_folder_that_is_not_there_is_the_users_mistake(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave("monitor", "list", tmp_path / "nowhere")
    assert ran.code == 2
    assert "No file or folder" in ran.err


@pytest.fixture(scope="module")
def two_services(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a table of two models on 200 instances: a dear one, and a cheap one that errs if unsure."""
    from longwave.predictions import SCHEMA, write_predictions

    rows = []
    for place in range(200):
        is_sure = place % 4 != 0
        for model, right, confidence, cost in (
            ("cheap", is_sure, 0.9 if is_sure else 0.2, 0.0001),
            ("dear", True, 0.9, 0.001),
        ):
            row = dict.fromkeys(SCHEMA)
            row |= {"scenario": "s@1", "instance": f"i{place}", "model": model, "version": "1"}
            row |= {"date": "2026-01-01", "prompt": "p", "trial": 0, "label": "a", "run": "r"}
            row |= {"prediction": "a" if right else "b", "correct": right, "score": float(right)}
            rows.append(row | {"confidence": confidence, "cost_usd": cost})
    folder = tmp_path_factory.mktemp("services")
    write_predictions(folder, pl.DataFrame(rows, schema=SCHEMA), run="r")
    return folder


def test_a_policy_is_described_with_its_saving(
    longwave: Longwave, two_services: Path, tmp_path: Path
) -> None:
    ran = longwave(
        "monitor", "select", two_services, "--task", "own", "--dataset", "s@1", "--match-best",
        "--save", tmp_path / "policy.json",
    )  # fmt: skip
    assert ran.code == 0
    assert "Call cheap." in ran.out
    assert "Against dear alone, on held-out halves" in ran.out
    assert "Score by budget" in ran.out
    policy = Policy.from_json((tmp_path / "policy.json").read_text("utf-8"))
    assert policy.services == {"cheap", "dear"}


def test_a_policy_within_a_budget_is_printed_as_json(longwave: Longwave, two_services: Path) -> None:
    found = longwave(
        "monitor", "select", two_services, "--task", "own", "--dataset", "s@1", "--budget-usd", 5, "--json"
    ).json
    assert found["policy"]["expected"]["price_per_10k"] <= 5 + 1e-9
    assert [row["name"] for row in found["services"]] == ["cheap", "dear"]
    assert "savings" not in found
    assert json.dumps(found["curve"])


def test_prices_can_be_given(longwave: Longwave, two_services: Path) -> None:
    found = longwave(
        "monitor", "select", two_services, "--task", "own", "--dataset", "s@1", "--budget-usd", 50,
        "--price", "dear=40", "--json",
    ).json  # fmt: skip
    assert found["policy"]["prices"]["dear"] == 40


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--budget-usd", "5", "--match-best"), "two aims; give one"),
        (("--price", "dear"), '"dear" is no price; write API=USD'),
        (("--price", "=3"), '"=3" is no price'),
        (("--price", "dear=x"), '"dear=x" is no price'),
        (("--budget-usd", "0.5"), "buys no service"),
    ],
)
def test_wrong_aims_and_prices_are_refused(
    longwave: Longwave, two_services: Path, words: tuple[str, ...], says: str
) -> None:
    ran = longwave("monitor", "select", two_services, "--task", "own", "--dataset", "s@1", *words)
    assert ran.code == 2
    assert says in ran.err
