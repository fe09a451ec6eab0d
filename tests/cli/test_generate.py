from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Longwave = Callable[..., object]

HOSTILE = "a\x1b[31mb\x9b2J\rc\x07\td\x7f\n"


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the model write control characters."""

    def stream_text(*_: object, **__: object) -> Iterator[str]:
        return iter(HOSTILE)

    monkeypatch.setattr("longwave.generation.stream_text", stream_text)


def test_the_prompt_and_its_continuation_go_to_stdout(longwave: Longwave, trained: Path) -> None:
    ran = longwave("generate", trained, "--prompt", "It is", "--max-new-tokens", 5)
    assert (ran.code, ran.out[:5], ran.out[-1], ran.err) == (0, "It is", "\n", "")


def test_a_model_may_be_named_as_in_an_evaluation(longwave: Longwave, trained: Path) -> None:
    words = ("--prompt", "It is", "--max-new-tokens", 5)
    assert (
        longwave("generate", f"checkpoint:{trained}", *words).out == longwave("generate", trained, *words).out
    )


def test_json_is_one_document(longwave: Longwave, trained: Path) -> None:
    ran = longwave("generate", trained, "--prompt", "It is", "--max-new-tokens", 5, "--seed", 3, "--json")
    assert (ran.json["prompt"], ran.json["seed"]) == ("It is", 3)


def test_json_holds_the_text_that_is_printed(longwave: Longwave, trained: Path) -> None:
    words = ("generate", trained, "--prompt", "It is", "--max-new-tokens", 5)
    assert f"It is{longwave(*words, '--json').json['completion']}\n" == longwave(*words).out


def test_a_seed_repeats_itself(longwave: Longwave, trained: Path) -> None:
    words = ("generate", trained, "--max-new-tokens", 20, "--seed", 5)
    assert longwave(*words).out == longwave(*words).out


def test_another_seed_writes_another_text(longwave: Longwave, trained: Path) -> None:
    words = ("generate", trained, "--max-new-tokens", 20, "--seed")
    assert longwave(*words, 5).out != longwave(*words, 6).out


def test_a_stop_string_ends_the_text_before_it(longwave: Longwave, trained: Path) -> None:
    words = ("generate", trained, "--prompt", "It is", "--max-new-tokens", 40, "--json")
    whole = longwave(*words).json["completion"]
    stop = whole[len(whole) // 2]
    assert longwave(*words, "--stop", stop).json["completion"] == whole[: whole.index(stop)]


def test_a_dash_reads_the_prompt_from_stdin(
    longwave: Longwave, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("From a pipe"))
    assert longwave("generate", trained, "--prompt", "-", "--max-new-tokens", 1).out.startswith("From a pipe")


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_prompt_on_stdin_that_is_not_utf8_exits_2(
    errors: str, longwave: Longwave, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"caf\xe9"), encoding="utf-8", errors=errors)
    monkeypatch.setattr(sys, "stdin", stdin)
    ran = longwave("generate", trained, "--prompt", "-")
    assert (ran.code, "UTF-8" in ran.err, ran.out) == (2, True, "")


@pytest.mark.usefixtures("hostile")
def test_a_pipe_gets_the_text_as_it_is(longwave: Longwave, trained: Path) -> None:
    assert longwave("generate", trained).out == HOSTILE + "\n"


@pytest.mark.usefixtures("hostile")
def test_a_terminal_is_shown_control_characters_and_not_given_them(
    longwave: Longwave, trained: Path, terminal: Callable[[str], None]
) -> None:
    terminal("stdout")
    assert longwave("generate", trained).out == "a␛[31mb⟨U+009B⟩2J␍c␇\td␡\n\n"


def test_a_terminal_is_not_given_those_of_the_prompt_either(
    longwave: Longwave, trained: Path, terminal: Callable[[str], None]
) -> None:
    terminal("stdout")
    ran = longwave("generate", trained, "--prompt", "\x1b]0;title\x07", "--max-new-tokens", 1)
    assert ran.out.startswith("␛]0;title␇")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--prompt", "x" * 100], "The prompt has 100 tokens", id="prompt-too-long"),
        pytest.param(["--max-new-tokens", "100"], "the model has 64", id="completion-too-long"),
        pytest.param(["--device", "tpu0"], 'device is "tpu0"', id="device"),
        pytest.param(["--top-p", "2"], "top_p", id="top-p"),
        pytest.param(["--stop", ""], "empty string", id="empty-stop"),
        pytest.param(["--temperature", "warm"], "--temperature", id="no-number"),
        pytest.param(["--max-new-tokens", "0"], "--max-new-tokens", id="out-of-range"),
    ],
)
def test_a_mistake_exits_2_with_one_line(
    words: list[str], message: str, longwave: Longwave, trained: Path
) -> None:
    ran = longwave("generate", trained, *words)
    assert (ran.code, ran.out, ran.err.count("\n"), message in ran.err) == (2, "", 1, True)


def test_a_folder_without_a_model_exits_2(longwave: Longwave, tmp_path: Path) -> None:
    ran = longwave("generate", tmp_path / "nothing")
    assert (ran.code, "No trained model in" in ran.err) == (2, True)


def test_a_damaged_model_exits_2(longwave: Longwave, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "damaged")
    weights = tmp_path / "damaged" / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    ran = longwave("generate", tmp_path / "damaged")
    assert (ran.code, "CheckpointError: " in ran.err) == (2, True)


@pytest.mark.parametrize(
    "words", [("--mode", "lazy"), ("--mode", "relaxed"), ("--prefill-chunk", 3)], ids=str
)
def test_the_way_of_decoding_does_not_change_the_text(
    words: tuple[object, ...], longwave: Longwave, trained: Path
) -> None:
    same = ("generate", trained, "--prompt", "It is a long prompt", "--max-new-tokens", 20)
    assert longwave(*same, *words).out == longwave(*same).out


def test_a_long_prompt_tells_how_much_of_it_was_read(longwave: Longwave, trained: Path) -> None:
    ran = longwave("generate", trained, "--prompt", "123456789", "--max-new-tokens", 1, "--prefill-chunk", 4)
    assert ran.err.splitlines() == ["prompt 4/9 tokens", "prompt 8/9 tokens"]


def test_a_mode_that_a_model_does_not_have_exits_2(longwave: Longwave, trained: Path) -> None:
    ran = longwave("generate", trained, "--mode", "recurrent", "--max-new-tokens", 3)
    assert (ran.code, "longwave distill" in ran.err) == (2, True)
