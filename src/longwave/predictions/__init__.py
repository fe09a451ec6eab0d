"""The predictions table: its schema, its store on disk, and the statistics over it."""

from longwave.predictions.schema import (
    COLUMNS,
    INSTANCES,
    KEY,
    REQUESTS,
    SCHEMA,
    SCHEMA_VERSION,
    SCORES,
    SIDE_COLUMNS,
)
from longwave.predictions.statistics import (
    Interval,
    McNemar,
    PairedDifference,
    bootstrap_interval,
    clustered_stderr,
    holm,
    mcnemar,
    paired_bootstrap,
    wilson_interval,
)
from longwave.predictions.store import (
    append_side,
    done_keys,
    join_instances,
    read_predictions,
    read_side,
    skip_done,
    write_predictions,
)

__all__ = [
    "COLUMNS",
    "INSTANCES",
    "KEY",
    "REQUESTS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "SCORES",
    "SIDE_COLUMNS",
    "Interval",
    "McNemar",
    "PairedDifference",
    "append_side",
    "bootstrap_interval",
    "clustered_stderr",
    "done_keys",
    "holm",
    "join_instances",
    "mcnemar",
    "paired_bootstrap",
    "read_predictions",
    "read_side",
    "skip_done",
    "wilson_interval",
    "write_predictions",
]
