"""Who publishes and who listens: the tables of `docs/design.md` and `libs.contracts.streams` are what the code does."""

import re
from pathlib import Path

from libs.contracts import bus_map
from libs.contracts.channels import Event
from libs.contracts.streams import CONSUMERS, durable_name

ROOT = Path(__file__).parents[2]
SERVICES = ["gateway", "session", "agent", "knowledge", "attachments"]
EVENTS = {name: value for name, value in vars(bus_map).items() if isinstance(value, Event)}
CONSUMER = re.compile(r"EventConsumer\(\s*\w+,\s*\"(\w+)\",\s*(?:bus_map\.)?([A-Z_]+)")


def sources(service: str) -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "services" / service).rglob("*.py")))


def test_each_durable_has_one_handler_and_each_handler_its_durable() -> None:
    handled: list[str] = []
    for service in SERVICES:
        for named, event in CONSUMER.findall(sources(service)):
            assert named == service, f"{service} listens as {named}"
            handled.append(durable_name(service, EVENTS[event]))
    assert sorted(handled) == sorted(consumer.durable for consumer in CONSUMERS)


def test_the_gateway_consumes_nothing_durably() -> None:
    assert "EventConsumer" not in sources("gateway")


def test_only_an_owner_logs_its_events() -> None:
    for name, event in EVENTS.items():
        for service in SERVICES:
            logs = re.search(rf"_log\(\s*(?:bus_map\.)?{name}\b", sources(service))
            assert logs is None or service == event.owner, f"{service} logs {name}"


def test_every_event_of_the_session_service_is_logged() -> None:
    text = sources("session")
    missing = [name for name, event in EVENTS.items() if event.owner == "session" and f"bus_map.{name}" not in text]
    assert missing == []


def test_only_provision_makes_streams_and_consumers() -> None:
    for top in ("libs", "services"):
        for path in (ROOT / top).rglob("*.py"):
            if path.name != "provision.py":
                assert not re.search(
                    r"\.(add_stream|update_stream|add_consumer|create_object_store)\(", path.read_text()
                )
