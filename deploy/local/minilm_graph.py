"""The BERT encoder of all-MiniLM-L6-v2 as an ONNX graph, built from safetensors weights with numpy and onnx alone.

Source of the architecture: Devlin et al., "BERT" (2018), in the layout of Hugging Face's `BertModel`, whose parameter
names the weights carry. Inputs are `input_ids`, `attention_mask` and `token_type_ids` (int64, batch x tokens); the
output is `last_hidden_state` (float32, batch x tokens x hidden). Pooling and normalising are the reader's part.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17  # the first with LayerNormalization as one operator
IR_VERSION = 8  # the intermediate representation that goes with opset 17
MASKED = -1e9  # added to the attention scores of padding, so that softmax gives it no weight
_DTYPES = {"F32": "<f4", "I64": "<i8"}


@dataclass(frozen=True)
class EncoderShape:
    """The numbers of `config.json` that decide the graph."""

    hidden: int
    heads: int
    layers: int
    epsilon: float

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EncoderShape:
        """Read a Hugging Face BERT `config.json`, already parsed."""
        return cls(
            hidden=config["hidden_size"],
            heads=config["num_attention_heads"],
            layers=config["num_hidden_layers"],
            epsilon=config["layer_norm_eps"],
        )


def read_safetensors(content: bytes) -> dict[str, np.ndarray]:
    """Name to array. The format: a little-endian u64 header length, a JSON header, then the raw little-endian data."""
    (header_length,) = struct.unpack("<Q", content[:8])
    start = 8 + header_length
    header = json.loads(content[8:start])
    tensors: dict[str, np.ndarray] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        flat = np.frombuffer(
            content,
            dtype=_DTYPES[entry["dtype"]],
            offset=start + entry["data_offsets"][0],
            count=math.prod(entry["shape"]),
        )
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def build_model(weights: dict[str, np.ndarray], shape: EncoderShape) -> onnx.ModelProto:
    """The whole encoder as a checked ONNX model."""
    graph = _Graph(weights, shape)
    hidden = _embeddings(graph)
    padding = _padding_bias(graph)
    for layer in range(shape.layers):
        hidden = _layer(graph, hidden, padding, f"encoder.layer.{layer}")
    graph.add("Identity", hidden, output="last_hidden_state")
    model = helper.make_model(
        graph.finished(), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="deskbus"
    )
    onnx.checker.check_model(model)
    return model


class _Graph:
    """Nodes and constants in the making. Every method that adds something returns the name of its value."""

    def __init__(self, weights: dict[str, np.ndarray], shape: EncoderShape) -> None:
        self.weights = weights
        self.shape = shape
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        """A constant of the graph; the same name twice is the same constant."""
        if name not in self._constants:
            # Copied in C order: transposed views of the weights are neither contiguous nor their own.
            self._constants[name] = numpy_helper.from_array(np.array(value, dtype=dtype, order="C"), name)
        return name

    def weight(self, name: str, *, transposed: bool = False) -> str:
        array = self.weights[name]
        return self.constant(name, array.T if transposed else array)

    def linear(self, value: str, name: str) -> str:
        product = self.add("MatMul", value, self.weight(f"{name}.weight", transposed=True))
        return self.add("Add", product, self.weight(f"{name}.bias"))

    def layer_norm(self, value: str, name: str) -> str:
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", value, scale, shift, axis=-1, epsilon=self.shape.epsilon)

    def finished(self) -> onnx.GraphProto:
        tokens: list[int | str] = ["batch", "tokens"]
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, tokens)
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*tokens, self.shape.hidden])
        return helper.make_graph(self._nodes, "minilm", inputs, [output], list(self._constants.values()))


def _embeddings(graph: _Graph) -> str:
    """Word, segment and position embeddings, summed and normalised."""
    zero = graph.constant("zero", 0, np.int64)
    one = graph.constant("one", 1, np.int64)
    length = graph.add("Gather", graph.add("Shape", "input_ids"), one, axis=0)
    positions = graph.add("Range", zero, length, one)
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    segments = graph.add("Gather", graph.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    places = graph.add("Gather", graph.weight("embeddings.position_embeddings.weight"), positions)
    total = graph.add("Add", graph.add("Add", words, segments), places)
    return graph.layer_norm(total, "embeddings.LayerNorm")


def _padding_bias(graph: _Graph) -> str:
    """Zero for tokens and MASKED for padding, shaped to be added to attention scores (batch x 1 x 1 x tokens)."""
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    mask = graph.add("Unsqueeze", mask, graph.constant("mask_axes", [1, 2], np.int64))
    absent = graph.add("Sub", graph.constant("one_float", 1.0), mask)
    return graph.add("Mul", absent, graph.constant("masked", MASKED))


def _layer(graph: _Graph, hidden: str, padding: str, name: str) -> str:
    """One transformer layer: attention and feed-forward, each added to its input and normalised after."""
    attended = _attention(graph, hidden, padding, f"{name}.attention.self")
    attended = graph.linear(attended, f"{name}.attention.output.dense")
    hidden = graph.layer_norm(graph.add("Add", attended, hidden), f"{name}.attention.output.LayerNorm")
    wide = _gelu(graph, graph.linear(hidden, f"{name}.intermediate.dense"))
    narrow = graph.linear(wide, f"{name}.output.dense")
    return graph.layer_norm(graph.add("Add", narrow, hidden), f"{name}.output.LayerNorm")


def _attention(graph: _Graph, hidden: str, padding: str, name: str) -> str:
    """Multi-head self-attention: softmax(Q K^T / sqrt(head size) + padding) V (Vaswani et al., 2017)."""
    size = graph.shape.hidden // graph.shape.heads
    split = graph.constant("split_heads", [0, 0, graph.shape.heads, size], np.int64)
    query, key, value = (
        graph.add("Reshape", graph.linear(hidden, f"{name}.{part}"), split) for part in ("query", "key", "value")
    )
    query = graph.add("Transpose", query, perm=[0, 2, 1, 3])
    key = graph.add("Transpose", key, perm=[0, 2, 3, 1])
    value = graph.add("Transpose", value, perm=[0, 2, 1, 3])
    scores = graph.add("Mul", graph.add("MatMul", query, key), graph.constant("score_scale", 1 / math.sqrt(size)))
    attention = graph.add("Softmax", graph.add("Add", scores, padding), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", attention, value), perm=[0, 2, 1, 3])
    return graph.add("Reshape", mixed, graph.constant("merge_heads", [0, 0, graph.shape.hidden], np.int64))


def _gelu(graph: _Graph, value: str) -> str:
    """The exact form, x/2 * (1 + erf(x / sqrt 2)) (Hendrycks and Gimpel, 2016), which BERT was trained with."""
    error = graph.add("Erf", graph.add("Mul", value, graph.constant("inverse_sqrt2", 1 / math.sqrt(2))))
    gate = graph.add("Add", error, graph.constant("one_float", 1.0))
    return graph.add("Mul", graph.add("Mul", value, graph.constant("half", 0.5)), gate)
