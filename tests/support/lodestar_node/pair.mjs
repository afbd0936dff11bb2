// Unmodified Lodestar 1.5.1 (Capella, minimal preset, 2 s slots) on ethereumjs, both on free ports of
// 127.0.0.1. Prints them as one line of JSON once the node answers, and ends with its standard input.
import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { freePort, startClient } from "./client.mjs";
import { call } from "./execution.mjs";

const HOST = "127.0.0.1";
const SECONDS_PER_SLOT = 2;
const START_TRIES = 300;
const [clientModules, lodestarModules, folder, validators] = process.argv.slice(2);

const genesisTime = Math.floor(Date.now() / 1000) + 12;
const client = await startClient(clientModules, folder, genesisTime - SECONDS_PER_SLOT, { prague: false });
const children = [client.child];
const end = () => {
  // Lodestar does not end on SIGTERM.
  for (const child of children) child.kill("SIGKILL");
  process.exit();
};
process.stdin.on("end", end).resume();
process.on("SIGTERM", end);

const { hash } = await call(client.rpc, "eth_getBlockByNumber", "0x0", false);
const [restPort, p2pPort] = [await freePort(), await freePort()];
const beacon = `http://${HOST}:${restPort}`;
const options = {
  dataDir: join(folder, "consensus"), genesisValidators: validators, startValidators: `0..${validators - 1}`,
  genesisTime, genesisEth1Hash: hash, eth1: false, "execution.urls": client.engine,
  rest: true, "rest.address": HOST, "rest.port": restPort, "rest.namespace": "*", server: beacon,
  listenAddress: HOST, port: p2pPort, discv5: false, targetPeers: 0, mdns: false,
  "params.SECONDS_PER_SLOT": SECONDS_PER_SLOT, "params.ALTAIR_FORK_EPOCH": 0, "params.BELLATRIX_FORK_EPOCH": 0,
  "params.CAPELLA_FORK_EPOCH": 0, "params.TERMINAL_TOTAL_DIFFICULTY": 0, "params.DEPOSIT_CHAIN_ID": 1337,
  suggestedFeeRecipient: "0x00000000000000000000000000000000000fee00",
  "sync.isSingleNode": true, "network.allowPublishToZeroPeers": true, logLevel: "info",
};
const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
const log = openSync(join(folder, "consensus.log"), "w");
const script = join(lodestarModules, "@chainsafe/lodestar/lib/index.js");
const lodestar = spawn(process.execPath, ["-r", "./polyfill.cjs", script, "dev", ...flags], {
  env: { ...process.env, LODESTAR_PRESET: "minimal", NODE_BACKEND: "js" },
  stdio: ["ignore", log, log],
});
children.push(lodestar);

for (let tries = 0; tries < START_TRIES; tries++) {
  if (lodestar.exitCode !== null) break;
  const up = await fetch(`${beacon}/eth/v1/node/syncing`).then((answer) => answer.ok, () => false);
  if (up) {
    console.log(JSON.stringify({ beacon, execution: client.rpc }));
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}
