/* A synthetic stretch of mainnet after BPO2: consistent base fees, blob fees, gas limits and parent
 * hashes, that ends where it began, so that it can be repeated for ever and still be a chain.
 * Fixed seed: the same chain on every machine. */
#ifndef CHAIN_H
#define CHAIN_H
#include "keccak.h"

enum { FIRST_BLOCK = 24200000, SLOT = 12 };
static uint64_t first_time = 1768000007;
enum { BLOB_GAS = 131072, BLOB_TARGET = 14, BLOB_MAX = 21, BLOB_FRACTION = 11684671 };
enum { GAS_LIMIT = 60000000, BASE_FEE = 150000000, EXCESS_BLOBS = 1700, STEER = 160 };
enum { MIN_TX = 228, MAX_TX = 318, WITHDRAWALS = 16, MAX_REST = 26000 };

typedef struct {
    uint64_t gas_limit, gas_used, base_fee, excess_blobs, blobs, blob_fee, withdrawals_gwei;
    int txs;
    char true_hash[64];      /* of the first lap */
    char hash_tail[56];      /* later the hash is 8 digits of the block number and these */
    char *rest;              /* block object after the four patched fields, without the closing brace */
    int rest_len, header_len;  /* the header is the first header_len bytes of rest */
    unsigned char *packed, *packed_header;  /* the same as deflate pieces, when gzip is on */
    int packed_len, packed_header_len;
    uint32_t crc, crc_header;
} Block;

static uint64_t rng_state = 0x9e3779b97f4a7c15ull;
static uint64_t rng(void) { /* xorshift64* */
    rng_state ^= rng_state >> 12; rng_state ^= rng_state << 25; rng_state ^= rng_state >> 27;
    return rng_state * 2685821657736338717ull;
}
static uint64_t below(uint64_t n) { return rng() % n; }

static char *put_hex(char *at, int digits) {
    while (digits > 0) {
        uint64_t word = rng();
        for (int k = 0; k < 16 && digits > 0; k++, digits--, word >>= 4) *at++ = "0123456789abcdef"[word & 15];
    }
    return at;
}

static uint64_t fake_exponential(uint64_t excess) { /* EIP-4844, factor 1 wei */
    unsigned __int128 sum = 0, term = BLOB_FRACTION;
    for (uint64_t i = 1; term; i++) { sum += term; term = term * excess / ((unsigned __int128)BLOB_FRACTION * i); }
    return (uint64_t)(sum / BLOB_FRACTION);
}

static uint64_t next_base_fee(uint64_t base, uint64_t used, uint64_t limit) { /* EIP-1559 */
    uint64_t target = limit / 2;
    if (used == target) return base;
    if (used > target) {
        uint64_t up = (uint64_t)((unsigned __int128)base * (used - target) / target / 8);
        return base + (up ? up : 1);
    }
    return base - (uint64_t)((unsigned __int128)base * (target - used) / target / 8);
}

static uint64_t gas_towards(uint64_t base, uint64_t limit, uint64_t goal) { /* gas that moves the fee to the goal */
    uint64_t target = limit / 2, gap = goal > base ? goal - base : base - goal;
    uint64_t gas = (uint64_t)((unsigned __int128)gap * 8 * target / base) + (gap ? 1 : 0);
    if (gas > target) gas = target;
    while (gas && goal > base && next_base_fee(base, target + gas, limit) > goal) gas--;
    while (gas && goal < base && next_base_fee(base, target - gas, limit) < goal) gas--;
    return goal > base ? target + gas : target - gas;
}

static uint64_t pick_gas(const Block *b, int left) {
    if (left <= 40) return gas_towards(b->base_fee, b->gas_limit, BASE_FEE);
    uint64_t half = b->gas_limit / 2, used = half / 4 + below(half) + below(half / 2);
    if (b->base_fee < 100000000) used += half / 4;
    if (b->base_fee > 700000000) used -= used / 3;
    return used;
}

static uint64_t pick_blobs(const Block *b, int left) {
    if (left <= STEER) {
        if (b->excess_blobs < EXCESS_BLOBS) {
            uint64_t gap = EXCESS_BLOBS - b->excess_blobs;
            return BLOB_TARGET + (gap < BLOB_MAX - BLOB_TARGET ? gap : BLOB_MAX - BLOB_TARGET);
        }
        uint64_t gap = b->excess_blobs - EXCESS_BLOBS;
        return BLOB_TARGET - (gap < BLOB_TARGET ? gap : BLOB_TARGET);
    }
    if (b->excess_blobs < 1620) return BLOB_TARGET + below(8);
    if (b->excess_blobs > 1900) return below(BLOB_TARGET + 1);
    return BLOB_MAX - below(8) - below(8);  /* mean 14, the target */
}

static uint64_t pick_limit(uint64_t parent, int left) {
    uint64_t step = parent / 1024 - 1;
    if (left <= STEER) {
        if (parent < GAS_LIMIT) return parent + (GAS_LIMIT - parent < step ? GAS_LIMIT - parent : step);
        return parent - (parent - GAS_LIMIT < step ? parent - GAS_LIMIT : step);
    }
    uint64_t vote = below(4);
    if (vote == 0 && parent < GAS_LIMIT + 1000000) return parent + step;
    if (vote == 1 && parent > GAS_LIMIT - 1000000) return parent - step;
    return parent;
}

static char *put_field(char *at, const char *name, int digits) {
    at += sprintf(at, ",\"%s\":\"0x", name);
    at = put_hex(at, digits);
    *at++ = '"';
    return at;
}

static void render(Block *b, int index) {
    char text[MAX_REST], *at = text;
    at = put_field(at, "sha3Uncles", 64);
    at = put_field(at, "logsBloom", 512);
    at = put_field(at, "transactionsRoot", 64);
    at = put_field(at, "stateRoot", 64);
    at = put_field(at, "receiptsRoot", 64);
    at = put_field(at, "miner", 40);
    at += sprintf(at, ",\"difficulty\":\"0x0\",\"extraData\":\"0x546974616e2028746974616e6275696c6465722e78797a29\"");
    at += sprintf(at, ",\"gasLimit\":\"0x%lx\",\"gasUsed\":\"0x%lx\",\"baseFeePerGas\":\"0x%lx\"", b->gas_limit, b->gas_used, b->base_fee);
    at += sprintf(at, ",\"blobGasUsed\":\"0x%lx\",\"excessBlobGas\":\"0x%lx\"", b->blobs * BLOB_GAS, b->excess_blobs * BLOB_GAS);
    at = put_field(at, "mixHash", 64);
    at += sprintf(at, ",\"nonce\":\"0x0000000000000000\"");
    at = put_field(at, "withdrawalsRoot", 64);
    at = put_field(at, "parentBeaconBlockRoot", 64);
    at = put_field(at, "requestsHash", 64);
    b->header_len = (int)(at - text);
    at += sprintf(at, ",\"size\":\"0x%lx\",\"uncles\":[],\"transactions\":[", 60000 + below(120000));
    for (int i = 0; i < b->txs; i++) {
        at += sprintf(at, i ? ",\"0x" : "\"0x");
        at = put_hex(at, 64);
        *at++ = '"';
    }
    at += sprintf(at, "],\"withdrawals\":[");
    for (int i = 0; i < WITHDRAWALS; i++) {
        uint64_t amount = i % 8 == 7 ? 30000000 + below(40000000) : 16000000 + below(4000000);
        b->withdrawals_gwei += amount;
        at += sprintf(at, "%s{\"index\":\"0x%lx\",\"validatorIndex\":\"0x%lx\",\"address\":\"0x", i ? "," : "", 110000000ul + (uint64_t)index * 16 + i, below(2200000));
        at = put_hex(at, 40);
        at += sprintf(at, "\",\"amount\":\"0x%lx\"}", amount);
    }
    *at++ = ']';
    b->rest_len = (int)(at - text);
    b->rest = malloc(b->rest_len);
    memcpy(b->rest, text, b->rest_len);
}

static void put_hash(char text[64], const Block *chain, int count, uint64_t number) {
    uint64_t i = number - FIRST_BLOCK;
    if (number >= FIRST_BLOCK && i < (uint64_t)count) { memcpy(text, chain[i].true_hash, 64); return; }
    char digits[9];
    snprintf(digits, sizeof digits, "%08lx", number & 0xffffffff);
    memcpy(text, digits, 8);
    memcpy(text + 8, chain[(i + count) % count].hash_tail, 56);
}

static unsigned char *rlp_field(unsigned char *at, const Block *b, const char *name) {
    char key[40];
    int len = snprintf(key, sizeof key, "\"%s\":\"0x", name);
    const char *digits = memmem(b->rest, b->header_len, key, len);
    if (!digits) { fprintf(stderr, "fakenode: no field %s\n", name); exit(2); }
    digits += len;
    return rlp_hex(at, digits, strcspn(digits, "\""));
}

static void hash_block(Block *chain, int count, int index) { /* the parent's hash must be known */
    static const char *before[] = {"sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", NULL};
    static const char *after[] = {"extraData", "mixHash", "nonce", NULL};
    unsigned char body[1024], list[1100], digest[32], *at = body;
    Block *b = &chain[index];
    char parent[64];
    put_hash(parent, chain, count, (uint64_t)FIRST_BLOCK + index - 1);
    at = rlp_hex(at, parent, 64);
    for (const char **name = before; *name; name++) at = rlp_field(at, b, *name);
    at = rlp_number(at, 0);
    at = rlp_number(at, FIRST_BLOCK + index);
    at = rlp_number(at, b->gas_limit);
    at = rlp_number(at, b->gas_used);
    at = rlp_number(at, first_time + SLOT * index);
    for (const char **name = after; *name; name++) at = rlp_field(at, b, *name);
    at = rlp_number(at, b->base_fee);
    at = rlp_field(at, b, "withdrawalsRoot");
    at = rlp_number(at, b->blobs * BLOB_GAS);
    at = rlp_number(at, b->excess_blobs * BLOB_GAS);
    at = rlp_field(at, b, "parentBeaconBlockRoot");
    at = rlp_field(at, b, "requestsHash");
    size_t len = at - body;
    list[0] = 0xf9; list[1] = len >> 8; list[2] = len;
    memcpy(list + 3, body, len);
    keccak256(list, len + 3, digest);
    for (int i = 0; i < 32; i++) { b->true_hash[2 * i] = "0123456789abcdef"[digest[i] >> 4]; b->true_hash[2 * i + 1] = "0123456789abcdef"[digest[i] & 15]; }
}

static Block *build_chain(int count) {
    Block *chain = calloc(count, sizeof *chain);
    for (int i = 0; i < count; i++) {
        Block *b = &chain[i], *parent = i ? &chain[i - 1] : NULL;
        int left = count - i;
        b->gas_limit = parent ? pick_limit(parent->gas_limit, left) : GAS_LIMIT;
        b->base_fee = parent ? next_base_fee(parent->base_fee, parent->gas_used, parent->gas_limit) : BASE_FEE;
        b->excess_blobs = parent ? parent->excess_blobs + parent->blobs - BLOB_TARGET : EXCESS_BLOBS;
        b->gas_used = pick_gas(b, left);
        b->blobs = pick_blobs(b, left);
        b->blob_fee = fake_exponential(b->excess_blobs * BLOB_GAS);
        b->txs = MIN_TX + (int)below(MAX_TX - MIN_TX + 1);
        put_hex(b->hash_tail, 56);
        render(b, i);
    }
    for (int i = 0; i < count; i++) hash_block(chain, count, i);
    return chain;
}

/* The chain is a ring, and EIP-7918 never applies: the blob fee stays above its reserve price. */
static int chain_is_sound(const Block *chain, int count) {
    const Block *last = &chain[count - 1];
    for (int i = 0; i < count; i++)
        if ((uint64_t)BLOB_GAS * chain[i].blob_fee < 8192 * chain[i].base_fee || chain[i].blobs > BLOB_MAX) return 0;
    return next_base_fee(last->base_fee, last->gas_used, last->gas_limit) == BASE_FEE && last->gas_limit == GAS_LIMIT
        && last->excess_blobs + last->blobs - BLOB_TARGET == EXCESS_BLOBS;
}

static void write_factors(const Block *chain, int count, const char *path) {
    FILE *out = fopen(path, "w");
    if (!out) { perror(path); exit(2); }
    fprintf(out, "base_fee_wei,gas_used,blob_base_fee_wei,blob_gas_used,gas_limit,excess_blob_gas,tx_count,withdrawals_gwei,bytes\n");
    for (int i = 0; i < count; i++) {
        const Block *b = &chain[i];
        fprintf(out, "%lu,%lu,%lu,%lu,%lu,%lu,%d,%lu,%d\n", b->base_fee, b->gas_used, b->blob_fee, b->blobs * BLOB_GAS, b->gas_limit,
                b->excess_blobs * BLOB_GAS, b->txs, b->withdrawals_gwei, b->rest_len + 190);
    }
    if (fclose(out)) { perror(path); exit(2); }
}
#endif
