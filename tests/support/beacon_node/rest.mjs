// The Beacon API over a Chain: what a supply monitor reads, and the rewards that tests compare with.
import { toHexString as hex } from "@chainsafe/ssz";
import { chainConfigToJson } from "@lodestar/config";
import * as P from "@lodestar/params";
import * as ST from "@lodestar/state-transition";
import { ssz } from "@lodestar/types";
import { SPE } from "./chain.mjs";

const types = ssz.electra;

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const missing = (what) => {
  throw new Refusal(404, `${what} not found`);
};

export class Rest {
  constructor(chain) {
    this.chain = chain;
    this.optimistic = false;
    this.routes = [
      ["GET", /^node\/syncing$/, () => this.syncing()],
      ["GET", /^beacon\/genesis$/, () => this.genesis()],
      ["GET", /^config\/spec$/, () => this.spec()],
      ["GET", /^beacon\/headers\/(\w+)$/, (id) => this.header(this.node(id))],
      ["GET", /^beacon\/blocks\/(\w+)$/, (id) => this.block(this.node(id))],
      ["GET", /^beacon\/states\/(\w+)\/root$/, (id) => this.#meta({ root: hex(this.state(id).hashTreeRoot()) })],
      ["GET", /^beacon\/states\/(\w+)\/finality_checkpoints$/, (id) => this.finality(this.state(id))],
      ["GET", /^beacon\/states\/(\w+)\/validator_balances$/, (id, ssz) => this.balances(this.state(id), ssz)],
      ["GET", /^beacon\/states\/(\w+)\/pending_deposits$/, (id, ssz) => this.pending(this.state(id), ssz)],
      ["GET", /^beacon\/rewards\/blocks\/(\w+)$/, (id) => this.blockRewards(this.node(id))],
      ["POST", /^beacon\/rewards\/sync_committee\/(\w+)$/, (id) => this.syncRewards(this.node(id))],
      ["POST", /^beacon\/rewards\/attestations\/(\d+)$/, (epoch) => this.attestationRewards(Number(epoch))],
    ];
  }

  // An answer as JSON, or as bytes where SSZ is wanted and offered.
  async answer(method, path, wantsSsz) {
    const tail = path.match(/^\/eth\/v\d\/(.+)$/)?.[1] ?? missing(path);
    for (const [verb, pattern, handler] of this.routes) {
      const found = tail.match(pattern);
      if (found && verb === method) return handler(...(found[1] ? [found[1], wantsSsz] : [wantsSsz]));
    }
    return missing(path);
  }

  #meta(data) {
    return { execution_optimistic: this.optimistic, finalized: false, data };
  }

  state(id) {
    const { chain } = this;
    if (id === "head") return chain.head.post;
    if (id === "finalized") return this.state(String(chain.finalizedSlot()));
    const slot = Number(id);
    if (!Number.isInteger(slot)) throw new Refusal(400, `invalid state id ${id}`);
    if (slot > chain.clock) missing("state");
    const node = chain.ancestor(chain.head, slot);
    return node.slot === slot ? node.post : ST.processSlots(node.post, slot);
  }

  node(id) {
    const { chain } = this;
    if (id === "head") return chain.head;
    const node = id.startsWith("0x") ? chain.nodes.get(id) : chain.canonical(Number(id));
    return node ?? missing("block");
  }

  syncing() {
    const { chain } = this;
    return {
      data: {
        head_slot: String(chain.head.slot),
        sync_distance: String(chain.clock - chain.head.slot),
        is_syncing: false,
        is_optimistic: this.optimistic,
        el_offline: false,
      },
    };
  }

  genesis() {
    const root = hex(this.chain.genesis.genesisValidatorsRoot);
    return { data: { genesis_time: String(this.chain.genesisTime), genesis_validators_root: root } };
  }

  spec() {
    const preset = Object.entries(P.activePreset).map(([name, value]) => [name, String(value)]);
    return { data: { ...chainConfigToJson(this.chain.config), ...Object.fromEntries(preset) } };
  }

  header(node) {
    const message = ssz.phase0.BeaconBlockHeader.toJson(node.header);
    const canonical = this.chain.canonical(node.slot) === node;
    return this.#meta({ root: node.root, canonical, header: { message, signature: "0x" } });
  }

  block(node) {
    if (!node.block) missing("genesis block");
    const message = types.BeaconBlock.toJson(node.block);
    return { version: "electra", ...this.#meta({ message, signature: "0x" }) };
  }

  finality(state) {
    const json = (checkpoint) => ({ epoch: String(checkpoint.epoch), root: hex(checkpoint.root) });
    return this.#meta({
      previous_justified: json(state.previousJustifiedCheckpoint),
      current_justified: json(state.currentJustifiedCheckpoint),
      finalized: json(state.finalizedCheckpoint),
    });
  }

  balances(state, wantsSsz) {
    const balances = state.balances.getAll();
    if (!wantsSsz) return this.#meta(balances.map((b, index) => ({ index: String(index), balance: String(b) })));
    const records = new BigUint64Array(balances.length * 2);
    balances.forEach((balance, index) => records.set([BigInt(index), BigInt(balance)], index * 2));
    return Buffer.from(records.buffer);
  }

  pending(state, wantsSsz) {
    const deposits = state.pendingDeposits;
    return wantsSsz ? Buffer.from(deposits.serialize()) : this.#meta(types.PendingDeposits.toJson(deposits.toValue()));
  }

  async blockRewards(node) {
    if (!node.block) missing("genesis rewards");
    const rewards = await ST.computeBlockRewards(this.chain.config, node.block, node.pre.clone(), node.post);
    return this.#meta({ proposer_index: String(rewards.proposerIndex), total: String(rewards.total) });
  }

  // Lodestar 1.39.1 answers whole balances here (its issue #8718), so this is summed from the committee.
  syncRewards(node) {
    const reward = node.pre.epochCtx.syncParticipantReward;
    const bits = node.block.body.syncAggregate.syncCommitteeBits;
    const sums = new Map();
    node.pre.epochCtx.currentSyncCommitteeIndexed.validatorIndices.forEach((validator, seat) => {
      sums.set(validator, (sums.get(validator) ?? 0) + (bits.get(seat) ? reward : -reward));
    });
    const rows = [...sums].map(([validator, sum]) => ({ validator_index: String(validator), reward: String(sum) }));
    return this.#meta(rows);
  }

  async attestationRewards(epoch) {
    const slot = (epoch + 1) * SPE + SPE - 1;
    if (slot > this.chain.clock) missing("epoch");
    const state = this.state(String(slot));
    const rewards = await ST.computeAttestationsRewards(
      this.chain.config, state.epochCtx.pubkey2index, state.clone(), [],
    );
    const texts = (row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, String(value)]));
    return this.#meta({ total_rewards: rewards.totalRewards.map(texts) });
  }
}
