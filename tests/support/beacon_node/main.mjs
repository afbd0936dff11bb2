// A beacon node and its execution node on free ports of 127.0.0.1; prints them as one line of JSON when
// both answer, and ends with its standard input. POST /control drives the chain:
// {"slots": n, "miss": [slot, ...]}, {"offline": [validator, ...]}, {"reorg": depth}, {"optimistic": bool}.
import http from "node:http";
import { Chain } from "./chain.mjs";
import { startClient } from "./client.mjs";
import { Refusal, Rest } from "./rest.mjs";

const SECONDS_PER_SLOT = 12;
const [modules, folder, validators, genesisTime] = process.argv.slice(2);
const client = await startClient(modules, folder, Number(genesisTime));
const end = () => {
  client.child.kill("SIGKILL");
  process.exit();
};
process.stdin.on("end", end).resume();
process.on("SIGTERM", end);

const chain = await Chain.start({
  rpc: client.rpc, engine: client.engine, validators: Number(validators), secondsPerSlot: SECONDS_PER_SLOT,
});
const rest = new Rest(chain);

async function control(order) {
  if (order.offline) chain.offline = new Set(order.offline);
  if (order.optimistic !== undefined) rest.optimistic = order.optimistic;
  if (order.slots) await chain.advance(order.slots, order.miss);
  if (order.reorg) await chain.reorg(order.reorg);
  return { slot: chain.clock, head: chain.head.root };
}

async function respond(request, body) {
  const { pathname } = new URL(request.url, "http://127.0.0.1");
  if (pathname === "/control") return control(JSON.parse(body));
  return rest.answer(request.method, pathname, request.headers.accept?.startsWith("application/octet-stream"));
}

http.createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => (body += piece)).on("end", async () => {
    try {
      const answer = await respond(request, body);
      const raw = Buffer.isBuffer(answer);
      response.setHeader("content-type", raw ? "application/octet-stream" : "application/json");
      if (raw) response.setHeader("eth-execution-optimistic", String(rest.optimistic));
      response.end(raw ? answer : JSON.stringify(answer));
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error.stack);
      response.writeHead(error.status ?? 500, { "content-type": "application/json" });
      response.end(JSON.stringify({ code: error.status ?? 500, message: error.message }));
    }
  });
}).listen(0, "127.0.0.1", function () {
  console.log(JSON.stringify({ beacon: `http://127.0.0.1:${this.address().port}`, execution: client.rpc }));
});
