"""All methods by name, with the settings of the published comparisons."""

from __future__ import annotations

from collections.abc import Callable

from longwave.adapters.base import Adapter
from longwave.adapters.contrastive import ContrastiveAdapter, ContrastiveConfig
from longwave.adapters.descent import DescentConfig
from longwave.adapters.dfr import DFR
from longwave.adapters.erm import ERMAdapter
from longwave.adapters.group_dro import GroupDRO
from longwave.adapters.jtt import JTT
from longwave.adapters.linear import LinearProbe, probe_descent
from longwave.adapters.network import AdapterConfig
from longwave.adapters.wise import WiSE
from longwave.adapters.zero_shot import ZeroShot
from longwave.errors import UnknownName

__all__ = ["METHODS", "make_method"]

METHODS = (
    "zero-shot",
    "linear-probe",
    "wise",
    "erm",
    "residual",
    "resampled",
    "jtt",
    "contrastive",
    "contrastive-joint",
    "correct-n-contrast",
    "group-dro",
    "dfr-train",
    "dfr-validation",
)
_RESIDUAL = AdapterConfig(mix=0.2)


def make_method(
    name: str,
    *,
    seed: int = 0,
    device: str = "auto",
    descent: DescentConfig | None = None,
    contrast: ContrastiveConfig | None = None,
) -> Adapter:
    """Return a method that has learned nothing yet.

    Parameters
    ----------
    name : str
        One of `METHODS`.
    seed, device
        For what is random, and what is trained.
    descent : DescentConfig, optional
        For adapters; probes keep their own ``lr`` and take the rest.
    contrast : ContrastiveConfig, optional
        For the contrastive ones.

    Raises
    ------
    UnknownName
        If there is no such method.
    """
    if name not in METHODS:
        raise UnknownName("adapter method", name, METHODS)
    probe = None if descent is None else DescentConfig(**{**vars(descent), "lr": probe_descent().lr})
    contrast = contrast or ContrastiveConfig()
    joint = ContrastiveConfig(**{**vars(contrast), "schedule": "joint"})
    made: dict[str, Callable[[], Adapter]] = {
        "zero-shot": lambda: ZeroShot(seed=seed),
        "linear-probe": lambda: LinearProbe(descent=probe, device=device, seed=seed),
        "wise": lambda: WiSE(descent=probe, device=device, seed=seed),
        "erm": lambda: ERMAdapter(descent=descent, device=device, seed=seed),
        "residual": lambda: ERMAdapter(network=_RESIDUAL, descent=descent, device=device, seed=seed),
        "resampled": lambda: ERMAdapter(resampling="cells", descent=descent, device=device, seed=seed),
        "jtt": lambda: JTT(descent=descent, device=device, seed=seed),
        "contrastive": lambda: ContrastiveAdapter(
            contrast=contrast, descent=descent, device=device, seed=seed
        ),
        "contrastive-joint": lambda: ContrastiveAdapter(
            contrast=joint, descent=descent, device=device, seed=seed
        ),
        "correct-n-contrast": lambda: ContrastiveAdapter(
            contrast=contrast, predicted_by="erm", descent=descent, device=device, seed=seed
        ),
        "group-dro": lambda: GroupDRO(descent=descent, device=device, seed=seed),
        "dfr-train": lambda: DFR(seed=seed),
        "dfr-validation": lambda: DFR(data="validation", seed=seed),
    }
    return made[name]()
