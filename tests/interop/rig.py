"""nginx as site and cover, a bridge, HAProxy in front of its second port, and two clients (one with a
password), all on loopback with ports of their own."""
import os
import random
import re
import shutil
import signal
import socket
import tempfile
import time

from lab.authority import Authority
from lab.ports import free_port
from lab.processes import Daemon, sh

SITE, COVER = "localhost", "cover.example"


class Rig:
    PLACES = ""  # more locations of the TLS sites

    def __init__(self, build_dir):
        self.build_dir = build_dir
        self.directory = tempfile.mkdtemp(prefix="surang-interop-")
        self.daemons = []
        (self.http, self.https, self.cover, self.bridge, self.behind, self.front, self.proxy, self.guarded,
         self.by_front) = (free_port() for _ in range(9))

    def file(self, name):
        return os.path.join(self.directory, name)

    def authority_and_site(self):
        self.authority = Authority(self.directory)
        self.authority.issue([SITE, COVER])
        with open(self.file("object"), "wb") as file:
            file.write(random.Random(3).randbytes(3 << 20))
        self._nginx()

    def start(self):
        self.authority_and_site()
        self._bridge()
        self._haproxy()
        link = f'link = "{self.link}"'
        self.daemons += [self.client("plain", self.proxy, link),
                         self.client("guarded", self.guarded, link, '[auth]\nuser = "me"\npassword = "pass word"\n'),
                         self.client("front", self.by_front, link.replace(f":{self.bridge}", f":{self.front}"))]

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _nginx(self):
        def tls(name, port):
            return f"""  server {{ listen 127.0.0.1:{port} ssl http2; listen [::1]:{port} ssl http2; server_name {name};
    ssl_certificate {self.authority.of(name)}; ssl_certificate_key {self.authority.key};
    location = / {{ return 200 '{name}\\n'; }} location = /post {{ return 200 'posted\\n'; }}
    location = /object {{ root {self.directory}; }} {self.PLACES} }}
"""
        # One process, so that nothing of nginx outlives a run that is killed.
        with open(self.file("nginx.conf"), "w") as file:
            file.write(f"""daemon off; master_process off; pid {self.file('nginx.pid')}; error_log {self.file('error.log')} warn;
events {{ }}
http {{
  access_log {self.file('access.log')}; client_max_body_size 100m;
  {' '.join(f'{kind}_temp_path {self.file(kind)};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))}
  server {{ listen 127.0.0.1:{self.http}; listen [::1]:{self.http};
    location = / {{ return 200 'plain\\n'; }} location = /post {{ return 200 'posted\\n'; }}
    location = /object {{ root {self.directory}; }}
    location = /upgrade {{ return 101; }} }}
{tls(SITE, self.https)}{tls(COVER, self.cover)}}}
""")
        self.run(["nginx", "-c", self.file("nginx.conf"), "-e", self.file("error.log")], "nginx", self.https)

    def run(self, words, name, port, dies_by=signal.SIGKILL, **variables):
        variables = {"SSL_CERT_FILE": self.authority.certificate} | variables
        daemon = Daemon(words, self.file(name + ".log"), env=variables, dies_by=dies_by)
        self.daemons.append(daemon)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return daemon
            if not daemon.alive():
                break
            time.sleep(0.02)
        raise RuntimeError(f"{name} does not listen: {daemon.text()[-2000:]}")

    def _bridge(self):
        binary, config = os.path.join(self.build_dir, "bridge-server/surang-bridge"), self.file("bridge.toml")
        made = sh(binary, "--config", config, "init", "--host", "127.0.0.1", "--cover", f"localhost:{self.cover}",
                  "--listen", f"127.0.0.1:{self.bridge}", "--state-dir", self.file("bridge-state"), "--user", "me",
                  env={**os.environ, "SSL_CERT_FILE": self.authority.certificate})
        self.link = re.search(r"surang://\S+", made.stdout).group(0)
        with open(config) as file:
            text = file.read()
        text = re.sub(r"(?m)^allow_egress.*$", "", text)
        with open(config, "w") as file:
            file.write('allow_egress = ["127.0.0.0/8", "::1/128"]\n' + text +
                       f'\n[[listen]]\naddress = "127.0.0.1:{self.behind}"\ntransport = "https"\nproxy_protocol = true\n')
        daemon = Daemon([binary, "--config", config, "run"], self.file("bridge.log"))
        self.daemons.append(daemon)
        daemon.wait_for(f"listening on 127.0.0.1:{self.behind}")

    def _haproxy(self):
        with open(self.file("haproxy.cfg"), "w") as file:
            file.write(f"""defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen front
  bind 127.0.0.1:{self.front}
  server bridge 127.0.0.1:{self.behind} send-proxy-v2
""")
        self.run(["haproxy", "-db", "-f", self.file("haproxy.cfg")], "haproxy", self.front)

    def client(self, name, port, bridge, extra="", **variables):
        """`bridge`: what its section of the configuration says. `variables` of its environment."""
        config = self.file(f"client-{name}.toml")
        with open(config, "w") as file:
            file.write(f"""listen = ["127.0.0.1:{port}", "[::1]:{port}"]
state_dir = "{self.file('state-' + name)}"
extra_ca_file = "{self.authority.certificate}"
[[bridge]]
{bridge}
[[rule]]
action = "always-tunnel"
pattern = "localhost"
{extra}
[detection]
captive_probe = ""
""")
        binary = os.path.join(self.build_dir, "client/surang")
        daemon = Daemon([binary, "--config", config, "run"], self.file(f"client-{name}.log"), env=variables)
        daemon.wait_for(f"listening on 127.0.0.1:{port}")
        return daemon
