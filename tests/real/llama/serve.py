"""llama.cpp's own server, from a library that runs on any processor: serve.py WEIGHTS NAME PORT."""

from __future__ import annotations

import signal
import sys

import xllamacpp


def main() -> None:
    """Serve until told to stop."""
    weights, name, port = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = weights, {name}
    params.hostnames, params.port, params.endpoint_metrics = ["127.0.0.1"], int(port), True
    # One call at a time, so that a call that was left is over when the next one begins.
    params.n_parallel, params.n_ctx, params.cpuparams.n_threads = 1, 1024, 2
    params.n_gpu_layers, params.warmup = 0, False
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.pause()


main()
