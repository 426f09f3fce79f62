"""Models that are not the packaged one: a folder's, one by name, none at all; and re-ranking."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.contracts.errors import Unavailable
from services.knowledge.adapters.fastembed_embedder import FastembedEmbedder
from services.knowledge.adapters.fastembed_reranker import FastembedReranker
from services.knowledge.adapters.no_embedder import NoEmbedder
from services.knowledge.ports import EmbedderFault, Reranker
from tests.support.tiny_models import WORDS, cross_encoder, embedding_model


def parts(vector: list[float]) -> dict[str, float]:
    """What of a tiny model's vector is not 0."""
    return {word: round(number, 3) for word, number in zip(WORDS, vector, strict=True) if abs(number) > 1e-6}


async def test_a_folder_is_a_model_and_its_dimension_is_measured(tmp_path: Path) -> None:
    folder = embedding_model(tmp_path / "tiny")
    embedder = FastembedEmbedder(tmp_path / "packaged", name=str(folder))
    with pytest.raises(Unavailable):
        _ = embedder.model
    await embedder.open()
    assert (embedder.model.name, embedder.model.dimension) == (str(folder), len(WORDS))
    assert embedder.model.origin == f"folder {folder}"
    vector = await embedder.embed_query("refund refund parcel")
    assert math.hypot(*vector) == pytest.approx(1.0)
    assert parts(vector)["refund"] == pytest.approx(2 * parts(vector)["parcel"], abs=2e-3)
    assert embedder.count_tokens("refund unheard-of parcel") == 3
    await embedder.close()


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, {"[CLS]": 1.0}),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, {"[CLS]": 0.707, "parcel": 0.707}),
        (None, {"[CLS]": 0.707, "parcel": 0.707}),
    ],
    ids=["first token", "mean", "not told"],
)
async def test_token_vectors_become_one_as_the_folder_says(
    tmp_path: Path, pooling: dict[str, bool] | None, expected: dict[str, float]
) -> None:
    folder = embedding_model(tmp_path / "tiny", pooling=pooling)
    embedder = FastembedEmbedder(tmp_path / "packaged", name=str(folder))
    await embedder.open()
    assert parts(await embedder.embed_query("parcel")) == expected
    await embedder.close()


async def test_questions_and_passages_begin_as_the_folder_says(tmp_path: Path) -> None:
    embedder = FastembedEmbedder(tmp_path, name=str(embedding_model(tmp_path / "tiny", prompts=True)))
    await embedder.open()
    assert {"query", "late"} <= parts(await embedder.embed_query("late")).keys()
    (passage,) = await embedder.embed_passages(["late"])
    assert {"passage", "late"} <= parts(passage).keys()
    await embedder.close()


async def test_a_folder_is_opened_again_and_again(tmp_path: Path) -> None:
    folder = embedding_model(tmp_path / "tiny")
    for _ in range(2):
        embedder = FastembedEmbedder(tmp_path, name=str(folder))
        await embedder.open()
        await embedder.open()
        await embedder.close()


async def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EmbedderFault, match=r"needs model\.onnx"):
        await FastembedEmbedder(tmp_path, name=str(tmp_path / "nothing")).open()
    folder = embedding_model(tmp_path / "tiny")
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(EmbedderFault, match=r"tokenizer_config\.json"):
        await FastembedEmbedder(tmp_path, name=str(folder)).open()


async def test_a_name_that_nobody_knows_is_refused_with_examples(tmp_path: Path) -> None:
    with pytest.raises(EmbedderFault, match=r"DESKBUS_EMBEDDING_MODEL=nobody/knows-it is neither .* for example, "):
        await FastembedEmbedder(tmp_path, name="nobody/knows-it").open()


async def test_a_known_model_that_cannot_be_had_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path / "cache"))
    with pytest.raises(EmbedderFault, match=r"cannot be downloaded here.*FASTEMBED_CACHE_PATH.*=none"):
        await FastembedEmbedder(tmp_path, name="BAAI/bge-small-en-v1.5").open()


async def test_without_a_model_nothing_has_a_meaning() -> None:
    embedder = NoEmbedder()
    await embedder.open()
    assert embedder.model.lexical
    assert "lexical" in embedder.model.origin
    assert await embedder.embed_query("refund") == []
    assert await embedder.embed_passages(["refund", "parcel"]) == [[], []]
    assert embedder.count_tokens("Where is my parcel?") > 0
    await embedder.close()


@pytest.fixture
async def reranker(tmp_path: Path) -> AsyncIterator[Reranker]:
    opened = FastembedReranker(str(cross_encoder(tmp_path / "tiny")))
    await opened.open()
    yield opened
    await opened.close()


async def test_a_reranker_scores_each_text_against_the_question(reranker: Reranker) -> None:
    texts = ["late parcel", "money refund", "unheard-of", "refund parcel refund"]
    scores = await reranker.scores("refund money", texts)
    assert scores == pytest.approx([1 / (1 + math.exp(0.5 - shared)) for shared in (0, 2, 0, 2)], abs=1e-5)
    assert await reranker.scores("parcel", ["late parcel", "refund"]) == pytest.approx([0.6225, 0.3775], abs=1e-3)
    assert await reranker.scores("refund", []) == []


async def test_a_reranker_says_what_it_is(reranker: Reranker) -> None:
    await reranker.open()
    assert reranker.model.name.endswith("tiny")
    assert reranker.model.origin.startswith("folder ")


async def test_a_reranker_that_is_not_open_is_unavailable(tmp_path: Path) -> None:
    unopened = FastembedReranker(str(tmp_path))
    with pytest.raises(Unavailable):
        await unopened.scores("refund", ["money"])
    with pytest.raises(EmbedderFault, match=r"needs model\.onnx"):
        await unopened.open()
    with pytest.raises(EmbedderFault, match="DESKBUS_RERANK_MODEL=nobody/knows-it"):
        await FastembedReranker("nobody/knows-it").open()
    await unopened.close()
