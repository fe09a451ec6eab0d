"""The parts of benchmarks/long_conv that figures rest on, and one tiny run of it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from longwave.ops import long_conv

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "benchmarks" / "long_conv"
MODULES = ("competitors", "layers", "plot", "problems", "records", "resident", "run", "timing")


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    """Import the modules of the folder, as its scripts do, and forget them again: their names are short."""
    sys.path.insert(0, str(FOLDER))
    try:
        found: dict[str, ModuleType] = {name: importlib.import_module(name) for name in MODULES}
        yield SimpleNamespace(**found)
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture
def problem(parts: SimpleNamespace) -> object:
    return parts.problems.Problem(8, 2, 37, torch.float64, "cpu")


def _row(name: str, length: int, forward: float | None, **more: object) -> dict[str, object]:
    row: dict[str, object] = {"what": "conv", "name": name, "length": length, "batch": 1, **more}
    return row if forward is None else row | {"forward": {"median_ms": forward}}


@pytest.mark.parametrize(
    ("estimate_s", "budget_s", "planned"),
    [
        pytest.param(1e-3, 0.4, (2, 30), id="short-calls-are-capped"),
        pytest.param(0.02, 0.4, (2, 20), id="budget"),
        pytest.param(0.2, 0.4, (2, 5), id="five-at-least"),
        pytest.param(0.5, 0.4, (1, 3), id="slow"),
        pytest.param(2.0, 0.4, (0, 3), id="very-slow"),
    ],
)
def test_repeats_follow_the_budget(
    estimate_s: float, budget_s: float, planned: tuple[int, int], parts: SimpleNamespace
) -> None:
    assert parts.timing.plan_repeats(estimate_s, budget_s) == planned


def test_the_median_and_the_spread_are_kept(parts: SimpleNamespace) -> None:
    found = parts.timing.summarize([3.0, 1.0, 2.0, 9.0], 5.0)
    assert (found.median_ms, found.min_ms, found.max_ms, found.repeats, found.first_s) == (2.5, 1, 9, 4, 5)


def test_warm_up_calls_are_not_counted(parts: SimpleNamespace) -> None:
    calls: list[int] = []
    found = parts.timing.measure(lambda: calls.append(1), "cpu", budget_s=0.1, most=7)
    assert (len(calls), found.repeats) == (2 + 2 + 7, 7)


@pytest.mark.parametrize(
    ("length", "floors"), [(1024, (0.378, 1.04)), (2**18, (0.566, 1.60))], ids=["L1024", "L262144"]
)
def test_the_floor_counts_every_tensor_once(
    length: int, floors: tuple[float, float], parts: SimpleNamespace
) -> None:
    problem = parts.problems.Problem(768, 2**18 // length, length, torch.bfloat16, "cuda")
    found = [parts.records.floor_ms(count, 4.27e12) for count in problem.floor_bytes()]
    assert found == pytest.approx(floors, rel=0.01)


def test_without_gates_only_input_and_output_move(parts: SimpleNamespace) -> None:
    plain = parts.problems.Problem(1, 1, 10, torch.float32, "cpu", is_gated=False)
    assert plain.floor_bytes() == (40 * 3, 40 * 3 + 40 * 5)


@pytest.mark.parametrize("is_gated", [True, False], ids=["gated", "plain"])
def test_the_reference_agrees_with_the_direct_sum(is_gated: bool, parts: SimpleNamespace) -> None:
    problem = parts.problems.Problem(8, 2, 37, torch.float64, "cpu", is_gated)
    signals = parts.problems.draw(problem)

    def conv(u: object, k: object, gate_in: object, gate_out: object) -> torch.Tensor:
        return long_conv(u, k.double(), gate_in=gate_in, gate_out=gate_out, backend="naive")

    case = parts.problems.conv_case(conv, signals)
    exact = parts.problems.reference(signals, [0, 3, 7])
    errors, is_finite = parts.problems.relative_errors(case, exact, [0, 3, 7])
    assert (set(errors), is_finite) == ({"y", "du", "dk", *(("da", "db") if is_gated else ())}, True)
    assert max(errors.values()) < 1e-6  # the filter's gradient is float32


def test_a_wrong_result_has_a_large_error(parts: SimpleNamespace, problem: object) -> None:
    signals = parts.problems.draw(problem)
    case = parts.problems.conv_case(lambda u, k, a, b: u * k.sum(-1)[:, None] * a * b, signals)
    errors, _ = parts.problems.relative_errors(case, parts.problems.reference(signals, [0]), [0])
    assert min(errors.values()) > 0.5


def test_an_infinite_result_is_told(parts: SimpleNamespace, problem: object) -> None:
    signals = parts.problems.draw(problem)
    case = parts.problems.conv_case(lambda u, k, a, b: u * k * a * b / 0.0, signals)
    assert not parts.problems.relative_errors(case, parts.problems.reference(signals, [0]), [0])[1]


def test_torch_fft_is_the_same_convolution(parts: SimpleNamespace) -> None:
    u, k, a, b, _ = parts.problems.draw(parts.problems.Problem(8, 2, 37, torch.float32, "cpu"))
    exact = long_conv(u, k, gate_in=a, gate_out=b, backend="naive")
    torch.testing.assert_close(parts.competitors.fft_conv(u, k, a, b), exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["torch-fft-compiled", "torch-fft-half", "flash-fft-conv-bf16"])
def test_what_has_no_place_here_is_left_out(name: str, parts: SimpleNamespace, problem: object) -> None:
    competitor = next(each for each in parts.competitors.peers([]) if each.name == name)
    with pytest.raises(parts.problems.NotHereError):
        competitor.build(problem)


def test_the_quadratic_sum_is_left_out_of_long_problems(parts: SimpleNamespace) -> None:
    with pytest.raises(parts.problems.NotHereError, match="quadratic"):
        parts.competitors.ours("direct", parts.problems.Problem(8, 2, 2048, torch.float32, "cpu"))


def test_the_mixer_of_torch_parts_equals_ours(parts: SimpleNamespace) -> None:
    from longwave.mixers import Hyena

    torch.manual_seed(0)
    ours = Hyena(8, max_length=37)
    theirs = parts.layers.TorchHyena(ours, parts.competitors.fft_conv)
    x = torch.randn(2, 37, 8)
    torch.testing.assert_close(theirs(x), ours(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("suffix", ["", "-width-last"])
def test_the_short_filters_are_the_same(suffix: str, parts: SimpleNamespace) -> None:
    found = []
    for name in ("ours", "conv1d"):
        torch.manual_seed(0)
        case = parts.layers.short_cases()[name + suffix](
            parts.problems.Problem(4, 2, 11, torch.float32, "cpu")
        )
        y, gradients = case.forward_backward()
        found.append((y, *gradients))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


def test_the_table_shows_ratios_to_ours(parts: SimpleNamespace) -> None:
    rows = [_row("ours", 1024, 2.0), _row("torch-fft", 1024, 5.0), _row("ours again", 1024, 2.2)]
    lines = parts.records.table(rows, ["conv"], "forward").splitlines()
    assert [line.split() for line in lines] == [
        ["length", "floor", "ours", "torch-fft"],
        ["1024", "-", "2.00", "5.00", "(2.50x)"],
    ]


def test_a_missing_time_is_a_dash(parts: SimpleNamespace) -> None:
    rows = [_row("ours", 1024, 2.0), _row("torch-fft", 1024, 5.0), _row("ours", 2048, 3.0)]
    assert parts.records.table(rows, ["conv"], "forward").splitlines()[-1].split()[-1] == "-"


def test_a_table_of_nothing_is_empty(parts: SimpleNamespace) -> None:
    assert parts.records.table([_row("ours", 1024, None)], ["conv"], "forward") == ""


def test_a_reason_is_told_once_with_its_lengths(parts: SimpleNamespace) -> None:
    rows = [_row("torch-fft", length, None, reason="out of memory") for length in (1024, 2048)]
    assert parts.records.reasons(rows) == "conv torch-fft: out of memory (L = 1024, 2048)"


def test_drift_compares_the_two_times_of_ours(parts: SimpleNamespace) -> None:
    rows = [_row("ours", 1024, 2.0), _row("ours again", 1024, 2.5)]
    assert parts.records.drift(rows).splitlines()[-1].split() == ["1024", "1.25", "-"]


def test_the_worst_error_over_all_lengths_is_shown(parts: SimpleNamespace) -> None:
    rows = [
        _row("ours", length, 1.0, errors={"y": error}, is_finite=True)
        for length, error in ((1024, 1e-3), (2048, 2e-3))
    ]
    assert parts.records.error_table(rows).splitlines()[-1].split() == ["ours", "2.0e-03", "yes"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.3777, "0.378"), (9.0, "9.00"), (698.4, "698")], ids=str
)
def test_numbers_have_three_digits(value: float | None, text: str, parts: SimpleNamespace) -> None:
    assert parts.records.number(value) == text


def test_the_figure_shows_times_of_equal_tokens(parts: SimpleNamespace) -> None:
    row = _row("ours", 2**20, 30.0, floor_ms={"forward": 2.0})
    _, points = parts.plot.time_figure({"rows": [row]})
    assert [(point["name"], point["value"]) for point in points] == [
        ("Longwave", 7.5),
        (parts.plot.FLOOR, 0.5),
    ]


def test_the_figure_leaves_out_what_has_no_place_in_it(parts: SimpleNamespace) -> None:
    rows = [_row("ours-fft", 1024, 1.0), _row("ours", 1024, 1.0, is_gated=False)]
    assert parts.plot.time_figure({"rows": [_row("ours", 512, 1.0), *rows]})[1][1:] == []


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "run.py"), "--device", "cpu", "--tiny", "--quick", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run everything that runs on a CPU at one length, a backend that there is not among it."""
    path = tmp_path_factory.mktemp("bench") / "figures.json"
    words = ("--lengths", "64", "--layer-lengths", "64", "--what", "conv,peers,short,mixer,attention")
    return _run(*words, "--backends", "fft", "nope", "--commit", "abc", "--out", str(path)), path


@pytest.fixture
def record(tiny: tuple[object, Path]) -> dict[str, object]:
    return json.loads(tiny[1].read_text("utf-8"))


def test_a_tiny_run_succeeds(tiny: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert (tiny[0].returncode, "gated convolution and attention" in tiny[0].stdout) == (0, True)


def test_progress_is_told_on_stderr(tiny: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert "conv torch-fft L=64  forward " in tiny[0].stderr


def test_the_record_says_where_it_comes_from(record: dict[str, object]) -> None:
    known = {"machine", "versions", "date", "commit", "protocol", "yardsticks", "rows"}
    assert (known - record.keys(), record["commit"]) == (set(), "abc")


def test_every_row_has_times_errors_or_a_reason(record: dict[str, object]) -> None:
    found = {(row["what"], row["name"]) for row in record["rows"] if "forward_backward" in row}
    assert {("conv", "ours"), ("conv", "torch-fft"), ("short", "conv1d"), ("mixer", "torch-hyena")} <= found


def test_ours_is_exact_to_rounding(record: dict[str, object]) -> None:
    row = record["rows"][0]
    assert (row["name"], max(row["errors"].values()) < 1e-6, row["is_finite"]) == ("ours", True, True)


def test_a_failing_entry_leaves_its_reason_and_the_run_goes_on(record: dict[str, object]) -> None:
    rows = {row["name"]: row for row in record["rows"]}
    assert "UnknownName" in rows["ours-nope"]["reason"]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return a function that sets the words of the command line."""
    always = ("--device", "cpu", "--tiny", "--lengths", "64", "--out", str(tmp_path))
    return lambda *more: monkeypatch.setattr(sys, "argv", ["run.py", *always, *more])


def test_a_spent_budget_starts_nothing_and_exits_1(
    words: Callable[..., None], parts: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    words("--what", "conv", "--budget-s", "0", "--json")
    code = parts.run.main()
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert (code, {"budget" in row["reason"] for row in rows}) == (1, {True})


def test_an_interrupt_keeps_what_is_finished_and_exits_130(
    words: Callable[..., None], parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    words("--what", "conv", "--backends", "fft", "--quick")
    monkeypatch.setattr(parts.run, "own_backends", interrupt)
    code = parts.run.main()
    kept = json.loads((tmp_path / "cpu.json").read_text("utf-8"))["rows"]
    assert (code, [row["name"] for row in kept]) == (130, ["ours"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        pytest.param(("--what", "convolution"), "choose from conv,peers", id="what"),
        pytest.param(("--device", "cuda"), "use --device cpu", id="device"),
    ],
)
def test_a_wrong_option_exits_2(
    more: tuple[str, ...],
    message: str,
    words: Callable[..., None],
    parts: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words(*more)
    with pytest.raises(SystemExit, match="2"):
        parts.run.main()
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(torch.OutOfMemoryError("CUDA out of memory. Tried ..."), "out of memory", id="memory"),
        pytest.param(ValueError("first\nsecond"), "ValueError: first", id="first-line"),
    ],
)
def test_a_reason_is_one_line(error: Exception, reason: str, parts: SimpleNamespace) -> None:
    assert parts.run.describe(error) == reason


@pytest.mark.parametrize(
    ("device", "length", "batch"),
    [("cuda", 1024, 256), ("cuda", 2**18, 1), ("cuda", 2**20, 1), ("cpu", 65536, 8)],
    ids=["cuda-L1024", "cuda-L262144", "cuda-L1048576", "cpu-L65536"],
)
def test_the_batch_follows_the_protocol(device: str, length: int, batch: int, parts: SimpleNamespace) -> None:
    assert parts.run.PROTOCOLS[device].problem(length, device).batch == batch


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_resident_memory_counts_at_least_the_output(parts: SimpleNamespace) -> None:
    problem = parts.problems.Problem(64, 8, 8192, torch.float32, "cpu")
    assert parts.resident.measure_resident("torch-fft", "forward", problem) > problem.signal_bytes / 2**30


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_an_entry_that_fails_in_its_own_process_says_why(parts: SimpleNamespace) -> None:
    problem = parts.problems.Problem(8, 2, 64, torch.float32, "cpu")
    with pytest.raises(RuntimeError, match="GPUs only"):
        parts.resident.measure_resident("torch-fft-half", "forward", problem)
