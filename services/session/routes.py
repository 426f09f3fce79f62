"""What the session service answers: channel -> use case."""

from libs.contracts import bus_map
from libs.runtime.bus import Bus
from libs.runtime.service import Scope

from .app import App


async def serve(bus: Bus, app: App, scope: Scope) -> None:
    """Answer the service's channels."""
    await bus.serve(bus_map.OPEN_SESSION, app.open_session)
    await bus.serve(bus_map.GET_SESSION, app.get_session)
    await bus.serve(bus_map.LIST_SESSIONS, app.list_sessions)
    await bus.serve(bus_map.SET_STATUS, app.set_status)
    await bus.serve(bus_map.DELETE_SESSION, app.delete_session)
    await bus.serve(bus_map.CLEAN_UP, app.clean_up)
    await bus.serve(bus_map.GIVE_FEEDBACK, app.give_feedback)
    await bus.serve(bus_map.POST_MESSAGE, app.post_message)
    await bus.serve(bus_map.HISTORY, app.history)
    await bus.serve(bus_map.EVENTS_AFTER, app.events_after)
    await bus.serve(bus_map.CANCEL_TURN, app.cancel_turn)
    await bus.serve(bus_map.TAKE_OVER, app.take_over)
    await bus.serve(bus_map.REPLY, app.reply)
    await bus.serve(bus_map.RELEASE, app.release)
    await bus.serve(bus_map.RESOLVE_SESSION, app.resolve_session)
    await bus.serve(bus_map.ADD_NOTE, app.add_note)
    await bus.serve(bus_map.LIST_NOTES, app.list_notes)
    await bus.serve(bus_map.LIST_TICKETS, app.list_tickets)
    await bus.serve(bus_map.GET_TICKET, app.get_ticket)
    await bus.serve(bus_map.CLAIM_TURN, app.claim_turn)
    await bus.serve(bus_map.RENEW_LEASE, app.renew_lease)
    await bus.serve(bus_map.COMPLETE_TURN, app.complete_turn)
    await bus.serve(bus_map.FAIL_TURN, app.fail_turn)
    await bus.serve(bus_map.SESSION_HEALTH, scope.health)
    await bus.serve(bus_map.SESSION_METRICS, scope.metrics)
