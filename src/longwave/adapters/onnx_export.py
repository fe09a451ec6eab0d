"""Adapters as ONNX graphs, for programs that have neither torch nor Longwave.

Shapes: n points, d width of the embeddings, H hidden units, C classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from longwave import __version__
from longwave.adapters.base import Adapter
from longwave.adapters.linear import LinearMethod
from longwave.adapters.network_method import NetworkMethod
from longwave.adapters.zero_shot import ZeroShot
from longwave.config import replacing
from longwave.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from onnx import NodeProto

__all__ = ["export_onnx"]

OPSET, IR_VERSION = 20, 9  # the first opset with Gelu, and the format that goes with it

Arrays = dict[str, NDArray[np.float32]]


def export_onnx(adapter: Adapter, path: Path | str) -> None:
    """Write a fitted method as an ONNX file.

    Parameters
    ----------
    adapter : Adapter
    path : Path or str

    Raises
    ------
    MissingExtra
        If the package onnx is not installed.
    ConfigError
        If nothing was learned yet, or the method predicts by several centres a class.
    StorageError
        If the file cannot be written.

    Notes
    -----
    One input ``embeddings`` (n, d), float32. Outputs ``adapted`` (n, d), unit rows as of ``transform``;
    ``logits`` and ``probabilities`` (n, C); ``classes`` (n,), numbers of the classes, whose names are in the
    file's metadata. Batch norm is folded into the first layer.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper, save
    except ImportError as error:
        raise MissingExtra("Export to ONNX", "onnx") from error
    if not hasattr(adapter, "classes_"):
        raise ConfigError(
            f"This {type(adapter).__name__} has learned nothing yet; call fit before exporting."
        )
    nodes, arrays = _network(adapter) if isinstance(adapter, NetworkMethod) else _head(adapter)
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    nodes.append(helper.make_node("ArgMax", ["logits"], ["classes"], axis=1, keepdims=0))
    d, n_classes = adapter.n_features_in_, len(adapter.classes_)
    graph = helper.make_graph(
        nodes,
        type(adapter).__name__,
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", d])],
        [
            helper.make_tensor_value_info("adapted", TensorProto.FLOAT, ["n", d]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", n_classes]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", n_classes]),
            helper.make_tensor_value_info("classes", TensorProto.INT64, ["n"]),
        ],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in arrays.items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="longwave",
        producer_version=__version__,
    )
    helper.set_model_props(model, {"classes": "\n".join(str(one) for one in adapter.classes_)})
    with replacing(Path(path)) as temporary:
        save(model, str(temporary))


def _head(adapter: Adapter) -> tuple[list[NodeProto], Arrays]:
    """Return the graph of a linear head on unit rows."""
    from onnx import helper

    if isinstance(adapter, LinearMethod):
        weight, bias = adapter.coef_, adapter.intercept_
    elif isinstance(adapter, ZeroShot) and np.array_equal(
        adapter.centre_classes_, np.arange(len(adapter.classes_))
    ):
        weight = np.asarray(adapter.temperature * adapter.centres_, dtype=np.float32)
        bias = np.zeros(len(weight), dtype=np.float32)
    else:
        raise ConfigError(
            f"{adapter!r} predicts by centres that are not one a class; only heads and networks are exported."
        )
    nodes = [
        helper.make_node("LpNormalization", ["embeddings"], ["adapted"], axis=1, p=2),
        helper.make_node("Gemm", ["adapted", "weight", "bias"], ["logits"], transB=1),
    ]
    return nodes, {"weight": weight, "bias": bias}


def _network(adapter: NetworkMethod) -> tuple[list[NodeProto], Arrays]:
    """Return the graph of an adapter and its cosines with the class embeddings."""
    from onnx import helper

    net, config = adapter.net_, adapter.net_.config
    weights = {name: value.detach().cpu().numpy() for name, value in net.state_dict().items()}
    read, shift = weights["read.weight"], weights.get("read.bias")
    if net.norm is not None:
        scale = weights["norm.weight"] / np.sqrt(weights["norm.running_var"] + net.norm.eps)
        read = read * scale[:, None]
        shift = weights["norm.bias"] - weights["norm.running_mean"] * scale
    arrays: Arrays = {
        "read": read,
        "shift": np.asarray(shift),
        "write": weights["write.weight"],
        "offset": weights["write.bias"],
        "classes_weight": np.asarray(config.temperature * adapter.class_embeddings_.T, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Gemm", ["embeddings", "read", "shift"], ["inner"], transB=1),
        helper.make_node("Relu" if config.batchnorm else "Gelu", ["inner"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "write", "offset"], ["net"], transB=1),
    ]
    out = "net"
    if config.mix < 1:
        arrays |= {
            "mix": np.array([config.mix], dtype=np.float32),
            "rest": np.array([1 - config.mix], dtype=np.float32),
        }
        nodes += [
            helper.make_node("LpNormalization", ["embeddings"], ["unit"], axis=1, p=2),
            helper.make_node("Mul", ["net", "mix"], ["net_share"]),
            helper.make_node("Mul", ["unit", "rest"], ["input_share"]),
            helper.make_node("Add", ["net_share", "input_share"], ["mixed"]),
        ]
        out = "mixed"
    nodes += [
        helper.make_node("LpNormalization", [out], ["adapted"], axis=1, p=2),
        helper.make_node("MatMul", ["adapted", "classes_weight"], ["logits"]),
    ]
    return nodes, arrays
