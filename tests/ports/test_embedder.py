"""The real embedder: what its vectors mean, that it needs no network, and that the seed documents are found by it."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from libs.contracts.errors import Unavailable
from services.knowledge import domain
from services.knowledge.adapters.fastembed_embedder import FastembedEmbedder
from services.knowledge.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.knowledge.ports import Embedder, EmbedderFault, VectorIndex
from tests.support.embedding import ROOT, model_folder, points, seed_documents

__all__ = ["model_folder"]

# An index speaks with its process on the loop that opened it.
module_loop = pytest.mark.asyncio(loop_scope="module")

LONG = "The parcel is on its way to you and will arrive soon. " * 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embedder(model_folder: Path) -> AsyncIterator[Embedder]:
    opened = FastembedEmbedder(model_folder, workers=2)
    await opened.open()
    yield opened
    await opened.close()


def cosine(one: domain.Vector, other: domain.Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@module_loop
async def test_the_model_says_what_it_is(embedder: Embedder) -> None:
    assert (embedder.model.name, embedder.model.dimension) == ("minilm-l6-v2-int8", 384)
    assert "local files" in embedder.model.origin


@module_loop
async def test_vectors_have_the_dimension_and_length_1(embedder: Embedder) -> None:
    for vector in [await embedder.embed_query("Where is my order?"), *await embedder.embed_passages(["a", LONG])]:
        assert len(vector) == 384
        assert math.hypot(*vector) == pytest.approx(1.0, abs=1e-5)


@module_loop
async def test_a_paraphrase_is_nearer_than_something_else(embedder: Embedder) -> None:
    question = await embedder.embed_query("How can I get my money back?")
    same, other = await embedder.embed_passages(["I would like a refund.", "The train leaves at noon."])
    assert cosine(question, same) > 0.5
    assert cosine(question, other) < 0.3


@module_loop
async def test_a_text_has_one_vector_whatever_is_embedded_with_it(embedder: Embedder) -> None:
    alone = await embedder.embed_query("I forgot my password.")
    among = await embedder.embed_passages([LONG, "I forgot my password.", "x"])
    assert among[1] == alone


@module_loop
async def test_texts_that_are_embedded_at_once_keep_their_vectors(embedder: Embedder) -> None:
    texts = [f"My order {number} has not arrived, where is it?" for number in range(24)]
    alone = [await embedder.embed_query(text) for text in texts]
    assert await asyncio.gather(*map(embedder.embed_query, texts)) == alone
    assert await embedder.embed_passages(texts) == alone


@module_loop
async def test_tokens_are_counted_however_long_the_text_is(embedder: Embedder) -> None:
    assert embedder.count_tokens("") == 0
    assert embedder.count_tokens("order") == 1
    assert embedder.count_tokens("order " * 1_000) == 1_000
    assert await asyncio.to_thread(embedder.count_tokens, "Where is it?") == 4


@module_loop
async def test_no_passages_no_vectors(embedder: Embedder) -> None:
    assert await embedder.embed_passages([]) == []


@module_loop
@pytest.mark.parametrize("text", ["", " ", "茶" * 3_000, "\x00 😀"])
async def test_any_text_has_a_vector(embedder: Embedder, text: str) -> None:
    vector = await embedder.embed_query(text)
    assert all(math.isfinite(number) for number in vector)


@module_loop
async def test_text_beyond_256_tokens_is_not_read(embedder: Embedder) -> None:
    words = "order " * 254
    one, other, shorter = await embedder.embed_passages([words + "refund", words + "weather", words[:-6] + "weather"])
    assert one == other
    assert shorter != one


@module_loop
async def test_a_question_does_not_wait_for_all_passages(embedder: Embedder) -> None:
    passages = asyncio.create_task(embedder.embed_passages([LONG] * 100))
    await asyncio.sleep(0)
    await asyncio.wait_for(embedder.embed_query("Where is my order?"), 5)
    assert not passages.done()
    passages.cancel()


@module_loop
async def test_an_embedder_that_is_not_open_is_unavailable(model_folder: Path) -> None:
    embedder = FastembedEmbedder(model_folder)
    with pytest.raises(Unavailable):
        await embedder.embed_query("hello")
    with pytest.raises(Unavailable):
        embedder.count_tokens("hello")
    await embedder.close()


@module_loop
async def test_a_missing_model_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(EmbedderFault, match=r"python -m deploy\.local\.embedding_model"):
        await FastembedEmbedder(tmp_path).open()


@module_loop
async def test_a_broken_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(EmbedderFault, match="cannot be loaded"):
        await FastembedEmbedder(tmp_path).open()


# Any use of the network ends the process with an exception; the asyncio loop's own socket pair is no use of it.
OFFLINE_CHILD = """
import asyncio, importlib.util, pathlib, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        raise RuntimeError(f"the network was used: {event} {arguments}")

sys.addaudithook(refuse)
from services.knowledge.adapters.fastembed_embedder import FastembedEmbedder
assert "fastembed" not in sys.modules and "onnxruntime" not in sys.modules, "something was loaded at import"
assert importlib.util.find_spec("torch") is None, "torch is installed"

async def main():
    embedder = FastembedEmbedder(pathlib.Path(sys.argv[1]))
    assert "fastembed" not in sys.modules, "something was loaded before open"
    await embedder.open()
    assert len(await embedder.embed_query("hello")) == 384
    await embedder.close()

asyncio.run(main())
print([name for name in sys.modules if name.partition(".")[0] in ("torch", "nvidia", "cupy")])
"""


@pytest.fixture(scope="module")
def offline_child(model_folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", OFFLINE_CHILD, str(model_folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_r30_the_model_loads_without_network_and_only_when_opened(
    offline_child: subprocess.CompletedProcess[str],
) -> None:
    assert offline_child.returncode == 0, offline_child.stderr


def test_r31_embedding_on_a_cpu_host_ends_well_without_torch(offline_child: subprocess.CompletedProcess[str]) -> None:
    assert (offline_child.returncode, offline_child.stdout) == (0, "[]\n"), offline_child.stderr


# The cosine that this model gives what is related, and hardly anything else.
_RELATED = 0.33


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seeded(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VectorIndex]:
    index = QdrantEdgeIndex(tmp_path_factory.mktemp("seeded") / "index")
    await index.open(embedder.model)
    passages = [passage for document in seed_documents("acme") for passage in domain.split(document)]
    texts = [
        domain.embedded_text(passage.title, passage.heading, passage.text, embedder.count_tokens)
        for passage in passages
    ]
    vectors = await embedder.embed_passages(texts)
    await index.upsert(points(passages, vectors))
    yield index
    await index.close()


async def best(embedder: Embedder, index: VectorIndex, question: str) -> str | None:
    vector = await embedder.embed_query(question)
    nearest = (await index.search(vector, domain.NO_WORDS, tenant="acme", limit=5))[0]
    return nearest.document_id if nearest.cosine >= _RELATED else None


@module_loop
@pytest.mark.parametrize(
    ("question", "document_id"),
    [
        ("How do I reset my password?", "doc_password_reset"),
        ("What is your refund policy?", "doc_refunds"),
        ("How long does shipping take?", "doc_shipping"),
        ("How can I contact support?", "doc_support_contact"),
    ],
)
async def test_r34_each_welcome_question_finds_its_document_first(
    embedder: Embedder, seeded: VectorIndex, question: str, document_id: str
) -> None:
    assert await best(embedder, seeded, question) == document_id


@module_loop
async def test_paraphrases_find_their_document_and_foreign_questions_none(
    embedder: Embedder, seeded: VectorIndex
) -> None:
    expected = {
        "How long do I have to return something?": "doc_refunds",
        "I forgot my password": "doc_password_reset",
        "how many days for standard delivery": "doc_shipping",
        "where is my package": "doc_order_tracking",
        "can I pay with paypal": "doc_payment_methods",
        "is my data encrypted": "doc_privacy",
        "benefits of being a premium member": "doc_premium_membership",
        "what documents do I need for verification": "doc_account_verification",
        "What are the technical support hours?": "doc_technical_support",
        "what is the capital of France": None,
        "how do I cook rice": None,
        "tell me a joke": None,
        "do you sell gift cards": None,
        "are you hiring": None,
    }
    assert {question: await best(embedder, seeded, question) for question in expected} == expected
