/* keccak256 and the RLP of a header: the blocks of the first lap have true hashes, as a follower checks them. */
#ifndef KECCAK_H
#define KECCAK_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t rotate(uint64_t word, int bits) { return bits ? word << bits | word >> (64 - bits) : word; }

static void keccak_f(uint64_t a[25]) {
    static const uint64_t rounds[24] = {
        0x1, 0x8082, 0x800000000000808aull, 0x8000000080008000ull, 0x808b, 0x80000001, 0x8000000080008081ull, 0x8000000000008009ull,
        0x8a, 0x88, 0x80008009, 0x8000000a, 0x8000808b, 0x800000000000008bull, 0x8000000000008089ull, 0x8000000000008003ull,
        0x8000000000008002ull, 0x8000000000000080ull, 0x800a, 0x800000008000000aull, 0x8000000080008081ull, 0x8000000000008080ull, 0x80000001, 0x8000000080008008ull};
    static const int shifts[24] = {1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};
    static const int lanes[24] = {10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
    for (int round = 0; round < 24; round++) {
        uint64_t c[5], t;
        for (int i = 0; i < 5; i++) c[i] = a[i] ^ a[i + 5] ^ a[i + 10] ^ a[i + 15] ^ a[i + 20];
        for (int i = 0; i < 5; i++) for (int j = 0; j < 25; j += 5) a[j + i] ^= c[(i + 4) % 5] ^ rotate(c[(i + 1) % 5], 1);
        t = a[1];
        for (int i = 0; i < 24; i++) { uint64_t next = a[lanes[i]]; a[lanes[i]] = rotate(t, shifts[i]); t = next; }
        for (int j = 0; j < 25; j += 5) {
            for (int i = 0; i < 5; i++) c[i] = a[j + i];
            for (int i = 0; i < 5; i++) a[j + i] = c[i] ^ (~c[(i + 1) % 5] & c[(i + 2) % 5]);
        }
        a[0] ^= rounds[round];
    }
}

static void keccak256(const unsigned char *data, size_t len, unsigned char digest[32]) {
    enum { RATE = 136 };
    uint64_t state[25] = {0};
    unsigned char last[RATE] = {0};
    for (; len >= RATE; data += RATE, len -= RATE) {
        for (int i = 0; i < RATE; i++) ((unsigned char *)state)[i] ^= data[i];
        keccak_f(state);
    }
    memcpy(last, data, len);
    last[len] = 1;
    last[RATE - 1] |= 0x80;
    for (int i = 0; i < RATE; i++) ((unsigned char *)state)[i] ^= last[i];
    keccak_f(state);
    memcpy(digest, state, 32);
}

static unsigned char *rlp_bytes(unsigned char *at, const unsigned char *data, size_t len) { /* len < 65536 */
    if (len == 1 && data[0] < 0x80) { *at++ = data[0]; return at; }
    if (len < 56) *at++ = 0x80 + len;
    else if (len < 256) { *at++ = 0xb8; *at++ = len; }
    else { *at++ = 0xb9; *at++ = len >> 8; *at++ = len; }
    memcpy(at, data, len);
    return at + len;
}

static unsigned char *rlp_number(unsigned char *at, uint64_t value) {
    unsigned char digits[8];
    int len = 0;
    for (int shift = 56; shift >= 0; shift -= 8) if (len || value >> shift) digits[len++] = value >> shift;
    return rlp_bytes(at, digits, len);
}

static unsigned char *rlp_hex(unsigned char *at, const char *digits, size_t count) {
    unsigned char data[256];
    for (size_t i = 0; i < count / 2; i++) { unsigned byte; sscanf(digits + 2 * i, "%2x", &byte); data[i] = byte; }
    return rlp_bytes(at, data, count / 2);
}
#endif
