"""Tools: the one registry of what a model may ask for."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from libs.contracts.errors import DeskError
from services.agent.domain.chat import ToolSpec
from services.agent.domain.schemas import Schema, schema_faults
from services.agent.domain.steps import ToolContext, ToolKind
from services.agent.ports import Log, Tool

# Alone in the list of enabled tools: none at all.
NONE = "none"
_PROBE_S = 1.5


class UnknownTools(Exception):
    """Settings enable tools that nobody registered; the text names them, and those that there are."""


@runtime_checkable
class Refusing(Protocol):
    """A tool that can say before it is called, or asked for of a person, that it cannot do this."""

    def refusal(self, arguments: dict[str, Any], ctx: ToolContext) -> str | None:
        """Say why not, in words for the model; None where nothing speaks against it."""
        ...


class Registered(Struct, frozen=True):
    """A tool with its schema, ready to check arguments."""

    tool: Tool
    kind: ToolKind
    schema: Schema

    def refusal(self, arguments: dict[str, Any], ctx: ToolContext) -> str | None:
        """Say why the tool cannot be called with this, in words for the model; None where it can."""
        if faults := self.schema.faults(arguments):
            return f"The arguments do not fit: {'; '.join(faults)}."
        return self.tool.refusal(arguments, ctx) if isinstance(self.tool, Refusing) else None


class Registry:
    """The tools of a process, in the order in which they were registered.

    Args:
        enabled: names of those that models are told of; none named: all; `none` alone: no tool.
    """

    def __init__(self, log: Log, enabled: Sequence[str] = ()) -> None:
        self._log = log
        self._enabled = frozenset(enabled)
        self._tools: dict[str, Registered] = {}

    @property
    def names(self) -> list[str]:
        """The names of the enabled tools."""
        return [name for name in self._tools if self._is_enabled(name)]

    def register(self, tool: Tool) -> None:
        """Add a tool.

        Raises:
            ValueError: its name is taken, or its parameters are no JSON Schema.
        """
        kind = tool.kind
        name = kind.spec.name
        if name in self._tools:
            raise ValueError(f"a tool named {name} is registered already")
        if faults := schema_faults(kind.spec.parameters):
            raise ValueError(f"tool {name}: {'; '.join(faults)}")
        self._tools[name] = Registered(tool, kind, Schema(kind.spec.parameters))

    async def initialise(self) -> None:
        """Look at each enabled tool once. One that is away is told of in the log; it may come back.

        Raises:
            UnknownTools: settings enable what nobody registered.
        """
        unknown = sorted(self._enabled - self._tools.keys() - {NONE})
        if NONE in self._enabled and len(self._enabled) > 1:
            unknown.append(f"{NONE} together with others")
        if unknown:
            raise UnknownTools(f"there is no tool {', '.join(unknown)}; there are: {', '.join(self._tools)}")
        for name, fault in (await self._probed()).items():
            self._log.warning("tool_not_ready", tool=name, code=fault)

    def specs(self) -> list[ToolSpec]:
        """Give what models are told of the enabled tools."""
        return [self._tools[name].kind.spec for name in self.names]

    def kind(self, name: str) -> ToolKind | None:
        """Give what is known of a tool; None where there is none of this name, or it is not enabled."""
        found = self.find(name)
        return found.kind if found else None

    def find(self, name: str) -> Registered | None:
        """Give a tool; None where there is none of this name, or it is not enabled."""
        return self._tools.get(name) if self._is_enabled(name) else None

    async def probe(self) -> str:
        """Name the enabled tools for readiness, and those of them that are away: no reason to be unready."""
        names, faults = self.names, await self._probed()
        away = f" (away: {', '.join(faults)})" if faults else ""
        return f"{len(names)}: {', '.join(names)}{away}" if names else "0"

    async def close(self) -> None:
        """Close all tools; what goes wrong with one stops nobody."""
        for name, registered in self._tools.items():
            try:
                await registered.tool.close()
            except Exception as error:
                self._log.warning("tool_not_closed", tool=name, code=type(error).__name__)

    def _is_enabled(self, name: str) -> bool:
        return not self._enabled or name in self._enabled

    async def _probed(self) -> dict[str, str]:
        """Give the enabled tools that are not well, with a code for each."""
        names = self.names
        codes = await asyncio.gather(*(self._fault_of(self._tools[name].tool) for name in names))
        return {name: code for name, code in zip(names, codes, strict=True) if code}

    async def _fault_of(self, tool: Tool) -> str:
        try:
            async with asyncio.timeout(_PROBE_S):
                await tool.probe()
        except DeskError as error:
            return error.code
        except Exception as error:
            return type(error).__name__
        return ""
