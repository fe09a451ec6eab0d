"""HAPI: what machine learning APIs said of fixed datasets, at several dates.

The functions that users of the reference package know are here by their names: `download`, `summary`,
`get_predictions`, `get_labels`, `get_dataset`.
"""

from longwave.monitoring.hapi.collecting import Answer, Predictor, RecordedPredictor, collect_run
from longwave.monitoring.hapi.conversion import scenario_name, to_predictions
from longwave.monitoring.hapi.downloading import RELEASE_URL, data_dir, download_release
from longwave.monitoring.hapi.labels import (
    LabelSpace,
    confidence_kind,
    hapi_date,
    iso_date,
    label_space,
    list_tasks,
)
from longwave.monitoring.hapi.reading import read_hapi
from longwave.monitoring.hapi.reference import (
    config,
    download,
    get_dataset,
    get_labels,
    get_predictions,
    summary,
)
from longwave.monitoring.hapi.sample import amnist_groups, load_sample
from longwave.monitoring.hapi.store import HapiStore

__all__ = [
    "RELEASE_URL",
    "Answer",
    "HapiStore",
    "LabelSpace",
    "Predictor",
    "RecordedPredictor",
    "amnist_groups",
    "collect_run",
    "confidence_kind",
    "config",
    "data_dir",
    "download",
    "download_release",
    "get_dataset",
    "get_labels",
    "get_predictions",
    "hapi_date",
    "iso_date",
    "label_space",
    "list_tasks",
    "load_sample",
    "read_hapi",
    "scenario_name",
    "summary",
    "to_predictions",
]
