"""The session service without its fence: an answer is stored whoever offers it, under whatever attempt and epoch."""

from libs.runtime.service import run
from services.session.domain.conversation import Conversation
from services.session.domain.turn import Turn
from services.session.main import build
from services.session.settings import Settings

assert callable(Conversation.check_fence), "the fence has another name now: this twin removes nothing"


def let_pass(conversation: Conversation, turn: Turn, *_: object) -> None:
    """Take any writer for the current one."""
    conversation.turn = turn


Conversation.check_fence = let_pass

if __name__ == "__main__":
    run("session", Settings, build)
