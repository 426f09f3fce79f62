"""What the session service does."""

from .conversations import Conversations
from .hand_overs import HandOvers
from .turns import Turns


class App(Conversations, Turns, HandOvers):
    """The use cases of the session service."""
