"""What the prober looks at, on loopback: nginx as cover site, a bridge, and a client whose connections to the bridge pass a
tap, so that there are a real user's first flights to copy."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from flights import hello
from lab.links import by_transport
from lab.ports import free_port
from lab.processes import Daemon
from silent_port import make_impatient

SITE = "cover.example"
PATIENCE = 2  # seconds that nginx waits for a hello


class Rig:
    def __init__(self, build_dir):
        self.build_dir = build_dir
        self.directory = tempfile.mkdtemp(prefix="surang-prober-")
        self.daemons = {}  # by name, in the order of their start
        self.cover, self.bridge, self.obfs4, self.proxy, self.obfs4_proxy = (free_port() for _ in range(5))

    def file(self, name):
        return os.path.join(self.directory, name)

    def start(self):
        os.chmod(self.directory, 0o755)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={SITE}",
                        "-addext", f"subjectAltName=DNS:{SITE},DNS:localhost", "-keyout", self.file("key"), "-out",
                        self.file("certificate")], check=True, capture_output=True)
        # One process, so that nothing of nginx outlives a run that is killed. X25519 and P-256 alone, so that there are
        # hellos that have to be asked to come again.
        with open(self.file("nginx.conf"), "w") as file:
            file.write(f"""daemon off; master_process off; pid {self.file('nginx.pid')}; error_log {self.file('nginx.log')};
events {{ worker_connections 4096; }}
http {{ access_log off; client_header_timeout {PATIENCE}s; keepalive_timeout {PATIENCE}s;
  {' '.join(f'{kind}_temp_path {self.file(kind)};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))}
  server {{ listen 127.0.0.1:{self.cover} ssl http2; server_name {SITE}; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ecdh_curve X25519:prime256v1;
    ssl_certificate {self.file('certificate')}; ssl_certificate_key {self.file('key')};
    location / {{ return 200 'the site\\n'; }} }} }}
""")
        self.start_cover()
        trusting = {**os.environ, "SSL_CERT_FILE": self.file("certificate")}
        bridge = self.program("bridge-server/surang-bridge")
        made = subprocess.run([bridge, "--config", self.file("bridge.toml"), "init", "--host", "127.0.0.1", "--cover",
                               f"localhost:{self.cover}", "--listen", f"127.0.0.1:{self.bridge}", "--obfs4-port",
                               str(self.obfs4), "--state-dir", self.file("bridge-state"), "--user", "me"], capture_output=True, text=True, env=trusting)
        if made.returncode != 0:
            raise RuntimeError("surang-bridge init: " + made.stdout + made.stderr)
        link = re.search(r"surang://\S+", made.stdout).group(0)
        self.silence = make_impatient(self.file("bridge-state/keys.json"))
        self.start_bridge()
        self.tap, self.obfs4_tap = Tap(self.bridge), Tap(self.obfs4)
        https, obfs4 = by_transport(link, "https"), by_transport(link, "obfs4")
        self.client("client", self.proxy, https.replace(f":{self.bridge}", f":{self.tap.port}"))
        self.client("obfs4-client", self.obfs4_proxy, obfs4.replace(f"obfs4:{self.obfs4}", f"obfs4:{self.obfs4_tap.port}"))

    def client(self, name, port, link):
        with open(self.file(name + ".toml"), "w") as file:
            file.write(f"""listen = ["127.0.0.1:{port}"]
state_dir = "{self.file(name + '-state')}"
[[bridge]]
link = "{link}"
[[rule]]
action = "always-tunnel"
pattern = "tunnelled.example"
[detection]
captive_probe = ""
""")
        self.run(name, [self.program("client/surang"), "--config", self.file(name + ".toml"), "run"], port=port)

    def program(self, path):
        return os.path.join(self.build_dir, path)

    def start_cover(self):
        self.run("nginx", ["nginx", "-c", self.file("nginx.conf"), "-e", self.file("nginx.log")], port=self.cover)

    def start_bridge(self):
        self.run("bridge", [self.program("bridge-server/surang-bridge"), "--config", self.file("bridge.toml"), "run"],
                 port=self.bridge)

    def run(self, name, words, port):
        daemon = self.daemons[name] = Daemon(words, self.file(name + ".log"))
        for _ in range(1000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if not daemon.alive():
                break
            time.sleep(0.02)
        raise RuntimeError(f"{name} does not listen: {daemon.text()[-2000:]}")

    def stop(self):
        for daemon in reversed(self.daemons.values()):
            daemon.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def flight(self, deliver, by_obfs4=False):
        """The first flight of a new session of the client; delivered to the bridge, or kept from it."""
        tap, port = (self.obfs4_tap, self.obfs4_proxy) if by_obfs4 else (self.tap, self.proxy)
        tap.deliver, tap.flight = deliver, None
        tap.cut()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.create_connection(("127.0.0.1", port)) as browser:
                browser.settimeout(1)
                browser.sendall(b"CONNECT tunnelled.example:443 HTTP/1.1\r\nHost: tunnelled.example:443\r\n\r\n")
                browser.sendall(hello("-servername", "tunnelled.example"))
                for _ in range(20):
                    if tap.flight:
                        return tap.flight
                    time.sleep(0.1)
        raise RuntimeError("the client makes no session")


class Tap:
    """Between client and bridge: keeps the first flight of each connection."""

    def __init__(self, bridge):
        self.bridge, self.deliver, self.flight, self.open = bridge, True, None, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def cut(self):
        while self.open:
            self.open.pop().close()

    def accept(self):
        while True:
            peer, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        self.open.append(peer)
        flight = b""
        peer.settimeout(0.3)
        try:
            while chunk := peer.recv(65536):
                flight += chunk
        except OSError:
            pass
        if not flight or self.flight:
            peer.close()
            return
        if self.deliver:
            onward = socket.create_connection(("127.0.0.1", self.bridge))
            self.open.append(onward)
            onward.sendall(flight)
            onward.settimeout(5)
            try:
                peer.sendall(onward.recv(65536))  # let in: the ticket is used
            except OSError:
                pass
        self.flight = flight
