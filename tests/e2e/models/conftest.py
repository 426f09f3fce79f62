"""The system with language models: one spoken to directly, one through litellm, and tools in another system."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from tests.support.client import Client
from tests.support.openai_server import OpenAIServer
from tests.support.system import System, real_servers
from tests.support.tool_server import SECRET, ToolServer

KEY = "key-of-tests"
TOOLS = """
[[tools]]
name = "look_up_order"
description = "Look up one order of this customer by its number."
doing = "Looking up your order"
url = "{crm}/api/users/{{user_id}}/orders/{{order_id}}"
headers = {{ Authorization = "Bearer ${{CRM}}" }}
[tools.parameters]
required = ["order_id"]
[tools.parameters.properties.order_id]
type = "string"

[[tools]]
name = "refund_order"
description = "Refund an order."
method = "POST"
access = "approval"
doing = "Asking for a refund"
url = "{crm}/api/refunds"
[tools.parameters]
required = ["order_id"]
[tools.parameters.properties.order_id]
type = "string"

[[tools]]
name = "cancel_order"
description = "Cancel an order."
method = "POST"
access = "approval"
timeout_s = 30
url = "{crm}/api/refunds?then=hang"
[tools.parameters]
required = ["order_id"]
[tools.parameters.properties.order_id]
type = "string"
"""


class Ports:
    """Where the two providers and the CRM are, while they are there."""

    def __init__(self) -> None:
        self.first, self.second, self.crm = free_port(), free_port(), free_port()


@pytest.fixture(scope="module")
def ports() -> Ports:
    return Ports()


@pytest.fixture(scope="module")
def system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model_folder: Path, ports: Ports
) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("models")
    tools = folder / "tools.toml"
    tools.write_text(TOOLS.format(crm=f"http://127.0.0.1:{ports.crm}"))
    settings: dict[str, object] = {
        "model": f"openai/first@http://127.0.0.1:{ports.first}/v1",
        # litellm takes seconds to load: only where it is what a module is about.
        "fallback_models": f"hosted_vllm/second@http://127.0.0.1:{ports.second}/v1"
        if getattr(request.module, "LITELLM", False)
        else "",
        "model_api_key": KEY,
        "model_prices": "openai/first=1/2",
        "first_token_timeout_s": 3,
        "between_tokens_timeout_s": 3,
        "turn_lease_s": 3,
        "tools_file": tools,
        "tool_secret_crm": SECRET,
        "company_name": "Acme",
    }
    with real_servers(folder / "servers") as servers, System(servers, folder, model_folder, **settings) as running:
        yield running


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    async with Client.at(system.url) as opened:
        yield opened


@pytest.fixture
async def first(ports: Ports) -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(key=KEY).running(ports.first) as server:
        yield server


@pytest.fixture
async def second(ports: Ports) -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(key=KEY).running(ports.second) as server:
        yield server


@pytest.fixture
async def crm(ports: Ports) -> AsyncIterator[ToolServer]:
    async with ToolServer(ports.crm) as server:
        yield server
