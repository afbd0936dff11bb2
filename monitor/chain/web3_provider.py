"""web3.py over our endpoints: contract calls at one block, with our deadline, id check and fail-over.

    Web3(PinnedProvider(endpoints.pinned(head))).eth.contract(address=..., abi=...).functions.f().call()

web3's own provider prints URLs in errors, accepts wrong ids, and fetches URLs that a contract
chooses (CCIP-read); none of that can happen here. Errors are ours (`monitor.errors`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, cast

from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from monitor.chain.pinned import Pinned
from monitor.chain.quantity import hex_data, hex_number
from monitor.errors import NodeError, Unsupported

SAFE_DEPTH = 3_000
# web3 loads py_ecc, which lifts Python's recursion limit to 100,000 for the whole process. The JSON
# decoder relies on that limit: with it lifted, a node's deeply nested answer overflows the C stack.
sys.setrecursionlimit(min(sys.getrecursionlimit(), SAFE_DEPTH))

_BLOCK_AT = {
    "eth_call": 1,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getTransactionCount": 1,
    "eth_getStorageAt": 2,
}
"""The methods that read state, and which parameter names the block."""


class PinnedProvider(BaseProvider):
    """Reads of one block. A call that says "latest", web3's default, means that block."""

    global_ccip_read_enabled = False

    def __init__(self, pinned: Pinned) -> None:
        super().__init__()
        self._pinned = pinned

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """A state read of the pinned block. Raises our NodeError; Unsupported for anything else."""
        return {"jsonrpc": "2.0", "id": 1, "result": self._result(method, _plain(list(params)))}

    def is_connected(self, show_traceback: bool = False) -> bool:  # noqa: ARG002  (web3's signature)
        """Whether an endpoint still knows the block."""
        try:
            self._pinned.get_balance(self._pinned.NOBODY)
        except NodeError:
            return False
        return True

    def _result(self, method: str, params: list[Any]) -> str:
        if method == "eth_chainId":
            return hex_number(self._pinned.chain_id())
        at = _BLOCK_AT.get(method)
        if at is None:
            raise Unsupported("web3", f"{method} is not a read of the state of one block.")
        self._check_block(method, params[at] if len(params) > at else "latest")
        return self._pinned.read(method, params[:at], params[at + 1 :])

    def _check_block(self, method: str, named: object) -> None:
        block = self._pinned.block
        if named not in {"latest", block.hash, hex_number(block.number)}:
            raise Unsupported(
                "web3", f"{method} of another block than {block.number}, which this reader is bound to."
            )


def _plain(value: Any) -> Any:
    """Mappings, sequences and bytes of web3's kinds as what JSON-RPC takes."""
    if isinstance(value, bytes | bytearray):
        return hex_data(bytes(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    return value
