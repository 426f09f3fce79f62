"""How language models are put together from settings: who is asked, with which keys and prices, in which words."""

import random
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from libs.runtime.clock import now
from libs.runtime.service import Scope, Unusable
from libs.runtime.settings import variables
from services.agent.adapters.extractive import ExtractiveModel
from services.agent.adapters.litellm_chat import LiteLLMChat, LiteLLMOptions
from services.agent.adapters.openai_chat import Endpoint, OpenAIChat, connections
from services.agent.adapters.prompt_files import read_prompt
from services.agent.adapters.scripted import ScriptedModel
from services.agent.app.answers import AnswerLimits, ChatAnswers, Parts
from services.agent.app.deployments import Chances, Deployments, ModelTimes
from services.agent.app.spending import Spending
from services.agent.app.steps import Steps
from services.agent.domain.filters import Redaction
from services.agent.domain.instructions import Instructions, Persona
from services.agent.domain.model_names import DIRECT, ModelName, Price, read_model, read_prices
from services.agent.domain.prompt_guard import PromptGuard
from services.agent.domain.script import Pace
from services.agent.ports import ChatModel, Log, Model
from services.agent.settings import ModelSettings

_OPENAI_KEY = "OPENAI_API_KEY"
# Without one litellm would send the provider's to an address that is not the provider's.
_NO_KEY = "none"


def is_language_model(settings: ModelSettings) -> bool:
    """Say whether settings name a language model, and not one of ours."""
    return settings.model not in ("extractive", "scripted")


def own_model(settings: ModelSettings) -> Model:
    """Give the model of ours that settings name.

    Raises:
        Unusable: the scripted model in production, where customers could make the process crash with their words.
    """
    if settings.model != "scripted":
        return ExtractiveModel()
    if settings.environment == "production":
        raise Unusable("DESKBUS_MODEL=scripted is for tests and never for production; leave it out or name another")
    return ScriptedModel(
        Pace(
            tokens=settings.scripted_tokens,
            first_ms=settings.scripted_first_token_ms,
            interval_ms=settings.scripted_interval_ms,
        )
    )


async def deployments(scope: Scope, settings: ModelSettings) -> Deployments:
    """Open the language models that settings name.

    Raises:
        Unusable: a name, a price or an address cannot be used, or two models have the same name.
    """
    try:
        names = [read_model(text) for text in (settings.model, *settings.fallback_models)]
        prices = read_prices(settings.model_prices)
        models = await _models(scope, settings, names, prices)
    except ValueError as fault:
        raise Unusable(f"DESKBUS_MODEL, DESKBUS_FALLBACK_MODELS or DESKBUS_MODEL_PRICES: {fault}") from fault
    names_known = {model.name for model in models}
    if unknown := sorted(prices.keys() - names_known):
        raise Unusable(
            f"DESKBUS_MODEL_PRICES: {', '.join(unknown)} is none of the models {', '.join(sorted(names_known))}"
        )
    _warn(scope, settings, models)
    if len({model.name for model in models}) < len(models):
        raise Unusable("language model: DESKBUS_MODEL and DESKBUS_FALLBACK_MODELS name the same model twice")
    times = ModelTimes(
        first_token_s=settings.first_token_timeout_s,
        between_tokens_s=settings.between_tokens_timeout_s,
        gather_s=settings.text_interval_ms / 1000,
    )
    return Deployments(models, scope.log, times, Chances(clock=time.monotonic, jitter=random.random))


def _warn(scope: Scope, settings: ModelSettings, models: Sequence[ChatModel]) -> None:
    """Say what an operator would otherwise learn from customers."""
    for model in models:
        if isinstance(model, OpenAIChat) and not model.has_key and model.is_at_its_provider:
            scope.log.warning(
                "model_key_missing", model=model.name, detail="set OPENAI_API_KEY or DESKBUS_MODEL_API_KEY"
            )
        if settings.limits_money and not model.cost_usd(1_000_000, 1_000_000):
            detail = "its price is not known, so no budget in money holds for it: set DESKBUS_MODEL_PRICES"
            scope.log.warning("model_price_unknown", model=model.name, detail=detail)


def hosts(links: Sequence[str]) -> frozenset[str]:
    """Give the hosts of a list in which addresses may stand as well: `help.example.com`, `https://help.example.com/`."""
    return frozenset(urlsplit(link if "//" in link else f"//{link}").hostname or link for link in links)


async def _models(
    scope: Scope, settings: ModelSettings, names: Sequence[ModelName], prices: dict[str, Price]
) -> list[ChatModel]:
    session = await scope.enter("models", connections())
    models: list[ChatModel] = []
    for name in names:
        price = prices.get(name.name)
        paid = (price.prompt, price.completion) if price else None
        if _is_direct(settings, name):
            # A provider's key goes to that provider alone, and to no address that settings add.
            key = settings.model_api_key or (None if name.base_url else variables(_OPENAI_KEY).get(_OPENAI_KEY))
            address = name.base_url or DIRECT.get(name.provider)
            if address is None:
                raise ValueError(f"{name.name} has no address: write {name.name}@https://...")
            endpoint = Endpoint(
                name=name.name, model=name.model, base_url=address, key=key or None, prices=paid or (0.0, 0.0)
            )
            models.append(OpenAIChat(session, endpoint, now))
        else:
            key = (settings.model_api_key or _NO_KEY) if name.base_url else None
            options = LiteLLMOptions(name=name.name, api_base=name.base_url, key=key, prices=paid)
            model = LiteLLMChat(options, now)
            await model.warm()
            models.append(model)
    return models


def _is_direct(settings: ModelSettings, name: ModelName) -> bool:
    if settings.model_adapter == "auto":
        return name.provider in DIRECT
    return settings.model_adapter == "direct"


def chat_answers(
    settings: ModelSettings, completions: Deployments, spending: Spending, steps: Steps, log: Log
) -> ChatAnswers:
    """Give the model that answers with language models.

    Raises:
        Unusable: the system prompt cannot be used.
    """
    persona = Persona(company=settings.company_name, assistant=settings.assistant_name, tone=settings.assistant_tone)
    try:
        instructions = Instructions(read_prompt(settings.system_prompt), persona, settings.system_prompt)
    except (OSError, ValueError) as fault:
        raise Unusable(f"DESKBUS_SYSTEM_PROMPT={settings.system_prompt}: {fault}") from fault
    return ChatAnswers(
        Parts(
            completions=completions,
            count=completions.count,
            spending=spending,
            steps=steps,
            registry=steps.registry,
            fallback=ExtractiveModel(),
            instructions=instructions,
            log=log,
            limits=AnswerLimits(
                context_tokens=settings.model_context_tokens,
                answer_tokens=settings.model_max_tokens,
                temperature=settings.model_temperature,
            ),
            redacting=Redaction if settings.redact_pii else None,
            guard=PromptGuard,
        )
    )
