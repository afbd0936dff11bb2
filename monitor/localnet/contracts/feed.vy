# pragma version 0.4.3
# A stand-in for a Chainlink price feed: anyone may report, every round is kept.

event AnswerUpdated:
    current: indexed(int256)
    roundId: indexed(uint256)
    updatedAt: uint256

decimals: public(immutable(uint8))
description: public(String[64])
version: public(constant(uint256)) = 4
latestRound: public(uint256)
getAnswer: public(HashMap[uint256, int256])
getTimestamp: public(HashMap[uint256, uint256])

@deploy
def __init__(_decimals: uint8, _description: String[64], _first: int256):
    decimals = _decimals
    self.description = _description
    self._report(_first)

@internal
def _report(_answer: int256):
    self.latestRound += 1
    self.getAnswer[self.latestRound] = _answer
    self.getTimestamp[self.latestRound] = block.timestamp
    log AnswerUpdated(current=_answer, roundId=self.latestRound, updatedAt=block.timestamp)

@external
def report(_answer: int256):
    self._report(_answer)

@external
@view
def aggregator() -> address:
    return self

@external
@view
def latestAnswer() -> int256:
    return self.getAnswer[self.latestRound]

@external
@view
def latestTimestamp() -> uint256:
    return self.getTimestamp[self.latestRound]

@internal
@view
def _round(_id: uint256) -> (uint80, int256, uint256, uint256, uint80):
    assert self.getTimestamp[_id] != 0, "No data present"
    short: uint80 = convert(_id, uint80)
    return short, self.getAnswer[_id], self.getTimestamp[_id], self.getTimestamp[_id], short

@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    return self._round(self.latestRound)

@external
@view
def getRoundData(_roundId: uint80) -> (uint80, int256, uint256, uint256, uint80):
    return self._round(convert(_roundId, uint256))
