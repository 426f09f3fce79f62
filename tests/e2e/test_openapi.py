"""The API's description is true: every operation is driven from it, and it alone is enough to hold a conversation."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from libs.runtime.service import VERSION
from services.gateway.adapters.openapi.document import document
from services.gateway.routes import ROUTES, served
from tests.support.system import System, real_servers

DOCUMENT = document(served(api="/api", debug=True), VERSION)
OPERATIONS = {
    told["operationId"]: (method, path)
    for path, methods in DOCUMENT["paths"].items()
    for method, told in methods.items()
}
CHECKS = [
    checks.status_code_conformance, checks.content_type_conformance, checks.response_headers_conformance,
    checks.response_schema_conformance,
]  # fmt: skip
FINAL = ["delete_session", "set_status", "take_over", "reply", "release", "resolve"]
# A handshake needs a WebSocket's client; uploads are of a session, files of the pages have names of their own, only the
# operator who is in charge answers, releases and resolves, and no question is open.
BY_LUCK = {
    "converse", "upload", "attachment", "attachment_content", "chat_asset", "operator_asset", "reply", "release", "resolve",
    "erase_memory", "decide_approval", "knowledge_asset", "import_site", "dismiss_gap", "reopen_gap", "answer_gap",
}  # fmt: skip
# Goes on for ever; a test of its own reads it.
ENDLESS = {"events"}
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
EXAMPLES = 8
# Ours: every part of the system runs while these tests do.
NEVER = {500, 502, 503, 504}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("openapi")
    with real_servers(folder / "servers") as servers, System(servers, folder, model_folder, debug=True) as running:
        yield running


@pytest.fixture(scope="module")
def api(system: System) -> Any:
    return schemathesis.openapi.from_url(f"{system.url}/openapi.json")


@pytest.fixture(scope="module")
def known(system: System) -> dict[str, str]:
    """A session and an answer that are there, to be named in paths."""
    session_id = requests.post(f"{system.url}/api/sessions", timeout=10).json()["session_id"]
    path = f"{system.url}/api/chat/sessions/{session_id}/messages"
    answer = requests.post(path, json={"message": "How long do I have to return something?"}, timeout=60).json()
    other = requests.post(f"{system.url}/api/sessions", timeout=10).json()["session_id"]
    taken = requests.post(f"{system.url}/api/sessions/{other}/takeover", timeout=10).json()
    document = {"content": "# Known\n\nThis is known.", "document_id": "known"}
    requests.post(f"{system.url}/api/knowledge/documents", json=document, timeout=30).raise_for_status()
    return {
        "id": session_id,
        "document_id": "known",
        "message_id": answer["message_id"],
        "ticket_id": taken["escalation"]["ticket_id"],
        "user_id": "kim",
    }


def test_every_route_is_described() -> None:
    described = {(method.upper(), path) for method, path in OPERATIONS.values()}
    assert described == {(route.method, re.sub(r"\{(\w+):[^}]*\}", r"{\1}", route.path)) for route in ROUTES}


def test_the_served_document_is_this_one(system: System) -> None:
    assert requests.get(f"{system.url}/openapi.json", timeout=10).json() == json.loads(json.dumps(DOCUMENT))


@pytest.mark.parametrize("mode", MODES, ids=["well-formed", "malformed"])
@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in {*FINAL, *ENDLESS}])
def test_each_operation_does_what_is_written(api: Any, known: dict[str, str], name: str, mode: GenerationMode) -> None:
    drive(api, name, mode, known)


@pytest.mark.parametrize("mode", MODES, ids=["well-formed", "malformed"])
@pytest.mark.parametrize("name", FINAL)
def test_each_operation_that_changes_a_session_does_too(
    api: Any, system: System, name: str, mode: GenerationMode
) -> None:
    session_id = requests.post(f"{system.url}/api/sessions", timeout=10).json()["session_id"]
    if name in {"reply", "release", "resolve"}:
        requests.post(f"{system.url}/api/sessions/{session_id}/takeover", timeout=10).raise_for_status()
    drive(api, name, mode, {"id": session_id})


def test_an_event_stream_is_what_is_written(api: Any, known: dict[str, str], system: System) -> None:
    path = DOCUMENT["paths"]["/api/chat/sessions/{id}/events"]["get"]
    url = f"{system.url}/api/chat/sessions/{known['id']}/events"
    with requests.get(url, stream=True, timeout=10) as answer:
        assert answer.headers["Content-Type"].partition(";")[0] in path["responses"]["200"]["content"]
        line = next(line for line in answer.iter_lines() if line.startswith(b"data:"))
    frame = json.loads(line.removeprefix(b"data:"))
    assert frame["type"] == "connected"
    assert set(DOCUMENT["components"]["schemas"]["Connected"]["required"]) - {"cursor"} <= set(frame)
    for session_id, status, code in (("undefined", 400, "invalid_session_id"), ("sess_1", 404, "session_not_found")):
        refused = requests.get(f"{system.url}/api/chat/sessions/{session_id}/events", timeout=10)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
        assert str(status) in path["responses"]


def drive(api: Any, name: str, mode: GenerationMode, known: dict[str, str]) -> None:
    """Send what the document allows (or just does not), and hold the answers against it."""
    method, path = OPERATIONS[name]
    operation = api[path][method.upper()]
    succeeded = False

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), use_known=st.sampled_from([True, True, True, False]))
    def check(case: Any, use_known: bool) -> None:
        nonlocal succeeded
        if use_known and case.path_parameters:
            case.path_parameters = {each: known.get(each, given) for each, given in case.path_parameters.items()}
        answer = case.call(timeout=70, allow_redirects=False)
        assert answer.status_code not in NEVER, answer.text
        case.validate_response(answer, checks=CHECKS)
        succeeded = succeeded or answer.status_code < 400

    check()
    # What the document allows is taken.
    assert succeeded or mode is GenerationMode.NEGATIVE or name in BY_LUCK


class Stranger:
    """A client that knows the document and nothing else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api = requests.get(f"{url}/openapi.json", timeout=10).json()

    def find(self, operation_id: str) -> tuple[str, str, dict[str, Any]]:
        for path, methods in self.api["paths"].items():
            for method, told in methods.items():
                if told["operationId"] == operation_id:
                    return method, path, told
        raise AssertionError(operation_id)

    def call(self, operation_id: str, parameters: dict[str, Any], body: Any = None) -> tuple[str, Any]:
        method, path, told = self.find(operation_id)
        query: dict[str, Any] = {}
        for parameter in told["parameters"]:
            name = parameter.get("name")
            if parameter.get("in") == "path":
                path = path.replace(f"{{{name}}}", parameters[name])
            elif parameter.get("in") == "query" and name in parameters:
                query[name] = parameters[name]
        answer = requests.request(method, self.url + path, params=query, json=body, timeout=70)
        assert str(answer.status_code) in told["responses"]
        return str(answer.status_code), answer.json()

    def follow(self, operation_id: str, status: str, answer: Any, link: str) -> tuple[str, dict[str, Any]]:
        """Give the operation that a link of an answer leads to, and its parameters."""
        told = self.find(operation_id)[2]["responses"][status]["links"][link]
        parameters = {
            name: answer[expression.removeprefix("$response.body#/")] for name, expression in told["parameters"].items()
        }
        return told["operationId"], parameters

    def example(self, operation_id: str, **given: Any) -> dict[str, Any]:
        """Make a body of what the operation's schema requires."""
        ref = self.find(operation_id)[2]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = self.api["components"]["schemas"][ref.rpartition("/")[2]]
        assert set(given) <= set(schema["properties"])
        assert set(schema["required"]) <= set(given)
        return given


def test_a_conversation_from_the_document_alone(system: System) -> None:
    stranger = Stranger(system.url)
    status, session = stranger.call("open_session", {}, stranger.example("open_session"))
    name, parameters = stranger.follow("open_session", status, session, "send_message")
    question = stranger.example(name, message="How long do I have to return something?")
    status, answer = stranger.call(name, parameters, question)
    assert "30 days" in answer["message"]
    following, rating = stranger.follow(name, status, answer, "give_feedback")
    _, rated = stranger.call(following, rating, stranger.example(following, rating="up"))
    assert rated["message_id"] == answer["message_id"]
    following, parameters = stranger.follow(name, status, answer, "history")
    _, history = stranger.call(following, {**parameters, "order": "asc"})
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"]
    assert history["messages"][1]["feedback"]["rating"] == "up"
    _, sources = stranger.call("search", {}, stranger.example("search", query="returns"))
    assert sources[0]["metadata"]["document_id"] == "doc_refunds"
    _, called_off = stranger.call("cancel", parameters, stranger.example("cancel"))
    assert called_off["status"] == "idle"
    _, whole = stranger.call("export", {**parameters, "format": "json"})
    assert [message["role"] for message in whole["messages"]] == ["user", "assistant"]
    stranger.call("set_status", {**parameters, "status": "ended"})
    status, problem = stranger.call(name, parameters, question)
    assert (status, problem["code"]) == ("400", "session_ended")


def test_an_operator_s_day_from_the_document_alone(system: System) -> None:
    stranger = Stranger(system.url)
    status, session = stranger.call("open_session", {}, stranger.example("open_session"))
    name, customer = stranger.follow("open_session", status, session, "send_message")
    stranger.call(name, customer, stranger.example(name, message="I want to talk to a human"))
    _, queue = stranger.call("list_escalations", {"status": "open", "claimed": "false", "limit": "100"})
    ticket = next(each for each in queue if each["session_id"] == session["session_id"])
    status, packet = stranger.call("get_escalation", {"ticket_id": ticket["ticket_id"]})
    links = stranger.find("get_escalation")[2]["responses"][status]["links"]
    assert set(links) == {"take_over", "reply", "release", "resolve", "add_note"}
    at = {"id": packet["ticket"]["session_id"]}
    stranger.call("take_over", at, stranger.example("take_over", operator="Ann"))
    stranger.call("add_note", at, stranger.example("add_note", note="Hm", operator="Ann"))
    _, reply = stranger.call("reply", at, stranger.example("reply", message="Hello", operator="Ann"))
    _, notes = stranger.call("list_notes", at)
    _, ended = stranger.call("resolve", at, stranger.example("resolve", operator="Ann"))
    _, history = stranger.call("history", at)
    assert ([note["content"] for note in notes], ended["status"]) == (["Hm"], "ended")
    assert history["messages"][-1]["id"] == reply["message_id"]


def test_nothing_of_the_documents_is_there_outside_of_debug(system: System) -> None:
    assert all(route.debug for route in ROUTES if route.operation in {"docs", "openapi", "asyncapi"})
    page = requests.get(f"{system.url}/docs", timeout=10)
    assert page.status_code == 200
    assert not re.findall(r"https?://", page.text)
    assert requests.get(f"{system.url}/", timeout=10).json()["docs"] == "/docs"
