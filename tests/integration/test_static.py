"""Files: a directory beside the application (sluice-hello), and those embedded in the auction."""
import re

import pytest

from sluice import Connection, Server


@pytest.fixture(scope="module")
def files(tmp_path_factory, ecdsa):
    """A server with a static_root, and something outside of it that must never be seen."""
    outside = tmp_path_factory.mktemp("static")
    root = outside / "root"
    (root / "sub").mkdir(parents=True)
    (outside / "secret.txt").write_text("secret")
    (root / "letters.txt").write_bytes(b"abcdefghijklmnopqrstuvwxyz")
    (root / "big.bin").write_bytes(bytes(range(256)) * 8192)
    (root / "empty.txt").write_bytes(b"")
    (root / "a b.html").write_text("<p>blank")
    (root / ".hidden").write_text("hidden")
    (root / "sub/page.css").write_text("p {}")
    (root / "sub/index.html").write_text("<p>index")
    (root / ".git").mkdir()
    (root / ".git/config").write_text("hidden")
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "up").symlink_to(outside)
    settings = {"server.static_root": root}
    with Server("sluice-hello", tmp_path_factory.mktemp("server"), [ecdsa], settings) as server:
        yield server


@pytest.fixture
def connection(files):
    with files.connect() as connection:
        yield connection


def test_serves_files(connection):
    response = connection.get("/letters.txt")
    assert (response.status, response.body) == (200, b"abcdefghijklmnopqrstuvwxyz")
    assert response.header("Content-Type").startswith("text/plain")
    assert response.header("ETag") and response.header("Last-Modified")
    assert connection.get("/empty.txt").body == b""
    assert connection.get("/a%20b.html").text == "<p>blank"
    assert connection.get("/sub/page.css").header("Content-Type").startswith("text/css")
    assert connection.get("/big.bin").body == bytes(range(256)) * 8192


def test_the_application_comes_first(connection):
    assert connection.get("/echo").status == 405


@pytest.mark.parametrize("target", [
    "/../secret.txt", "/%2e%2e/secret.txt", "/sub/../../secret.txt", "/sub/%2e%2e/%2e%2e/secret.txt", "/..%2fsecret.txt",
    "/%2e%2e%2fsecret.txt", "/..%5csecret.txt", "/sub/..;/../secret.txt", "//../secret.txt", "/%252e%252e/secret.txt",
    "/.hidden", "/%2ehidden", "/.git/config", "/sub/../.hidden", "/link.txt", "/up/secret.txt", "/letters.txt/", "/sub",
    "/letters.txt%00.html", "/nowhere.txt",
])
def test_does_not_serve(connection, target):
    response = connection.get(target)
    assert response.status in (301, 308, 400, 403, 404), response
    assert b"secret" not in response.body and b"hidden" not in response.body


def test_head(connection):
    response = connection.get("/letters.txt", method="HEAD")
    assert response.status == 200 and response.header("Content-Length") == "26"
    assert connection.get("/letters.txt").status == 200


def test_not_modified(connection):
    first = connection.get("/letters.txt")
    tag, date = first.header("ETag"), first.header("Last-Modified")
    for headers in ([("If-None-Match", tag)], [("If-None-Match", f'"other", {tag}')], [("If-None-Match", "*")],
                    [("If-Modified-Since", date)]):
        response = connection.get("/letters.txt", headers)
        assert response.status == 304 and response.header("ETag") == tag, headers
    assert connection.get("/letters.txt", [("If-None-Match", '"other"')]).status == 200
    # The tag decides where both are given (RFC 9110 section 13.2.2).
    assert connection.get("/letters.txt", [("If-None-Match", '"other"'), ("If-Modified-Since", date)]).status == 200


def test_a_changed_file_has_another_tag(start, tmp_path):
    root = tmp_path / "changing"
    root.mkdir()
    file = root / "file.txt"
    file.write_text("one")
    server = start({"server.static_root": root})
    with server.connect() as connection:
        tag = connection.get("/file.txt").header("ETag")
        file.write_text("two")
        response = connection.get("/file.txt", [("If-None-Match", tag)])
        assert (response.status, response.text) == (200, "two")


@pytest.mark.parametrize("field, expected, content_range", [
    ("bytes=0-4", b"abcde", "bytes 0-4/26"),
    ("bytes=20-", b"uvwxyz", "bytes 20-25/26"),
    ("bytes=-3", b"xyz", "bytes 23-25/26"),
    ("bytes=24-100", b"yz", "bytes 24-25/26"),
    ("bytes=-100", b"abcdefghijklmnopqrstuvwxyz", "bytes 0-25/26"),
])
def test_range(connection, field, expected, content_range):
    response = connection.get("/letters.txt", [("Range", field)])
    assert (response.status, response.body, response.header("Content-Range")) == (206, expected, content_range)


@pytest.mark.parametrize("field", ["bytes=26-", "bytes=100-200", "bytes=-0"])
def test_range_outside_of_the_file(connection, field):
    response = connection.get("/letters.txt", [("Range", field)])
    assert (response.status, response.header("Content-Range")) == (416, "bytes */26")


@pytest.mark.parametrize("field", ["bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=99999999999999999999999-", "nonsense"])
def test_range_that_makes_no_sense_is_ignored_or_refused(connection, field):
    assert connection.get("/letters.txt", [("Range", field)]).status in (200, 416)


def test_if_range(connection):
    tag = connection.get("/letters.txt").header("ETag")
    assert connection.get("/letters.txt", [("Range", "bytes=0-4"), ("If-Range", '"other"')]).status == 200
    assert connection.get("/letters.txt", [("Range", "bytes=0-4"), ("If-Range", tag)]).status == (
        200 if tag.startswith("W/") else 206)


def test_other_methods(connection):
    response = connection.post("/letters.txt", b"x")
    assert response.status == 405
    assert {"GET", "HEAD"} <= set(re.split(r",\s*", response.header("Allow")))


def test_big_file_to_a_slow_reader(files):
    with files.connect() as connection:
        connection.request("GET", "/big.bin")
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.sock.recv(1)
        received = len(data.split(b"\r\n\r\n", 1)[1])
        while received < 2 * 1024 * 1024:
            received += len(connection.sock.recv(3000))
        assert received == 2 * 1024 * 1024
        assert Connection(connection.sock).get("/letters.txt").status == 200


def test_embedded_files_are_cached_for_ever(tmp_path):
    with Server("sluice", tmp_path) as shop, shop.connect() as connection:
        page = connection.get("/")
        assert page.status == 200
        path, digest = re.search(r'href="?(/[^">\s]+[-.]([0-9a-f]{8,})\.css)', page.text).groups()
        sheet = connection.get(path)
        assert sheet.status == 200 and sheet.header("Content-Type").startswith("text/css")
        assert "immutable" in sheet.header("Cache-Control")
        tag = sheet.header("ETag")
        assert not tag.startswith("W/")
        again = connection.get(path, [("If-None-Match", tag)])
        assert again.status == 304 and again.body == b""
        assert connection.get(path.replace(digest, "0" * len(digest))).status == 404
