"""The models that are compared: at equal band, width and depth, and with the paper's settings."""

from __future__ import annotations

from longwave.models.pde import FFNOConfig, FNOConfig, T1Config, UNetConfig
from longwave.training.models import FieldModelConfig

# T1 counts both signs of a frequency apart, so 24 of its modes and 12 of FNO's end at the same 12 cycles.
MODES = 24


def equal_models(
    sizes: tuple[int, ...], *, d_model: int = 32, n_layers: int = 4, modes: int = MODES
) -> dict[str, FieldModelConfig]:
    """Return T1 in two bases, FNO and FFNO with the same band, width and depth, by name."""
    ends = {"in_channels": 1, "out_channels": 1}
    t1 = {
        f"t1-{basis}": T1Config(
            **ends,
            resolution=sizes,
            n_modes=(modes + (basis == "rfft"),) * len(sizes),  # an even number cuts a pair in two
            d_model=d_model,
            n_layers=n_layers,
            basis=basis,
        )
        for basis in ("dct", "rfft")
    }
    band = {"n_modes": (modes // 2,) * len(sizes), "d_model": d_model, "n_layers": n_layers}
    return {**t1, "fno": FNOConfig(**ends, **band), "ffno": FFNOConfig(**ends, **band)}


def paper_models(sizes: tuple[int, ...]) -> dict[str, FieldModelConfig]:
    """Return the models of arXiv 2211.14453's Navier-Stokes runs, by name."""
    ends = {"in_channels": 1, "out_channels": 1}
    t1 = {
        f"t1-{basis}": T1Config(**ends, resolution=sizes, n_modes=(modes, modes), basis=basis)
        for basis, modes in (("dct", 24), ("rfft", 25))
    }
    return {
        **t1,
        "fno": FNOConfig(**ends, n_modes=(24, 24), d_model=32, n_layers=6),
        "ffno": FFNOConfig(**ends, n_modes=(32, 32), d_model=82, n_layers=10),
    }


def trained_models(sizes: tuple[int, ...], scale: str, *, is_periodic: bool) -> dict[str, FieldModelConfig]:
    """Return what is trained for accuracy: a scale's models and a U-Net, padded where fields are bounded.

    ``"t1"`` is the one in the basis of the boundary: Fourier modes on a torus, cosines in a box.

    Parameters
    ----------
    sizes : tuple of int
        Grid of the data.
    scale : {"paper", "small", "tiny"}
        ``"paper"``: the settings of its Navier-Stokes runs; ``"small"``: width 32, 4 layers, equal bands.
    is_periodic : bool
    """
    if scale == "paper":
        models, unet = paper_models(sizes), {"channel_exponent": 6, "n_levels": 6}
    elif scale == "small":
        models, unet = equal_models(sizes), {"channel_exponent": 5, "n_levels": 5}
    else:
        models = equal_models(sizes, d_model=8, n_layers=2, modes=8)
        unet = {"channel_exponent": 2, "n_levels": 3}
    models["t1"] = models["t1-rfft" if is_periodic else "t1-dct"]
    if not is_periodic:  # as FNO's own runs on Darcy flow
        bounded = {"coordinates": "centre", "padding": 9}
        for name in ("fno", "ffno"):
            models[name] = type(models[name])(**vars(models[name]) | bounded)
    return models | {"unet": UNetConfig(in_channels=1, out_channels=1, **unet)}
