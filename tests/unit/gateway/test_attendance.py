"""Who is connected: gathered only while an operator looks, told of at every change, forgotten when a gateway falls silent."""

import asyncio

from libs.contracts import bus_map
from libs.contracts.gateway import Presence, Present
from services.gateway.app.attendance import Attendance, Rhythm
from services.gateway.app.hubs import Hubs

from .fakes import NOW, TENANT, Desk, Silence, clock, running_hubs
from .test_hub import client, until

QUICK = Rhythm(ask_s=0.2, asked_s=0.6, forgotten_s=0.45, look_s=0.05, together_s=0.01)


def present(*names, role="user"):
    return [Present(client_id=name, role=role, since=NOW) for name in names]


def told(gateway_id, *names, asking=False):
    return Presence(gateway_id=gateway_id, present=present(*names), asking=asking)


class Gateway:
    """One gateway's attendance of a session, with all that it says."""

    def __init__(self, own=()):
        self.own, self.announced, self.shown = present(*own), [], []
        self.attendance = Attendance("gateway_a", lambda: self.own, self.announced.append, self.show, QUICK)

    def show(self, frame):
        self.shown.append([each.client_id for each in frame.present])


async def test_without_an_operator_nothing_is_said_until_somebody_asks():
    gateway = Gateway(["a"])
    gateway.attendance.changed(is_watched=False)
    await asyncio.sleep(0.03)
    assert gateway.announced == []
    gateway.attendance.hear(told("gateway_b", "op", asking=True))
    assert gateway.announced == [told("gateway_a", "a")]
    gateway.own = present("a", "c")
    for _ in range(3):
        gateway.attendance.changed(is_watched=False)
    await asyncio.sleep(0.03)
    assert gateway.announced[1:] == [told("gateway_a", "a", "c")]
    await asyncio.sleep(0.6)
    gateway.attendance.changed(is_watched=False)
    await asyncio.sleep(0.03)
    assert len(gateway.announced) == 2
    assert gateway.shown == []


async def test_a_gateway_without_sockets_does_not_answer():
    gateway = Gateway()
    gateway.attendance.hear(told("gateway_b", "op", asking=True))
    gateway.attendance.hear(told("gateway_a", "x", asking=True))
    await asyncio.sleep(0.03)
    assert gateway.announced == []


async def test_an_operator_asks_at_once_and_from_time_to_time_and_sees_the_whole_list():
    gateway = Gateway(["op"])
    gateway.attendance.changed(is_watched=True, anew=True)
    assert gateway.announced == [told("gateway_a", "op", asking=True)]
    gateway.attendance.hear(told("gateway_b", "z", "b"))
    await asyncio.sleep(0.03)
    assert gateway.shown == [["b", "op", "z"]]
    gateway.attendance.hear(told("gateway_b", "z", "b"))
    await asyncio.sleep(0.03)
    assert len(gateway.shown) == 1
    gateway.attendance.changed(is_watched=True, anew=True)
    gateway.attendance.hear(told("gateway_b"))
    await asyncio.sleep(0.25)
    assert gateway.shown[1:] == [["op"]]
    assert gateway.announced[1:] == [told("gateway_a", "op", asking=True)]
    gateway.attendance.close()


async def test_a_gateway_that_falls_silent_is_forgotten():
    gateway = Gateway(["op"])
    gateway.attendance.changed(is_watched=True, anew=True)
    gateway.attendance.hear(told("gateway_b", "b"))
    await asyncio.sleep(0.3)
    assert gateway.shown == [["b", "op"]]
    await asyncio.sleep(0.3)
    assert gateway.shown == [["b", "op"], ["op"]]
    gateway.attendance.close()


async def test_when_the_last_operator_goes_nothing_more_is_asked_or_kept():
    gateway = Gateway(["op"])
    gateway.attendance.changed(is_watched=True, anew=True)
    gateway.attendance.hear(told("gateway_b", "b"))
    gateway.own = []
    gateway.attendance.changed(is_watched=False)
    await asyncio.sleep(0.3)
    assert len(gateway.announced) == 1
    assert gateway.shown == []


async def test_the_last_word_is_said_when_a_hub_closes():
    gateway = Gateway(["a"])
    gateway.attendance.hear(told("gateway_b", asking=True))
    gateway.own = []
    gateway.attendance.changed(is_watched=False)
    gateway.attendance.close()
    assert gateway.announced[-1] == told("gateway_a")


async def test_operators_see_who_is_connected_on_all_gateways_and_customers_do_not():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as here:
        elsewhere = Hubs(desk, TENANT, clock, "0", Silence(), gateway_id="gateway_2", linger_s=0.0)
        running = asyncio.create_task(elsewhere.run())
        await asyncio.sleep(0)
        async with client(here, room, name="client_a") as one, client(elsewhere, room, name="client_b") as other:
            await asyncio.sleep(0.1)
            assert desk.announced == []
            async with client(here, room, name="client_op", operator="Ann") as operator:
                await until(lambda: len(seen(operator)) == 3)
                assert {each["client_id"]: each["role"] for each in operator.of("presence")[-1]["present"]} == {
                    "client_a": "user", "client_b": "user", "client_op": "operator",
                }  # fmt: skip
                async with client(elsewhere, room, name="client_c"):
                    await until(lambda: len(seen(operator)) == 4)
                await until(lambda: len(seen(operator)) == 3)
                assert len(desk.announced) <= 5
            said = len(desk.announced)
            await asyncio.sleep(0.1)
            assert len(desk.announced) == said
            assert "presence" not in one.types + other.types
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def seen(screen):
    frames = screen.of("presence")
    return frames[-1]["present"] if frames else []


async def test_nobody_is_forged_by_ones_own_echo():
    desk = Desk()
    room = desk.room()
    async with running_hubs(desk) as hubs, client(hubs, room, operator="Ann") as operator:
        await until(lambda: len(seen(operator)) == 1)
        room.publish(bus_map.PRESENCE, Presence(gateway_id="gateway", present=present("ghost")))
        await asyncio.sleep(0.1)
        assert [each["client_id"] for each in seen(operator)] == ["client_1"]
