"""Events of both kinds, the same for the same seed, with little work for each of them."""

import json
import random
from datetime import UTC, datetime, timedelta


def events(count: int, seed: int = 1) -> list[bytes]:
    """Lines of JSON: 30 % inventory events over 24 products, 70 % requests."""
    chance = random.Random(seed)
    stock = {f"SKU-{number:04}": chance.randint(20, 80) for number in range(1, 25)}
    moment = datetime(2026, 1, 5, 9, tzinfo=UTC)
    lines = []
    for _ in range(count):
        moment += timedelta(milliseconds=chance.randint(1, 400))
        common = {"timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        if chance.random() < 0.3:
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
