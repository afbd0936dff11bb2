/* A JSON-RPC node that costs next to nothing: one thread, epoll, keep-alive, batches, pre-rendered blocks.
 *
 *   fakenode [--blocks N] [--latency-us N] [--item-us N] [--mbit N] [--gzip] [--factors FILE] [--now]
 *
 * The first N blocks have true hashes, and the last of them is the head unless fake_setHead moves it;
 * 64 laps more are there for those who ask by number.
 * With --now the head is in the middle of the first lap, dated now, and grows by one every 12 s.
 * Prints "PORT FIRST" on stdout when it is ready, and ends when stdin is closed.
 * --latency-us and --item-us delay each answer, as a distance and a slow node would; --mbit is a line
 * of so many megabits a second that all connections share. */
#define _GNU_SOURCE
#include "chain.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

enum { MAX_FD = 4096, HEAD_ROOM = 256 };

typedef struct {
    char *in; size_t in_len, in_cap;
    char *out; size_t out_len, out_cap, out_at;
    int busy, closing, gzip;
    uint64_t due;  /* ns; 0 = not waiting */
    size_t flat_at, flat_len; uint32_t crc;  /* gzip: text not yet put in a stored piece, and its total */
} Conn;

static Block *chain;
static int chain_len = 8192, use_gzip, live, epoll_fd, timer_fd;
static uint64_t head, latency_ns, item_ns, mbit, line_free_at;
static Conn *conns[MAX_FD];

static uint64_t now_ns(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }

/* ---- writing ---- */
static char *room(Conn *c, size_t need) {
    if (c->out_len + need > c->out_cap) {
        c->out_cap = (c->out_len + need) * 2;
        c->out = realloc(c->out, c->out_cap);
    }
    return c->out + c->out_len;
}

#ifdef HAVE_ZLIB
static void close_stored(Conn *c) { /* finish the stored piece that began at flat_at */
    if (!c->flat_at) return;
    size_t len = c->out_len - c->flat_at;
    unsigned char *h = (unsigned char *)c->out + c->flat_at - 5;
    h[0] = 0; h[1] = len & 255; h[2] = len >> 8; h[3] = ~h[1]; h[4] = ~h[2];
    c->crc = crc32(c->crc, (unsigned char *)c->out + c->flat_at, len);
    c->flat_len += len;
    c->flat_at = 0;
}
#endif

static void put(Conn *c, const char *text, size_t len) {
#ifdef HAVE_ZLIB
    if (c->gzip) {
        if (c->flat_at && c->out_len - c->flat_at + len > 60000) close_stored(c);
        if (!c->flat_at) { room(c, 5); c->out_len += 5; c->flat_at = c->out_len; }
    }
#endif
    memcpy(room(c, len), text, len);
    c->out_len += len;
}
static void put_text(Conn *c, const char *text) { put(c, text, strlen(text)); }

static void put_rest(Conn *c, Block *b, int header) {
    int len = header ? b->header_len : b->rest_len;
#ifdef HAVE_ZLIB
    if (c->gzip) {
        close_stored(c);
        unsigned char *piece = header ? b->packed_header : b->packed;
        int piece_len = header ? b->packed_header_len : b->packed_len;
        memcpy(room(c, piece_len), piece, piece_len);
        c->out_len += piece_len;
        c->crc = crc32_combine(c->crc, header ? b->crc_header : b->crc, len);
        c->flat_len += len;
        return;
    }
#endif
    put(c, b->rest, len);
}

static void put_block(Conn *c, uint64_t number, int header) {
    if (number > (live ? head : FIRST_BLOCK + 64ull * chain_len) || number < FIRST_BLOCK) { put_text(c, "null"); return; }
    uint64_t i = number - FIRST_BLOCK;
    Block *b = &chain[i % chain_len];
    char text[320], hash[64], parent[64];
    put_hash(hash, chain, chain_len, number);
    put_hash(parent, chain, chain_len, number - 1);
    int len = sprintf(text, "{\"number\":\"0x%07lx\",\"timestamp\":\"0x%08lx\",\"hash\":\"0x%.64s\",\"parentHash\":\"0x%.64s\"",
                      number, first_time + SLOT * i, hash, parent);
    put(c, text, len);
    put_rest(c, b, header);
    put(c, "}", 1);
}

static void put_fee_history(Conn *c, uint64_t count, uint64_t newest) {
    char text[64];
    if (count > 1024) count = 1024;
    if (newest > head) { put_text(c, "null"); return; }
    if (count > newest - FIRST_BLOCK + 1) count = newest - FIRST_BLOCK + 1;
    uint64_t oldest = newest - count + 1;
    put(c, text, sprintf(text, "{\"oldestBlock\":\"0x%lx\"", oldest));
    const char *names[] = {"baseFeePerGas", "gasUsedRatio", "baseFeePerBlobGas", "blobGasUsedRatio"};
    for (int kind = 0; kind < 4; kind++) {
        put(c, text, sprintf(text, ",\"%s\":[", names[kind]));
        for (uint64_t n = oldest; n <= newest + (kind % 2 == 0); n++) {
            Block *b = &chain[(n - FIRST_BLOCK) % chain_len];
            if (n > oldest) put(c, ",", 1);
            if (kind == 0) put(c, text, sprintf(text, "\"0x%lx\"", b->base_fee));
            if (kind == 1) put(c, text, sprintf(text, "%.17g", (double)b->gas_used / (double)b->gas_limit));
            if (kind == 2) put(c, text, sprintf(text, "\"0x%lx\"", b->blob_fee));
            if (kind == 3) put(c, text, sprintf(text, "%.17g", (double)b->blobs / BLOB_MAX));
        }
        put(c, "]", 1);
    }
    put(c, "}", 1);
}

/* ---- reading JSON: just enough, tolerant of white space ---- */
typedef struct { const char *at; size_t len; } Slice;

static const char *skip_space(const char *p, const char *end) { while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++; return p; }

static const char *skip_string(const char *p, const char *end) {
    for (p++; p < end && *p != '"'; p++) if (*p == '\\') p++;
    return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end) {
    int depth = 0;
    while (p < end) {
        if (*p == '"') { p = skip_string(p, end); if (!depth) return p; continue; }
        if (*p == '{' || *p == '[') depth++;
        else if (*p == '}' || *p == ']') { if (!depth) return p; if (!--depth) return p + 1; }
        else if (*p == ',' && !depth) return p;
        p++;
    }
    return end;
}

static const char *read_request(const char *p, const char *end, Slice *id, Slice *method, Slice *params) {
    memset(id, 0, sizeof *id); memset(method, 0, sizeof *method); memset(params, 0, sizeof *params);
    for (p++; (p = skip_space(p, end)) < end && *p != '}';) {
        if (*p == ',') { p++; continue; }
        if (*p != '"') return NULL;
        const char *key = p + 1;
        p = skip_space(skip_string(p, end), end);
        if (p >= end || *p != ':') return NULL;
        const char *value = skip_space(p + 1, end);
        p = skip_value(value, end);
        Slice *into = !strncmp(key, "id\"", 3) ? id : !strncmp(key, "method\"", 7) ? method : !strncmp(key, "params\"", 7) ? params : NULL;
        if (into) { into->at = value; into->len = p - value; }
    }
    return p < end ? p + 1 : NULL;
}

static Slice element(Slice list, int index) {
    Slice none = {"", 0};
    if (!list.len || *list.at != '[') return none;
    const char *p = list.at + 1, *end = list.at + list.len;
    for (;; index--) {
        p = skip_space(p, end);
        const char *value = p;
        if (p >= end || *p == ']') return none;
        p = skip_value(p, end);
        if (!index) return (Slice){value, p - value};
        p = skip_space(p, end);
        if (p < end && *p == ',') p++;
    }
}

static uint64_t quantity(Slice s) {
    if (s.len > 3 && !strncmp(s.at, "\"0x", 3)) return strtoull(s.at + 3, NULL, 16);
    return strtoull(s.at, NULL, 10);
}

static uint64_t block_number(Slice s) {
    if (!strncmp(s.at, "\"latest", 7) || !strncmp(s.at, "\"pending", 8)) return head;
    if (!strncmp(s.at, "\"finalized", 10)) return head - 64;
    if (!strncmp(s.at, "\"safe", 5)) return head - 32;
    if (!strncmp(s.at, "\"earliest", 9)) return FIRST_BLOCK;
    return quantity(s);
}

static uint64_t number_of_hash(Slice s) { /* 0 = not ours */
    if (s.len != 68) return 0;
    for (int i = 0; i < chain_len; i++) if (!memcmp(s.at + 3, chain[i].true_hash, 64)) return FIRST_BLOCK + i;
    char digits[9] = {0}, hash[64];
    memcpy(digits, s.at + 3, 8);
    uint64_t number = strtoull(digits, NULL, 16);
    if (number < FIRST_BLOCK) return 0;
    put_hash(hash, chain, chain_len, number);
    return memcmp(s.at + 3, hash, 64) ? 0 : number;
}

static const char CONFIG[] = "{\"current\":{\"activationTime\":1767747671,\"blobSchedule\":{\"baseFeeUpdateFraction\":11684671,\"max\":21,\"target\":14},"
    "\"chainId\":\"0x1\",\"forkId\":\"0x07c9462e\",\"precompiles\":{},\"systemContracts\":{}},\"next\":null,\"last\":null}";

static int is(Slice method, const char *name) { return method.len == strlen(name) + 2 && !strncmp(method.at + 1, name, method.len - 2); }

static void answer(Conn *c, Slice id, Slice method, Slice params) {
    char text[64];
    put_text(c, "{\"jsonrpc\":\"2.0\",\"id\":");
    put(c, id.len ? id.at : "null", id.len ? id.len : 4);
    if (is(method, "fake_setHead")) head = quantity(element(params, 0));
    if (is(method, "eth_getBlockByNumber") || is(method, "eth_getHeaderByNumber")) {
        put_text(c, ",\"result\":");
        put_block(c, block_number(element(params, 0)), method.at[8] == 'H');
    } else if (is(method, "eth_getBlockByHash")) {
        put_text(c, ",\"result\":");
        put_block(c, number_of_hash(element(params, 0)), 0);
    } else if (is(method, "eth_feeHistory")) {
        put_text(c, ",\"result\":");
        put_fee_history(c, quantity(element(params, 0)), block_number(element(params, 1)));
    } else if (is(method, "eth_blockNumber") || is(method, "fake_setHead")) {
        put(c, text, sprintf(text, ",\"result\":\"0x%lx\"", head));
    } else if (is(method, "eth_chainId")) put_text(c, ",\"result\":\"0x1\"");
    else if (is(method, "net_version")) put_text(c, ",\"result\":\"1\"");
    else if (is(method, "eth_syncing")) put_text(c, ",\"result\":false");
    else if (is(method, "web3_clientVersion")) put_text(c, ",\"result\":\"fakenode/1\"");
    else if (is(method, "eth_config")) { put_text(c, ",\"result\":"); put_text(c, CONFIG); }
    else put_text(c, ",\"error\":{\"code\":-32601,\"message\":\"the method does not exist/is not available\"}");
    put(c, "}", 1);
}

/* ---- HTTP ---- */
static int answer_body(Conn *c, const char *p, const char *end) { /* number of requests answered */
    Slice id, method, params;
    int count = 0, batch;
    if (live) head = FIRST_BLOCK + ((uint64_t)time(NULL) - first_time) / SLOT;
    p = skip_space(p, end);
    batch = p < end && *p == '[';
    if (batch) { put(c, "[", 1); p++; }
    for (; (p = skip_space(p, end)) < end && *p == '{'; count++) {
        if (count) put(c, ",", 1);
        p = read_request(p, end, &id, &method, &params);
        if (!p) break;
        answer(c, id, method, params);
        p = skip_space(p, end);
        if (p < end && *p == ',') p++;
    }
    if (batch) put(c, "]", 1);
    return count;
}

static const char *header_value(const char *head_start, const char *head_end, const char *name) {
    size_t len = strlen(name);
    for (const char *p = head_start; p < head_end; p++) {
        if (*p == '\n' && !strncasecmp(p + 1, name, len) && p[1 + len] == ':') return p + 2 + len;
    }
    return NULL;
}

static int contains(const char *p, const char *end, const char *word) {
    size_t len = strlen(word);
    for (; p && p + len <= end && *p != '\r'; p++) if (!strncasecmp(p, word, len)) return 1;
    return 0;
}

static void seal(Conn *c) { /* the header right before the body */
    if (c->gzip) {
#ifdef HAVE_ZLIB
        close_stored(c);
        uint32_t tail[2] = {c->crc, (uint32_t)c->flat_len};
        memcpy(room(c, 13), "\x01\x00\x00\xff\xff", 5);
        memcpy(c->out + c->out_len + 5, tail, 8);
        c->out_len += 13;
#endif
    }
    char text[HEAD_ROOM];
    int len = sprintf(text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%s%sContent-Length: %zu\r\n\r\n",
                      c->gzip ? "Content-Encoding: gzip\r\n" : "", c->closing ? "Connection: close\r\n" : "", c->out_len - HEAD_ROOM);
    c->out_at = HEAD_ROOM - len;
    memcpy(c->out + c->out_at, text, len);
}

static uint64_t when_to_answer(int items, size_t bytes) { /* 0 = at once */
    if (!latency_ns && !item_ns && !mbit) return 0;
    uint64_t due = now_ns() + latency_ns + item_ns * items;
    if (mbit) {
        uint64_t start = line_free_at > due ? line_free_at : due;
        due = line_free_at = start + bytes * 8000 / mbit;
    }
    return due;
}

static int take_request(Conn *c) { /* 1 when a whole request was taken and answered into c->out */
    char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
    if (!end) return 0;
    const char *length = header_value(c->in, end, "content-length");
    size_t body_len = length ? strtoull(length, NULL, 10) : 0, head_len = end + 4 - c->in;
    if (c->in_len < head_len + body_len) return 0;
    c->closing = contains(header_value(c->in, end, "connection"), end, "close");
    c->gzip = use_gzip && contains(header_value(c->in, end, "accept-encoding"), end, "gzip");
    c->flat_at = c->flat_len = c->crc = 0;
    c->out_len = 0;
    room(c, HEAD_ROOM);
    c->out_len = HEAD_ROOM;
    if (c->gzip) { memcpy(room(c, 10), "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10); c->out_len += 10; }
    int items = answer_body(c, end + 4, end + 4 + body_len);
    seal(c);
    c->in_len -= head_len + body_len;
    memmove(c->in, c->in + head_len + body_len, c->in_len);
    c->busy = 1;
    c->due = when_to_answer(items, c->out_len - c->out_at);
    return 1;
}

static void drop(int fd) {
    free(conns[fd]->in); free(conns[fd]->out); free(conns[fd]);
    conns[fd] = NULL;
    close(fd);
}

static void watch(int fd, uint32_t events) { struct epoll_event e = {.events = events, .data.fd = fd}; epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &e); }

static int flush_out(int fd) { /* 1 sent, 0 would block, -1 gone */
    Conn *c = conns[fd];
    while (c->out_at < c->out_len) {
        ssize_t n = send(fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        c->out_at += n;
    }
    c->busy = 0;
    return c->closing ? -1 : 1;
}

static void serve(int fd) { /* answer what is there, as far as the socket takes it */
    Conn *c = conns[fd];
    for (;;) {
        if (c->busy && c->due) return;
        if (c->busy) {
            int sent = flush_out(fd);
            if (sent < 0) { drop(fd); return; }
            if (!sent) { watch(fd, EPOLLOUT); return; }
            watch(fd, EPOLLIN);
        }
        if (!take_request(c)) return;
    }
}

static void on_readable(int fd) {
    Conn *c = conns[fd];
    for (;;) {
        if (c->in_cap - c->in_len < 65536) c->in = realloc(c->in, c->in_cap += 262144);
        ssize_t n = recv(fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) { drop(fd); return; }
        if (n < 0) break;
        c->in_len += n;
        if ((size_t)n < 65536) break;
    }
    if (!c->busy) serve(fd);
}

static void on_listen(int listener) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    if (fd >= MAX_FD) { close(fd); return; }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conns[fd] = calloc(1, sizeof(Conn));
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

static void set_timer(void) { /* to the next answer that waits */
    uint64_t next = 0;
    for (int fd = 0; fd < MAX_FD; fd++)
        if (conns[fd] && conns[fd]->due && (!next || conns[fd]->due < next)) next = conns[fd]->due;
    struct itimerspec at = {.it_value = {next / 1000000000, next % 1000000000}};
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void on_timer(void) {
    uint64_t ticks, now = now_ns();
    if (read(timer_fd, &ticks, sizeof ticks) < 0 && errno != EAGAIN) return;
    for (int fd = 0; fd < MAX_FD; fd++)
        if (conns[fd] && conns[fd]->due && conns[fd]->due <= now) { conns[fd]->due = 0; serve(fd); }
}

#ifdef HAVE_ZLIB
static unsigned char *deflate_piece(const char *text, int len, int *packed_len, uint32_t *crc) {
    static z_stream z;
    static unsigned char buffer[MAX_REST * 2];
    if (!z.state) deflateInit2(&z, 4, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY); else deflateReset(&z);
    z.next_in = (unsigned char *)text; z.avail_in = len; z.next_out = buffer; z.avail_out = sizeof buffer;
    deflate(&z, Z_FULL_FLUSH);
    *packed_len = (int)(sizeof buffer - z.avail_out);
    *crc = crc32(0, (const unsigned char *)text, len);
    return memcpy(malloc(*packed_len), buffer, *packed_len);
}

static void pack_chain(void) {
    for (int i = 0; i < chain_len; i++) {
        Block *b = &chain[i];
        b->packed = deflate_piece(b->rest, b->rest_len, &b->packed_len, &b->crc);
        b->packed_header = deflate_piece(b->rest, b->header_len, &b->packed_header_len, &b->crc_header);
    }
}
#endif

static int listen_on_loopback(int *port) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1024) || getsockname(fd, (struct sockaddr *)&at, &len)) { perror("listen"); exit(2); }
    *port = ntohs(at.sin_port);
    return fd;
}

static void read_arguments(int argc, char **argv, const char **factors) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--blocks")) { chain_len = atoi(value); i++; }
        else if (!strcmp(argv[i], "--latency-us")) { latency_ns = strtoull(value, NULL, 10) * 1000; i++; }
        else if (!strcmp(argv[i], "--item-us")) { item_ns = strtoull(value, NULL, 10) * 1000; i++; }
        else if (!strcmp(argv[i], "--mbit")) { mbit = strtoull(value, NULL, 10); i++; }
        else if (!strcmp(argv[i], "--factors")) { *factors = value; i++; }
        else if (!strcmp(argv[i], "--gzip")) use_gzip = 1;
        else if (!strcmp(argv[i], "--now")) live = 1;
        else { fprintf(stderr, "fakenode: unknown argument %s\n", argv[i]); exit(2); }
    }
#ifndef HAVE_ZLIB
    if (use_gzip) { fprintf(stderr, "fakenode: built without zlib\n"); exit(3); }
#endif
    if (chain_len < 2 * STEER) { fprintf(stderr, "fakenode: --blocks must be at least %d\n", 2 * STEER); exit(2); }
}

static void add_source(int fd) { struct epoll_event e = {.events = EPOLLIN, .data.fd = fd}; epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e); }

int main(int argc, char **argv) {
    const char *factors = NULL;
    int port;
    read_arguments(argc, argv, &factors);
    signal(SIGPIPE, SIG_IGN);
    if (live) first_time = (uint64_t)time(NULL) - (uint64_t)SLOT * (chain_len / 2);
    chain = build_chain(chain_len);
    if (!chain_is_sound(chain, chain_len)) { fprintf(stderr, "fakenode: the generated chain breaks its own rules\n"); return 2; }
    if (factors) write_factors(chain, chain_len, factors);
#ifdef HAVE_ZLIB
    if (use_gzip) pack_chain();
#endif
    head = FIRST_BLOCK + chain_len - 1;
    epoll_fd = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    int listener = listen_on_loopback(&port);
    add_source(listener); add_source(timer_fd); add_source(STDIN_FILENO);
    printf("%d %d\n", port, FIRST_BLOCK);
    fflush(stdout);
    for (struct epoll_event events[256];;) {
        int n = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) on_listen(fd);
            else if (fd == timer_fd) on_timer();
            else if (fd == STDIN_FILENO) return 0;
            else if (conns[fd] && events[i].events & EPOLLOUT) serve(fd);
            else if (conns[fd]) on_readable(fd);
        }
        if (latency_ns || item_ns || mbit) set_timer();
    }
}
