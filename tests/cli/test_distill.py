from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.models import LanguageModel

Longwave = Callable[..., object]
QUICK = ("--order", 3, "--steps", 1, "--max-tokens", 200)


@pytest.fixture
def ran(longwave: Longwave, trained: Path, tmp_path: Path) -> object:
    """Run the command once, with JSON."""
    return longwave("distill", trained, "--out", tmp_path / "distilled", *QUICK, "--json")


def test_json_has_bounds_order_and_both_perplexities(ran: object) -> None:
    assert (ran.code, ran.json["order"]) == (0, 3)
    assert all(value > 1 for value in ran.json["perplexity"].values())
    assert len(ran.json["filters"]) == 2 * 16
    assert {"l1_error", "hankel_tail", "order"} <= set(ran.json["filters"][0])


def test_the_distilled_model_is_loaded_as_any_other(ran: object, longwave: Longwave, tmp_path: Path) -> None:
    filter = LanguageModel.from_pretrained(tmp_path / "distilled").config.mixer_options["filter"]
    assert filter == {"kind": "modal", "order": 3}
    words = ("--prompt", "It is", "--max-new-tokens", 3, "--mode", "recurrent")
    assert longwave("generate", tmp_path / "distilled", *words).code == 0


def test_a_table_has_a_row_for_each_layer_and_the_perplexities(
    longwave: Longwave, trained: Path, tmp_path: Path
) -> None:
    ran = longwave("distill", trained, "--out", tmp_path / "distilled", *QUICK)
    lines = ran.out.splitlines()
    assert (ran.code, len(lines)) == (0, 4)
    assert "3 modes a filter; perplexity" in lines[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--tolerance", "2"], '"tolerance" is 2.0', id="tolerance"),
        pytest.param(["--text", "nowhere.txt"], 'No text file "nowhere.txt"', id="no-text"),
        pytest.param(["--order", "0"], "--order", id="order"),
    ],
)
def test_a_mistake_exits_2_and_writes_nothing(
    words: list[str], message: str, longwave: Longwave, trained: Path, tmp_path: Path
) -> None:
    ran = longwave("distill", trained, "--out", tmp_path / "distilled", *words)
    assert (ran.code, message in ran.err, (tmp_path / "distilled").exists()) == (2, True, False)


def test_a_text_that_is_not_utf8_exits_2(longwave: Longwave, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(b"caf\xe9")
    ran = longwave("distill", trained, "--out", tmp_path / "out", "--text", tmp_path / "text.txt")
    assert (ran.code, "is not UTF-8" in ran.err) == (2, True)
