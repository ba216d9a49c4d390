"""The rows of the table: every target, how it is started and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tollbench import gate, peers
from tollbench.connections import statuses
from tollbench.load import Request
from tollbench.processes import BenchError, Child, Children, free_ports, wait_until_listening
from tollbench.site import Launch, Site

# A gate with 10,000 routes, or any program under an instruction counter, takes its time to start.
START_SECONDS = 60.0
WARM_UP_REQUESTS = 50


@dataclass(frozen=True)
class Target:
    """One row: a proxy in one configuration, and the credential that is presented to it."""

    name: str
    what: str
    configure: Callable[[Site, int], Launch]
    # `key`, `token`, `fresh` or `none`: which credential the load presents.
    presents: str = "none"

    @property
    def is_gate(self) -> bool:
        """Whether this row needs the gate's binary."""
        return self.name.startswith("gate-")

    @property
    def is_envoy(self) -> bool:
        """Whether this row needs the Envoy binary."""
        return self.name.startswith("envoy-")

    @property
    def fresh(self) -> bool:
        """Whether every request presents another token."""
        return self.presents == "fresh"

    def request(self, site: Site) -> Request:
        """The request that must be answered with 200; for fresh tokens, the one that carries the repeated token."""
        headers = {
            "key": f"X-API-Key: {site.credentials.api_key}",
            "token": f"Authorization: Bearer {site.credentials.token}",
            "fresh": f"Authorization: Bearer {site.credentials.token}",
        }
        return Request(gate.key_path(), headers.get(self.presents))


TARGETS = [
    Target("nginx-plain", "nginx, reverse proxy", peers.nginx_plain),
    Target("haproxy-plain", "haproxy, reverse proxy", peers.haproxy_plain),
    Target("haproxy-rs256", "haproxy, RS256 `jwt_verify` + exp, one token", peers.haproxy_rs256, "token"),
    Target("haproxy-rs256-fresh", "the same, another token each time", peers.haproxy_rs256, "fresh"),
    Target("envoy-key", "envoy, `api_key_auth` of 10,000", peers.envoy_key, "key"),
    Target("envoy-key-limit", "the same + `local_ratelimit`", peers.envoy_key_limit, "key"),
    Target("gate-public", "gate, public route, `meters: off`: no usage events", gate.public),
    Target("gate-key-off", "gate, API key, allow-list, `meters: off`", gate.key_off, "key"),
    Target("gate-key-limit-off", "the same + one rate", gate.key_limit_off, "key"),
    Target("gate-store-key-limit-off", "key of the store, rate of its tier, unmetered", gate.store_key_limit_off, "key"),
    Target("gate-10000", "gate-key-off with 10,000 routes and keys", gate.key_many, "key"),
    Target("gate-rs256", "gate, RS256, allow-list, one token, `meters: off`", gate.rs256, "token"),
    Target("gate-rs256-fresh", "the same, another token each time", gate.rs256, "fresh"),
    Target("gate-key", "gate-key-off with its usage events", gate.key, "key"),
    Target("gate-key-limit", "gate-key-limit-off with its usage events", gate.key_limit, "key"),
    Target("gate-store-key-limit", "gate-store-key-limit-off with its usage events", gate.store_key_limit, "key"),
]

UPSTREAM = Target("direct", "the upstream itself", lambda site, _: peers.upstream(site))


@dataclass
class Running:
    """A started target that listens."""

    target: Target
    child: Child
    port: int
    launch: Launch


def named(name: str) -> Target:
    """The target of that name. Raises `BenchError` that lists the names when there is none."""
    for target in TARGETS:
        if target.name == name:
            return target
    raise BenchError(f"no target `{name}`; there are {', '.join(target.name for target in TARGETS)}")


def start(
    children: Children, site: Site, target: Target, cpu: int | None, wrap: Callable[[Launch], Launch] | None = None
) -> Running:
    """Configure and start a target, and return once it listens. `wrap` may change the command, to run it in a tool."""
    port = site.upstream_port if target is UPSTREAM else free_ports(1)[0]
    launch = target.configure(site, port)
    if launch.before is not None:
        launch.before()
    if wrap is not None:
        launch = wrap(launch)
    child = children.start(target.name, launch.command, cpu=cpu, env=launch.env)
    wait_until_listening(child, port, START_SECONDS)
    return Running(target, child, port, launch)


def fresh_rss_kib(site: Site, running: Running) -> int:
    """Resident memory in KiB of a target that has just started.

    It has answered one request, because a listening socket does not yet mean that a worker was forked.
    Raises `BenchError` when it does not answer.
    """
    try:
        statuses(running.port, running.target.request(site), 1)
    except OSError as error:
        raise BenchError(f"{running.target.name} does not answer: {error}") from error
    return running.child.rss_kib()


def check(site: Site, running: Running) -> str | None:
    """Warm a target up with its own request; what is wrong with its answers, or nothing.

    A target that should ask for a credential must also refuse a caller without one: a proxy that
    checks nothing is quick.
    """
    request = running.target.request(site)
    try:
        own = statuses(running.port, request, WARM_UP_REQUESTS)
        stranger = statuses(running.port, Request(request.path), 1)
    except OSError as error:
        return f"does not answer: {error}"
    if set(own) != {200}:
        return f"answers its own caller with {sorted(set(own) - {200})}"
    if request.header is not None and stranger != [401]:
        return f"answers a caller without credential with {stranger[0]}"
    return None
