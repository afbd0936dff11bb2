// A beacon chain on demand: Lodestar's own state transition (Electra), no clock, no network.
// Signatures of attestations and sync committees are not checked; everything that moves money is real.
import { BitArray, fromHexString, toHexString as hex } from "@chainsafe/ssz";
import { createBeaconConfig, createChainForkConfig } from "@lodestar/config";
import * as P from "@lodestar/params";
import * as ST from "@lodestar/state-transition";
import { ssz } from "@lodestar/types";
import { createRequire } from "node:module";
import { adopt, build, call, number, payloadValue } from "./execution.mjs";

const { PubkeyIndexMap } = createRequire(import.meta.url)("@chainsafe/pubkey-index-map");
const types = ssz.electra;
const FEE_RECIPIENT = "0x00000000000000000000000000000000000fee00";
const WITHDRAWAL_ADDRESS = "0x00000000000000000000000000000000deadbeef";
const NO_SIGNATURE = Uint8Array.from([0xc0, ...new Uint8Array(95)]);
export const SPE = P.SLOTS_PER_EPOCH;

export class Chain {
  static async start({ rpc, engine, validators, secondsPerSlot }) {
    const elGenesis = await call(rpc, "eth_getBlockByNumber", "0x0", false);
    const chainId = number(await call(rpc, "eth_chainId"));
    return new Chain({ engine, validators, secondsPerSlot, elGenesis, chainId });
  }

  constructor({ engine, validators, secondsPerSlot, elGenesis, chainId }) {
    Object.assign(this, { engine, secondsPerSlot, clock: 0, offline: new Set() });
    this.genesisTime = number(elGenesis.timestamp);
    this.keys = ST.interopSecretKeys(validators);
    const settings = settingsFor(chainId, secondsPerSlot);
    const forks = createChainForkConfig(settings);
    const state = genesisState(this.keys, elGenesis, settings);
    this.config = createBeaconConfig(forks, state.genesisValidatorsRoot);
    const caches = { config: this.config, pubkey2index: new PubkeyIndexMap(), index2pubkey: [] };
    this.genesis = ST.createCachedBeaconState(state, caches);
    const header = { ...this.genesis.latestBlockHeader.toValue(), stateRoot: this.genesis.hashTreeRoot() };
    const root = hex(ssz.phase0.BeaconBlockHeader.hashTreeRoot(header));
    this.head = { root, parent: null, slot: 0, block: null, pre: null, post: this.genesis, header };
    this.head.elHash = elGenesis.hash;
    this.nodes = new Map([[root, this.head]]);
  }

  // The last block at or before `slot` on the branch of `node`.
  ancestor(node, slot) {
    while (node && node.slot > slot) node = this.nodes.get(node.parent);
    return node;
  }

  canonical(slot) {
    const node = this.ancestor(this.head, slot);
    return node?.slot === slot ? node : null;
  }

  finalizedSlot() {
    return this.head.post.finalizedCheckpoint.epoch * SPE;
  }

  async advance(count, missed = []) {
    for (let done = 0; done < count; done++) {
      this.clock++;
      if (missed.includes(this.clock)) continue;
      this.head = (await this.#produce(this.head, this.clock, "")) ?? this.head;
    }
  }

  // Replace the last `depth` slots by another branch.
  async reorg(depth) {
    let node = this.ancestor(this.head, this.head.slot - depth);
    for (let slot = node.slot + 1; slot <= this.clock; slot++) {
      node = (await this.#produce(node, slot, "another branch")) ?? node;
    }
    this.head = node;
  }

  async #produce(parent, slot, graffiti) {
    const pre = ST.processSlots(parent.post, slot);
    const proposer = pre.epochCtx.getBeaconProposer(slot);
    if (this.offline.has(proposer)) return null;
    const choice = this.#choice(parent, pre);
    const built = await build(this.engine, choice, {
      timestamp: this.genesisTime + slot * this.secondsPerSlot,
      prevRandao: hex(ST.getRandaoMix(pre, pre.epochCtx.epoch)),
      suggestedFeeRecipient: graffiti ? WITHDRAWAL_ADDRESS : FEE_RECIPIENT,
      parentBeaconBlockRoot: parent.root,
      withdrawals: ST.getExpectedWithdrawals(P.ForkSeq.electra, pre).expectedWithdrawals,
    });
    const node = this.#apply(parent, pre, proposer, built, graffiti);
    await adopt(this.engine, choice, built, parent.root);
    this.nodes.set(node.root, node);
    return node;
  }

  #choice(parent, pre) {
    const at = (checkpoint) => this.ancestor(parent, checkpoint.epoch * SPE).elHash;
    return {
      headBlockHash: parent.elHash,
      safeBlockHash: at(pre.currentJustifiedCheckpoint),
      finalizedBlockHash: at(pre.finalizedCheckpoint),
    };
  }

  #apply(parent, pre, proposer, built, graffiti) {
    const parentRoot = fromHexString(parent.root);
    const body = this.#body(pre, proposer, built, graffiti);
    const block = { slot: pre.slot, proposerIndex: proposer, parentRoot, stateRoot: new Uint8Array(32), body };
    const post = ST.stateTransition(parent.post, { message: block, signature: new Uint8Array(96) }, {
      executionPayloadStatus: "valid",
      dataAvailabilityStatus: "Available",
      verifyStateRoot: false,
      verifyProposer: false,
      verifySignatures: false,
    });
    block.stateRoot = post.hashTreeRoot();
    const bodyRoot = types.BeaconBlockBody.hashTreeRoot(body);
    const header = { slot: pre.slot, proposerIndex: proposer, parentRoot, stateRoot: block.stateRoot, bodyRoot };
    const root = hex(types.BeaconBlock.hashTreeRoot(block));
    const elHash = built.payload.blockHash;
    return { root, parent: parent.root, slot: pre.slot, block, pre, post, header, elHash };
  }

  #body(pre, proposer, built, graffiti) {
    const text = new Uint8Array(32);
    text.set(Buffer.from(graffiti).subarray(0, 32));
    return {
      randaoReveal: this.#reveal(pre, proposer),
      eth1Data: pre.eth1Data.toValue(),
      graffiti: text,
      proposerSlashings: [],
      attesterSlashings: [],
      attestations: this.#attestations(pre),
      deposits: [],
      voluntaryExits: [],
      syncAggregate: this.#syncAggregate(pre),
      executionPayload: payloadValue(built.payload),
      blsToExecutionChanges: [],
      blobKzgCommitments: built.commitments.map((commitment) => fromHexString(commitment)),
      executionRequests: { deposits: [], withdrawals: [], consolidations: [] },
    };
  }

  #reveal(pre, proposer) {
    const domain = this.config.getDomain(pre.slot, P.DOMAIN_RANDAO);
    return this.keys[proposer].sign(ST.computeSigningRoot(ssz.Epoch, pre.epochCtx.epoch, domain)).toBytes();
  }

  #syncAggregate(pre) {
    const bits = BitArray.fromBitLen(P.SYNC_COMMITTEE_SIZE);
    const seats = pre.epochCtx.currentSyncCommitteeIndexed.validatorIndices;
    seats.forEach((validator, seat) => this.offline.has(validator) || bits.set(seat, true));
    return { syncCommitteeBits: bits, syncCommitteeSignature: NO_SIGNATURE };
  }

  // One attestation with every committee of the slot before, those offline left out.
  #attestations(pre) {
    const slot = pre.slot - 1;
    const epoch = Math.floor(slot / SPE);
    const committees = pre.epochCtx.getCommitteeCountPerSlot(epoch);
    const committeeBits = BitArray.fromBitLen(P.MAX_COMMITTEES_PER_SLOT);
    const votes = [];
    for (let index = 0; index < committees; index++) {
      committeeBits.set(index, true);
      for (const v of pre.epochCtx.getBeaconCommittee(slot, index)) votes.push(!this.offline.has(v));
    }
    if (!votes.includes(true)) return [];
    const current = epoch === pre.epochCtx.epoch;
    const source = current ? pre.currentJustifiedCheckpoint : pre.previousJustifiedCheckpoint;
    const data = {
      slot,
      index: 0,
      beaconBlockRoot: ST.getBlockRootAtSlot(pre, slot),
      source: source.toValue(),
      target: { epoch, root: ST.getBlockRootAtSlot(pre, epoch * SPE) },
    };
    return [{ aggregationBits: BitArray.fromBoolArray(votes), committeeBits, signature: NO_SIGNATURE, data }];
  }
}

const settingsFor = (chainId, secondsPerSlot) => ({
  ...createChainForkConfig({}),
  CONFIG_NAME: "local",
  PRESET_BASE: P.ACTIVE_PRESET,
  SECONDS_PER_SLOT: secondsPerSlot,
  SLOT_DURATION_MS: secondsPerSlot * 1000,
  MIN_GENESIS_TIME: 0,
  GENESIS_DELAY: 0,
  DEPOSIT_CHAIN_ID: chainId,
  DEPOSIT_NETWORK_ID: chainId,
  TERMINAL_TOTAL_DIFFICULTY: 0n,
  ALTAIR_FORK_EPOCH: 0,
  BELLATRIX_FORK_EPOCH: 0,
  CAPELLA_FORK_EPOCH: 0,
  DENEB_FORK_EPOCH: 0,
  ELECTRA_FORK_EPOCH: 0,
  FULU_FORK_EPOCH: Infinity,
  GLOAS_FORK_EPOCH: Infinity,
});

function genesisState(keys, elGenesis, settings) {
  const state = types.BeaconState.defaultViewDU();
  const version = settings.ELECTRA_FORK_VERSION;
  const elHash = fromHexString(elGenesis.hash);
  state.genesisTime = number(elGenesis.timestamp);
  state.fork = ssz.phase0.Fork.toViewDU({ previousVersion: version, currentVersion: version, epoch: 0 });
  state.latestBlockHeader = ssz.phase0.BeaconBlockHeader.toViewDU({
    ...ssz.phase0.BeaconBlockHeader.defaultValue(),
    bodyRoot: types.BeaconBlockBody.hashTreeRoot(types.BeaconBlockBody.defaultValue()),
  });
  const mixes = Array.from({ length: P.EPOCHS_PER_HISTORICAL_VECTOR }, () => elHash);
  state.randaoMixes = ssz.phase0.RandaoMixes.toViewDU(mixes);
  for (const key of keys) addValidator(state, key);
  state.eth1Data = ssz.phase0.Eth1Data.toViewDU({
    depositRoot: new Uint8Array(32), depositCount: keys.length, blockHash: elHash,
  });
  state.eth1DepositIndex = keys.length;
  state.depositRequestsStartIndex = P.UNSET_DEPOSIT_REQUESTS_START_INDEX;
  state.latestExecutionPayloadHeader = types.ExecutionPayloadHeader.toViewDU({
    ...types.ExecutionPayloadHeader.defaultValue(),
    blockHash: elHash,
    gasLimit: number(elGenesis.gasLimit),
    baseFeePerGas: BigInt(elGenesis.baseFeePerGas),
    timestamp: number(elGenesis.timestamp),
  });
  state.commit();
  state.genesisValidatorsRoot = state.validators.hashTreeRoot();
  seatCommittee(state, keys.length);
  return state;
}

function addValidator(state, key) {
  const credentials = new Uint8Array(32);
  credentials[0] = 1;
  credentials.set(fromHexString(WITHDRAWAL_ADDRESS), 12);
  state.validators.push(ssz.phase0.Validator.toViewDU({
    pubkey: key.toPublicKey().toBytes(),
    withdrawalCredentials: credentials,
    effectiveBalance: 32e9,
    slashed: false,
    activationEligibilityEpoch: 0,
    activationEpoch: 0,
    exitEpoch: Infinity,
    withdrawableEpoch: Infinity,
  }));
  state.balances.push(32e9);
  state.previousEpochParticipation.push(0);
  state.currentEpochParticipation.push(0);
  state.inactivityScores.push(0);
}

function seatCommittee(state, validators) {
  const active = Uint32Array.from({ length: validators }, (_, index) => index);
  const increments = new Uint16Array(validators).fill(32);
  const { syncCommittee } = ST.getNextSyncCommittee(P.ForkSeq.electra, state, active, increments);
  state.currentSyncCommittee = ssz.altair.SyncCommittee.toViewDU(syncCommittee);
  state.nextSyncCommittee = ssz.altair.SyncCommittee.toViewDU(syncCommittee);
  state.commit();
}
