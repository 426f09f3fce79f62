"""The program that reads one file and ends: `python -m libs.reading.process TASK`, with the file as standard input.

Before it looks at the file it takes from itself what it does not need. What it found is one message on its standard
output; what it cannot finish within its limits kills it, which its parent tells as a reason.
"""

import io
import os
import sys

import msgspec

from .confinement import confine
from .dispatch import read_file
from .outcome import Answer, Refusal, Task, Unreadable

# pypdf and openpyxl load these where they are, for what is not asked of them here, and that takes long.
_NEEDLESS = ("numpy", "PIL")


def main() -> None:
    """Read standard input as the argument says."""
    for name in _NEEDLESS:
        sys.modules[name] = None  # pyright: ignore[reportArgumentType] - so Python marks a module that is absent
    task = msgspec.json.decode(sys.argv[1], type=Task)
    confine(task.limits)
    message = msgspec.msgpack.encode(_answer(task))
    while message:
        message = message[os.write(1, message) :]
    os._exit(0)  # nothing of what a parser has left behind is worth tidying


def _answer(task: Task) -> Answer | Refusal:
    try:
        with io.BufferedReader(io.FileIO(0, closefd=False)) as file:
            file.seek(0)
            return Answer(read_file(file, task))
    except Unreadable as error:
        return Refusal(error.code, error.reason)


if __name__ == "__main__":
    main()
