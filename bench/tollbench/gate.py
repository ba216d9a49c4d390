"""Configurations of the gate, one for each row that it has in the table."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, field, replace

from tollbench.credentials import ISSUER_KEY, KEY_COUNT, PRESENTED
from tollbench.processes import BenchError, free_ports
from tollbench.site import Launch, Site

ROUTES_HEAD = "routes:\n"
TIER = "tiers:\n  bench: { limits: [1000000 requests/s] }\n"


@dataclass(frozen=True)
class Routes:
    """The parts of a configuration that differ from row to row, as YAML, and the secrets it names."""

    routes: str
    consumers: str = ""
    env: dict[str, str] = field(default_factory=dict)


def public(site: Site, port: int) -> Launch:
    """A route without credential: what the data plane itself costs."""
    return launch(site, "gate-public", port, _unmetered(public_routes()))


def key(site: Site, port: int) -> Launch:
    """One route behind an API key, with an allow-list."""
    return launch(site, "gate-key", port, key_routes(site, 1))


def key_off(site: Site, port: int) -> Launch:
    """As `key`, on a route whose calls nobody takes down."""
    return launch(site, "gate-key-off", port, _unmetered(key_routes(site, 1)))


def key_limit(site: Site, port: int) -> Launch:
    """As `key`, with a rate that no load uses up: every call is counted, and its answer tells what is left."""
    return launch(site, "gate-key-limit", port, _limited(key_routes(site, 1)))


def key_limit_off(site: Site, port: int) -> Launch:
    """As `key_limit`, on a route whose calls nobody takes down."""
    return launch(site, "gate-key-limit-off", port, _unmetered(_limited(key_routes(site, 1))))


def store_key_limit(site: Site, port: int) -> Launch:
    """A key that the store keeps, of a tier with a rate that no load uses up."""
    return _of_tier(site, launch(site, "gate-store-key-limit", port, Routes(keyed_route() + TIER)))


def store_key_limit_off(site: Site, port: int) -> Launch:
    """As `store_key_limit`, on a route whose calls nobody takes down."""
    routes = _unmetered(Routes(keyed_route() + TIER))
    return _of_tier(site, launch(site, "gate-store-key-limit-off", port, routes))


def _of_tier(site: Site, started: Launch) -> Launch:
    """The same launch, with the key that the load presents in its store."""

    def fill() -> None:
        migrate(site, started)
        with closing(sqlite3.connect(started.config.parent / "data" / "tollgate.db")) as store:
            keep_consumer(store, "bench")
            digest = hashlib.sha256(site.credentials.api_key.encode()).digest()
            store.execute(KEY_ROW, (f"01K0BENCH{2:017}", digest))
            store.commit()

    return replace(started, before=fill)


def fleet_node(site: Site, port: int, head: str, remembered: int = 100_000) -> Launch:
    """One gate before keys of a store; `head` says which store, and what it shares with other gates."""
    directory = f"directory: {{ max: {remembered} }}\n"
    return launch(site, "gate-of-store", port, Routes(keyed_route() + directory + head))


def migrate(site: Site, started: Launch) -> None:
    """Make the tables of the store that this configuration names."""
    command = [str(site.gate), "store", "migrate", "-c", str(started.config)]
    env = {**os.environ, **started.env}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode != 0:
        raise BenchError(f"`store migrate` failed:\n{done.stderr[-2000:]}")


# Ids of the account and the consumer that keys written by hand belong to.
ACCOUNT, CONSUMER = (f"01K0BENCH{number:017}" for number in range(2))

# An API key as the admin API would write it: its id and the SHA-256 of its text.
KEY_ROW = f"""INSERT INTO credentials (id, account, consumer, kind, lookup, secret_form, name, networks, created_at,
    created_by, rev) VALUES (?, '{ACCOUNT}', '{CONSUMER}', 'api_key', ?, 'lookup', 'bench', '[]', 1, 'bench', 1)"""


def keep_consumer(store: sqlite3.Connection, tier: str | None) -> None:
    """Write one consumer into a store that no gate has open."""
    store.execute("INSERT INTO accounts VALUES (?, 'bench', 1, NULL, NULL, 1)", (ACCOUNT,))
    store.execute(
        "INSERT INTO consumers VALUES (?, ?, 'bench', ?, NULL, 1, NULL, NULL, 1)", (CONSUMER, ACCOUNT, tier)
    )


def keyed_route() -> str:
    """One route for every path, open to each API key."""
    return public_routes().routes.replace("[public]", "[api_key]")


def key_many(site: Site, port: int) -> Launch:
    """As `key_off`, with 10,000 routes and 10,000 keys."""
    return launch(site, "gate-10000", port, _unmetered(key_routes(site, KEY_COUNT)))


def rs256(site: Site, port: int) -> Launch:
    """As `key_off`, with an RS256 token instead of the key."""
    return launch(site, "gate-rs256", port, _unmetered(rs256_routes(site)))


def public_routes() -> Routes:
    """One public route for every path."""
    return Routes("""  everything:
    match: { path: /** }
    upstream: models
    accept: [public]
""")


def key_routes(site: Site, count: int) -> Routes:
    """`count` routes, each open to one of `count` consumers; the route that the load asks for is among them."""
    numbers = range(KEY_COUNT) if count == KEY_COUNT else range(PRESENTED, PRESENTED + count)
    routes = "".join(_key_route(number) for number in numbers)
    consumers = "".join(
        f"""  {_consumer(number)}:
    credentials: [{{ api_key: {{ env: BENCH_KEY_{number:05} }} }}]
"""
        for number in numbers
    )
    env = {f"BENCH_KEY_{number:05}": site.credentials.api_keys[number] for number in numbers}
    return Routes(routes, consumers, env)


def rs256_routes(site: Site) -> Routes:
    """One route behind an RS256 token of one consumer."""
    return Routes(
        f"""  predict:
    match: {{ path: {key_path()}, methods: [GET] }}
    upstream: models
    accept: [jwt]
    allow: [bench]
""",
        f"""  bench:
    credentials:
      - jwt: {{ key: {ISSUER_KEY}, algorithm: RS256, public_key: {{ file: {site.credentials.public_key} }} }}
""",
    )


def key_path() -> str:
    """The path that the load asks for."""
    return _path(PRESENTED)


def launch(site: Site, name: str, port: int, routes: Routes) -> Launch:
    """Write the configuration of one gate; its journal and store lie in a folder of its own."""
    folder = site.scratch(name)
    config = folder / "tollgate.yaml"
    # The port that it is given is free until it starts, too.
    admin = next(other for other in free_ports(2) if other != port)
    consumers = f"consumers:\n{routes.consumers}" if routes.consumers else ""
    config.write_text(f"""listen: 127.0.0.1:{port}
workers: 1
admin: {{ listen: 127.0.0.1:{admin} }}
data_dir: {folder}/data
upstreams:
  models:
    targets: [http://127.0.0.1:{site.upstream_port}]
{ROUTES_HEAD}{routes.routes}{consumers}""")
    return Launch([str(site.gate), "serve", "-c", str(config)], routes.env, config)


def with_generation(config: str, generation: int) -> str:
    """A configuration with one more route, `generation_path`, by which a caller sees that it is served."""
    route = f"""  generation_{generation}:
    match: {{ path: {generation_path(generation)} }}
    upstream: models
    accept: [public]
"""
    return config.replace(ROUTES_HEAD, ROUTES_HEAD + route, 1)


def generation_path(generation: int) -> str:
    """A path that only the configuration of this generation serves."""
    return f"/generation/{generation}"


def _limited(routes: Routes) -> Routes:
    return replace(routes, routes=routes.routes + "    limits: [1000000 requests/s]\n")


def _unmetered(routes: Routes) -> Routes:
    upstream = "    upstream: models\n"
    return replace(routes, routes=routes.routes.replace(upstream, upstream + "    meters: off\n"))


def _key_route(number: int) -> str:
    return f"""  model_{number:05}:
    match: {{ path: {_path(number)}, methods: [GET] }}
    upstream: models
    accept: [api_key]
    allow: [{_consumer(number)}]
"""


def _path(number: int) -> str:
    return f"/models/{number:05}/predict"


def _consumer(number: int) -> str:
    return f"caller_{number:05}"
