"""Files that people write: settings, suites, scenarios, chains, prices, word lists, run records."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from registry import Reader

from longwave.clients.budget import load_price
from longwave.config import load_config, read_run_record, write_run_record
from longwave.evaluation import EvaluateConfig
from longwave.evaluation.suites import get_suite
from longwave.monitoring import Plan, Policy, ProbeConfig, Rule, Sampler, read_collect_config
from longwave.perturbations._words import read_word_list
from longwave.prompting.ama import get_chain_file
from longwave.scenarios import load_scenario_file
from longwave.scenarios.legal import check_legal_folder, new_legal_folder

EVALUATION = {
    "models": ["fake:first"],
    "scenarios": ["boolq"],
    "trials": 2,
    "perturbations": ["lowercase"],
    "max_instances": 5,
}
SUITE = "description: x\nscenarios: {boolq: 4, blimp: 0}\nperturbations: [lowercase]\ntrials: 2\n"
SCENARIO = """\
name: colours
rows: rows.jsonl
main_metric: exact_match
group_by: topic
prompt: {method: multiple_choice_separate, output_prefix: " "}
"""
ROWS = [
    {
        "input": "The sky is",
        "references": [{"text": "blue", "tags": ["correct"]}, {"text": "green"}],
        "extra": {"topic": "colours"},
    },
    {"id": "grass", "input": "Grass is", "references": [], "split": "train", "group": "plants"},
]
PRICES = '["m"]\nin = 1.0\nout = 2.0\n'
LABELS = ["a", "b", "a", "b", "a", "a"]


def write(name: str, text: str):
    return lambda folder: (folder / name).write_text(text, "utf-8")


def make_scenario(folder: Path) -> None:
    (folder / "colours.yaml").write_text(SCENARIO, "utf-8")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")


def make_chains(folder: Path) -> None:
    from longwave.prompting.ama import files

    shutil.copy(str(files.FOLDER / f"boolq{files.ENDING}"), folder / "chains.yaml")


def read_chains(path: Path) -> object:
    found = get_chain_file(str(path))
    return found.build(), found.instance(), found.format()


def text_of(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.is_file() else ""


def make_probe(folder: Path) -> None:
    sampler = Sampler(LABELS, LABELS, config=ProbeConfig())
    rows = sampler.next(2)
    sampler.tell(rows, [LABELS[row] for row in rows])
    (folder / "state.json").write_text(sampler.to_json(), "utf-8")


def read_probe(path: Path) -> object:
    return Sampler.from_json(text_of(path), LABELS, LABELS).next(2)


def make_policy(folder: Path) -> None:
    policy = Policy(
        plans=(Plan(base="a", rules=(Rule(label=1, below=0.5, addon="b"),)), Plan(base="b")),
        shares=(0.5, 0.5),
        prices={"a": 1.0, "b": 2.0},
        expected_price=1.5,
        expected_score=0.7,
    )
    (folder / "policy.json").write_text(policy.to_json(), "utf-8")


def read_policy(path: Path) -> object:
    return Policy.from_json(text_of(path)).describe()


READERS = (
    Reader(
        name="evaluation",
        target="c.yaml",
        make=write("c.yaml", json.dumps(EVALUATION)),
        read=lambda path: load_config(EvaluateConfig, path),
    ),
    Reader(
        name="run-record",
        target="",
        make=lambda folder: write_run_record(
            folder,
            kind="evaluate",
            config=EvaluateConfig(models=("fake:first",), scenarios=("boolq",)),
            seed=0,
        ),
        read=lambda folder: read_run_record(folder),
    ),
    Reader(
        name="suite",
        target="suite.yaml",
        make=write("suite.yaml", SUITE),
        read=lambda path: get_suite(str(path)),
    ),
    Reader(
        name="scenario-file",
        target="colours.yaml",
        make=make_scenario,
        read=lambda path: load_scenario_file(path).load(),
        names_file=False,
    ),
    Reader(name="chains", target="chains.yaml", make=make_chains, read=read_chains, names_file=False),
    Reader(
        name="collect-job",
        target="job.yaml",
        make=write(
            "job.yaml",
            json.dumps(
                {"models": ["fake:first"], "scenarios": ["boolq"], "out": "out", "alarms": ["overlap < 97%"]}
            ),
        ),
        read=read_collect_config,
    ),
    Reader(
        name="prices",
        target="prices.toml",
        make=write("prices.toml", PRICES),
        read=lambda path: load_price(path, "m"),
    ),
    Reader(
        name="word-list",
        target="words.tsv",
        make=write("words.tsv", "# x\ncar\tauto motor_car\nbig\tlarge\n"),
        read=read_word_list,
    ),
    Reader(name="probe-state", target="state.json", make=make_probe, read=read_probe, names_file=False),
    Reader(name="policy", target="policy.json", make=make_policy, read=read_policy, names_file=False),
    Reader(
        name="legal-folder",
        target="mine",
        make=lambda folder: new_legal_folder("mine", folder, irac="application"),
        read=lambda folder: check_legal_folder(folder),
    ),
)
