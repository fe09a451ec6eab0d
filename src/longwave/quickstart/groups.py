"""Groups that a frozen model fails, repaired on bundled embeddings without their labels of group."""

from __future__ import annotations

from pathlib import Path

from longwave.quickstart.stages import Figures, Lesson, Observer, percent

__all__ = ["repair_groups", "teach_groups"]

DATA = "captionbirds"
METHODS = ("zero-shot", "erm", "contrastive")
EPOCHS_PER_MINUTE = 4
MOST_EPOCHS = 50


def repair_groups(out: Path, *, seed: int, minutes: float, observer: Observer) -> Figures:
    """Fit the methods, add every answer to the predictions table and keep what the report draws."""
    from longwave.adapters import DescentConfig, load_adapter, load_groups
    from longwave.adapters.answers import answer_groups, fit_dataset
    from longwave.adapters.comparison import AdaptConfig
    from longwave.adapters.group_report import report_groups
    from longwave.adapters.maps import map_groups
    from longwave.config import write_run_record
    from longwave.evaluation.adapted import record_adapted
    from longwave.evaluation.adapted_maps import write_group_map

    data = load_groups(DATA)
    test = data.part("test")
    epochs = min(MOST_EPOCHS, max(2, round(minutes * EPOCHS_PER_MINUTE)))
    figures: Figures = {}
    for place, method in enumerate(METHODS):
        observer.progress(place, len(METHODS), method)
        folder = out / "adapters" / f"{DATA}-{method}"
        if (folder / "adapter.json").is_file():
            adapter = load_adapter(folder)
        else:
            config = AdaptConfig(data=DATA, method=method, descent=DescentConfig(epochs=epochs))
            adapter = config.make(seed=seed)
            fit_dataset(adapter, data)
            adapter.save(folder)
            write_run_record(folder, kind="adapter", config=config, seed=seed)
        answers = answer_groups(adapter, data, data_name=DATA, name=method, seed=seed)
        rows = record_adapted(out, answers)
        after = adapter.transform(test.embeddings)
        write_group_map(out, rows, map_groups(test.embeddings, after, test.labels, answers.groups))
        found = report_groups(answers.correct, answers.groups)
        figures[method] = {
            "worst": found.worst.accuracy,
            "worst_group": found.worst.group,
            "average": found.average,
            "gap_pp": found.gap_pp,
        }
    observer.progress(len(METHODS), len(METHODS), "")
    return figures


def teach_groups(figures: Figures) -> Lesson:
    """Say what the worst group gained."""
    told = ", ".join(f"{name} {percent(one['worst'])}" for name, one in figures.items())
    return Lesson(
        stage="groups",
        page="groups.html",
        text=f"Accuracy of the worst group of birds: {told}. The average of zero-shot, "
        f"{percent(figures['zero-shot']['average'])}, hides that of {figures['zero-shot']['worst_group']}.",
    )
