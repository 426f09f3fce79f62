"""What the session service does."""

from .conversations import Conversations
from .decisions import Decisions
from .hand_overs import HandOvers
from .turns import Turns


class App(Conversations, Turns, HandOvers, Decisions):
    """The use cases of the session service."""
