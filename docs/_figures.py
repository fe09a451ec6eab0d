"""One function a figure: what it shows is computed by the package, from fixed seeds or from bundled data."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from _draw import BLUE, GREEN, GREY, ORANGE, bars, lines, picture, text

SEED = 0
N_POINTS = 128  # of a line at most


def _thin(values: torch.Tensor | np.ndarray) -> list[float]:
    """Take at most ``N_POINTS`` values at equal steps."""
    found = np.asarray(values, dtype=float)
    return found[:: max(1, len(found) // N_POINTS)].tolist()


def hyena_filters() -> str:
    """Draw filters of a fresh Hyena, by both ways to start."""
    from longwave.mixers import FilterConfig, Hyena

    parts = []
    for place, init in enumerate(("reference", "sine")):
        torch.manual_seed(SEED)
        mixer = Hyena(4, 512, filter=FilterConfig(init=init, frequency=14.0)).double().eval()
        with torch.no_grad():
            taps = mixer.filters(512)[0]
        bound = float(f"{taps.abs().max():.1g}") * 1.2
        drawn = [
            (name, colour, _thin(taps[channel]))
            for name, colour, channel in (
                ("slow", BLUE, 0),
                ("", GREEN, 1),
                ("", GREY, 2),
                ("fast", ORANGE, 3),
            )
        ]
        box = (70.0 + 350 * place, 54.0, 260.0, 130.0)
        title = f'init="{init}"'
        parts.append(lines(box, drawn, low=-bound, high=bound, title=title, across=("step 0", "step 511")))
    return picture(
        "Filters of a Hyena layer before training",
        "Four filters of 512 taps. Those that start as the reference language model's are small and smooth, "
        "those of sine layers are rough. The windows let each channel forget at its own rate.",
        720,
        216,
        parts,
    )


def squashed_filter() -> str:
    """Draw a filter before and after the soft threshold."""
    from longwave.ops import squash

    generator = torch.Generator().manual_seed(SEED)
    steps = torch.arange(128)
    taps = 0.01 * torch.exp(-steps / 40.0) * torch.randn(128, generator=generator)
    after = squash(taps[None], 0.003)[0]
    alive = (after != 0).float().mean().item()
    parts = [
        lines(
            (70, 54, 260, 130),
            [("", BLUE, taps.tolist())],
            low=-0.02,
            high=0.02,
            title="taps",
            across=("step 0", "step 127"),
        ),
        lines(
            (420, 54, 260, 130),
            [("", ORANGE, after.tolist())],
            low=-0.02,
            high=0.02,
            title=f"squash(taps, 0.003): {100 * alive:.0f} % not zero",
            across=("step 0", "step 127"),
        ),
    ]
    return picture(
        "What squash does to a filter",
        "A filter of 128 decaying random taps, and the same after a soft threshold of 0.003: small taps are "
        "zero, large ones are smaller by the threshold.",
        720,
        216,
        parts,
    )


def h3_kernels() -> str:
    """Draw the two filters of a fresh H3."""
    from longwave.mixers import H3

    torch.manual_seed(SEED)
    layer = H3(3).double().eval()
    with torch.no_grad():
        shift, memory = layer.shift_kernel(96), layer.memory_kernel(512)
    shift = torch.nn.functional.pad(shift, (0, 96 - shift.shape[-1]))
    memory = memory / memory.abs().amax(-1, keepdim=True)
    steps = layer.memory_kernel.log_dt.detach().flatten().exp()
    named = [
        (f"step {step:.3f}", colour, _thin(row))
        for row, step, colour in zip(memory, steps, (BLUE, GREEN, ORANGE), strict=True)
    ]
    parts = [
        lines(
            (70, 54, 260, 130),
            [("", BLUE, shift[0].tolist())],
            low=-0.15,
            high=0.15,
            title="shift filter of one channel",
            across=("step 0", "step 95"),
        ),
        lines(
            (420, 54, 260, 130),
            named,
            low=-1,
            high=1,
            title="long filters, scaled to 1",
            across=("step 0", "step 511"),
        ),
    ]
    return picture(
        "The two filters of H3 before training",
        "The shift filter has 64 taps and is zero afterwards. The long filters are sums of decaying "
        "oscillations; the smaller the step of their state space, the longer they last.",
        720,
        216,
        parts,
    )


def t1_modes() -> str:
    """Draw what a number of modes loses of periodic fields and of fields in a box."""
    from longwave.data.pde import neumann_field, periodic_field
    from longwave.models.pde import irreducible_loss

    keys = [(SEED, place) for place in range(4)]
    counts = range(5, 38, 4)
    fields = {
        "a periodic field": periodic_field(keys, (64, 64), alpha=2.5, tau=7.0)[:, None],
        "a field with free ends": neumann_field(keys, (64, 64), alpha=2.0, tau=3.0)[:, None],
    }
    parts = []
    for place, (title, drawn) in enumerate(fields.items()):
        curves = [
            (name, colour, [irreducible_loss(drawn, (n, n), basis) for n in counts])
            for name, colour, basis in (("cosines", ORANGE, "dct"), ("Fourier", BLUE, "rfft"))
        ]
        top = np.ceil(10 * max(max(values) for _, _, values in curves)) / 10
        box = (70.0 + 350 * place, 54.0, 260.0, 130.0)
        ends = (f"{counts[0]} modes an axis", f"{counts[-1]} modes")
        parts.append(lines(box, curves, low=0, high=top, title=title, across=ends))
    return picture(
        "What a number of modes cannot show",
        "Relative L2 that the best field in some modes misses, against their number. On periodic fields "
        "cosines lose more than Fourier modes, on fields with free ends Fourier modes lose more.",
        720,
        216,
        parts,
    )


def helm_grid() -> str:
    """Draw which families of metrics apply to which core scenario."""
    from longwave.evaluation import unmeasured_families
    from longwave.metrics import FAMILIES
    from longwave.scenarios import get_scenario, list_scenarios

    named = [get_scenario(entry.name) for entry in list_scenarios() if entry.target.startswith("longwave.")]
    core = [scenario for scenario in named if scenario.category == "core"]
    parts, n_cells = [], 0
    for row, scenario in enumerate(core):
        parts.append(text(214, 47 + 19 * row, scenario.name, "end"))
        for column, family in enumerate(FAMILIES):
            is_measured = family not in unmeasured_families(scenario)
            n_cells += is_measured
            shade = f'fill="{BLUE}"' if is_measured else f'fill="none" stroke="{GREY}" stroke-dasharray="3 3"'
            x, y = 222 + 80 * column, 35 + 19 * row
            parts.append(f'  <rect x="{x}" y="{y}" width="74" height="14" {shade}/>\n')
    parts += [text(259 + 80 * column, 24, family, "middle") for column, family in enumerate(FAMILIES)]
    caption = f"{n_cells} of {len(core) * len(FAMILIES)} cells can be measured"
    parts.append(text(222, 35 + 19 * len(core) + 16, caption, "label"))
    return picture(
        "Core scenarios by families of metrics",
        "Sixteen core scenarios and seven families of metrics. "
        + caption
        + "; an empty cell means that the family "
        "says nothing about that scenario.",
        790,
        64 + 19 * len(core),
        parts,
    )


def ama_votes() -> str:
    """Draw what a label model makes of real votes."""
    from longwave.monitoring import load_sample
    from longwave.prompting.label_model import LabelModel, MajorityVote

    rows = []
    table = load_sample().table(
        task="sa", dataset="imdb", columns=["api", "row", "predicted_label", "true_label"]
    )
    votes = table.collect().pivot(on="api", index=["row", "true_label"], values="predicted_label").sort("row")
    names = sorted(name for name in votes.columns if name.endswith("_sa"))
    matrix, truth = votes.select(names).to_numpy(), votes["true_label"].to_numpy()
    for name, column in zip(names, matrix.T, strict=True):
        rows.append((name, 100 * float((column == truth).mean()), GREY))
    majority = MajorityVote(n_classes=2).fit(matrix).predict(matrix)
    model = LabelModel(n_classes=2, dependencies="learn", seed=SEED).fit(matrix).predict(matrix)
    rows.append(("majority vote", 100 * float((majority == truth).mean()), ORANGE))
    rows.append(("label model", 100 * float((model == truth).mean()), BLUE))
    parts = [text(150, 24, "right on 25,000 film reviews, %", "label"), bars(150, 38, 480, rows, full=100)]
    return picture(
        "Four services vote on film reviews",
        "Accuracy of each service, of their majority vote and of a label model fitted without labels: "
        + ", ".join(f"{name} {value:.1f} %" for name, value, _ in rows)
        + ".",
        720,
        48 + 24 * len(rows),
        parts,
    )


def legal_classes() -> str:
    """Draw the number of tasks of each class of reasoning, and how many are asked offline."""
    from longwave.scenarios.legal import IRAC, has_bundled_test_rows, list_legal_tasks

    tasks = list_legal_tasks()
    rows = []
    for irac in IRAC:
        found = [task for task in tasks if task.irac == irac]
        if found:
            rows.append((irac, len(found), GREY))
            rows.append(("of them offline", sum(has_bundled_test_rows(task) for task in found), BLUE))
    parts = [text(150, 24, "tasks of 2023, and those with bundled questions", "label")]
    parts.append(bars(150, 38, 480, rows, full=max(value for _, value, _ in rows)))
    return picture(
        "Tasks of LegalBench by class of reasoning",
        "Number of tasks: " + ", ".join(f"{name} {value}" for name, value, _ in rows) + ".",
        720,
        48 + 24 * len(rows),
        parts,
    )


def hapi_shift() -> str:
    """Draw what GPT-4 answered about primes, in March and in June."""
    from longwave.monitoring import load_sample

    table = load_sample().table(task="llm", dataset="prime", api="openai_gpt-4").collect()
    parts, told = [], []
    for place, date in enumerate(sorted(table["date"].unique())):
        at = table.filter(pl.col("date") == date)
        left = 130 + 350 * place
        parts.append(text(left, 24, f"20{date[:2]}-{date[3:5]}, % right", "label"))
        rows = []
        for label, name in (("yes", "primes"), ("no", "others"), (None, "all")):
            kept = at if label is None else at.filter(pl.col("true_label") == label)
            rows.append((name, 100 * kept["score"].mean(), BLUE if label is None else GREY))
        parts.append(bars(left, 38, 150, rows, full=100))
        told.append(date + ": " + ", ".join(f"{name} {value:.1f} %" for name, value, _ in rows))
    return picture(
        "GPT-4 on primes at two dates",
        "Share of 1,000 numbers that GPT-4 told right, by what they are. " + "; ".join(told) + ".",
        720,
        120,
        parts,
    )


FIGURES = {
    each.__name__: each
    for each in (
        hyena_filters,
        squashed_filter,
        h3_kernels,
        t1_modes,
        helm_grid,
        ama_votes,
        legal_classes,
        hapi_shift,
    )
}
