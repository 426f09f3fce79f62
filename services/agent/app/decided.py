"""What customers and people are told of the actions that colleagues decided about, without a model's words."""

from libs.contracts.session import Escalation
from services.agent.domain import actions, replies
from services.agent.domain.chat import ToolCall
from services.agent.domain.phrases import Language

from .dialogue import Dialogue
from .tools import Registry


def told(dialogue: Dialogue, registry: Registry, language: Language) -> list[str]:
    """Tell each decision by its own result; several are told apart by what they are about.

    What a tool handed over to a person is told by whoever says so.
    """
    several = len(dialogue.decided) + len(dialogue.unconfirmed) > 1
    return [
        replies.decided(
            str(each.decision.metadata.get("decision", "")),
            language,
            done=not each.result.failed,
            about=_described(each.call, registry) if several else "",
        )
        for each in dialogue.decided
        if each.result.escalation is None
    ]


def unconfirmed(dialogue: Dialogue, registry: Registry) -> Escalation:
    """Ask for a person, naming every action of which nobody knows whether it was done."""
    several, evidence = len(dialogue.unconfirmed) > 1, list[str]()
    for call in dialogue.unconfirmed:
        kind = registry.kind(call.name)
        named = f"{call.name}: {kind.spec.description}" if kind else call.name
        evidence.append(_with_details(named, call) if several else named)
    called = actions.unconfirmed(evidence)
    return actions.merged(called, dialogue.escalation) or called


def _described(call: ToolCall, registry: Registry) -> str:
    kind = registry.kind(call.name)
    what = kind.spec.description.partition(". ")[0].rstrip(" .") if kind else call.name
    return _with_details(what, call)


def _with_details(what: str, call: ToolCall) -> str:
    return f"{what} ({given})" if (given := actions.details(call.arguments)) else what
