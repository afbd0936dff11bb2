"""A beacon node made of prepared answers, to be broken in every way that real ones break."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

GENESIS_TIME = 1_000_000


class Prepared(NamedTuple):
    """One answer. `body` may be an iterator, which is sent as chunks."""

    status: int = 200
    body: Any = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    cut: int = 0
    """Bytes that are announced and never sent."""


Answer = Prepared | Callable[[str], Prepared]
"""A function gets the Accept header."""


def as_json(data: Any, **around: Any) -> Prepared:
    return Prepared(
        body=json.dumps({"execution_optimistic": False, "finalized": True, "data": data, **around}).encode()
    )


class BeaconServer:
    """Answers by path; unknown paths are 404 as the Beacon API says it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.hooks: dict[str, Callable[[], None]] = {}
        """Run before the answer of a path: the chain moves on while it is read."""

    def in_order(
        self,
        *,
        chain_id: int = 1,
        head: int = 100,
        electra: int = 0,
        gloas: int = 2**64 - 1,
        contract: str = "0x00000000219ab540356cbb839cbe05303d7705fa",
    ) -> None:
        """A node that is fit, at slot `head` of a chain with 8 slots an epoch."""
        spec = {
            "DEPOSIT_CHAIN_ID": str(chain_id), "SECONDS_PER_SLOT": "12", "SLOTS_PER_EPOCH": "8",
            "ELECTRA_FORK_EPOCH": str(electra), "GLOAS_FORK_EPOCH": str(gloas), "BLOB_SCHEDULE": [],
            "DEPOSIT_CONTRACT_ADDRESS": contract,
        }  # fmt: skip
        self.answers["/eth/v1/config/spec"] = as_json(spec)
        self.answers["/eth/v1/beacon/genesis"] = as_json({"genesis_time": str(GENESIS_TIME)})
        self.syncing(head)

    def syncing(self, head: int, **flags: Any) -> None:
        state = {
            "head_slot": str(head),
            "sync_distance": "0",
            "is_syncing": False,
            "is_optimistic": False,
            **flags,
        }
        self.answers["/eth/v1/node/syncing"] = Prepared(body=json.dumps({"data": state}).encode())

    def block(self, slot: int, parent: int, body: dict[str, Any], *, branch: str = "a") -> None:
        """A block and its header at a slot."""
        message = {
            "slot": str(slot), "proposer_index": "1", "parent_root": root(parent, branch),
            "state_root": root(slot, "5"), "body_root": "0x",
        }  # fmt: skip
        header = {
            "root": root(slot, branch),
            "canonical": True,
            "header": {"message": message, "signature": "0x"},
        }
        self.answers[f"/eth/v1/beacon/headers/{slot}"] = as_json(header)
        self.answers[f"/eth/v1/beacon/headers/{root(slot, branch)}"] = as_json(header)
        block = {"message": {**message, "body": body}, "signature": "0x"}
        self.answers[f"/eth/v2/beacon/blocks/{root(slot, branch)}"] = as_json(block, version="electra")
        self.answers[f"/eth/v1/beacon/states/{slot}/root"] = as_json({"root": root(slot, "5")})

    def balances(self, slot: int, balances: list[int], path: str = "validator_balances") -> None:
        rows = [{"index": str(index), "balance": str(balance)} for index, balance in enumerate(balances)]
        self.answers[f"/eth/v1/beacon/states/{slot}/{path}"] = as_json(rows)

    def pending(self, slot: int, amounts: list[int]) -> None:
        rows = [{"pubkey": "0x", "amount": str(amount), "slot": "0"} for amount in amounts]
        self.answers[f"/eth/v1/beacon/states/{slot}/pending_deposits"] = as_json(rows)


def root(slot: int, branch: str = "a") -> str:
    return f"0x{branch}{slot:063x}"


def payload(number: int, slot: int, withdrawals: tuple[int, ...] = ()) -> dict[str, Any]:
    """A block body with an execution payload."""
    return {
        "execution_payload": {
            "block_hash": root(number, "e"),
            "block_number": str(number),
            "timestamp": str(GENESIS_TIME + 12 * slot),
            "withdrawals": [{"amount": str(amount)} for amount in withdrawals],
        }
    }


@contextmanager
def beacon_server() -> Iterator[BeaconServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    node = BeaconServer(f"http://127.0.0.1:{server.server_address[1]}")
    server.node = node  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        node: BeaconServer = self.server.node  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        node.asked.append(self.path)
        if hook := node.hooks.pop(path, None):
            hook()
        answer = node.answers.get(path, Prepared(404, b'{"code":404,"message":"not found"}'))
        self._send(answer(self.headers.get("accept", "")) if callable(answer) else answer)

    def _send(self, answer: Prepared) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        for name, value in answer.headers:
            self.send_header(name, value)
        if isinstance(answer.body, bytes):
            self.send_header("Content-Length", str(len(answer.body) + answer.cut))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = self.close_connection or bool(answer.cut)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in answer.body:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
