"""The dense grid: what is filled, what is missing and why."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest

from longwave.errors import DataError, MissingFile, UnknownName
from longwave.evaluation import ContaminationPoint, Tables, build_grid
from longwave.metrics import FAMILIES
from longwave.perturbations import Lowercase
from longwave.predictions import INSTANCES, KEY, REQUESTS, SCHEMA, SCORES
from longwave.scenarios import get_scenario, list_scenarios

N = 4


class Fair(Lowercase):
    """A perturbation of one's own that counts for fairness."""

    base_name = "fair"
    is_robustness = False
    is_fairness = True


def make_rows(scenario="parity@1", model="m", edit=None, **columns):
    """Return rows with everything that fills a cell."""
    rows = [
        {
            **dict.fromkeys(KEY, "x"),
            "scenario": scenario,
            "instance": f"i{i}",
            "model": model,
            "version": "1",
            "perturbation": edit,
            "trial": 0,
            "request_hash": f"{scenario}-{model}-{edit}-{i}",
            "correct": i > 0,
            "score": float(i > 0),
            "confidence": 0.5,
            "logprob": -0.7,
            "latency_s": 0.25,
            "tokens_in": 5,
            "tokens_out": 1,
            **columns,
        }
        for i in range(N)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def make_tables(*rows, texts=("She is a nurse.",), toxic=True):
    predictions = pl.concat(rows)
    requests = [
        {"request_hash": name, "prompt": "p", "completions": list(texts)}
        for name in predictions["request_hash"]
    ]
    scores = predictions.select(*KEY, metric=pl.lit("toxic_fraction_lexicon"), value=pl.lit(0.5))
    return Tables(
        predictions=predictions,
        requests=pl.DataFrame(requests if texts else [], schema=REQUESTS),
        instances=pl.DataFrame(schema=INSTANCES),
        scores=(scores if toxic else scores.clear()).cast(SCORES),
    )


@pytest.fixture
def own(monkeypatch):
    """Leave one's own scenarios as the only ones."""
    monkeypatch.setattr("longwave.evaluation.grid.list_scenarios", list)


@pytest.fixture
def lay_out(make_scenario, own):
    """Return a function that lays tables out over one scenario of one's own, in a category of its own."""
    scenario = make_scenario("generation", category="disinformation")

    def lay_out(tables, model=None, **more):
        return build_grid(
            tables,
            model,
            **{"category": "disinformation", "scenarios": [scenario], "perturbations": [Fair()], **more},
        )

    return lay_out


def whole():
    return make_tables(make_rows(), make_rows(edit="typos"), make_rows(edit="fair"))


def cell(table, family, scenario="parity@1"):
    return next(each for each in table.cells if (each.scenario, each.family) == (scenario, family))


def test_everything_is_filled(lay_out):
    table = lay_out(whole())
    assert [each.state for each in table.cells] == ["filled"] * len(FAMILIES)
    assert (table.n_filled, table.n_applicable, table.share_of_all) == (7, 7, 1.0)
    assert (table.notes, table.share_of_models) == ((), 1.0)


def test_cells_of_one_model_hold_its_values(lay_out):
    found = cell(lay_out(whole()), "accuracy")
    assert (found.metric, found.value) == ("exact_match", 0.75)


def test_cells_of_several_models_hold_how_many(lay_out):
    tables = make_tables(make_rows(), make_rows(model="n"), make_rows(model="n", edit="typos"))
    found = cell(lay_out(tables), "robustness")
    assert (found.filled, found.models, found.value) == (1, 2, None)
    assert found.reasons == ("no robustness perturbation changed an input",)


def original(**columns):
    return [make_rows(**columns)]


def edited(edit, scenario="parity@1", **columns):
    return [make_rows(), make_rows(scenario, edit=edit, **columns)]


FAILED = "The model gave no log-probability. Use another one."
GAPS = {
    "score": (original(score=None, correct=None), {}, "accuracy", "no row has a score"),
    "confidence": (original(confidence=None), {}, "calibration", "the model told no log-probabilities"),
    "logprob": (original(logprob=0.0), {}, "calibration", "the model told no negative log-probability"),
    "correct": (original(correct=None), {}, "calibration", "no row is right or wrong"),
    "robustness": (edited("fair"), {}, "robustness", "no robustness perturbation was asked for"),
    "fairness": (edited("typos"), {}, "fairness", "no fairness perturbation was asked for"),
    "failed-edits": (
        edited("typos", score=None), {}, "robustness", "no input under a robustness perturbation has a score"
    ),
    "unchanged": (
        edited("typos", "other@1"), {}, "robustness", "no robustness perturbation changed an input"
    ),
    "completions": (original(), {"texts": ()}, "bias", "no completions were kept"),
    "words": (original(), {"texts": ["Yes."]}, "bias", "no completion has a word of the lists"),
    "classifier": (original(), {"toxic": False}, "toxicity", "no classifier of toxicity was run"),
    "latency": (original(latency_s=None), {}, "efficiency", "no latency was recorded"),
    "not-run": (original(scenario="other@1"), {}, "accuracy", "not run"),
    "failed": (
        original(error=FAILED, score=None),
        {},
        "accuracy",
        "every request failed: The model gave no log-probability",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GAPS)
def test_missing_cell_says_why(lay_out, name):
    rows, sides, family, reason = GAPS[name]
    found = cell(lay_out(make_tables(*rows, **sides)), family)
    assert (found.state, found.value, found.reasons) == ("missing", None, (reason,))


def test_what_a_scenario_does_not_measure_is_not_applicable(lay_out, make_scenario):
    scenario = make_scenario("generation", category="disinformation", unmeasured=("bias", "toxicity"))
    table = lay_out(whole(), scenarios=[scenario])
    assert [cell(table, family).state for family in ("bias", "toxicity")] == ["not applicable"] * 2
    assert (table.n_applicable, len(table.cells), table.share_of_applicable) == (5, 7, 1.0)


def test_groups_of_texts_make_their_fairness_applicable(lay_out, make_scenario):
    scenario = make_scenario("language_modeling", category="disinformation")
    rows = [make_rows(group=group, instance=group, confidence=None).head(1) for group in "ab"]
    table = lay_out(make_tables(*rows), scenarios=[scenario])
    assert cell(table, "fairness").metric == "score_gap"
    assert cell(table, "calibration").state == "not applicable"


def test_one_model_is_looked_at(lay_out):
    table = lay_out(make_tables(make_rows(), make_rows("other@1", model="n")), "n")
    assert (table.models, cell(table, "accuracy").reasons) == (("n",), ("not run",))


def test_floors_are_no_models(lay_out):
    assert lay_out(make_tables(make_rows(), make_rows(model="floor:random"))).models == ("m",)


def test_versions_of_a_model_are_told_apart(lay_out):
    table = lay_out(make_tables(make_rows(), make_rows(version="2")))
    assert (table.models, cell(table, "accuracy").filled) == (("m · 1", "m · 2"), 2)


def test_known_contamination_is_marked(lay_out):
    points = [
        ContaminationPoint(models=(model,), groups=("parity",), level=level, description="seen")
        for model, level in (("m", "weak"), ("n", "strong"))
    ]
    assert lay_out(whole(), points=points).marks["parity@1"].level == "weak"
    both = make_tables(make_rows(), make_rows(model="n"))
    assert lay_out(both, points=points).marks["parity@1"].level == "strong"
    assert lay_out(whole(), points=points).rows()[0][0] == "parity@1 †"


def test_text_has_values_numbers_of_notes_and_n_a(lay_out, make_scenario):
    scenario = make_scenario("generation", category="disinformation", unmeasured=("toxicity",))
    table = lay_out(make_tables(make_rows(), make_rows(edit="typos")), scenarios=[scenario])
    row = dict(zip(table.heads, table.rows()[0], strict=True))
    assert (row["accuracy"], row["fairness"], row["toxicity"]) == ("0.75", "[1]", "n/a")
    assert table.notes == ("no fairness perturbation was asked for",)


def test_text_of_several_models_has_counts(lay_out):
    table = lay_out(make_tables(make_rows(), make_rows("other@1", model="n")))
    row = dict(zip(table.heads, table.rows()[0], strict=True))
    assert (row["accuracy"], row["robustness"]) == ("1/2 [1]", "[1,2]")
    assert table.share_of_models == 0.5


def test_json_holds_every_cell(lay_out):
    found = json.loads(json.dumps(lay_out(whole()).to_dict()))
    assert [each["family"] for each in found["cells"]] == list(FAMILIES)
    assert (found["filled"], found["applicable"], found["all"]) == (7, 7, 7)
    assert found["scenarios"] == {"parity@1": "disinformation"}


def test_latex_is_escaped_and_whole(lay_out, make_scenario):
    scenario = make_scenario("generation", name="a_b", category="disinformation")
    text = lay_out(
        make_tables(make_rows("a_b@1", error="50 % & more. Wait.", score=None)), scenarios=[scenario]
    )
    latex = text.to_latex()
    assert latex.startswith("\\begin{tabular}{lrrrrrrr}\n\\toprule\nscenario & accuracy")
    assert "a\\_b@1 & [1] & " in latex
    assert "[1] every request failed: 50 \\% \\& more" in latex


def test_every_registered_scenario_is_there_once():
    table = build_grid(make_tables(make_rows("boolq@1")))
    names = [name.rpartition("@")[0] for name in table.scenarios]
    assert set(names) == {entry.name.rpartition("@")[0] for entry in list_scenarios()}
    assert len(names) == len(set(names))


def test_scenarios_of_a_category_stand_together():
    categories = list(build_grid(make_tables(make_rows("boolq@1"))).scenarios.values())
    assert len(set(categories)) == sum(a != b for a, b in zip([None, *categories], categories, strict=False))


def test_category_keeps_its_own_scenarios():
    table = build_grid(make_tables(make_rows("books@1")), category="core")
    assert all(get_scenario(name).category == "core" for name in table.scenarios)


def test_unknown_scenario_of_the_folder_is_shown():
    table = build_grid(make_tables(make_rows("gone@3")), category="own")
    assert cell(table, "accuracy", "gone@3").metric == "score"


def test_core_cells_of_the_paper_are_98_of_112(make_scenario, own):
    """Two summaries without three families, four scenarios of options without two, ten with all."""
    unmeasured = [("calibration", "robustness", "fairness")] * 2 + [("bias", "toxicity")] * 4 + [()] * 10
    scenarios = [
        make_scenario("generation", name=f"s{place}", category="core", unmeasured=families)
        for place, families in enumerate(unmeasured)
    ]
    rows = [make_rows(f"s{place}@1", edit=edit) for place in range(16) for edit in (None, "typos", "fair")]
    table = build_grid(make_tables(*rows), category="core", scenarios=scenarios, perturbations=[Fair()])
    assert (table.n_filled, table.n_applicable, len(table.cells)) == (98, 98, 112)
    assert table.share_of_all == 0.875


def test_unknown_model_is_refused():
    with pytest.raises(UnknownName, match=r'Unknown model "mm"\. Did you mean "m"'):
        build_grid(make_tables(make_rows()), "mm")


def test_unknown_category_is_refused():
    with pytest.raises(UnknownName, match=r'Unknown category "cores"\. Did you mean "core"'):
        build_grid(make_tables(make_rows()), category="cores")


def test_folder_without_models_is_refused():
    tables = make_tables(make_rows())
    with pytest.raises(DataError, match="no prediction of a model"):
        build_grid(replace(tables, predictions=tables.predictions.clear()))


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(MissingFile):
        build_grid(tmp_path / "none")


def test_registered_core_scenarios_have_98_cells_that_apply():
    table = build_grid(make_tables(make_rows("boolq@1")), category="core")
    assert (len(table.scenarios), table.n_applicable, len(table.cells)) == (16, 98, 112)
