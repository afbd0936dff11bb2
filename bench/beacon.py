"""All balances of a beacon node with mainnet's number of validators, over loopback HTTP."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

from bench.measure import Sample, run_client, scratch
from bench.report import Options, Row, at_least, at_most

ROUNDS = 3
CLIENT = "bench.clients.beacon_sums"


def run(options: Options) -> Iterator[Row]:
    """Time is CPU of the reading process; memory is the growth of its peak over the modules loaded."""
    rows = options.scaled(2_200_000, 50_000)
    with scratch() as folder, serving(folder, rows) as url:
        samples = {way: rounds(way, url, rows, options) for way in ("ours-ssz", "ours-json", "json.load")}
    cost = {way: median(sample.cpu_s for sample in taken) for way, taken in samples.items()}
    yield Row(
        "SSZ balances against json.load and a loop", cost["json.load"] / cost["ours-ssz"], "x", at_least(20)
    )
    yield Row("streamed JSON balances against json.load", cost["json.load"] / cost["ours-json"], "x")
    for way in ("ours-ssz", "ours-json"):
        yield Row(f"peak memory of {rows:,} balances, {way}", grown_mb(samples[way]), "MB", at_most(16))
    yield Row("peak memory of the process, json.load", max(s.rss_mb for s in samples["json.load"]), "MB")
    yield Row("SSZ balances: CPU", cost["ours-ssz"], "s")
    yield Row("streamed JSON balances: CPU", cost["ours-json"], "s")


def rounds(way: str, url: str, rows: int, options: Options) -> list[Sample]:
    """Every run must find the true sum."""
    taken = [run_client(CLIENT, way, url) for _ in range(options.scaled(ROUNDS, 1))]
    for sample in taken:
        if sample.items != rows or (sample.facts or {})["gwei"] != sum(map(balance, range(rows))):
            raise RuntimeError(f"{way} found another sum")
    return taken


def grown_mb(samples: list[Sample]) -> float:
    return max((sample.facts or {})["grown_kb"] for sample in samples) / 1024


def balance(index: int) -> int:
    """Like a validator's at its cap, a little over it."""
    return 32_000_000_000 + index % 20_000_000


@contextmanager
def serving(folder: Path, rows: int) -> Iterator[str]:
    """A server of both forms of the list."""
    ssz, text = folder / "balances.ssz", folder / "balances.json"
    ssz.write_bytes(b"".join(struct.pack("<QQ", index, balance(index)) for index in range(rows)))
    body = ",".join(f'{{"index":"{index}","balance":"{balance(index)}"}}' for index in range(rows))
    text.write_text(f'{{"execution_optimistic":false,"finalized":true,"data":[{body}]}}')

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wants_ssz = self.headers.get("accept", "").startswith("application/octet-stream")
            path, kind = (ssz, "octet-stream") if wants_ssz else (text, "json")
            self.send_response(200)
            self.send_header("Content-Type", f"application/{kind}")
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            with path.open("rb") as file:
                while piece := file.read(1 << 20):
                    self.wfile.write(piece)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
