// viem's own multicall action over 10,000 account reads; the transport answers at once with prepared bytes.
//
//   node viem_multicall.mjs ACCOUNTS_FILE ANSWER_FILE PACK
//
// Prints one line of JSON: the CPU time of all reads and the sum of the debts that it decoded.
import { readFileSync } from "node:fs";
import { createPublicClient, custom, parseAbi } from "viem";
import { mainnet } from "viem/chains";

const [accountsFile, answerFile, pack] = process.argv.slice(2);
const accounts = readFileSync(accountsFile, "utf8").trim().split("\n");
const answer = readFileSync(answerFile, "utf8").trim();
const abi = parseAbi([
  "function getUserAccountData(address user) view returns (uint256, uint256, uint256, uint256, uint256, uint256)",
]);
const client = createPublicClient({ chain: mainnet, transport: custom({ request: async () => answer }) });

async function read(list) {
  const contracts = list.map((account) => ({
    address: "0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2",
    abi,
    functionName: "getUserAccountData",
    args: [account],
  }));
  let debt = 0n;
  for (let at = 0; at < contracts.length; at += Number(pack)) {
    const part = contracts.slice(at, at + Number(pack));
    for (const { result } of await client.multicall({ contracts: part, batchSize: 0, allowFailure: true })) debt += result[1];
  }
  return debt;
}

await read(accounts.slice(0, Number(pack)));
const before = process.cpuUsage();
const started = process.hrtime.bigint();
const debt = await read(accounts);
const wall = Number(process.hrtime.bigint() - started) / 1e9;
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ items: accounts.length, wall_s: wall, cpu_s: (user + system) / 1e6, debt: debt.toString() }));
