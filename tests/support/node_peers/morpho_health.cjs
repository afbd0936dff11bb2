// Accrued markets, health factors and liquidation prices by @morpho-org/blue-sdk: JSON on stdin and stdout.
'use strict';
const { Market, MarketParams } = require('@morpho-org/blue-sdk');

const big = (fields) => Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, BigInt(v)]));
const text = (value) => (value == null ? null : value.toString());

let input = '';
process.stdin.on('data', (part) => (input += part));
process.stdin.on('end', () => {
  const answers = JSON.parse(input).map(({ params, market, timestamp, accounts }) => {
    const terms = new MarketParams({ ...params, lltv: BigInt(params.lltv) });
    const accrued = new Market({ params: terms, ...big(market) }).accrueInterest(BigInt(timestamp));
    return {
      market: Object.fromEntries(
        ['totalSupplyAssets', 'totalSupplyShares', 'totalBorrowAssets', 'totalBorrowShares', 'rateAtTarget'].map(
          (name) => [name, text(accrued[name])],
        ),
      ),
      accounts: accounts.map((account) => {
        const position = big(account);
        return {
          healthFactor: text(accrued.getHealthFactor(position)),
          liquidationPrice: text(accrued.getLiquidationPrice(position)),
        };
      }),
    };
  });
  process.stdout.write(JSON.stringify(answers));
});
