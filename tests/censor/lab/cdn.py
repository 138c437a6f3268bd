"""The CDN: nginx in a namespace of its own, whose names anybody may show, and which hands what is asked for under one
name to the bridge. It is reached like the sites, past the ISP's censor, and reaches the bridge past the one that watches."""
import os
import time

from .network import BRIDGE, CDN
from .processes import Daemon, sh

HOST = "hidden.example"  # of the bridge at the CDN; nobody else's business
# The names that are shown, each at an address of its own.
FRONTS = {"front.example": (CDN.network4 + ".10", CDN.network6 + "::10"),
          "second.example": (CDN.network4 + ".11", CDN.network6 + "::11")}
ORIGIN_PORT = 8080


def bridge_toml():
    """Its section for each front, in order: the first is dialled where the link says, the second where its name leads."""
    first, second = FRONTS
    at = ", ".join(f'"{address}"' for address in FRONTS[first])
    return f"""
[[listen]]
address = "{BRIDGE.host4}:{ORIGIN_PORT}"
transport = "fronted"
edges = ["{CDN.network4}.0/24"]
[[front]]
host = "{HOST}"
sni = "{first}"
at = [{at}]
[[front]]
host = "{HOST}"
sni = "{second}"
"""


class Cdn:
    def __init__(self, namespace, directory, authority):
        self.namespace, self.directory = namespace, os.path.join(directory, "cdn")
        os.makedirs(self.directory)
        self.access = self._file("access.log")
        self.daemon = None
        authority.issue([*FRONTS, HOST])
        with open(self._file("nginx.conf"), "w") as file:
            file.write(self._nginx(authority))

    def _file(self, name):
        return os.path.join(self.directory, name)

    def _nginx(self, authority):
        def server(name, addresses, body):
            listens = " ".join(f"listen {f'[{a}]' if ':' in a else a}:443 ssl http2;" for a in addresses)
            return (f"  server {{ {listens} server_name {name};\n    ssl_certificate {authority.of(name)}; "
                    f"ssl_certificate_key {authority.key};\n    {body} }}\n")

        every = [address for pair in FRONTS.values() for address in pair]
        servers = "".join(server(name, addresses, f"location / {{ return 200 'This is {name}\\n'; }}")
                          for name, addresses in FRONTS.items())
        hidden = ("location / { proxy_pass http://bridge; proxy_http_version 1.1; proxy_set_header Connection ''; "
                  "proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; }")
        # One process, so that nothing of nginx outlives a run that is killed.
        return f"""daemon off;
master_process off;
pid {self._file('nginx.pid')};
error_log {self._file('error.log')} warn;
events {{ worker_connections 1024; }}
http {{
  access_log {self.access}; ssl_protocols TLSv1.2 TLSv1.3;
  {' '.join(f'{kind}_temp_path {self._file(kind)};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))}
  upstream bridge {{ server {BRIDGE.host4}:{ORIGIN_PORT}; keepalive 16; }}
{servers}{server(HOST, every, hidden)}}}
"""

    def start(self):
        log = self._file("nginx.log")
        self.daemon = Daemon(["nginx", "-c", self._file("nginx.conf"), "-e", self._file("error.log")], log, self.namespace)
        for _ in range(100):
            listening = sh("ip", "netns", "exec", self.namespace, "ss", "-Hltn", "sport", "=", ":443").stdout
            if all(pair[0] in listening for pair in FRONTS.values()):
                return
            if not self.daemon.alive():
                break
            time.sleep(0.1)
        raise RuntimeError("the CDN does not listen: " + open(log).read())
