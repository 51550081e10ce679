"""The number of processors makes no difference to what clients see."""
import concurrent.futures
import re

import pytest

from shop import populate, servlet, start_shop
from sluice import client_context, eventually

PAGES = ["/", servlet("BrowseCategories"), servlet("BrowseRegions"), servlet("ViewItem", itemId=25),
         servlet("ViewUserInfo", userId=3), servlet("ViewBidHistory", itemId=30), servlet("ViewItem", itemId=-1),
         servlet("SearchItemsByCategory", category=3, categoryName="Any", page=0, nbOfItems=20), "/nowhere"]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    file = tmp_path_factory.mktemp("database") / "auction.db"
    populate(file)
    return file


def visit(server, context):
    """What one client sees on a connection: status and links of each page (times left differ from run to run)."""
    with server.connect(context) as connection:
        responses = [connection.get(page) for page in PAGES]
    return [(response.status, re.findall(r"(?:itemId|userId|category)=\d+", response.text)) for response in responses]


@pytest.mark.parametrize("processors", [1, 2, 16])
def test_same_answers(tmp_path, ecdsa, database, processors):
    with start_shop(tmp_path, [ecdsa], database, {"server.processors": processors}) as server:
        context = client_context(server.trust)
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            seen = list(clients.map(lambda _: visit(server, context), range(64)))
        assert seen[0][0][0] == 200 and seen[0][-1][0] == 404
        assert all(answers == seen[0] for answers in seen)
        requests = 64 * len(PAGES)  # counted just after the last byte was handed over: a client can be faster
        eventually(lambda: server.metrics().total("http_requests_total") == requests, "every request counted")
        server.await_logged(lambda entry: len(server.access_log()) >= requests, "every request in the log")
        used = {entry["processor"] for entry in server.access_log()}
        assert used <= set(range(processors)) and len(used) >= min(processors, 2)


def test_answers_do_not_depend_on_the_number(tmp_path, ecdsa, database):
    answers = []
    for processors in (1, 2, 16):
        directory = tmp_path / str(processors)
        with start_shop(directory, [ecdsa], database, {"server.processors": processors}) as server:
            answers.append(visit(server, client_context(server.trust)))
    assert answers[0] == answers[1] == answers[2]


def test_session_ids_resume_on_every_processor(start):
    server = start({"server.processors": 16, "admission.resumptions": 1000})
    context = client_context(server.trust, maximum="1.2", tickets=False)
    with server.connect(context) as connection:
        connection.get("/")
        session = connection.sock.session
        connection.sock.unwrap()
    for _ in range(40):
        with server.connect(context, session=session) as connection:
            assert connection.sock.session_reused
            connection.sock.unwrap()
