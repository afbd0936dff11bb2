"""Chainlink-like price feeds."""

from __future__ import annotations

from typing import NamedTuple

from contracts_abi.call import Call


class Round(NamedTuple):
    """`latestRoundData`, `getRoundData`. `answer` is signed: a broken feed may give zero or less."""

    round_id: int
    answer: int
    started_at: int
    updated_at: int
    answered_in_round: int


DECIMALS = Call("chainlink", "decimals", int)
DESCRIPTION = Call("chainlink", "description", str)
LATEST_ANSWER = Call("chainlink", "latestAnswer", int)
LATEST_ROUND_DATA = Call("chainlink", "latestRoundData", Round)
GET_ROUND_DATA = Call("chainlink", "getRoundData", Round)
"""A round that is not there reverts, or answers zeros."""
LATEST_ROUND = Call("chainlink", "latestRound", int)
PHASE_AGGREGATORS = Call("chainlink", "phaseAggregators", str)
"""Of a proxy: the aggregator of a phase. A proxy's round id is phase << 64 | the aggregator's round id."""
