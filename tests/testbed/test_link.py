"""The HTTP connection, against a server that answers, breaks off, lies or keeps silent."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scheme.errors import BadInputError, TargetError
from testbed.link import Link, problem_text

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
PROBLEM = json.dumps({"type": "batch-digest-differs", "detail": "expected 9f, got 01"}).encode()


@contextmanager
def answering(*connections: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield a URL and the heads it was sent; connection by connection, answer by answer."""
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answers in connections:
                connection, _ = listening.accept()
                with connection:
                    for answer in answers:
                        heads.append(connection.recv(65_536))
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        host, port = listening.getsockname()
        yield f"http://{host}:{port}", heads


def test_requests_share_one_connection_and_carry_the_token() -> None:
    with answering([OK, OK]) as (url, heads), Link(url, "secret") as link:
        assert link.expect("GET", "/a") == link.expect("GET", "/b") == b"ok"
    assert [head.split()[1] for head in heads] == [b"/a", b"/b"]
    assert all(b"authorization: Bearer secret" in head for head in heads)


def test_a_connection_that_went_stale_is_opened_once_more() -> None:
    with answering([OK], [OK]) as (url, heads), Link(url) as link:
        assert link.expect("GET", "/a") == link.expect("GET", "/b") == b"ok"
    assert len(heads) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 409 No\r\ncontent-length: %d\r\n\r\n%b" % (len(PROBLEM), PROBLEM),
         "expected status 200, got 409 batch-digest-differs: expected 9f, got 01"),
        (b"HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\noops", "got 500 b'oops'"),
        (b"this is no HTTP\r\n\r\n", "expected an answer, got this is no HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "expected an answer, got Incomplete"),
        (b"", "expected an answer, got Remote end closed"),
    ],
)  # fmt: skip
def test_an_answer_that_breaks_the_contract_is_a_target_error(answer: bytes, said: str) -> None:
    with answering([answer]) as (url, _), Link(url) as link:
        with pytest.raises(TargetError, match="GET http://127") as caught:
            link.expect("GET", "/a")
        assert said in str(caught.value)


def test_nobody_listening_is_a_target_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with Link(f"http://127.0.0.1:{port}") as link, pytest.raises(TargetError, match="refused"):
        link.expect("GET", "/a")


@pytest.mark.parametrize("url", ["ftp://x", "localhost:80", "http://", "http://x:99999"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadInputError, match="--target: expected"):
        Link(url)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"type": "t", "title": "T", "detail": "d"}', "t: T: d"),
        (b"[1]", "[1]"),
        (b"<html>", "b'<html>'"),
    ],
)
def test_a_problem_is_told_in_its_own_words(body: bytes, text: str) -> None:
    assert problem_text(body) == text
