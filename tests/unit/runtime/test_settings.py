"""Settings: read by name, all faults together, nothing secret shown."""

import pytest

from libs.runtime.settings import BadSettings, CommonSettings, load, unknown_names, variable_names


class Example(CommonSettings, frozen=True, kw_only=True):
    database_url: str
    cors_origins: list[str] = []  # noqa: RUF012 - msgspec copies defaults
    turn_lease_s: float = 15.0
    seed_documents: bool | None = None
    admin_token: int = 0


def test_defaults_stand_where_nothing_is_said() -> None:
    settings = load(Example, {"DESKBUS_DATABASE_URL": "postgresql://x"})
    assert (settings.turn_lease_s, settings.seed_documents, settings.environment) == (15.0, None, "development")


@pytest.mark.parametrize(
    "text",
    [
        "http://a.example, http://b.example",
        '["http://a.example","http://b.example"]',
        "http://a.example,http://b.example,",
    ],
)
def test_r26_lists_may_be_json_or_commas(text: str) -> None:
    settings = load(Example, {"DESKBUS_DATABASE_URL": "x", "DESKBUS_CORS_ORIGINS": text})
    assert settings.cors_origins == ["http://a.example", "http://b.example"]


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("TRUE", True), ("1", True), ("off", False), ("0", False)])
def test_truth_has_many_names(text: str, value: bool) -> None:
    assert load(Example, {"DESKBUS_DATABASE_URL": "x", "DESKBUS_SEED_DOCUMENTS": text}).seed_documents is value


def test_r26_all_faults_are_told_at_once_and_by_name() -> None:
    with pytest.raises(BadSettings) as caught:
        load(Example, {"DESKBUS_ENVIRONMENT": "moon", "DESKBUS_TURN_LEASE_S": "long", "DESKBUS_CORS_ORIGINS": "[1"})
    text = str(caught.value)
    for name in ("DESKBUS_DATABASE_URL", "DESKBUS_ENVIRONMENT", "DESKBUS_TURN_LEASE_S", "DESKBUS_CORS_ORIGINS"):
        assert name in text
    assert len(caught.value.faults) == 4


def test_secrets_are_not_shown() -> None:
    with pytest.raises(BadSettings) as caught:
        load(Example, {"DESKBUS_DATABASE_URL": "x", "DESKBUS_ADMIN_TOKEN": "swordfish"})
    assert "swordfish" not in str(caught.value)


def test_unknown_names_come_with_the_nearest_known_one() -> None:
    known = variable_names(Example)
    told = unknown_names(known, {"DESKBUS_TURN_LEASE": "1", "DESKBUS_DATABASE_URL": "x", "PATH": "/"})
    assert told == ["DESKBUS_TURN_LEASE is not a setting; did you mean DESKBUS_TURN_LEASE_S?"]
