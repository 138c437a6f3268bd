"""What stands outside: web sites and DoH (nginx), the nameserver (dnsmasq). All real programs."""
import os
import random
import sys
import time

from . import json_lines
from .authority import Authority
from .cdn import FRONTS
from .network import RESOLVER4, RESOLVER6
from .processes import Daemon, sh

# name -> last part of its addresses. The names say what scenarios do to them, the sites are all alike.
SITES = {name + ".example": number for number, name in enumerate(
    ["cover", "open", "calm", "reset", "www.reset", "drop", "fin", "poison", "bogus", "late", "ipdrop", "iprst",
     "icmp", "page", "slow", "freeze", "post", "fresh", "split", "window", "alone", "shared", "probe",
     "stall", "crawl", "mitm", "four", "six", "both", "stall4", "stall6", "crawl4", "crawl6", "known",
     "known4", "known6", "mixed"], start=10)}
SITES["sharing.example"] = SITES["shared.example"]
V4_ONLY = {name + ".example" for name in ("alone", "shared", "sharing", "four", "stall4", "crawl4", "known4")}
V6_ONLY = {name + ".example" for name in ("six", "stall6", "crawl6", "known6")}
HEAVY = {name + ".example" for name in ("stall", "stall4", "stall6", "crawl", "crawl4", "crawl6", "known", "known4", "known6",
                                        "mixed")}  # their front page has 100 KB
# Answer as these sites with certificates of an authority that nobody trusts.
IMPOSTORS = {name + ".example": (f"93.184.2.{number}", f"2a00:93::2:{number}")
             for number, name in enumerate(["mitm", "four", "six", "both"], start=1)}
DOH = {"doh1.example": "94.140.1.1", "doh2.example": "94.140.1.2", "doh3.example": "94.140.1.3"}
# Any name below them resolves: to an address where nothing listens, and to one where nothing answers.
REFUSED, SILENT = "refused.example", "silent.example"
SIZES = {"1k": 1 << 10, "100k": 100 << 10, "1m": 1 << 20, "10m": 10 << 20, "50m": 50 << 20}

# The page "/many" is made of objects of these.
MANY_HOSTS = [name + ".example" for name in ("open", "calm", "reset", "drop", "poison", "ipdrop", "fresh", "split", "window",
                                             "slow", "freeze", "post")]
OBJECTS = 50


def address4(name):
    return f"93.184.1.{SITES[name]}"


def address6(name):
    return f"2a00:93::{SITES[name]}"


def addresses(name):
    """Those that its names resolve to, IPv4 first."""
    return ([] if name in V6_ONLY else [address4(name)]) + ([] if name in V4_ONLY else [address6(name)])


PAGE = """<!doctype html><html><head><title>%s</title></head><body><p id=hello>Hello from %s</p><p id=time></p>
<script>addEventListener("load",()=>{const n=performance.getEntriesByType("navigation")[0];
document.getElementById("time").textContent="loaded="+n.responseEnd.toFixed(1)})</script></body></html>"""


def _many():
    scripts = "".join(f'<script async src="https://{MANY_HOSTS[n % len(MANY_HOSTS)]}/object{n}.js"></script>'
                      for n in range(OBJECTS))
    return ("<!doctype html><html><head><title>many</title><script>let got=0</script>" + scripts + "</head><body>"
            "<p id=time></p><script>addEventListener('load',()=>{document.getElementById('time').textContent="
            "'objects='+got+' loaded='+performance.now().toFixed(1)})</script></body></html>")


def _server(name, ports, body, certificate="", key=""):
    listens = "".join(f"    listen {address}:{port}{extra};\n" for address, port, extra in ports)
    tls = f"    ssl_certificate {certificate};\n    ssl_certificate_key {key};\n" if certificate else ""
    return f"  server {{\n{listens}    server_name {name};\n{tls}{body}  }}\n"


class Sites:
    def __init__(self, namespace, directory, authority):
        self.namespace, self.directory = namespace, os.path.join(directory, "sites")
        os.makedirs(self.directory)
        self.access = os.path.join(self.directory, "access.jsonl")
        self.daemons = []
        authority.issue([*SITES, *DOH])
        os.makedirs(self._file("untrusted"))
        self.untrusted = Authority(self._file("untrusted"))
        self.untrusted.issue(IMPOSTORS)
        self._objects()
        with open(self._file("nginx.conf"), "w") as file:
            file.write(self._nginx(authority))
        with open(self._file("dnsmasq.conf"), "w") as file:
            file.write(self._dnsmasq())

    def _file(self, name):
        return os.path.join(self.directory, name)

    def _objects(self):
        noise = random.Random(2)
        os.makedirs(self._file("objects"))
        for name, size in SIZES.items():
            with open(self._file("objects/" + name), "wb") as file:
                file.write(noise.randbytes(size))
        for number in range(OBJECTS):
            with open(self._file(f"objects/object{number}.js"), "w") as file:
                file.write("got++;\n//" + noise.randbytes(noise.randrange(1 << 10, 16 << 10)).hex() + "\n")
        with open(self._file("objects/many"), "w") as file:
            file.write(_many())

    def _nginx(self, authority):
        small = "    location = / { default_type text/html; return 200 '%s'; }\n"
        heavy = f"    location = / {{ default_type text/html; root {self._file('objects')}; try_files /100k =404; }}\n"
        site = ("    location = /favicon.ico { return 204; }\n"
                "    location = /generate_204 { return 204; }\n"
                "    location = /post { default_type text/plain; return 200 'posted\\n'; }\n"
                f"    location = /many {{ default_type text/html; root {self._file('objects')}; }}\n"
                f"    location / {{ root {self._file('objects')}; types {{ text/javascript js; }} }}\n")
        site += ("    location /paced/ { proxy_pass http://127.0.0.1:8055; proxy_http_version 1.1;\n"
                 "      proxy_buffering off; }\n")
        doh = ("    location /dns-query { proxy_pass http://127.0.0.1:8053; proxy_http_version 1.1;\n"
               "      proxy_set_header Connection ''; }\n")
        servers = []
        for name in SITES:
            listens = [f"[{address}]" if ":" in address else address for address in addresses(name)]
            page = (PAGE % (name, name)).replace("\n", " ").replace("'", "\\'")
            body = (heavy if name in HEAVY else small % page) + site
            ports = [(a, 80, "") for a in listens] + [(a, 443, " ssl http2") for a in listens]
            servers.append(_server(name, ports, body, authority.of(name), authority.key))
        for name, (four, six) in IMPOSTORS.items():
            ports = [(four, 443, " ssl http2"), (f"[{six}]", 443, " ssl http2")]
            servers.append(_server(name, ports, site, self.untrusted.of(name), self.untrusted.key))
        for name, address in DOH.items():
            servers.append(_server(name, [(address, 443, " ssl http2")], doh, authority.of(name), authority.key))
        # One process, so that nothing of nginx outlives a run that is killed.
        return f"""daemon off;
master_process off;
pid {self._file('nginx.pid')};
error_log {self._file('error.log')} warn;
events {{ worker_connections 8192; }}
http {{
  log_format line escape=json '{{"t":$msec,"host":"$host","from":"$remote_addr","method":"$request_method",'
    '"uri":"$request_uri","status":$status,"bytes":$body_bytes_sent,"length":"$content_length"}}';
  access_log {self.access} line;
  client_body_temp_path {self._file('body')};
  proxy_temp_path {self._file('proxy')};
  fastcgi_temp_path {self._file('fastcgi')};
  uwsgi_temp_path {self._file('uwsgi')};
  scgi_temp_path {self._file('scgi')};
  keepalive_timeout 65s;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_tickets on;
{''.join(servers)}}}
"""

    def _dnsmasq(self):
        lines = [f"no-resolv", "no-hosts", "no-daemon", "port=53", "bind-interfaces", "cache-size=0", "local=/#/",
                 "user=root", "group=root", "local-ttl=60", f"listen-address={RESOLVER4}",
                 f"listen-address={RESOLVER6}", "listen-address=127.0.0.1", f"pid-file={self._file('dns.pid')}"]
        for name in SITES:
            lines.append(f"host-record={name}," + ",".join(addresses(name)))
        for name, address in DOH.items():
            lines.append(f"host-record={name},{address}")
        for name, pair in FRONTS.items():
            lines.append(f"host-record={name}," + ",".join(pair))
        for name, address in ((REFUSED, "93.184.200.1"), (SILENT, "93.185.1.1")):
            lines.append(f"address=/{name}/{address}")
            for number in range(40):  # as many unrelated domains, for trials that are not each other's kin
                lines.append(f"address=/{name.split('.')[0]}{number}.example/{address}")
        return "\n".join(lines) + "\n"

    def start(self):
        log = self._file("daemons.log")
        here = os.path.dirname(os.path.abspath(__file__))
        self.daemons = [
            Daemon(["dnsmasq", "-C", self._file("dnsmasq.conf")], self._file("dnsmasq.log"), self.namespace),
            Daemon([sys.executable, os.path.join(here, "doh_backend.py")], self._file("doh.log"), self.namespace),
            Daemon([sys.executable, os.path.join(here, "paced_backend.py")], self._file("paced.log"), self.namespace),
            Daemon(["nginx", "-c", self._file("nginx.conf"), "-e", self._file("error.log")], log, self.namespace)]
        self.daemons[0].wait_for("started")
        for backend in self.daemons[1:3]:
            backend.wait_for("ready")
        for _ in range(100):
            if sh("ip", "netns", "exec", self.namespace, "ss", "-Hltn", "sport", "=", ":443").stdout.count("443") > 5:
                return
            if not self.daemons[3].alive():
                break
            time.sleep(0.1)
        raise RuntimeError("nginx does not listen: " + open(log).read())

    def mark(self):
        return os.path.getsize(self.access) if os.path.exists(self.access) else 0

    def requests(self, since=0, **fields):
        """Access log entries behind a mark with these fields."""
        return [e for e in json_lines.behind(self.access, since) if all(e.get(key) == value for key, value in fields.items())]

    def object(self, name):
        return self._file("objects/" + name)
