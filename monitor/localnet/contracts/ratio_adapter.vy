# pragma version 0.4.3
# A stand-in for a capped LST price adapter: base price x exchange ratio, the ratio held to a yearly growth.
# Names and rounding follow the adapters that Aave uses; the code is our own.

interface Feed:
    def latestAnswer() -> int256: view

interface Shares:
    def getPooledEthByShares(_shares: uint256) -> uint256: view

BASE_TO_USD_AGGREGATOR: public(immutable(address))
RATIO_PROVIDER: public(immutable(address))
DECIMALS: public(constant(uint8)) = 8
RATIO_DECIMALS: public(constant(uint8)) = 18
PERCENTAGE_FACTOR: public(constant(uint256)) = 10000
SECONDS_PER_YEAR: public(constant(uint256)) = 31536000
description: public(String[64])
getSnapshotRatio: public(uint256)
getSnapshotTimestamp: public(uint256)
getMaxYearlyGrowthRatePercent: public(uint256)
getMaxRatioGrowthPerSecond: public(uint256)

@deploy
def __init__(_base: address, _provider: address, _description: String[64], _growthPercent: uint256):
    BASE_TO_USD_AGGREGATOR = _base
    RATIO_PROVIDER = _provider
    self.description = _description
    self.getSnapshotTimestamp = block.timestamp
    self.getSnapshotRatio = staticcall Shares(_provider).getPooledEthByShares(10 ** 18)
    self.getMaxYearlyGrowthRatePercent = _growthPercent
    self.getMaxRatioGrowthPerSecond = self.getSnapshotRatio * _growthPercent // PERCENTAGE_FACTOR // SECONDS_PER_YEAR

@internal
@view
def _ratio() -> int256:
    return convert(staticcall Shares(RATIO_PROVIDER).getPooledEthByShares(10 ** 18), int256)

@internal
@view
def _max_ratio() -> int256:
    return convert(self.getSnapshotRatio + self.getMaxRatioGrowthPerSecond * (block.timestamp - self.getSnapshotTimestamp), int256)

@external
@view
def decimals() -> uint8:
    return DECIMALS

@external
@view
def getRatio() -> int256:
    return self._ratio()

@external
@view
def isCapped() -> bool:
    return self._ratio() > self._max_ratio()

@external
@view
def latestAnswer() -> int256:
    base: int256 = staticcall Feed(BASE_TO_USD_AGGREGATOR).latestAnswer()
    ratio: int256 = self._ratio()
    if base <= 0 or ratio <= 0:
        return 0
    return base * min(ratio, self._max_ratio()) // 10 ** 18
