"""Edges: nginx, HAProxy and nghttpx as programs, with the shipped configurations or with none, each before bridges at ports
of loopback."""
import os
import re
import signal
import time

from lab.ports import free_port
from lab.processes import wait_until
from shipped import changed, chosen, shipped

HOST, FRONT, ORIGIN = "cdn.example.org", "www.example.net", "origin.example.org"


class Edge:
    """`bridges`: their ports, where `tls` those that speak it. `told`: it logs all that it can."""

    tls = False
    variables = {}  # of its environment

    def __init__(self, rig, name, bridges, told=False):
        self.rig, self.name, self.bridges, self.told = rig, name, bridges, told
        self.port, self.daemon, self.started = free_port(), None, []
        self.directory = rig.file(re.sub(r"\W+", "-", name))
        os.makedirs(self.directory)

    def file(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.file(name), "w") as file:
            file.write(text)
        return self.file(name)

    def run(self, words, **options):
        """The program, once it listens."""
        name = os.path.join(os.path.basename(self.directory), f"run{len(self.started)}")
        self.daemon = self.rig.run(words, name, self.port, **self.variables, **options)
        self.started.append(self.daemon)

    def stop(self):
        """At once, and what goes through it is cut."""
        for daemon in self.started:  # one that was told to end with its connections may still have some
            daemon.stop()

    def logs(self):
        """All that it has written."""
        texts = []
        for name in sorted(os.listdir(self.directory)):
            if name.endswith(".log"):
                with open(self.file(name), "rb") as file:
                    texts.append(file.read())
        return b"".join(texts)

    def processes(self):
        """The ids of those that work."""
        return [self.daemon.pid]


class Nginx(Edge):
    """`site()` is what it serves; a master and two workers, as it is installed everywhere."""

    def site(self):
        raise NotImplementedError

    def more(self):
        """The site whose name is shown when the front's is not the host's."""
        return f"""server {{ listen 127.0.0.1:{self.port} ssl http2; server_name {FRONT};
  ssl_certificate {self.rig.authority.of(FRONT)}; ssl_certificate_key {self.rig.authority.key};
  location / {{ return 200 'the front\\n'; }} }}
"""

    def start(self):
        places = " ".join(f"{kind}_temp_path {self.file(kind)};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        level = "debug" if self.told else "warn"
        config = self.write("nginx.conf", f"""daemon off; worker_processes 2; pid {self.file('nginx.pid')};
error_log {self.file('error.log')} {level};
events {{ worker_connections 4096; }}
http {{ access_log {self.file('access.log')} combined; {places}
{self.more()}{self.site()}}}
""")
        # Its master ends the workers, which would outlive it otherwise.
        self.run(["nginx", "-c", config, "-e", self.file("error.log")], dies_by=signal.SIGTERM)

    def reload(self):
        """What `nginx -s reload` does."""
        before = set(self.processes())
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(set(self.processes()) - before) >= 2, 10, "new workers of nginx")

    def processes(self):
        with open(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children") as file:
            return [int(word) for word in file.read().split()]


class NginxAsInstalled(Nginx):
    """Nothing is said but where the bridge is."""

    def site(self):
        return f"""server {{ listen 127.0.0.1:{self.port} ssl http2; server_name {HOST};
  ssl_certificate {self.rig.authority.of(HOST)}; ssl_certificate_key {self.rig.authority.key};
  location / {{ proxy_pass http://127.0.0.1:{self.bridges[0]}; }} }}
"""


class NginxShipped(Nginx):
    shipped_as = "nginx.conf"
    places = ("192.0.2.1:8080",)

    def site(self):
        authority = self.rig.authority
        text = changed(shipped(self.shipped_as),
                       *((place, f"127.0.0.1:{port}") for place, port in zip(self.places, self.bridges)),
                       ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
                       ("  listen [::]:443 ssl http2;\n", ""),
                       (f"/etc/ssl/{HOST}/fullchain.pem", authority.of(HOST)),
                       (f"/etc/ssl/{HOST}/privkey.pem", authority.key))
        return changed(text, ("  access_log off;", "  #")) if self.told else text


class NginxToTls(NginxShipped):
    tls = True

    def site(self):
        return changed(chosen(super().site(), "tls", "proxy_pass http://"),
                       ("/etc/nginx/origin.pem", self.rig.file("origin.pem")))


class NginxFleet(NginxShipped):
    shipped_as = "nginx-fleet.conf"
    places = ("192.0.2.1:8080", "192.0.2.2:8080")


class Haproxy(Edge):
    shipped_as = "haproxy.cfg"

    def config(self):
        # Whoever takes another user's rights loses what ends it with its parent.
        text = changed(shipped(self.shipped_as), ("  user haproxy\n  group haproxy\n", ""))
        if self.told:
            text = changed(text, ("global\n", "global\n  log stdout format raw local0 debug\n"),
                           ("  mode http\n", "  mode http\n  log global\n  option httplog\n"))
        return text

    def start(self, *more):
        config = self.write("haproxy.cfg", self.config())
        with open(self.file("certificate.pem"), "w") as file:
            for part in (self.rig.authority.of(HOST), self.rig.authority.key):
                with open(part) as source:
                    file.write(source.read())
        names = ["BRIDGE"] if len(self.bridges) == 1 else [f"BRIDGE{n + 1}" for n in range(len(self.bridges))]
        variables = {name: f"127.0.0.1:{port}" for name, port in zip(names, self.bridges)}
        self.run(["haproxy", "-db", "-f", config, *more], LISTEN=f"127.0.0.1:{self.port}",
                 CERTIFICATE=self.file("certificate.pem"), **variables)

    def reload(self):
        """A new one, which tells the old one to end with its connections."""
        old = self.daemon.pid
        self.start("-sf", old)


class HaproxyH2(Haproxy):
    def config(self):
        return chosen(super().config(), "h2", 'server bridge "${BRIDGE}"')


class HaproxyToTls(Haproxy):
    tls = True

    def config(self):
        return changed(chosen(super().config(), "tls", 'server bridge "${BRIDGE}"'),
                       ("/etc/haproxy/origin.pem", self.rig.file("origin.pem")))


class HaproxyFleet(Haproxy):
    shipped_as = "haproxy-fleet.cfg"


class Nghttpx(Edge):
    to_bridge = ""

    def start(self):
        told = ["--log-level=INFO"] if self.told else []
        self.run(["nghttpx", "--conf=/dev/null", "--single-process", "--workers=1", f"--frontend=127.0.0.1,{self.port}",
                  f"--backend=127.0.0.1,{self.bridges[0]};;{self.to_bridge}", f"--accesslog-file={self.file('access.log')}",
                  f"--errorlog-file={self.file('error.log')}", "--add-x-forwarded-for", *told, self.rig.authority.key,
                  self.rig.authority.of(HOST)])

    def reload(self):
        """The old one stops listening and ends with its connections, a new one takes the port."""
        self.daemon.process.send_signal(signal.SIGQUIT)
        for attempt in range(20):
            try:
                return self.start()
            except RuntimeError:  # the port is not free yet
                time.sleep(0.05)
        self.start()


class NghttpxH2(Nghttpx):
    to_bridge = "proto=h2"
