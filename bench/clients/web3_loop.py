"""What a newcomer writes: `w3.eth.get_block` in a loop, a row inserted for each.

web3_loop URL FIRST COUNT DB
"""

from __future__ import annotations

import sys
from typing import Any

import sqlite_utils
from web3 import Web3

from bench.measure import Stopwatch

BLOB_FRACTION = 11_684_671


def blob_fee(excess: int) -> int:
    total, term, step = 0, BLOB_FRACTION, 1
    while term > 0:
        total += term
        term = term * excess // (BLOB_FRACTION * step)
        step += 1
    return total // BLOB_FRACTION


def row_of(block: Any) -> dict[str, int | str]:
    fee = blob_fee(block["excessBlobGas"])
    return {
        "number": block["number"],
        "timestamp": block["timestamp"],
        "gas_limit": block["gasLimit"],
        "gas_used": block["gasUsed"],
        "base_fee_wei": block["baseFeePerGas"],
        "blob_gas_used": block["blobGasUsed"],
        "excess_blob_gas": block["excessBlobGas"],
        "blob_base_fee_wei": fee,
        "tx_count": len(block["transactions"]),
        "withdrawals_gwei": sum(withdrawal["amount"] for withdrawal in block["withdrawals"]),
        "burn_wei": str(block["baseFeePerGas"] * block["gasUsed"] + fee * block["blobGasUsed"]),
    }


def main() -> None:
    url, first, count, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    w3 = Web3(Web3.HTTPProvider(url))
    table = sqlite_utils.Database(path)["block"]
    w3.eth.chain_id  # noqa: B018 - the connection is opened and the middleware built before the clock starts
    watch = Stopwatch()
    burn = 0
    for number in range(first, first + count):
        row = row_of(w3.eth.get_block(number))
        table.insert(row, pk="number")
        burn += int(row["burn_wei"])
    watch.stop()
    watch.report(count, burn=burn)


if __name__ == "__main__":
    main()
