"""`python -m deploy.local COMMAND`: what the Makefile's targets call."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local import commands
from deploy.local.services import deskbus
from deploy.local.state import ROOT, Refusal, data_folder, dotenv


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="Deskbus on this machine.")
    parser.set_defaults(tied=False, question=[], session=os.environ.get("SESSION", ""))
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    run = verbs.add_parser("run", help="everything in the foreground, with one merged log")
    run.add_argument("--tied", action="store_true", help="stop when the parent process ends, however it does")
    verbs.add_parser("start", help="everything in the background; returns when it is ready")
    verbs.add_parser("stop", help="stop what runs, in order")
    verbs.add_parser("url", help="the address")
    verbs.add_parser("status", help="processes, ports, readiness")
    verbs.add_parser("logs", help="the last 200 lines; FOLLOW=1 goes on")
    verbs.add_parser("erase", help="stop what runs and remove its data")
    ask = verbs.add_parser("ask", help="one question; without one it is read from $QUESTION")
    ask.add_argument("question", nargs="*")
    chat = verbs.add_parser("chat", help="a conversation")
    for verb in (ask, chat):
        verb.add_argument("--session", default=os.environ.get("SESSION", ""), help="go on with this session")
    verbs.add_parser("events", help="one line per event; SINCE=all for all that is kept")
    verbs.add_parser("ingest", help="the files at $INGEST_PATH become documents; its options are read from $ARGS")
    verbs.add_parser("gaps", help="questions that the documents do not answer, the most wanted first")
    verbs.add_parser("reindex", help="the index is built anew, by $MODEL where that is set")
    verbs.add_parser("replay", help="stored conversations answered again and compared; its options are read from $ARGS")
    return parser


def _act(arguments: argparse.Namespace) -> int:
    environ = {**dotenv(ROOT / ".env"), **os.environ}  # the environment goes before the file
    folder = data_folder(environ)
    again = [sys.executable, "-m", "deploy.local", "run"]
    acts: dict[str, Callable[[], int]] = {
        "run": lambda: commands.run(deskbus(folder), folder, environ, tied=arguments.tied),
        "start": lambda: commands.start(folder, again, environ),
        "stop": lambda: commands.stop(folder),
        "status": lambda: commands.status(folder),
        "logs": lambda: commands.logs(folder, follow=environ.get("FOLLOW", "") not in ("", "0", "no")),
        "erase": lambda: commands.erase(folder),
        "url": lambda: commands.show_address(folder, environ),
        "events": lambda: _events(folder, environ),
        **{verb: lambda: _look_after(arguments.verb, folder, environ) for verb in ("ingest", "gaps", "reindex")},
        "replay": lambda: commands.replay(folder, environ),
    }
    return acts.get(arguments.verb, lambda: _converse(arguments, folder, environ))()


def _events(folder: Path, environ: Mapping[str, str]) -> int:
    from deploy.local.events import follow  # noqa: PLC0415  (the supervisor does without its client library)

    url = environ.get("DESKBUS_NATS_URL") or commands.running(folder).environment.get("DESKBUS_NATS_URL", "")
    return follow(url, since_all=environ.get("SINCE") == "all")


def _look_after(verb: str, folder: Path, environ: Mapping[str, str]) -> int:
    from deploy.local import ingest, upkeep  # noqa: PLC0415  (the supervisor does without its client library)

    acts = {"ingest": ingest.ingest, "gaps": upkeep.gaps, "reindex": upkeep.reindex}
    return acts[verb](commands.address(folder, environ), environ)


def _converse(arguments: argparse.Namespace, folder: Path, environ: Mapping[str, str]) -> int:
    from deploy.local import console  # noqa: PLC0415  (the supervisor does without its client library)

    url = commands.address(folder, environ)
    if arguments.verb == "chat":
        return console.chat(url, arguments.session)
    return console.ask(url, " ".join(arguments.question) or environ.get("QUESTION", ""), arguments.session)


def main() -> int:
    """Entry point; an exit code, with one sentence on stderr where it is not 0."""
    try:
        return _act(_parser().parse_args())
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `make logs | head`
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
