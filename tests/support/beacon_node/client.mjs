// Starts ethereumjs, a real execution client, as a single node after the Merge: Prague from genesis, or
// Shanghai for a consensus client that knows no more.
import { spawn } from "node:child_process";
import { openSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { call, quantity } from "./execution.mjs";

const HOST = "127.0.0.1";
const START_TRIES = 300;
const ACCOUNT = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266";

export const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, HOST, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const BLOBS = {
  cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3338477 },
  prague: { target: 6, max: 9, baseFeeUpdateFraction: 5007716 },
};
const OLD_FORKS = [
  "homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul", "berlin",
  "london", "mergeFork",
];

const genesis = (timestamp, prague) => ({
  config: {
    chainId: 1337,
    ...Object.fromEntries(OLD_FORKS.map((fork) => [`${fork}Block`, 0])),
    terminalTotalDifficulty: 0,
    terminalTotalDifficultyPassed: true,
    shanghaiTime: 0,
    ...(prague && { cancunTime: 0, pragueTime: 0, blobSchedule: BLOBS }),
  },
  nonce: "0x0",
  timestamp: quantity(timestamp),
  extraData: "0x",
  gasLimit: quantity(30_000_000),
  difficulty: "0x0",
  mixHash: "0x" + "00".repeat(32),
  coinbase: "0x" + "00".repeat(20),
  baseFeePerGas: quantity(1_000_000_000),
  ...(prague && { excessBlobGas: "0x0", blobGasUsed: "0x0" }),
  number: "0x0",
  gasUsed: "0x0",
  parentHash: "0x" + "00".repeat(32),
  alloc: { [ACCOUNT]: { balance: quantity(10_000n * 10n ** 18n) } },
});

export async function startClient(modules, folder, timestamp, { prague = true } = {}) {
  const [rpcPort, enginePort, p2pPort] = [await freePort(), await freePort(), await freePort()];
  const genesisFile = join(folder, "genesis.json");
  writeFileSync(genesisFile, JSON.stringify(genesis(timestamp, prague)));
  const options = {
    gethGenesis: genesisFile, dataDir: join(folder, "execution"), logFile: false, logLevel: "warn",
    rpc: true, rpcAddr: HOST, rpcPort,
    rpcEngine: true, rpcEngineAddr: HOST, rpcEnginePort: enginePort, rpcEngineAuth: false,
    discDns: false, discV4: false, extIP: HOST, port: p2pPort, maxPeers: 0, minPeers: 0,
    isSingleNode: true, sync: "none",
  };
  const script = join(modules, "@ethereumjs/client/dist/esm/bin/cli.js");
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const log = openSync(join(folder, "execution.log"), "w");
  const child = spawn(process.execPath, [script, ...flags], { stdio: ["ignore", log, log] });
  const [rpc, engine] = [`http://${HOST}:${rpcPort}`, `http://${HOST}:${enginePort}`];
  await ready(child, rpc, engine);
  return { child, rpc, engine };
}

async function ready(child, rpc, engine) {
  for (let tries = 0; tries < START_TRIES; tries++) {
    if (child.exitCode !== null) throw new Error("the execution client ended while it started");
    try {
      await call(rpc, "eth_chainId");
      await call(engine, "eth_chainId");
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  child.kill("SIGKILL");
  throw new Error("the execution client does not answer");
}
