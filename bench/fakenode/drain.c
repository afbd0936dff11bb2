/* The limit that no client can beat: ask for blocks in batches, receive the answers, throw them away.
 *
 *   drain PORT FIRST COUNT BATCH CONNECTIONS METHOD
 *
 * Prints "BLOCKS BYTES WALL_SECONDS CPU_SECONDS". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, MAX_CONNS = 64 };
typedef struct { size_t left; int waiting; } Conn;

static const char *method;
static uint64_t next_block, end_block, done, bytes;
static int batch;
static char request[1 << 20], buffer[BUFFER];

static double seconds(clockid_t id) { struct timespec t; clock_gettime(id, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static void fail(const char *what) { fprintf(stderr, "drain: %s\n", what); exit(2); }

static int ask(int fd, Conn *c) { /* 0 when nothing is left to ask for */
    if (next_block >= end_block) return 0;
    char *body = request + 256, *at = body;
    for (int i = 0; i < batch && next_block < end_block; i++, next_block++)
        at += sprintf(at, "%c{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"%s\",\"params\":[\"0x%lx\",false]}", i ? ',' : '[', i, method, next_block);
    *at++ = ']';
    char head[256];
    int len = sprintf(head, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", at - body);
    memcpy(body - len, head, len);
    for (char *p = body - len; p < at;) {
        ssize_t n = send(fd, p, at - p, 0);
        if (n <= 0) fail("the node closed the connection");
        p += n;
    }
    c->waiting = 1;
    c->left = 0;
    return 1;
}

static int receive(int fd, Conn *c) { /* 1 when the answer is complete */
    ssize_t n = recv(fd, buffer, c->left && c->left < BUFFER ? c->left : BUFFER, 0);
    if (n <= 0) fail("the node closed the connection");
    bytes += n;
    if (c->waiting) {
        char *end = memmem(buffer, n, "\r\n\r\n", 4), *length = end ? strcasestr(buffer, "content-length:") : NULL;
        if (!length) fail("no Content-Length in the first piece of an answer");
        c->left = strtoull(length + 15, NULL, 10);
        c->waiting = 0;
        n -= end + 4 - buffer;
    }
    c->left -= n;
    return c->left == 0;
}

int main(int argc, char **argv) {
    if (argc != 7) fail("usage: drain PORT FIRST COUNT BATCH CONNECTIONS METHOD");
    int count = atoi(argv[5]), open_conns = 0, one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct pollfd fds[MAX_CONNS];
    Conn conns[MAX_CONNS];
    next_block = strtoull(argv[2], NULL, 10);
    end_block = next_block + strtoull(argv[3], NULL, 10);
    batch = atoi(argv[4]);
    method = argv[6];
    if (count < 1 || count > MAX_CONNS || batch < 1 || batch > 5000) fail("bad size");
    uint64_t blocks = end_block - next_block;
    double started = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) {
        fds[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN};
        if (connect(fds[i].fd, (struct sockaddr *)&to, sizeof to)) fail("cannot connect");
        setsockopt(fds[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        open_conns += ask(fds[i].fd, &conns[i]);
    }
    for (done = 0; open_conns;) {
        if (poll(fds, count, 10000) <= 0) fail("no answer in 10 s");
        for (int i = 0; i < count; i++)
            if (fds[i].revents & (POLLIN | POLLHUP) && receive(fds[i].fd, &conns[i]) && !ask(fds[i].fd, &conns[i])) { fds[i].fd = -1; open_conns--; }
    }
    printf("%lu %lu %.6f %.6f\n", blocks, bytes, seconds(CLOCK_MONOTONIC) - started, seconds(CLOCK_PROCESS_CPUTIME_ID));
    return 0;
}
