"""First process of a rented pod; needs nothing but Python. Runs the command in its arguments, which is InvokeAI, and

- ends the pod when no beat has come for too long, or at an absolute time: restarts of the container do not defer it;
- makes InvokeAI's administrator, and lets nobody reach InvokeAI before: until then it listens on loopback only.
"""

import hmac
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = os.environ.get("INVOKEAI_HOST", "0.0.0.0")
PORT = int(os.environ.get("INVOKEAI_PORT", "9090"))
BEAT_PORT = int(os.environ["GALLERY_GUARD_PORT"])
BEARER = "Bearer " + os.environ["GALLERY_GUARD_TOKEN"]
SILENCE_SECONDS = float(os.environ["GALLERY_GUARD_SILENCE_SECONDS"])
END_AT = float(os.environ["GALLERY_GUARD_END_AT"])
POLL_SECONDS = float(os.environ["GALLERY_GUARD_POLL_SECONDS"])
RETRY_SECONDS = float(os.environ["GALLERY_GUARD_RETRY_SECONDS"])
EMAIL = os.environ["GALLERY_GUARD_EMAIL"]
PASSWORD = os.environ["GALLERY_GUARD_PASSWORD"]
END = os.environ["GALLERY_GUARD_END"]

last_beat = time.monotonic()
admin = "pending"
inner_port = 0
child = None

tls = ssl.create_default_context()
try:
    # An image without the system's certificates has those of its Python packages.
    import certifi

    tls.load_verify_locations(certifi.where())
except Exception:
    pass
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
)


def say(words):
    print("guard: " + words, flush=True)


def call(method, url, headers, body):
    """The status of the answer; 0: none came."""
    headers = {"User-Agent": "photo-gallery", "Content-Type": "application/json", **headers}
    data = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(url, data, headers, method=method)
        with opener.open(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError, http.client.HTTPException):
        return 0


def start(run):
    """Runs it in a thread, again after a pause when it ends or fails."""

    def rerun():
        while True:
            try:
                run()
            except Exception as error:
                say(run.__name__ + " failed: " + type(error).__name__)
            time.sleep(POLL_SECONDS)

    threading.Thread(target=rerun, daemon=True).start()


class Beat(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        global last_beat
        sent = self.headers.get("Authorization", "").encode("latin-1")
        is_ours = hmac.compare_digest(sent, BEARER.encode())
        if is_ours:
            last_beat = time.monotonic()
        answer = json.dumps({"admin": admin}).encode() if is_ours else b"{}"
        self.send_response(200 if is_ours else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class BeatServer(ThreadingHTTPServer):
    def handle_error(self, *_):
        # The port is public: connections that break are no news.
        pass


def beats():
    BeatServer((HOST, BEAT_PORT), Beat).serve_forever()


def invokeai():
    global admin, inner_port, child
    admin = "pending"
    with socket.create_server(("127.0.0.1", 0)) as free:
        inner_port = free.getsockname()[1]
    # Neither the guard's variables nor those with which a pod ends itself.
    own = set(re.findall(r"\$\{(\w+)\}", END))
    env = {k: v for k, v in os.environ.items() if not k.startswith("GALLERY_") and k not in own}
    env.update(INVOKEAI_HOST="127.0.0.1", INVOKEAI_PORT=str(inner_port))
    child = subprocess.Popen(sys.argv[1:], env=env)
    while admin == "pending" and child.poll() is None:
        admin = make_admin("http://127.0.0.1:%d/api/v1/auth/" % inner_port)
        time.sleep(POLL_SECONDS)
    say("administrator: " + admin)
    say("InvokeAI ended with status %d" % child.wait())


def make_admin(url):
    login = {"email": EMAIL, "password": PASSWORD}
    status = call("POST", url + "setup", {}, {**login, "display_name": "Gallery"})
    if status == 200:
        return "made"
    if status != 400:
        return "pending"
    # There is an administrator already, such as that of the volume.
    status = call("POST", url + "login", {}, login)
    return {200: "ours", 401: "foreign", 403: "foreign"}.get(status, "pending")


def gate():
    while admin not in ("made", "ours"):
        time.sleep(POLL_SECONDS)
    with socket.create_server((HOST, PORT)) as server:
        while True:
            client, _ = server.accept()
            threading.Thread(target=connect, args=(client,), daemon=True).start()


def connect(client):
    try:
        with client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if admin not in ("made", "ours"):
                return
            with socket.create_connection(("127.0.0.1", inner_port), timeout=10) as inner:
                inner.settimeout(None)
                back = threading.Thread(target=copy, args=(inner, client), daemon=True)
                back.start()
                copy(client, inner)
                back.join()
    except OSError:
        pass


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def end_pod():
    """Tries every way, again and again, until the container is taken away."""
    ways = json.loads(os.path.expandvars(END))
    while True:
        for way in ways:
            status = call(way["method"], way["url"], way["headers"], way["body"])
            say("end of the pod requested: status %d" % status)
            if 200 <= status < 300:
                break
        time.sleep(RETRY_SECONDS)


def stop(*_):
    if child is not None and child.poll() is None:
        child.terminate()
        child.wait()
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
for run in (beats, invokeai, gate):
    start(run)
while True:
    if time.monotonic() - last_beat > SILENCE_SECONDS:
        say("no beat for %d s" % SILENCE_SECONDS)
        end_pod()
    if time.time() > END_AT:
        say("the time is up")
        end_pod()
    time.sleep(POLL_SECONDS)
