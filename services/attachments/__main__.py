"""`python -m services.attachments`."""

from libs.runtime.service import run
from services.attachments.main import build
from services.attachments.settings import Settings

if __name__ == "__main__":
    run("attachments", Settings, build)
