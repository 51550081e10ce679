"""The place in line of a refused visitor: a cookie that lets its holder in before newcomers, and nobody else."""
import json
import re

import pytest

from door import DEAR_HANDSHAKES, PLACE, decisions, keep_costs, look, place_of, set_policy
from sluice import client_context, eventually


def test_place_is_a_cookie_that_only_this_host_gets_over_tls(closed):
    cookie = look(closed("explain")).header("Set-Cookie")
    value, *attributes = cookie.split("; ")
    assert re.fullmatch(PLACE + "=[A-Za-z0-9_-]{1,200}", value)
    assert set(attributes) == {"Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"}


def cookie(value):
    return [("Cookie", f"{PLACE}={value}")]


def test_place_is_kept_by_who_comes_too_early(closed):
    server = closed("explain")
    first = place_of(look(server))
    response = look(server, headers=cookie(first))
    assert response.status == 503
    second = place_of(response)
    assert (second[:16], second[32:48]) == (first[:16], first[32:48]), "since when, and who"


@pytest.mark.parametrize("forge", [
    lambda value: value[:-1] + ("0" if value[-1] != "0" else "1"),
    lambda value: "0" * 16 + value[16:],
    lambda value: value[:16] + "0" * 16 + value[32:],
    lambda value: value[:40], lambda value: value + "0", lambda value: "", lambda value: "0" * 80,
], ids=["mac", "since", "not before", "short", "long", "empty", "zeros"])
def test_place_forged_counts_for_nothing(closed, forge):
    server = closed("explain")
    value = place_of(look(server))
    response = look(server, headers=cookie(forge(value)))
    assert response.status == 503
    fresh = place_of(response)
    assert fresh[32:48] != value[32:48], "somebody else"


def test_place_of_another_server_counts_for_nothing(closed):
    value = place_of(look(closed("explain")))
    assert place_of(look(closed("explain"), headers=cookie(value)))[32:48] != value[32:48]


@pytest.fixture
def slow_door(start, tmp_path):
    """One newcomer comes in, the next in a minute."""
    keep_costs(tmp_path / "server0", DEAR_HANDSHAKES)
    server = start({"server.processors": 1, "admission.refusal": "explain", "admission.park_max": "20ms"})
    assert server.get("/").status == 200
    return server


def soon_returning(server):
    """A place whose holder may come back in a few seconds: how long depends on how many ask for one."""

    def place():
        quiet = json.loads(server.admin("/status").text)["admission"]["offered_per_second"] < 0.01
        response = look(server) if quiet else None
        return response and int(response.header("Retry-After")) <= 3 and place_of(response)

    return eventually(place, "a short Retry-After", seconds=60)


@pytest.mark.parametrize("version, ticket", [("1.3", True), ("1.2", True), ("1.2", False)],
                         ids=["TLS 1.3", "TLS 1.2 with tickets", "TLS 1.2 with session IDs"])
def test_place_lets_its_holder_in_before_newcomers(slow_door, version, ticket):
    server = slow_door
    place = soon_returning(server)
    context = client_context(minimum=version, maximum=version, tickets=ticket)

    def returned():
        connection = server.connect(context)
        response = connection.get("/", cookie(place))
        if response.status == 200:
            return connection
        connection.close()
        return None

    with eventually(returned, "the holder is let in") as connection:
        assert decisions(server, decision="admit", reason="returning") == 1
        assert connection.get("/").status == 200, "and stays in"
        session = connection.sock.session
    assert session.has_ticket or version == "1.2", "a visitor who was let in after all gets a ticket"
    with server.connect(context, session) as connection:
        assert connection.sock.session_reused and connection.get("/").status == 200
    assert look(server).status == 503, "the door is closed to newcomers"
    assert look(server, headers=cookie(place)).status == 503, "and to who has had his turn"
    assert decisions(server, decision="admit", reason="returning") == 1


def test_everybody_is_let_in_when_the_policy_is_switched_off(closed):
    server = closed("explain")
    place = place_of(look(server))
    set_policy(server, "off")
    assert server.get("/", cookie(place)).status == 200
    assert server.get("/").status == 200
