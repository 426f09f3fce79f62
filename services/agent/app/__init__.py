"""The use cases of the agent: claim turns, answer them, and say how far an answer is."""

from .attempt import Limits, Means
from .claims import Capacity, Claim, Claimer
from .memory import Memory
from .turns import Turns

__all__ = ["Capacity", "Claim", "Claimer", "Limits", "Means", "Memory", "Turns"]
