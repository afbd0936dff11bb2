# pragma version 0.4.3
# A stand-in for stETH's share rate, and for wstETH's view of it.

rate: uint256

@deploy
def __init__(_rate: uint256):
    self.rate = _rate

@external
def setRate(_rate: uint256):
    self.rate = _rate

@external
@view
def getPooledEthByShares(_shares: uint256) -> uint256:
    return _shares * self.rate // 10 ** 18

@external
@view
def stEthPerToken() -> uint256:
    return self.rate
