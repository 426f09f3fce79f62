"""The use cases of the agent: claim turns, answer them, and say how far an answer is."""

from .claims import Capacity, Claim, Claimer
from .memory import Memory
from .turns import Turns
from .writing import Limits, Means

__all__ = ["Capacity", "Claim", "Claimer", "Limits", "Means", "Memory", "Turns"]
