"""Run the gateway: `python -m services.gateway`."""

from libs.runtime.service import run

from .main import build
from .settings import Settings

if __name__ == "__main__":
    run("gateway", Settings, build)
