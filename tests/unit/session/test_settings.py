"""What the session service may be told about turns, within its bounds."""

import pytest

from libs.runtime.settings import BadSettings, load
from services.session.domain.turn import TurnRules
from services.session.settings import Settings


def rules(**said: str) -> TurnRules:
    environ = {"DESKBUS_DATABASE_URL": "x"} | {f"DESKBUS_{name.upper()}": value for name, value in said.items()}
    return load(Settings, environ).turn_rules


def test_what_holds_where_nothing_is_said() -> None:
    assert rules() == TurnRules(lease_s=15.0, policy="coalesce", window_s=0.0, deadline_s=900.0)


def test_what_is_said_holds() -> None:
    said = rules(turn_lease_s="3", turn_policy="supersede", turn_window_ms="10000", turn_deadline_s="0.5")
    assert said == TurnRules(lease_s=3.0, policy="supersede", window_s=10.0, deadline_s=0.5)
    assert rules(turn_window_ms="0").window_s == 0.0


@pytest.mark.parametrize(
    "wrong",
    [{"turn_window_ms": "-1"}, {"turn_window_ms": "10001"}, {"turn_policy": "queue"}, {"turn_deadline_s": "0"}],
)
def test_what_breaks_the_bounds_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadSettings):
        rules(**wrong)
