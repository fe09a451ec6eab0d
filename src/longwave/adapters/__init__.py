"""Adapters: repair the groups that a frozen model fails, on its embeddings, in seconds."""

from longwave.adapters.base import Adapter
from longwave.adapters.contrastive import ContrastiveAdapter, ContrastiveConfig
from longwave.adapters.dataset import EmbeddingDataset, EmbeddingPart, list_groups, load_groups, read_groups
from longwave.adapters.descent import DescentConfig, EpochRecord
from longwave.adapters.dfr import DFR
from longwave.adapters.erm import ERMAdapter
from longwave.adapters.group_dro import GroupDRO
from longwave.adapters.jtt import JTT
from longwave.adapters.linear import LinearProbe
from longwave.adapters.loading import load_adapter
from longwave.adapters.methods import METHODS, make_method
from longwave.adapters.network import AdapterConfig
from longwave.adapters.onnx_export import export_onnx
from longwave.adapters.selection import GroupScore
from longwave.adapters.synthetic import WATERBIRDS_COUNTS, make_groups
from longwave.adapters.wise import WiSE
from longwave.adapters.zero_shot import ZeroShot

__all__ = [
    "DFR",
    "JTT",
    "METHODS",
    "WATERBIRDS_COUNTS",
    "Adapter",
    "AdapterConfig",
    "ContrastiveAdapter",
    "ContrastiveConfig",
    "DescentConfig",
    "ERMAdapter",
    "EmbeddingDataset",
    "EmbeddingPart",
    "EpochRecord",
    "GroupDRO",
    "GroupScore",
    "LinearProbe",
    "WiSE",
    "ZeroShot",
    "export_onnx",
    "list_groups",
    "load_adapter",
    "load_groups",
    "make_groups",
    "make_method",
    "read_groups",
]
