# pragma version 0.4.3
# A stand-in for the usual Morpho Blue oracle: the collateral's price in the loan token, scaled by 1e36,
# from up to two feeds and a vault on each side. Names and rounding follow MorphoChainlinkOracleV2.

interface Feed:
    def latestRoundData() -> (uint80, int256, uint256, uint256, uint80): view
    def decimals() -> uint8: view

interface Vault:
    def convertToAssets(_shares: uint256) -> uint256: view

BASE_VAULT: public(immutable(address))
BASE_VAULT_CONVERSION_SAMPLE: public(immutable(uint256))
QUOTE_VAULT: public(immutable(address))
QUOTE_VAULT_CONVERSION_SAMPLE: public(immutable(uint256))
BASE_FEED_1: public(immutable(address))
BASE_FEED_2: public(immutable(address))
QUOTE_FEED_1: public(immutable(address))
QUOTE_FEED_2: public(immutable(address))
SCALE_FACTOR: public(immutable(uint256))

@deploy
def __init__(_baseFeed1: address, _baseFeed2: address, _baseDecimals: uint256, _quoteFeed1: address, _quoteFeed2: address, _quoteDecimals: uint256):
    BASE_VAULT = empty(address)
    QUOTE_VAULT = empty(address)
    BASE_VAULT_CONVERSION_SAMPLE = 1
    QUOTE_VAULT_CONVERSION_SAMPLE = 1
    BASE_FEED_1 = _baseFeed1
    BASE_FEED_2 = _baseFeed2
    QUOTE_FEED_1 = _quoteFeed1
    QUOTE_FEED_2 = _quoteFeed2
    up: uint256 = 36 + _quoteDecimals + self._decimals(_quoteFeed1) + self._decimals(_quoteFeed2)
    SCALE_FACTOR = 10 ** (up - _baseDecimals - self._decimals(_baseFeed1) - self._decimals(_baseFeed2))

@internal
@view
def _decimals(_feed: address) -> uint256:
    if _feed == empty(address):
        return 0
    return convert(staticcall Feed(_feed).decimals(), uint256)

@internal
@view
def _price(_feed: address) -> uint256:
    if _feed == empty(address):
        return 1
    round: uint80 = 0
    answer: int256 = 0
    started: uint256 = 0
    updated: uint256 = 0
    answered: uint80 = 0
    round, answer, started, updated, answered = staticcall Feed(_feed).latestRoundData()
    assert answer >= 0, "negative answer"
    return convert(answer, uint256)

@external
@view
def price() -> uint256:
    base: uint256 = self._price(BASE_FEED_1) * self._price(BASE_FEED_2)
    return SCALE_FACTOR * base // (self._price(QUOTE_FEED_1) * self._price(QUOTE_FEED_2))
