"""An agent whose leases never end for itself: what it was paused for it goes on with, and offers its answer late.

It is not broken by what it may store: the session service's fence must hold against it. Together with the session
service that has none it shows what the fence is for.
"""

from libs.runtime.service import run
from services.agent.app.lease import Lease
from services.agent.main import build
from services.agent.settings import Settings

A_DAY_S = 86_400.0


def never(lease: Lease) -> float:
    """Give an end that is always far away."""
    return lease._clock() + A_DAY_S


def ignore(_: Lease, __: float) -> None:
    """Hear of no other end."""


Lease.ends_at = property(never, ignore)

if __name__ == "__main__":
    run("agent", Settings, build)
