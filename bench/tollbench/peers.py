"""Configurations of the peers and of the upstream: one worker each, kept-alive connections, no access log."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tollbench.processes import BenchError
from tollbench.site import Launch, Site

# What the upstream answers: 208 bytes, about the size of a prediction.
BODY = json.dumps(
    {
        "id": "00000",
        "model": "sentiment",
        "version": "3",
        "predictions": [{"label": "positive", "score": score} for score in (0.9811, 0.9822, 0.9833, 0.9844)],
    },
    separators=(",", ":"),
)

# nginx closes a connection after 1,000 requests unless told otherwise; a bench would measure handshakes.
ENDLESS_REQUESTS = 1_000_000_000

# Beside the configuration of an upstream that keeps one.
CALLS_LOG = "calls.log"

# Descriptors that a proxy needs besides those of its connections.
SPARE_FILES = 1000


def upstream(site: Site) -> Launch:
    """nginx that answers every path with `BODY`; it stands for the model server of all targets."""
    return _nginx(
        site,
        "upstream",
        f"""
        server {{
            listen 127.0.0.1:{site.upstream_port} backlog=4096;
            default_type application/json;
            location / {{ return 200 '{BODY}'; }}
        }}""",
    )


def logging_upstream(site: Site, name: str) -> Launch:
    """As `upstream`; the id that the gate gave each call is a line of its log."""
    return _nginx(
        site,
        name,
        f"""
        log_format ids $http_x_request_id;
        server {{
            listen 127.0.0.1:{site.upstream_port} backlog=4096;
            default_type application/json;
            access_log {CALLS_LOG} ids;
            location / {{ return 200 '{BODY}'; }}
        }}""",
    )


def log_of(launch: Launch) -> Path:
    """The log of a `logging_upstream`."""
    assert launch.config is not None
    return launch.config.parent / CALLS_LOG


def nginx_plain(site: Site, port: int) -> Launch:
    """nginx as a reverse proxy that checks nothing: the reference of most goals."""
    return _nginx(
        site,
        "nginx-plain",
        f"""
        upstream models {{
            server 127.0.0.1:{site.upstream_port};
            keepalive 512;
            keepalive_requests {ENDLESS_REQUESTS};
        }}
        server {{
            listen 127.0.0.1:{port} backlog=4096;
            location / {{
                proxy_pass http://models;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
            }}
        }}""",
    )


def haproxy_plain(site: Site, port: int) -> Launch:
    """haproxy as a reverse proxy that checks nothing."""
    return _haproxy(site, "haproxy-plain", port, "")


def haproxy_rs256(site: Site, port: int) -> Launch:
    """haproxy that verifies an RS256 token and its expiry; it remembers nothing from one request to the next."""
    rules = f"""
    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
    http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{site.credentials.public_key}") 1 }}
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 if {{ var(txn.bearer),jwt_payload_query('$.exp','int'),sub(txn.now) -m int lt 0 }}
    http-request del-header Authorization"""
    return _haproxy(site, "haproxy-rs256", port, rules)


def envoy_key(site: Site, port: int) -> Launch:
    """Envoy that looks an API key up among 10,000."""
    return _envoy(site, "envoy-key", port, [_api_key_auth(site)])


def envoy_key_limit(site: Site, port: int) -> Launch:
    """Envoy that looks an API key up among 10,000 and counts the request against a limit that is never reached."""
    return _envoy(site, "envoy-key-limit", port, [_api_key_auth(site), _local_rate_limit()])


def _nginx(site: Site, name: str, http: str) -> Launch:
    folder = site.scratch(name)
    # Started by root, nginx drops to an account that may not open files here; it opens none while serving.
    user = "user root;" if os.geteuid() == 0 else ""
    paths = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"        {path}_temp_path {folder}/{path};" for path in paths)
    config = folder / "nginx.conf"
    config.write_text(f"""
    {user}
    daemon off;
    worker_processes 1;
    worker_rlimit_nofile {site.open_files};
    pid {folder}/nginx.pid;
    error_log stderr warn;
    events {{ worker_connections {site.open_files - SPARE_FILES}; }}
    http {{
{temporary}
        access_log off;
        keepalive_timeout 600s;
        keepalive_requests {ENDLESS_REQUESTS};
{http}
    }}
""")
    return Launch(["nginx", "-e", "stderr", "-p", str(folder), "-c", str(config)], config=config)


def _haproxy(site: Site, name: str, port: int, rules: str) -> Launch:
    config = site.scratch(name) / "haproxy.cfg"
    # haproxy needs two descriptors for each connection that it allows.
    config.write_text(f"""
global
    nbthread 1
    maxconn {(site.open_files - SPARE_FILES // 4) // 2}
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
    http-reuse always
frontend gate
    bind 127.0.0.1:{port}{rules}
    default_backend models
backend models
    server model 127.0.0.1:{site.upstream_port}
""")
    return Launch(["haproxy", "-db", "-f", str(config)])


def _envoy(site: Site, name: str, port: int, filters: list[dict[str, object]]) -> Launch:
    if site.envoy is None:
        raise BenchError("Envoy is not installed")
    router = _filter("envoy.filters.http.router", "router.v3.Router", {})
    everything = {"match": {"prefix": "/"}, "route": {"cluster": "models"}}
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network"
        ".http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gate",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [everything]}]},
        "http_filters": [*filters, router],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    models = {
        "name": "models",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "models",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(site.upstream_port)}}]}],
        },
    }
    listener = {"name": "gate", "address": _address(port), "filter_chains": [chain]}
    config = site.scratch(name) / "envoy.json"
    config.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [models]}}))
    return Launch([str(site.envoy), "--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c", str(config)])


def _api_key_auth(site: Site) -> dict[str, object]:
    credentials = [
        {"key": key, "client": f"caller_{number:05}"} for number, key in enumerate(site.credentials.api_keys)
    ]
    return _filter(
        "envoy.filters.http.api_key_auth",
        "api_key_auth.v3.ApiKeyAuth",
        {
            "credentials": credentials,
            "key_sources": [{"header": "X-API-Key"}],
            "forwarding": {"header": "X-Consumer-Username", "hide_credentials": True},
        },
    )


def _local_rate_limit() -> dict[str, object]:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    bucket = {"max_tokens": 1_000_000_000, "tokens_per_fill": 1_000_000_000, "fill_interval": "1s"}
    return _filter(
        "envoy.filters.http.local_ratelimit",
        "local_ratelimit.v3.LocalRateLimit",
        {"stat_prefix": "limit", "token_bucket": bucket, "filter_enabled": always, "filter_enforced": always},
    )


def _filter(name: str, kind: str, options: dict[str, object]) -> dict[str, object]:
    kind_url = f"type.googleapis.com/envoy.extensions.filters.http.{kind}"
    return {"name": name, "typed_config": {"@type": kind_url, **options}}


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
