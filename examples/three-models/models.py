#!/usr/bin/env python3
"""Three stand-ins for model servers, on 127.0.0.1:9001 to 9003. They check nothing: that is the gate's work."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERS = {
    9001: {"label": "positive", "score": 0.95},
    9002: {"prediction": 42.3},
    9003: {"class": "A", "confidence": 0.88},
}


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, {"status": "ok"})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        caller = self.headers.get("X-Consumer-Username")
        self.answer(200, ANSWERS[self.server.server_port] | {"asked_by": caller})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


servers = [ThreadingHTTPServer(("127.0.0.1", port), Model) for port in ANSWERS]
threads = [threading.Thread(target=server.serve_forever) for server in servers]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
