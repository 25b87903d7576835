"""Write events of both kinds as JSON lines, the same for the same seed: `make_events.py COUNT FILE [BAD_EVERY]`."""

import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

_BAD = (
    b'{"type": "inventory", "product_id": "SKU-0001", "inventory": 3',
    b'{"type": "inventory", "product_id": "caf\xe9", "inventory": 3, "timestamp": "2026-01-05T09:00:00.000Z"}',
    b'{"type": "inventory", "product_id": "", "inventory": 3, "timestamp": "2026-01-05T09:00:00.000Z"}',
    b'{"type": "inventory", "product_id": "SKU-0002", "inventory": 7.9, "timestamp": "2026-01-05T09:00:00.000Z"}',
    b'{"type": "inventory", "product_id": "SKU-0003", "inventory": 3, "timestamp": "2026-02-29T09:00:00.000Z"}',
    b"not json, and not about stock",
)


def events(count: int, bad_every: int = 0, seed: int = 1) -> list[bytes]:
    """Lines: 30 % inventory events over 24 products, 70 % requests, and every `bad_every`-th a bad record."""
    chance = random.Random(seed)
    stock = {f"SKU-{number:04}": chance.randint(20, 80) for number in range(1, 25)}
    moment = datetime(2026, 1, 5, 9, tzinfo=UTC)
    lines = []
    for number in range(count):
        moment += timedelta(milliseconds=chance.randint(1, 400))
        common = {"timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        if bad_every and number % bad_every == bad_every - 1:
            lines.append(_BAD[number // bad_every % len(_BAD)])
        elif chance.random() < 0.3:
            product = chance.choice(list(stock))
            stock[product] -= chance.randint(1, 6)
            if stock[product] < chance.randint(0, 10):
                stock[product] = chance.randint(40, 80)
            event = {"type": "inventory", "path": f"/inventory/{product}", **common}
            lines.append(json.dumps({**event, "product_id": product, "inventory": max(stock[product], 0)}).encode())
        else:
            event = {"type": "request", "path": chance.choice(["/", "/cart", "/checkout", "/products"]), **common}
            method, status = chance.choice(["GET", "GET", "POST"]), chance.choice([200, 200, 200, 304, 404, 500])
            lines.append(
                json.dumps({**event, "method": method, "status": status, "latency_ms": chance.randint(2, 900)}).encode()
            )
    return lines


if __name__ == "__main__":
    with Path(sys.argv[2]).open("wb") as out:
        out.writelines(line + b"\n" for line in events(int(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
