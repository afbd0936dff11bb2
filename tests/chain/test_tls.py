"""HTTPS with real certificates: trusted ones work within the deadline, others are refused by name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.chain.rpc import TEXT, Endpoint
from monitor.errors import NodeUnavailable
from tests.support import rpc_server as bad
from tests.support.rpc_server import RpcServer

pytest.importorskip("cryptography")

CLIENT = """
import sys, time
from monitor.chain.rpc import TEXT, Call, Endpoint
from monitor.errors import NodeUnavailable
with Endpoint(sys.argv[1], timeout_s=5) as endpoint:
    print([endpoint.call("echo", [hex(n)], TEXT) for n in range(3)], endpoint.batch([Call("echo", ["0x9"])] * 2, TEXT))
    start = time.monotonic()
    try:
        endpoint.call("drip", ["0x" + "a" * 5000], TEXT, timeout_s=0.3)
    except NodeUnavailable as error:
        print(error.problem, time.monotonic() - start < 5)
"""


@pytest.fixture
def authority(tmp_path: Path) -> Any:
    from tests.support.smtp_server import make_authority

    return make_authority(tmp_path)


@pytest.fixture
def server(authority: Any) -> Iterator[RpcServer]:
    with RpcServer(lambda _method, params: params[0], tls=authority.server) as running:
        yield running


def refusal(url: str) -> NodeUnavailable:
    with Endpoint(url, timeout_s=2) as endpoint, pytest.raises(NodeUnavailable) as caught:
        endpoint.call("echo", ["0x1"], TEXT)
    return caught.value


def test_an_unknown_certificate_is_refused(server: RpcServer) -> None:
    caught = refusal(f"{server.url}/secretkey123")
    assert "TLS certificate is not valid" in str(caught)
    assert "secretkey123" not in str(caught)


def test_plain_http_on_a_tls_port_is_one_line(server: RpcServer) -> None:
    assert "\n" not in str(refusal(server.url.replace("https", "http")))


def test_tls_on_a_plain_port_is_one_line() -> None:
    with RpcServer(lambda *_: "0x1") as plain:
        assert re.search("TLS|time limit|closed|broke", str(refusal(plain.url.replace("http", "https"))))


def test_a_private_authority_is_trusted_through_the_environment(server: RpcServer, authority: Any) -> None:
    """OpenSSL's own variable; the deadline holds under TLS too."""

    def slow_drip(exchange: bad.Exchange) -> None:
        if not isinstance(exchange.asked, list) and exchange.asked["method"] == "drip":
            bad.drip(0.02)(exchange)
        else:
            exchange.send(exchange.body)

    server.always = slow_drip
    environ = {**os.environ, "SSL_CERT_FILE": str(authority.ca_file)}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, server.url],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "['0x0', '0x1', '0x2'] ['0x9', '0x9']",
        "no answer within the time limit. True",
    ]
    assert server.connections == 1
