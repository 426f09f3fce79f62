"""`python -m services.agent`."""

from libs.runtime.service import run
from services.agent.main import build
from services.agent.settings import Settings

if __name__ == "__main__":
    run("agent", Settings, build)
