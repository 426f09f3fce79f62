"""Asks the process of this container how it is: `probe.py live` or `probe.py ready`; ends with 0 where it is well.

The health check of the images, which have neither curl nor a need for it. It starts anew every few seconds and so
imports little. What is wrong is its last word, which `docker inspect` shows.
"""  # noqa: INP001 - a file of the image, not of a package

import http.client
import os
import sys

TIMEOUT_S = 4.0


def port() -> int:
    """Give the port that has the probes: the operations port, and where there is none the gateway's own."""
    return int(os.environ.get("DESKBUS_OPERATIONS_PORT") or 0) or int(os.environ.get("DESKBUS_PORT") or 8000)


def main(question: str) -> str | None:
    """Ask; give what is wrong, None where nothing is."""
    connection = http.client.HTTPConnection("127.0.0.1", port(), timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"/health/{question}")
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer on port {port()}: {error}"
    finally:
        connection.close()
    return None if answer.status == http.HTTPStatus.OK else f"{answer.status}: {body}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or ["live"]))
