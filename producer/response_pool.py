"""The kinds of events of the shop, from which each event is drawn.

The shop is an API whose paths contain an identifier (`/carts/C-0042`), and a cache answers most requests for its pages.
So no path has more than 0.3 % of the events. The sender depends on that: a request holds one record of a path, so there
are at least as many requests as events of the busiest path.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

Event = dict[str, Any]

PRODUCTS = tuple(f"SKU-{number:04}" for number in range(1, 101))
_CARTS = tuple(f"C-{number:04}" for number in range(1, 401))
_ORDERS = tuple(f"O-{number:05}" for number in range(1, 1001))
_USERS = tuple(f"U-{number:04}" for number in range(1, 301))
_TERMS = tuple(
    f"{what}-{kind}"
    for what in ("shoes", "boots", "socks", "shirts", "jackets", "caps", "scarves", "gloves")
    for kind in ("red", "blue", "green", "black", "wool")
)

_READ = {200: 90, 304: 6, 404: 3, 500: 1}
_WRITE = {200: 80, 201: 12, 400: 4, 409: 3, 503: 1}

# Weight in thousandths, method, path, its identifiers, status codes with their weights, usual latency in ms.
_Request = tuple[int, str, str, Sequence[str], dict[int, int], int]
_REQUESTS: tuple[_Request, ...] = (
    (234, "GET", "/products/{}", PRODUCTS, _READ, 35),
    (60, "GET", "/products/{}/reviews", PRODUCTS, _READ, 60),
    (90, "GET", "/search/{}", _TERMS, _READ, 120),
    (80, "GET", "/carts/{}", _CARTS, _READ, 25),
    (70, "POST", "/carts/{}/items", _CARTS, _WRITE, 45),
    (20, "DELETE", "/carts/{}/items", _CARTS, {204: 96, 404: 4}, 40),
    (40, "POST", "/carts/{}/checkout", _CARTS, {201: 93, 402: 5, 503: 2}, 380),
    (50, "GET", "/orders/{}", _ORDERS, _READ, 50),
    (50, "GET", "/users/{}", _USERS, {200: 96, 401: 4}, 20),
    (2, "GET", "/", ("",), _READ, 15),
    (2, "POST", "/login", ("",), {200: 88, 401: 12}, 150),
    (2, "GET", "/health", ("",), {200: 100}, 2),
)
_INVENTORY_WEIGHT = 300

_LOW = 10
_MOST = 80


def now() -> str:
    """The current time as events have it: ISO-8601, UTC, milliseconds, `Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class RequestOption:
    """Requests with one method to one kind of path."""

    def __init__(self, chance: random.Random, request: _Request) -> None:
        self.weight, self._method, self._path, self._fillings, statuses, self._usual_ms = request
        self._statuses, self._bounds = tuple(statuses), tuple(accumulate(statuses.values()))
        self._chance = chance

    def to_dict(self) -> Event:
        """A request event; most latencies lie between half and twice the usual one."""
        chance = self._chance
        return {
            "type": "request",
            "path": self._path.format(chance.choice(self._fillings)),
            "timestamp": now(),
            "method": self._method,
            "status": chance.choices(self._statuses, cum_weights=self._bounds)[0],
            "latency_ms": max(1, round(self._usual_ms * chance.lognormvariate(0, 0.6))),
        }


class InventoryOption:
    """A change of one product's stock: sales reduce it, deliveries and returns increase it.

    Each event has the stock after the change, so `inventory` is the product's last `inventory` plus `change`. The stock
    falls below 10, may reach 0, and rises with a delivery. Returns sometimes keep it near 10 for a while, where the
    `rearm_margin` of the alerts makes a difference.
    """

    weight = _INVENTORY_WEIGHT

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._stock = {product: chance.randint(3, _MOST) for product in PRODUCTS}

    def to_dict(self) -> Event:
        """An inventory event of a random product."""
        product = self._chance.choice(PRODUCTS)
        cause, change = self._change(self._stock[product])
        self._stock[product] += change
        return {
            "type": "inventory",
            "path": f"/inventory/{product}",
            "timestamp": now(),
            "product_id": product,
            "inventory": self._stock[product],
            "cause": cause,
            "change": change,
        }

    def _change(self, stock: int) -> tuple[str, int]:
        chance = self._chance
        if stock == 0 or (stock < _LOW and chance.random() < 0.3):
            return "delivery", chance.randint(30, _MOST - _LOW)
        if stock < _MOST and chance.random() < 0.08:
            return "return", 1
        return "sale", -min(stock, chance.randint(1, 8))


Option = RequestOption | InventoryOption


def get_pool(seed: int | None = None) -> list[Option]:
    """The options, which share one random generator; the same seed gives the same events except for timestamps."""
    chance = random.Random(seed)
    return [*(RequestOption(chance, request) for request in _REQUESTS), InventoryOption(chance)]


def draw(pool: Sequence[Option], seed: int | None = None) -> Iterator[Event]:
    """Endless events, each drawn from the pool by weight when it is asked for."""
    chance = random.Random(seed)
    bounds = list(accumulate(option.weight for option in pool))
    while True:
        yield chance.choices(pool, cum_weights=bounds)[0].to_dict()
