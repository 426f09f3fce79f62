"""What `.env.example` names is what the services read."""

import importlib
import re
from pathlib import Path

from libs.runtime.settings import CommonSettings, known_names, variable_names

ROOT = Path(__file__).parents[2]
SERVICES = ["gateway", "session", "agent", "knowledge", "attachments"]
# read by the local stack, not by a service
LOCAL = {"DESKBUS_DATA_DIR", "DESKBUS_NATS_MONITOR_URL", "DESKBUS_REDIS_URL", "DESKBUS_QDRANT_URL"}


def known() -> set[str]:
    names = set(LOCAL)
    for service in SERVICES:
        settings = importlib.import_module(f"services.{service}.settings").Settings
        assert issubclass(settings, CommonSettings)
        names |= variable_names(settings)
    return names


def test_the_example_names_only_what_is_read() -> None:
    text = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^# (DESKBUS_[A-Z_]+)=", text, re.MULTILINE))
    assert named
    assert named <= known()


def test_the_list_of_known_names_is_true() -> None:
    """Each process warns of `DESKBUS_*` names that none reads. Mend the list in `libs/runtime/known_settings.txt`."""
    assert sorted(known_names()) == sorted(known())


def test_settings_are_frozen() -> None:
    for service in SERVICES:
        settings = importlib.import_module(f"services.{service}.settings").Settings
        assert settings.__struct_config__.frozen
