"""Compare what Longwave and lm-eval say about the same options under the same model of transformers.

    python benchmarks/harness_overhead/parity.py --lm-eval ENV/bin/python

Runs under an environment with ``longwave[torch,hf]``; ENV has ``lm-eval[hf]``. The model is small, random and
made here, with a tokenizer trained on the bundled books. Both score the four options of every question; the
log-likelihoods are compared option by option, then the choices by three scores that either could make: the
plain sum, the sum over characters (lm-eval's ``acc_norm``) and the sum over tokens (Longwave's).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
from harnesses import QUIET
from questions import Question, make_questions, write_questions
from run import commit, say

from longwave.evaluation import evaluate
from longwave.predictions import read_side

HERE = Path(__file__).parent
SEPARATE = """\
name: gaps
main_metric: exact_match
rows: rows.jsonl
prompt:
  method: multiple_choice_separate
  max_train_instances: 0
  input_prefix: "Question: "
  input_suffix: "\\nAnswer:"
  output_prefix: " "
"""
SCORES = ("sum", "over characters", "over tokens")


def main() -> int:
    options = parse()
    questions = make_questions(options.count, seed=1)
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        save_model(folder / "model", options.vocab_size)
        write_questions(folder, questions)
        (folder / "gaps.yaml").write_text(SEPARATE, "utf-8")
        say("model and questions are made")
        ours, chosen, lengths = score_ours(folder, questions)
        say("Longwave is done")
        theirs, results = score_theirs(folder, options.lm_eval, options.count)
    record = compare(ours, theirs, lengths, chosen, questions) | {
        "lm_eval_said": {name: results[f"{name},none"] for name in ("acc", "acc_norm")},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit(),
        "versions": {name: version(name) for name in ("longwave", "torch", "transformers")},
        "lm_eval_versions": versions_of(options.lm_eval),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(json.dumps(record, indent=1))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--lm-eval", type=Path, required=True, help="Python of an environment with lm-eval[hf]"
    )
    parser.add_argument("--count", type=int, default=500, help="questions")
    parser.add_argument("--vocab-size", type=int, default=2000, help="of the tokenizer")
    parser.add_argument("--out", type=Path, default=Path("runs/harness_overhead/parity.json"))
    return parser.parse_args()


def save_model(folder: Path, vocab_size: int) -> None:
    """Write a random GPT-2 of two layers whose guesses are far from even, so that options differ."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    learned = ByteLevelBPETokenizer()
    text = (files("longwave") / "samples" / "books" / "train.txt").read_text("utf-8")
    learned.train_from_iterator(
        [text], vocab_size=vocab_size, special_tokens=["<|end|>"], show_progress=False
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=learned._tokenizer, eos_token="<|end|>", model_max_length=256
    )
    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=256,
            n_embd=64,
            n_layer=2,
            n_head=4,
            initializer_range=0.2,
            bos_token_id=tokenizer.eos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def score_ours(
    folder: Path, questions: Sequence[Question]
) -> tuple[np.ndarray, list[str | None], np.ndarray]:
    """Return log-likelihoods (Q, 4), the option each row of the table chose, and tokens (Q, 4)."""
    out = folder / "longwave"
    rows = evaluate(model=f"hf:{folder / 'model'}", scenarios=[str(folder / "gaps.yaml")], out=out)
    rows = rows.filter(~rows["model"].str.starts_with("floor:"))
    known = {}
    for row in read_side(out, "requests").iter_rows(named=True):
        key = (row["prompt"], row["continuation"])
        known[key] = (row["logprobs"][0], json.loads(row["settings"])["tokens_out"])
    found = [
        [known[f"Question: {question.text}\nAnswer:", f" {choice}"] for choice in question.choices]
        for question in questions
    ]
    chosen = dict(zip(rows["instance"], rows["prediction"], strict=True))
    sums = np.array([[pair[0] for pair in row] for row in found])
    tokens = np.array([[pair[1] for pair in row] for row in found])
    return sums, [chosen[f"id{index}"] for index in range(len(questions))], tokens


def score_theirs(folder: Path, python: Path, count: int) -> tuple[np.ndarray, dict[str, float]]:
    """Return log-likelihoods (Q, 4) and the results that lm-eval prints."""
    words = ["run", "--model", "hf", "--model_args", f"pretrained={folder / 'model'},dtype=float32"]
    words += ["--include_path", "tasks", "--tasks", "gaps", "--device", "cpu", "--batch_size", "8"]
    words += ["--output_path", "lm_eval", "--log_samples"]
    env = os.environ | QUIET | {"HF_HOME": str(folder / "hf_home")}
    ran = subprocess.run(
        [str(python.absolute().parent / "lm-eval"), *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr[-2000:])
    (samples,) = (folder / "lm_eval").rglob("samples_gaps_*.jsonl")
    (results,) = (folder / "lm_eval").rglob("results_*.json")
    sums = np.full((count, 4), np.nan)
    for line in samples.read_text("utf-8").splitlines():
        sample = json.loads(line)
        sums[sample["doc_id"]] = [float(answer[0]) for answer in sample["filtered_resps"]]
    return sums, json.loads(results.read_text("utf-8"))["results"]["gaps"]


def compare(
    ours: np.ndarray,
    theirs: np.ndarray,
    tokens: np.ndarray,
    chosen: Sequence[str | None],
    questions: Sequence[Question],
) -> dict[str, object]:
    """Compare log-likelihoods and choices; ours by tokens are the predictions that the table holds."""
    answers = np.array([question.answer for question in questions])
    characters = np.array([[len(choice) for choice in question.choices] for question in questions])
    by_table = np.array(
        [question.choices.index(choice) for question, choice in zip(questions, chosen, strict=True)]
    )
    difference = np.abs(ours - theirs)
    choices = {}
    for name, lengths in zip(SCORES, (np.ones_like(tokens), characters, tokens), strict=True):
        first, second = (ours / lengths).argmax(axis=1), (theirs / lengths).argmax(axis=1)
        if name == "over tokens":
            first = by_table
        choices[name] = {
            "same_choice": int((first == second).sum()),
            "accuracy_ours": float((first == answers).mean()),
            "accuracy_theirs": float((second == answers).mean()),
        }
    return {
        "questions": len(questions),
        "options": int(ours.size),
        "tokens_an_option": {str(n): int((tokens == n).sum()) for n in np.unique(tokens)},
        "spread_of_sums": float(np.ptp(ours, axis=1).mean()),
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "choices": choices,
    }


def versions_of(python: Path) -> dict[str, str]:
    """Return versions in the environment of lm-eval."""
    code = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({n: m.version(n) for n in ('lm-eval', 'torch', 'transformers')}))"
    )
    ran = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


if __name__ == "__main__":
    sys.exit(main())
