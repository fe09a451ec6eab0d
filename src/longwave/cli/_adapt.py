"""``longwave adapt``: repair the groups that a frozen model fails, on its embeddings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longwave.cli import _adapt_compare, _adapt_embed
from longwave.cli._adapt_data import (
    GROUP_HEADS,
    Data,
    Device,
    Json,
    Layout,
    Metadata,
    Settings,
    describe_report,
    describe_spread,
    group_rows,
    open_data,
    overlapping_report,
    report_json,
    training_counts,
)
from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.adapters import Adapter

app = typer.Typer(rich_markup_mode=None)
VARIANTS = {
    "residual": "erm, but a fifth of the adapter and four fifths of its input.",
    "resampled": "erm, but from every cell of class and zero-shot prediction equally many points.",
    "contrastive-joint": "contrastive, but both losses in one step.",
    "correct-n-contrast": "contrastive, but wrong are the errors of erm, not of zero-shot.",
    "dfr-validation": "dfr-train, but fitted to the validation points and their groups.",
}


@app.command("list")
def list_methods(context: typer.Context, as_json: Json = False) -> None:
    """List the methods, the bundled data and the layouts of metadata."""
    from longwave.adapters import METHODS, list_groups, load_groups, make_method
    from longwave.adapters.answers import needs_training_groups
    from longwave.adapters.wilds import list_layouts

    output: Output = context.obj
    rows: list[tuple[str, str, str]] = []
    for name in METHODS:
        method = make_method(name)
        first = VARIANTS.get(name) or (type(method).__doc__ or "").splitlines()[0]
        needs = " Needs training groups." if needs_training_groups(method) else ""
        rows.append(("method", name, first + needs))
    for name in list_groups():
        data = load_groups(name)
        n, width = data.embeddings.shape
        told = f"{len(data.class_names)} classes, {len(data.group_names)} groups"
        rows.append(("data", name, f"{n:,} embeddings of width {width}, {told}"))
    rows += [("layout", layout.name, layout.description) for layout in list_layouts()]
    heads = ("kind", "name", "description")
    if as_json:
        output.result_json([dict(zip(heads, row, strict=True)) for row in rows])
    else:
        output.result_table(heads, rows)


@app.command("fit")
def fit(
    context: typer.Context,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the adapter.")],
    settings: Settings = None,
    method: Annotated[str, typer.Option(help="One of adapt list.")] = "contrastive",
    seed: Annotated[int, typer.Option(help="Of the weights and all draws.", min=0)] = 0,
    metadata: Metadata = None,
    layout: Layout = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Fit one method to the training points, choose its epoch by the validation points, and save it.

    Training groups are read by those methods alone that need them. Where validation points have none, cells
    of class and zero-shot prediction take their place.
    """
    from longwave.adapters.answers import fit_dataset
    from longwave.adapters.comparison import AdaptConfig
    from longwave.config import apply_overrides, write_run_record

    output: Output = context.obj
    name, found = open_data(data, metadata, layout)
    config = apply_overrides(AdaptConfig(data=name, method=method), settings or ())
    adapter = config.make(seed=seed, device=device)
    train = found.data.part("train")
    output.say(f"{method} on {len(train.labels):,} points of {name}, width {train.embeddings.shape[1]}")
    seconds = fit_dataset(adapter, found.data)
    adapter.save(out)
    write_run_record(out, kind="adapter", config=config, seed=seed)
    chosen = {key: value for key, value in vars(adapter).items() if key in ("best_epoch_", "alpha_")}
    if as_json:
        output.result_json(
            {"out": str(out), "method": method, "seed": seed, "seconds": seconds, "chosen": chosen}
        )
    else:
        told = "".join(f", {key.strip('_').replace('_', ' ')} {value}" for key, value in chosen.items())
        output.result(f"{out}: {method} fitted in {seconds:.1f} s{told}")
        output.say(f"Next: longwave adapt evaluate {out} --data {data}")


@app.command("evaluate")
def evaluate(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of a saved adapter.")],
    data: Data,
    split: Annotated[str, typer.Option(help="Whose points: test, val or train.")] = "test",
    out: Annotated[Path | None, typer.Option(help="Also write rows of the predictions table here.")] = None,
    metadata: Metadata = None,
    layout: Layout = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ...; as fitted when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Tell average, worst group, gap and every group of a saved adapter, and how its groups lie."""
    from longwave.adapters import load_adapter
    from longwave.adapters.answers import answer_groups
    from longwave.adapters.group_report import report_groups, spread_groups
    from longwave.adapters.maps import map_groups
    from longwave.evaluation.adapted import record_adapted
    from longwave.evaluation.adapted_maps import write_group_map

    output: Output = context.obj
    adapter = load_adapter(folder, device=device)
    method, seed = _origin(folder, adapter)
    name, found = open_data(data, metadata, layout)
    answers = answer_groups(
        adapter, found.data, data_name=name, name=method, seed=seed, split=split, views=found.views
    )
    report = report_groups(answers.correct, answers.groups, training=training_counts(found))
    x = found.data.part(split).embeddings
    before = spread_groups(x, answers.labels, answers.groups)
    after = spread_groups(adapter.transform(x), answers.labels, answers.groups)
    if out is not None:
        rows = record_adapted(out, answers).head(len(answers.labels))
        write_group_map(out, rows, map_groups(x, adapter.transform(x), answers.labels, answers.groups))
        output.say(f"Rows in {out}. Next: longwave report {out}")
    if answers.views:
        report = overlapping_report(report, answers)
    if as_json:
        told = {"method": method, "seed": seed, "data": name, "split": split, **report_json(report)}
        told |= {"before": asdict(before), "after": asdict(after)}
        output.result_json(told)
        return
    output.result(f"{method} on {name}: {describe_report(report)}")
    output.result_table(GROUP_HEADS, group_rows(report))
    output.result(describe_spread(before, after))


def _origin(folder: Path, adapter: Adapter) -> tuple[str, int]:
    """Return the name and seed of a saved adapter; of one that Python code saved, its class's name."""
    from longwave.config import read_run_record

    record = read_run_record(folder)
    if record is not None and isinstance(record.config, dict) and "method" in record.config:
        return str(record.config["method"]), record.seed
    seed = adapter.get_params().get("seed", 0)
    return type(adapter).__name__, seed if isinstance(seed, int) else 0


app.command("compare")(_adapt_compare.compare)
app.command("embed")(_adapt_embed.embed)
