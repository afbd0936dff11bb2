# pragma version 0.4.3
# A stand-in for a Chainlink aggregator whose rounds are set at will: any time, holes, any answer.

struct Round:
    answer: int256
    updated_at: uint256

decimals: public(constant(uint8)) = 8
description: public(String[64])
latestRound: public(uint256)
_rounds: HashMap[uint256, Round]

@deploy
def __init__(_description: String[64]):
    self.description = _description

@external
def setRounds(_first: uint256, _answers: DynArray[int256, 1000], _times: DynArray[uint256, 1000]):
    for index: uint256 in range(1000):
        if index >= len(_answers):
            break
        self._rounds[_first + index] = Round(answer=_answers[index], updated_at=_times[index])
        self.latestRound = max(self.latestRound, _first + index)

@external
@view
def getRoundData(_roundId: uint80) -> (uint80, int256, uint256, uint256, uint80):
    found: Round = self._rounds[convert(_roundId, uint256)]
    return _roundId, found.answer, found.updated_at, found.updated_at, _roundId

@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    newest: uint80 = convert(self.latestRound, uint80)
    found: Round = self._rounds[self.latestRound]
    return newest, found.answer, found.updated_at, found.updated_at, newest
