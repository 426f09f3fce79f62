"""`python -m services.session`."""

from libs.runtime.service import run

from .main import build
from .settings import Settings

if __name__ == "__main__":
    run("session", Settings, build)
