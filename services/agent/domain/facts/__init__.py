"""Facts: what a customer tells about themselves, in four languages, and what may be remembered of it.

Nothing is guessed: what is asked, supposed, denied, quoted or somebody else's is no fact, and where that is in doubt it
counts as none. Facts are personal data: they are never logged.
"""

from .fact import LABELS, LONGEST_VALUE, OTHER, Fact, Scope, Trait, current, digest, fact, owned
from .secrets import is_secret
from .telling import MOST_IN_ONE, noted, tells_only_facts, told

__all__ = [
    "LABELS", "LONGEST_VALUE", "MOST_IN_ONE", "OTHER", "Fact", "Scope", "Trait", "current", "digest", "fact", "is_secret", "noted", "owned",
    "tells_only_facts", "told",
]  # fmt: skip
