"""JSON-RPC with one endpoint, against a server that misbehaves in every known way."""

from __future__ import annotations

import itertools
import socket
import time
from email.utils import formatdate
from typing import Any

import msgspec
import pytest

from monitor.chain.rpc import ANY, TEXT, Call, Endpoint, Shape
from monitor.chain.transport import Transport, is_local, retry_after_s
from monitor.errors import (
    BadAnswer,
    ConfigError,
    NodeError,
    NodeUnavailable,
    RateLimited,
    TooLarge,
    Unsupported,
)
from tests.support import rpc_server as bad
from tests.support.rpc_server import RefusalError, RpcServer

SECRET = "s3cr3tkey1234567"


def echo(method: str, params: list[Any]) -> Any:
    if method == "fail":
        raise RefusalError(-32601, "the method fail does not exist/is not available")
    return params[0] if params else "0x1"


@pytest.fixture
def server() -> Any:
    with RpcServer(echo) as running:
        yield running


@pytest.fixture
def endpoint(server: RpcServer) -> Any:
    made = Endpoint(f"{server.url}/v2/{SECRET}", timeout_s=5)
    yield made
    made.close()


def calls(count: int) -> list[Call]:
    return [Call("echo", [hex(number)]) for number in range(count)]


def values(count: int) -> list[str]:
    return [hex(number) for number in range(count)]


def test_a_call_gives_its_typed_result(endpoint: Endpoint) -> None:
    assert endpoint.call("echo", ["0x2a"], TEXT) == "0x2a"


def test_calls_share_a_connection(server: RpcServer, endpoint: Endpoint) -> None:
    for number in range(20):
        endpoint.call("echo", [hex(number)], TEXT)
    assert server.connections == 1


def test_null_is_a_result_where_the_type_allows_it(server: RpcServer, endpoint: Endpoint) -> None:
    server.node = lambda *_: None
    assert endpoint.call("echo", [], ANY) is None
    with pytest.raises(BadAnswer, match=r"wrong form.*result"):
        endpoint.call("echo", [], TEXT)


LINE_FAULTS = {
    "hang_up": (bad.hang_up, NodeUnavailable, "closed the connection|connection broke"),
    "cut_off": (bad.cut_off, NodeUnavailable, "cut off"),
    "cut_json": (bad.cut_json, NodeUnavailable, "cut off"),
    "empty": (bad.empty, NodeUnavailable, "empty"),
    "html": (bad.html, BadAnswer, "HTML instead of JSON"),
    "not_json": (bad.says("pong"), BadAnswer, "not JSON"),
    "not_http": (bad.not_http, NodeUnavailable, "does not speak HTTP"),
    "huge": (bad.huge, BadAnswer, "larger than"),
    "cut_zip": (bad.cut_zip, NodeUnavailable, "cut off"),
    "not_zipped": (bad.not_zipped, BadAnswer, "gzip"),
    "html_502": (
        bad.status(502, b"<html>nginx</html>", {"Content-Type": "text/html"}),
        NodeUnavailable,
        "HTTP 502",
    ),
    "server_error": (bad.status(500, b"oops"), NodeUnavailable, "HTTP 500"),
    "unauthorised": (bad.status(401, b"no"), NodeUnavailable, "refuses the key: check ETH_RPC_URLS"),
    "not_found": (bad.status(404, b"no"), NodeUnavailable, "no JSON-RPC at this path"),
    "redirect": (bad.redirect("http://127.0.0.1:9/"), NodeUnavailable, "redirects elsewhere"),
    "too_large": (bad.status(413, b""), TooLarge, "too large"),
    "wrong_id": (bad.wrong_id, BadAnswer, "wrong id"),
    "no_result": (bad.no_result, BadAnswer, "neither result nor error"),
    "list": (bad.says("[]"), BadAnswer, "wrong form"),
    "number": (bad.says("5"), BadAnswer, "wrong form"),
    "error_text": (bad.says('{"id":null,"error":"no"}'), NodeUnavailable, "no"),
}


@pytest.mark.parametrize("name", LINE_FAULTS)
def test_every_fault_is_one_clear_line_without_the_key(
    server: RpcServer, endpoint: Endpoint, name: str
) -> None:
    fault, kind, words = LINE_FAULTS[name]
    server.faults.append(fault)
    with pytest.raises(kind, match=words) as caught:
        endpoint.call("echo", [], TEXT)
    text = str(caught.value)
    assert text.startswith(f"{endpoint.label}: ")
    assert "\n" not in text
    assert SECRET not in text
    assert "verysecretkey" not in text
    assert endpoint.call("echo", ["0x7"], TEXT) == "0x7"  # the next call is not harmed


SLOW = {
    "hang": bad.hang,
    "drip": bad.drip(0.02),
    "drip of headers": bad.drip(0.02, headers=True),
    "delay": bad.delay(20),
}


@pytest.mark.parametrize("name", SLOW)
def test_no_call_outlives_its_deadline(server: RpcServer, endpoint: Endpoint, name: str) -> None:
    server.faults.append(SLOW[name])
    start = time.monotonic()
    with pytest.raises(NodeUnavailable, match="time limit"):
        endpoint.call("echo", ["0x" + "a" * 5_000], TEXT, timeout_s=0.3)
    assert bad.elapsed(start) < 5  # the server would have held it for 20 to 100 s


def test_a_tls_handshake_that_never_ends_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint(f"https://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.3)
        with pytest.raises(NodeUnavailable, match="time limit"):
            endpoint.call("echo", [], TEXT)


def test_a_body_that_nobody_reads_does_not_stretch_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.3)
        with pytest.raises(NodeUnavailable, match="time limit"):
            endpoint.call("echo", ["x" * 30_000_000], TEXT)


def test_refused_and_unknown_hosts_say_what_to_check() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NodeUnavailable, match="connection refused"):
        Endpoint(f"http://127.0.0.1:{port}").call("echo", [], TEXT)
    with pytest.raises(NodeUnavailable, match="cannot be resolved"):
        Endpoint("http://no-such-host.invalid").call("echo", [], TEXT)


def test_an_endless_stream_is_cut_at_the_size_limit(server: RpcServer) -> None:
    server.node = lambda *_: "x" * 200_000
    transport = Transport(server.url, max_answer_bytes=100_000)
    body = b'{"jsonrpc":"2.0","id":1,"method":"echo","params":[]}'
    for fault in (None, bad.chunked, bad.zip_bomb):
        server.faults.append(fault)
        with pytest.raises(BadAnswer, match="larger than"):
            transport.post(body, time.monotonic() + 5)
    transport.close()


@pytest.mark.parametrize("fault", [bad.chunked, bad.zipped], ids=["chunked", "zipped"])
def test_chunked_and_zipped_answers_are_read(server: RpcServer, endpoint: Endpoint, fault: bad.Fault) -> None:
    server.always = fault
    assert endpoint.call("echo", ["0x5"], TEXT) == "0x5"
    assert endpoint.batch(calls(7), TEXT) == values(7)


def test_a_connection_closed_while_idle_is_replaced(server: RpcServer, endpoint: Endpoint) -> None:
    server.faults.append(bad.close_afterwards)
    assert endpoint.call("echo", ["0x1"], TEXT) == "0x1"
    assert endpoint.call("echo", ["0x2"], TEXT) == "0x2"
    assert server.connections == 2


def test_local_hosts_are_asked_for_plain_answers_and_others_for_gzip(server: RpcServer) -> None:
    with Endpoint(server.url) as plain:
        plain.call("echo", [], TEXT)
    assert server.headers[-1]["accept-encoding"] == "identity"
    assert [is_local(host) for host in ("localhost", "10.1.2.3", "geth", "nas.local", "::1")] == [True] * 5
    assert [is_local(host) for host in ("eth.drpc.org", "8.8.8.8")] == [False, False]


def test_user_and_password_become_a_header(server: RpcServer) -> None:
    url = server.url.replace("http://", "http://user:pa%2Fss@")
    with Endpoint(url) as endpoint:
        endpoint.call("echo", [], TEXT)
    assert server.headers[-1]["authorization"] == "Basic dXNlcjpwYS9zcw=="


def test_a_url_that_cannot_be_used_names_the_setting() -> None:
    with pytest.raises(ConfigError, match="ETH_RPC_URLS"):
        Endpoint(f"ftp://host/{SECRET}")
    for url in (f"http://u:{SECRET}@host:99999", f"http://[::1/{SECRET}"):
        with pytest.raises(ConfigError, match="not usable") as caught:
            Endpoint(url)
        assert SECRET not in str(caught.value)


# --- rate limits ---


def test_retry_after_in_seconds_and_as_a_date(server: RpcServer, endpoint: Endpoint) -> None:
    server.faults += [bad.rate_limited(7), bad.rate_limited(), bad.rate_limited(3, code=503)]
    waits: list[float | None] = []
    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            endpoint.call("echo", [], TEXT)
        waits.append(caught.value.retry_after_s)
    assert waits == [7.0, None, 3.0]
    server.faults.append(bad.rate_limited(formatdate(time.time() + 100, usegmt=True)))
    with pytest.raises(RateLimited) as caught:
        endpoint.call("echo", [], TEXT)
    assert caught.value.retry_after_s is not None
    assert 90 < caught.value.retry_after_s <= 100


@pytest.mark.parametrize("text", ["", "soon", "-5", "١٢", "9" * 40, "Sun, 99 Nov 2026 00:00:00 GMT"])
def test_a_senseless_retry_after_is_no_wait(text: str) -> None:
    assert retry_after_s(text) is None


def test_one_rate_limited_entry_is_the_whole_batch(server: RpcServer, endpoint: Endpoint) -> None:
    counter = itertools.count()

    def limited(_method: str, params: list[Any]) -> Any:
        if next(counter) == 2:
            raise RefusalError(429, "Your app has exceeded its compute units per second capacity")
        return params[0]

    server.node = limited
    with pytest.raises(RateLimited):
        endpoint.batch(calls(4), TEXT)


# --- batches ---


def test_a_batch_keeps_the_order_of_its_requests(server: RpcServer, endpoint: Endpoint) -> None:
    server.faults += [None, bad.reordered]
    assert endpoint.batch(calls(30), TEXT) == values(30)
    assert endpoint.batch(calls(30), TEXT) == values(30)


def test_an_empty_batch_asks_nothing(server: RpcServer, endpoint: Endpoint) -> None:
    assert endpoint.batch([], TEXT) == []
    assert server.bodies == []


@pytest.mark.parametrize(
    "fault",
    [bad.short, bad.longer, bad.duplicated, bad.wrong_id],
    ids=["short", "longer", "duplicated", "wrong id"],
)
def test_a_batch_with_a_missing_or_foreign_answer_is_a_bad_answer(
    server: RpcServer, endpoint: Endpoint, fault: bad.Fault
) -> None:
    server.faults.append(fault)
    with pytest.raises(BadAnswer, match="answers for 5 requests"):
        endpoint.batch(calls(5), TEXT)


def test_an_object_instead_of_a_list_is_the_error_that_it_holds(
    server: RpcServer, endpoint: Endpoint
) -> None:
    server.faults.append(bad.not_a_list)
    with pytest.raises(Unsupported, match="Invalid request"):
        endpoint.batch(calls(5), TEXT)


def test_an_entry_that_failed_does_not_harm_the_others(endpoint: Endpoint) -> None:
    results = endpoint.batch([*calls(2), Call("fail", []), *calls(1)], TEXT)
    assert [results[0], results[1], results[3]] == ["0x0", "0x1", "0x0"]
    assert isinstance(results[2], Unsupported)


def test_an_entry_of_the_wrong_type_does_not_harm_the_others(server: RpcServer, endpoint: Endpoint) -> None:
    server.node = lambda _method, params: 5 if params[0] == "0x1" else params[0]
    results = endpoint.batch(calls(3), TEXT)
    assert results[::2] == ["0x0", "0x2"]
    assert isinstance(results[1], BadAnswer)


def test_an_entry_without_result_is_a_bad_answer(server: RpcServer, endpoint: Endpoint) -> None:
    def without(answers: Any) -> Any:
        answers[1].pop("result")
        return answers

    server.faults.append(bad.changed(without))
    results = endpoint.batch(calls(3), TEXT)
    assert isinstance(results[1], BadAnswer)
    assert results[::2] == ["0x0", "0x2"]


REFUSALS = [
    bad.batch_limit(10),
    bad.batch_limit(10, in_list=True),
    bad.batch_limit(10, "The batch request was too large"),
    bad.batch_limit(10, "batch length does not support more than 10"),
    bad.batch_limit(10, "Batch of more than 10 requests are not allowed on free tier"),
    bad.response_limit(10),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=range(len(REFUSALS)))
def test_the_size_of_batches_is_learned_from_refusals(
    server: RpcServer, endpoint: Endpoint, refusal: bad.Fault
) -> None:
    server.always = refusal
    assert endpoint.batch(calls(100), TEXT) == values(100)
    assert 1 < endpoint.batch_limit <= 10 or refusal is REFUSALS[-1]
    before = len(server.bodies)
    assert endpoint.batch(calls(100), TEXT) == values(100)
    asked = [len(body) for body in server.bodies[before:]]
    assert max(asked) <= 50  # what was refused once is not tried again


def test_a_node_without_batches_is_asked_one_by_one(server: RpcServer, endpoint: Endpoint) -> None:
    server.always = bad.batch_limit(0, "Batched requests are not supported by this server")
    assert endpoint.batch(calls(5), TEXT) == values(5)
    assert endpoint.batch_limit == 1
    assert not isinstance(server.bodies[-1], list)


def test_a_request_that_is_too_large_by_itself_is_its_own_error(
    server: RpcServer, endpoint: Endpoint
) -> None:
    def wide(_method: str, params: list[Any]) -> Any:
        if params[0] == "0x3":
            raise RefusalError(-32005, "query returned more than 10000 results")
        return params[0]

    server.node = wide
    results = endpoint.batch(calls(8), TEXT)
    assert isinstance(results[3], TooLarge)
    assert [r for r in results if not isinstance(r, NodeError)] == [v for v in values(8) if v != "0x3"]
    assert endpoint.batch_limit == 100  # the batch was not at fault


def test_structs_are_decoded_in_batches(server: RpcServer, endpoint: Endpoint) -> None:
    class Point(msgspec.Struct):
        x: int

    shape: Shape[Point | None] = Shape(Point | None)
    server.node = lambda _method, params: None if params[0] == "0x1" else {"x": 3, "more": [1, 2]}
    assert endpoint.batch(calls(3), shape) == [Point(3), None, Point(3)]


def test_abort_wakes_a_call_that_waits_and_refuses_new_ones(server: RpcServer) -> None:
    import threading

    endpoint = Endpoint(server.url, timeout_s=50)
    server.always = bad.hang
    start = time.monotonic()
    stopper = threading.Thread(target=lambda: (_until(lambda: bool(server.bodies)), endpoint.abort()))
    stopper.start()
    with pytest.raises(NodeUnavailable):
        endpoint.call("echo", [], TEXT)
    stopper.join()
    with pytest.raises(NodeUnavailable, match="stopping"):
        endpoint.call("echo", [], TEXT)
    assert bad.elapsed(start) < 10


def _until(condition: Any) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never happened")


def test_many_threads_share_one_endpoint(endpoint: Endpoint) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda n: endpoint.call("echo", [hex(n)], TEXT), range(200)))
    assert results == values(200)


def test_abort_wakes_a_call_that_cannot_connect() -> None:
    import threading

    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):  # the queue of connections is full now: the next one hangs
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        endpoint = Endpoint(f"http://127.0.0.1:{full.getsockname()[1]}", timeout_s=50)
        stopper = threading.Timer(0.2, endpoint.abort)
        start = time.monotonic()
        stopper.start()
        with pytest.raises(NodeUnavailable):
            endpoint.call("echo", [], TEXT)
        stopper.join()
        assert bad.elapsed(start) < 10


def test_a_path_that_http_cannot_carry_is_encoded(server: RpcServer) -> None:
    with Endpoint(f"{server.url}/a b/ü?k=%20&x={{y}}", timeout_s=5) as endpoint:
        assert endpoint.call("echo", ["0x1"], TEXT) == "0x1"
    assert server.paths[-1] == "/a%20b/%C3%BC?k=%20&x=%7By%7D"
