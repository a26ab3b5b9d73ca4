#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What ccache needs of an HTTP store, on loopback: GET, HEAD, PUT, DELETE.

http-store.py DIR: keeps the objects in DIR, prints its port.
"""
import http.server
import os
import sys


class Store(http.server.BaseHTTPRequestHandler):
    def path_of(self):
        return os.path.join(sys.argv[1], self.path.strip("/").replace("/", "_"))

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        try:
            with open(self.path_of(), "rb") as f:
                self.answer(200, f.read())
        except FileNotFoundError:
            self.answer(404)

    do_HEAD = do_GET

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(self.path_of(), "wb") as f:
            f.write(body)
        self.answer(201)

    def do_DELETE(self):
        try:
            os.unlink(self.path_of())
        except FileNotFoundError:
            pass
        self.answer(204)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
print(server.server_address[1], flush=True)
server.serve_forever()
