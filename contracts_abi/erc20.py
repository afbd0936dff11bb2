"""ERC-20: what a row shows of a token. `SYMBOL` is text of the contract's choice: show it with care."""

from __future__ import annotations

from contracts_abi.call import Call

BALANCE_OF = Call("erc20", "balanceOf", int)
DECIMALS = Call("erc20", "decimals", int)
SYMBOL = Call("erc20", "symbol", str)
TOTAL_SUPPLY = Call("erc20", "totalSupply", int)


def symbol_of(data: bytes) -> str:
    """A symbol as string, or as bytes32 like MKR's. Raises `AbiError`."""
    if len(data) == 32:
        return data.rstrip(b"\0").decode("utf-8", "replace")
    return SYMBOL.decode(data)
