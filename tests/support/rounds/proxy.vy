# pragma version 0.4.3
# A stand-in for Chainlink's EACAggregatorProxy: phases, and round ids that carry them.

interface Aggregator:
    def getRoundData(_roundId: uint80) -> (uint80, int256, uint256, uint256, uint80): view
    def latestRoundData() -> (uint80, int256, uint256, uint256, uint80): view
    def decimals() -> uint8: view
    def description() -> String[64]: view

phaseId: public(uint16)
phaseAggregators: public(HashMap[uint16, address])

@external
def confirm(_aggregator: address):
    self.phaseId += 1
    self.phaseAggregators[self.phaseId] = _aggregator

@internal
@pure
def _id(_phase: uint16, _round: uint80) -> uint80:
    return convert(convert(_phase, uint256) << 64 | convert(_round, uint256), uint80)

@external
@view
def getRoundData(_roundId: uint80) -> (uint80, int256, uint256, uint256, uint80):
    phase: uint16 = convert(convert(_roundId, uint256) >> 64, uint16)
    part: uint80 = convert(convert(_roundId, uint256) & convert(max_value(uint64), uint256), uint80)
    id: uint80 = 0
    answer: int256 = 0
    started: uint256 = 0
    updated: uint256 = 0
    answered: uint80 = 0
    id, answer, started, updated, answered = staticcall Aggregator(self.phaseAggregators[phase]).getRoundData(part)
    return self._id(phase, id), answer, started, updated, self._id(phase, answered)

@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    id: uint80 = 0
    answer: int256 = 0
    started: uint256 = 0
    updated: uint256 = 0
    answered: uint80 = 0
    id, answer, started, updated, answered = staticcall Aggregator(self.phaseAggregators[self.phaseId]).latestRoundData()
    return self._id(self.phaseId, id), answer, started, updated, self._id(self.phaseId, answered)

@external
@view
def decimals() -> uint8:
    return staticcall Aggregator(self.phaseAggregators[self.phaseId]).decimals()

@external
@view
def description() -> String[64]:
    return staticcall Aggregator(self.phaseAggregators[self.phaseId]).description()
