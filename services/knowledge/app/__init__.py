"""The use cases of the knowledge service."""

from .documents import Documents
from .gaps import Gaps
from .indexing import Indexing
from .ingesting import Ingesting
from .opening import Opening, WrongModel
from .reindexing import Reindexing
from .searching import Builds, Searching
from .seeding import seed
from .sessions import Sessions
from .sites import Sites
from .sweeping import Sweeping
from .usage import Usage

__all__ = [
    "Builds",
    "Documents",
    "Gaps",
    "Indexing",
    "Ingesting",
    "Opening",
    "Reindexing",
    "Searching",
    "Sessions",
    "Sites",
    "Sweeping",
    "Usage",
    "WrongModel",
    "seed",
]
