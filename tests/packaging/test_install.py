"""The wheel in an empty environment, with nothing but what it asks for."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

pytestmark = pytest.mark.slow

# what each extra is for, in a few lines of Python that fail without it
USES = {
    "torch": """
        import torch
        from longwave.models import LanguageModel, LanguageModelConfig
        from longwave.ops import long_conv
        long_conv(torch.ones(1, 1, 4), torch.ones(1, 4))
        config = LanguageModelConfig(vocab_size=9, d_model=8, n_layers=1, max_length=8)
        LanguageModel(config).save_pretrained("model")
    """,
    "hf": "import longwave.hf",
    "plots": """
        import vl_convert
        vl_convert.vegalite_to_svg({"mark": "point", "data": {"values": [{}]}})
    """,
    "ray": """
        from longwave.evaluation import evaluate
        evaluate(model="fake:random", scenarios=["blimp"], max_instances=2, workers=2, engine="ray", out="o")
    """,
    "energy": "import codecarbon",
    "track": """
        from pathlib import Path
        from longwave.training.writers import TensorBoardWriter
        TensorBoardWriter(Path("board")).close()
    """,
    "images": "from longwave.data.images import load_digits; load_digits()",
    "pde": "import h5py, scipy.io, longwave.data.pde",
    "onnx": """
        from longwave.adapters import LinearProbe, export_onnx, make_groups
        part = make_groups(0, width=8).part("train")
        export_onnx(LinearProbe().fit(part.embeddings, part.labels), "adapter.onnx")
    """,
    "serve": "import fastapi, uvicorn, longwave.serving",
    "text": "import nltk, longwave.perturbations",
}


def test_the_command_tells_its_version(bare: Any) -> None:
    assert bare.run("longwave", "--version").out.strip() == importlib.metadata.version("longwave")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["list"], id="list"),
        pytest.param(["doctor"], id="doctor"),
        pytest.param(
            [
                "evaluate",
                "--model",
                "fake:random",
                "--scenario",
                "blimp",
                "--max-instances",
                "5",
                "--out",
                "o",
            ],
            id="evaluate",
        ),
        pytest.param(
            ["monitor", "compare", "sample", "--task", "llm", "--dataset", "prime"],
            id="monitor",
        ),
    ],
)
def test_commands_work_without_an_extra(words: list[str], bare: Any) -> None:
    ran = bare.run("longwave", *words)
    assert (ran.code, ran.err if ran.code else "") == (0, "")


def test_torch_is_not_asked_for_without_an_extra(bare: Any) -> None:
    assert bare.run("python", "-c", "import torch").code == 1


def test_an_import_that_needs_torch_says_so(bare: Any) -> None:
    assert "torch" in bare.run("python", "-c", "import longwave, longwave.ops").err.splitlines()[-1]


def test_every_extra_has_a_use(extras: list[str]) -> None:
    assert set(extras) - {"all"} - set(USES) == set()


@pytest.mark.parametrize("extra", USES)
def test_an_extra_alone_is_enough(extra: str, extras: list[str], installed: Callable[[str], Any]) -> None:
    if extra not in extras:
        pytest.skip("there is no such extra")
    try:
        environment = installed(extra)
    except importlib.metadata.PackageNotFoundError as error:
        pytest.skip(f"{error.name} is not installed here")
    used = environment.run("python", "-c", dedent(USES[extra]))
    assert (used.code, used.err if used.code else "") == (0, "")
    found = json.loads(environment.run("longwave", "doctor", "--json").out)["findings"]
    assert {one["state"] for one in found if one["area"] == "extras" and one["name"] == extra} == {"ok"}
