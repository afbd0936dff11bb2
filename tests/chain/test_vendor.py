"""What each vendor says, as our errors. The texts are those seen in the wild."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.chain.redact import Redactor
from monitor.chain.vendor import MAX_TEXT, RpcError, map_error, revert_data
from monitor.errors import (
    BlockGone,
    CallReverted,
    NodeError,
    NodeUnavailable,
    RateLimited,
    TooLarge,
    Unsupported,
)

PLAIN = Redactor()
REASON = "0x08c379a0" + f"{32:064x}" + f"{4:064x}" + b"oops".hex().ljust(64, "0")

SAID: list[tuple[int, str, type[NodeError]]] = [
    # geth
    (-32601, "the method eth_config does not exist/is not available", Unsupported),
    (-32000, "header not found", BlockGone),
    (-32000, "header for hash not found", BlockGone),
    (-32000, "unknown block", BlockGone),
    (-32000, "hash 0x12 is not currently canonical", BlockGone),
    (-39001, "finalized block not found", BlockGone),
    (-32000, "missing trie node ef7df5d8 (path ) state 0x12 is not available", Unsupported),
    (-32000, "required historical state unavailable (reexec=128)", Unsupported),
    (-32000, "historical state 0xabc is not available", Unsupported),
    (4444, "pruned history unavailable", Unsupported),
    (-32600, "batch too large", TooLarge),
    (-32003, "response too large", TooLarge),
    (-32000, "out of gas", TooLarge),
    (-32603, "EVM error OutOfGas", TooLarge),
    (-32602, "invalid argument 1: json: cannot unmarshal object into Go value of type string", Unsupported),
    (-32602, "too many arguments, want at most 2", Unsupported),
    (-32002, "request timed out", NodeUnavailable),
    # reth, jsonrpsee
    (-32001, "block not found: hash 0x12ab", BlockGone),
    (-32601, "Method not found", Unsupported),
    (-32000, "state at block #100 is pruned", Unsupported),
    (-32011, "The batch request was too large", TooLarge),
    (-32005, "Batched requests are not supported by this server", TooLarge),
    (-32008, "Response is too big", TooLarge),
    (-32007, "Request is too big", TooLarge),
    # Nethermind
    (-32001, "0x12 could not be found", NodeUnavailable),
    (-32001, "Block 0x12 could not be found", BlockGone),
    (-32002, "No state available for block 0x12", Unsupported),
    (-32005, "Batch size limit exceeded.", TooLarge),
    # Erigon, Besu
    (-32000, "block not found", BlockGone),
    (-32000, "World state unavailable", Unsupported),
    (-32000, "Block not found", BlockGone),
    # Anvil, Hardhat
    (-32001, "Resource not found", BlockGone),
    (-32602, "BlockOutOfRangeError: block height is 10 but requested was 1", Unsupported),
    (-32004, "Method eth_getBlockReceipts is not supported", Unsupported),
    # providers
    (429, "Your app has exceeded its compute units per second capacity", RateLimited),
    (-32005, "daily request count exceeded, request rate limited", RateLimited),
    (-32005, "project ID request rate exceeded", RateLimited),
    (-32007, "50/second request limit reached - reduce calls per second", RateLimited),
    (-32029, "Too Many Requests", RateLimited),
    (-32005, "query returned more than 10000 results", TooLarge),
    (-32602, "Log response size exceeded. this block range should work: [0x1, 0x2]", TooLarge),
    (-32701, "exceed maximum block range: 50000", TooLarge),
    (-32600, "Batch of more than 3 requests are not allowed on free tier", TooLarge),
    (-32046, "Cannot fulfill request", NodeUnavailable),
    (-32603, "Internal error", NodeUnavailable),
    (19, "Temporary internal error. Please retry", NodeUnavailable),
    (35, "eth_feeHistory is not available on free tier, please upgrade", Unsupported),
    (-32000, "no backends available for method", NodeUnavailable),
    (-32053, "API key disabled: archive requests need a paid plan", Unsupported),
]


@pytest.mark.parametrize(("code", "message", "kind"), SAID, ids=[message[:40] for _, message, _ in SAID])
def test_vendor_texts_are_mapped_once(code: int, message: str, kind: type[NodeError]) -> None:
    error = map_error("node", "eth_getBlockReceipts", RpcError(code, message), PLAIN)
    assert type(error) is kind


@pytest.mark.parametrize(
    ("error", "data"),
    [
        (RpcError(3, "execution reverted: oops", REASON), REASON),
        (RpcError(-32000, "execution reverted", None), "0x"),
        (RpcError(-32603, "EVM error InvalidFEOpcode", None), "0x"),
        (RpcError(-32015, "VM execution error.", f"Reverted {REASON}"), REASON),
        (
            RpcError(-32603, "VM Exception: reverted with reason 'oops'", {"message": "x", "data": REASON}),
            REASON,
        ),
        (RpcError(-32603, "Error: VM Exception", {"data": {"data": REASON}}), REASON),
        (RpcError(-32000, "Execution reverted (oops)", REASON), REASON),
        (RpcError(-32000, "invalid opcode: INVALID", None), "0x"),
        (RpcError(-32000, "something new", REASON), REASON),
    ],
)
def test_a_revert_is_an_answer_with_its_data(error: RpcError, data: str) -> None:
    mapped = map_error("node", "eth_call", error, PLAIN)
    if error.message == "Error: VM Exception":
        assert revert_data(error.data) == bytes.fromhex(data[2:])
        return
    assert isinstance(mapped, CallReverted)
    assert mapped.data == bytes.fromhex(data[2:])


def test_a_revert_is_only_one_where_a_contract_was_called() -> None:
    assert not isinstance(
        map_error("n", "eth_getLogs", RpcError(3, "execution reverted"), PLAIN), CallReverted
    )


def test_the_cause_may_stand_in_the_data() -> None:
    error = RpcError(
        -32603, "Internal error", "Nethermind.Trie.MissingTrieNodeException: missing trie node 0x12"
    )
    assert isinstance(map_error("n", "eth_getBalance", error, PLAIN), Unsupported)


@pytest.mark.parametrize(
    ("data", "wait"),
    [
        ({"rate": {"backoff_seconds": 30}}, 30.0),
        ({"rate": {"backoff_seconds": "1.5"}}, 1.5),
        ({"try_again_in": "250ms"}, 0.25),
        ({"try_again_in": "2s"}, 2.0),
        ({"rate": "soon"}, None),
        ("later", None),
        (None, None),
        ([], None),
    ],
)
def test_the_pause_that_a_provider_names_is_kept(data: object, wait: float | None) -> None:
    error = map_error("n", "eth_call", RpcError(-32005, "limit exceeded", data), PLAIN)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == wait


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    code=st.none() | st.integers() | st.text(max_size=10),
    message=st.none() | st.text(max_size=600),
    data=JSON,
    method=st.sampled_from(["eth_call", "eth_getLogs"]),
)
def test_any_error_object_becomes_one_short_line(
    code: int | str | None, message: str | None, data: object, method: str
) -> None:
    error = map_error("node", method, RpcError(code, message, data), PLAIN)
    text = str(error)
    assert len(text) < 3 * MAX_TEXT
    assert text.isprintable()


def test_the_key_is_scrubbed_from_what_the_vendor_says() -> None:
    redact = Redactor(["https://mainnet.example/v3/0123456789abcdef"])
    said = "project 0123456789abcdef exceeded, see https://mainnet.example/v3/0123456789abcdef"
    assert "0123456789abcdef" not in str(map_error("n", "eth_call", RpcError(-32005, said), redact))
