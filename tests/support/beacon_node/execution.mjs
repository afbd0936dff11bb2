// The execution node: a real client, driven through the Engine API (Prague: V3 and V4 methods).
import { createHash } from "node:crypto";
import { fromHexString, toHexString as hex } from "@chainsafe/ssz";

let requests = 0;

export const quantity = (value) => "0x" + BigInt(value).toString(16);
export const number = (text) => Number(BigInt(text));

export async function call(url, method, ...params) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: ++requests, method, params });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const answer = await response.json();
  if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  return answer.result;
}

const withdrawalJson = (w) => ({
  index: quantity(w.index),
  validatorIndex: quantity(w.validatorIndex),
  address: hex(w.address),
  amount: quantity(w.amount),
});

const withdrawalValue = (w) => ({
  index: number(w.index),
  validatorIndex: number(w.validatorIndex),
  address: fromHexString(w.address),
  amount: BigInt(w.amount),
});

export const payloadValue = (p) => ({
  parentHash: fromHexString(p.parentHash),
  feeRecipient: fromHexString(p.feeRecipient),
  stateRoot: fromHexString(p.stateRoot),
  receiptsRoot: fromHexString(p.receiptsRoot),
  logsBloom: fromHexString(p.logsBloom),
  prevRandao: fromHexString(p.prevRandao),
  blockNumber: number(p.blockNumber),
  gasLimit: number(p.gasLimit),
  gasUsed: number(p.gasUsed),
  timestamp: number(p.timestamp),
  extraData: fromHexString(p.extraData),
  baseFeePerGas: BigInt(p.baseFeePerGas),
  blockHash: fromHexString(p.blockHash),
  transactions: p.transactions.map((transaction) => fromHexString(transaction)),
  withdrawals: p.withdrawals.map(withdrawalValue),
  blobGasUsed: BigInt(p.blobGasUsed),
  excessBlobGas: BigInt(p.excessBlobGas),
});

const versionedHash = (commitment) => {
  const digest = createHash("sha256").update(fromHexString(commitment)).digest();
  digest[0] = 1;
  return hex(digest);
};

// A payload on top of `choice.headBlockHash`.
export async function build(engine, choice, attributes) {
  const started = await call(engine, "engine_forkchoiceUpdatedV3", choice, {
    ...attributes,
    timestamp: quantity(attributes.timestamp),
    withdrawals: attributes.withdrawals.map(withdrawalJson),
  });
  if (!started.payloadId) throw new Error("no payload: " + JSON.stringify(started));
  const built = await call(engine, "engine_getPayloadV4", started.payloadId);
  return {
    payload: built.executionPayload,
    commitments: built.blobsBundle?.commitments ?? [],
    requests: built.executionRequests ?? [],
  };
}

// Hand the payload over and make it the head.
export async function adopt(engine, choice, built, parentRoot) {
  const hashes = built.commitments.map(versionedHash);
  const verdict = await call(engine, "engine_newPayloadV4", built.payload, hashes, parentRoot, built.requests);
  if (verdict.status !== "VALID") throw new Error("newPayload: " + JSON.stringify(verdict));
  const head = { ...choice, headBlockHash: built.payload.blockHash };
  const { payloadStatus } = await call(engine, "engine_forkchoiceUpdatedV3", head, null);
  if (payloadStatus.status !== "VALID") throw new Error("forkchoiceUpdated: " + JSON.stringify(payloadStatus));
}
