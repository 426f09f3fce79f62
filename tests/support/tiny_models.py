"""Models of a few words, in folders, that are made in a moment: an embedding model and a cross-encoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "refund", "money", "parcel", "late", "query", "passage")
_SPECIAL = 4


def embedding_model(folder: Path, *, pooling: dict[str, bool] | None = None, prompts: bool = False) -> Path:
    """A model that gives each word a direction of its own, and special tokens none; two tokens of a text are special."""
    table = _directions()
    table[2] = np.eye(len(WORDS), dtype=np.float32)[2]  # the first token has a direction too, so that pooling shows
    rows = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "tokens", len(WORDS)])
    _write(folder, table, [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])], rows)
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    if prompts:
        told = {"prompts": {"query": "query ", "passage": "passage "}}
        (folder / "config_sentence_transformers.json").write_text(json.dumps(told))
    return folder


def cross_encoder(folder: Path) -> Path:
    """A model whose score is how often question and passage share a word, less one half."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["token_type_ids"], ["types"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["types", "last"], ["second"]),
        helper.make_node("Mul", ["rows", "second"], ["passages"]),
        helper.make_node("Sub", ["rows", "passages"], ["questions"]),
        helper.make_node("ReduceSum", ["questions", "tokens"], ["question"], keepdims=0),
        helper.make_node("ReduceSum", ["passages", "tokens"], ["passage"], keepdims=0),
        helper.make_node("Mul", ["question", "passage"], ["both"]),
        helper.make_node("ReduceSum", ["both", "tokens"], ["shared"], keepdims=1),
        helper.make_node("Sub", ["shared", "half"], ["logits"]),
    ]
    constants = {"last": np.array([2]), "tokens": np.array([1]), "half": np.array(0.5, dtype=np.float32)}
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])
    _write(folder, _directions(), nodes, logits, constants, types=True)
    return folder


def _directions() -> np.ndarray:
    table = np.eye(len(WORDS), dtype=np.float32)
    table[:_SPECIAL] = 0
    return table


def _write(
    folder: Path,
    table: np.ndarray,
    nodes: list[onnx.NodeProto],
    output: onnx.ValueInfoProto,
    constants: dict[str, np.ndarray] | None = None,
    *,
    types: bool = False,
) -> None:
    folder.mkdir(parents=True)
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in names]
    known = [numpy_helper.from_array(array, name) for name, array in {"table": table, **(constants or {})}.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, [output], known)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / "model.onnx"))
    _write_tokenizer(folder)


def _write_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = [(name, WORDS.index(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 32, "pad_token": "[PAD]"}))
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
