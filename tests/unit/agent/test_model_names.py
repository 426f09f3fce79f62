"""How settings name language models and what they cost."""

import pytest

from services.agent.domain.model_names import Price, read_model, read_prices


def test_a_name_comes_apart() -> None:
    one = read_model("openai/org/llama3@http://127.0.0.1:8080/v1/")
    assert (one.name, one.provider, one.model) == ("openai/org/llama3", "openai", "org/llama3")
    assert one.base_url == "http://127.0.0.1:8080/v1"
    assert read_model(" anthropic/claude ").base_url is None


@pytest.mark.parametrize("text", ["", "gpt-5", "/x", "openai/", "open ai/x", "openai/x@ftp://h", "openai/x@nonsense"])
def test_what_names_no_model_is_told_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"model|address"):
        read_model(text)


def test_prices() -> None:
    assert read_prices(["openai/x=0.25/2", "y/z=0/0"]) == {"openai/x": Price(0.25, 2.0), "y/z": Price()}


@pytest.mark.parametrize(
    "text", ["openai/x", "openai/x=1", "openai/x=a/b", "openai/x=-1/1", "openai/x=nan/1", "x=1/inf"]
)
def test_what_is_no_price_is_told_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="price"):
        read_prices([text])
