// Health factors by @aave/math-utils: accounts as JSON on stdin, one factor per account on stdout.
'use strict';
const { formatUserSummary } = require('@aave/math-utils');

let text = '';
process.stdin.on('data', (part) => (text += part));
process.stdin.on('end', () => {
  const { timestamp, reserves, accounts } = JSON.parse(text);
  const factors = accounts.map(({ emode, rows }) =>
    formatUserSummary({
      currentTimestamp: timestamp,
      marketReferencePriceInUsd: '100000000',
      marketReferenceCurrencyDecimals: 8,
      userReserves: rows,
      formattedReserves: reserves,
      userEmodeCategoryId: emode,
    }).healthFactor,
  );
  process.stdout.write(JSON.stringify(factors));
});
