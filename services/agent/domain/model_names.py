"""Names of language models as settings give them: `openai/gpt-5-mini`, `openai/llama3@http://127.0.0.1:8080/v1`."""

from urllib.parse import urlsplit

from msgspec import Struct

# Who speaks OpenAI's protocol at which address.
DIRECT = {"openai": "https://api.openai.com/v1"}


class ModelName(Struct, frozen=True, kw_only=True):
    """A language model's name, taken apart.

    Attributes:
        name: `provider/model`, as litellm, the ledger and answers have it.
        base_url: where it is, where not at its provider's.
    """

    name: str
    base_url: str | None = None

    @property
    def provider(self) -> str:
        """Who provides it."""
        return self.name.partition("/")[0]

    @property
    def model(self) -> str:
        """What its provider calls it."""
        return self.name.partition("/")[2]


class Price(Struct, frozen=True):
    """US dollars for a million tokens."""

    prompt: float = 0.0
    completion: float = 0.0


def read_model(text: str) -> ModelName:
    """Take a name apart.

    Raises:
        ValueError: with a sentence that says what is wrong with it.
    """
    name, _, address = text.strip().partition("@")
    provider, _, model = name.partition("/")
    if not provider or not model or any(character.isspace() for character in name):
        raise ValueError(
            f"{text!r} names no model: write a provider and a model, as in openai/gpt-5-mini (or, as DESKBUS_MODEL alone, extractive)"
        )
    if not address:
        return ModelName(name=name)
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{address!r} behind the @ of {name} is no http or https address")
    return ModelName(name=name, base_url=address.rstrip("/"))


def read_prices(texts: list[str]) -> dict[str, Price]:
    """Read `name=prompt/completion`, in US dollars a million tokens.

    Raises:
        ValueError: with a sentence that says what is wrong with one of them.
    """
    prices: dict[str, Price] = {}
    for text in texts:
        name, _, amounts = text.partition("=")
        prompt, _, completion = amounts.partition("/")
        try:
            price = Price(float(prompt), float(completion))
        except ValueError:
            raise ValueError(f"{text!r} is no price: write name=prompt/completion, as in openai/x=0.25/2") from None
        if not (0 <= price.prompt < float("inf") and 0 <= price.completion < float("inf")):
            raise ValueError(f"{text!r}: a price is 0 or more")
        prices[name.strip()] = price
    return prices
