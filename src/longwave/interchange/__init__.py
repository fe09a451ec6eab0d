"""Interchange: results of other harnesses come in, and tables go out in the formats of other programs."""

from longwave.interchange.exporting import export_results, export_table
from longwave.interchange.helm import read_helm
from longwave.interchange.importing import import_results
from longwave.interchange.inspect_log import read_inspect
from longwave.interchange.lm_eval import read_lm_eval
from longwave.interchange.sources import Imported, ImportSummary

__all__ = [
    "ImportSummary",
    "Imported",
    "export_results",
    "export_table",
    "import_results",
    "read_helm",
    "read_inspect",
    "read_lm_eval",
]
