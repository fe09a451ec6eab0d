"""All runs of an archive at once. `archive` passes over the rows; the others count and make tables."""

from longwave.monitoring.analysis.archive import Analysis, analyse

__all__ = [
    "Analysis",
    "analyse",
]
