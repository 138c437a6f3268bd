"""What is before and behind the edges: nginx as site, a program for hashed transfers, bridges that listen for edges by the
lines of packaging/fleet/README.md, and clients by links of one front; all on loopback with ports of their own."""
import json
import os
import random
import re
import subprocess
import threading

from edge_programs import FRONT, HOST
from far import Far
from lab.authority import Authority
from lab.links import by_transport
from lab.ports import free_port
from lab.processes import Daemon, sh
from lab.visit import Visitor
from rig import COVER, SITE, Rig
from shipped import Guide, changed

OBJECTS = 30


class Here(Visitor):
    """The person on this machine, whose Chromium takes `localhost` to the proxy, too."""

    def run(self, *words, timeout=60, env=None):
        return sh(*words, check=False, timeout=timeout, env={**os.environ, **(env or {})})

    def browse(self, url, proxy):
        return self.chromium(url, f"socks5://127.0.0.1:{proxy}", 90, ["--proxy-bypass-list=<-loopback>"])


class Bridge:
    """One with its own state folder. `sections`: its listeners and fronts."""

    def __init__(self, rig, name, user):
        self.rig, self.name, self.daemon = rig, name, None
        self.binary = os.path.join(rig.build_dir, "bridge-server/surang-bridge")
        self.directory, self.state = rig.file(name), rig.file(name + "/state")
        os.makedirs(self.directory)
        self.config = os.path.join(self.directory, "bridge.toml")
        sh(self.binary, "--config", self.config, "init", "--host", "127.0.0.1", "--cover", f"localhost:{rig.cover}",
           "--listen", f"127.0.0.1:{free_port()}", "--obfs4-port", "0", "--state-dir", self.state, "--user", user,
           env={**os.environ, "SSL_CERT_FILE": rig.authority.certificate})

    def configure(self, *sections):
        """In the place of the sections that `init` wrote."""
        with open(self.config) as file:
            text = file.read()
        text = re.sub(r"(?m)^allow_egress.*$", 'allow_egress = ["127.0.0.0/8", "::1/128"]', text[:text.index("[[listen]]")])
        with open(self.config, "w") as file:
            file.write("\n".join((text, *sections)))

    def start(self, **variables):
        """Its daemon, once it listens everywhere."""
        log = os.path.join(self.directory, "bridge.log")
        with open(log, "w"):
            pass
        self.daemon = Daemon([self.binary, "--config", self.config, "run"], log, env=variables)
        self.rig.daemons.append(self.daemon)
        with open(self.config) as file:
            ports = re.findall(r'(?m)^address = ".*:(\d+)"', file.read())
        for port in ports:
            self.daemon.wait_for(f":{port} (fronted)", 20)
        return self

    def status(self):

        return json.loads(sh(self.binary, "--config", self.config, "status", "--json", check=False).stdout or "{}")

    def link(self, user, number=0):
        """By the front of that number alone."""
        link = by_transport(re.search(r"surang://\S+", sh(self.binary, "--config", self.config, "link", user).stdout).group(0),
                            "fronted")
        head, _, query = link.partition("/?")
        query, hash_mark, name = query.partition("#")
        parts = query.split("&")
        fronts = [part for part in parts if part.startswith("t=")]
        return f"{head}/?" + "&".join([part for part in parts if part not in fronts] + [fronts[number]]) + hash_mark + name


def listener(block, port):
    """A `[[listen]]` section of the guide's, at a port of this machine."""
    section = block[:block.index("[[front]]")] if "[[front]]" in block else block
    section = re.sub(r'(?m)^address = ".*"$', f'address = "127.0.0.1:{port}"', section)
    return re.sub(r"(?m)^edges = .*$", 'edges = ["127.0.0.1"]', section)


def front(block, port):
    """A `[[front]]` section of the guide's, whose edge is at a port of this machine."""
    section = block[block.index("[[front]]"):]
    section = re.sub(r"(?m)^at = .*\n", "", section)
    return section.rstrip("\n") + f'\nport = {port}\nat = ["127.0.0.1"]\n'


class EdgeRig(Rig):
    USER = "me"

    def __init__(self, build_dir, full):
        super().__init__(build_dir)
        self.full, self.guide, self.one_browser = full, Guide(), threading.Lock()
        self.far, self.clients = None, {}  # by their SOCKS5 ports
        self.plain_port, self.tls_port = free_port(), free_port()
        self.PLACES = f"location /pages/ {{ root {self.directory}; types {{ text/html html; text/javascript js; }} }}"

    def start(self):
        os.chmod(self.directory, 0o755)  # nginx's workers may be another user
        self.authority = Authority(self.directory)
        self.authority.issue([SITE, COVER, HOST, FRONT])
        self._pages()
        self._nginx()
        self.far = Far()
        self.here = Here("", self.authority, self.directory)
        self.here.trust_authority()
        self.bridge = Bridge(self, "bridge", self.USER)
        self._certificate_for_edges()
        self.bridge.configure(*self._sections())
        self.bridge.start()

    def stop(self):
        for daemon in self.daemons:  # all at once: a bridge waits for its clients
            if daemon.alive():
                daemon.process.terminate()
        super().stop()
        if self.far:
            self.far.stop()

    def _pages(self):
        noise = random.Random(2)
        os.makedirs(self.file("pages"))
        with open(self.file("object"), "wb") as file:
            file.write(noise.randbytes(3 << 20))
        for number in range(OBJECTS):
            with open(self.file(f"pages/object{number}.js"), "w") as file:
                file.write("got++;\n//" + noise.randbytes(noise.randrange(1 << 10, 16 << 10)).hex() + "\n")
        scripts = "".join(f'<script async src="/pages/object{n}.js"></script>' for n in range(OBJECTS))
        with open(self.file("pages/many.html"), "w") as file:
            file.write(f"<!doctype html><html><head><script>let got=0</script>{scripts}</head><body><p id=time></p><script>"
                       "addEventListener('load',()=>{document.getElementById('time').textContent="
                       "'objects='+got+' loaded='+performance.now().toFixed(1)})</script></body></html>")

    def _certificate_for_edges(self):
        command = self.guide.block("One bridge", "openssl req")
        subprocess.run(["bash", "-ec", changed(command, ("/etc/surang/", self.bridge.directory + "/"))], check=True,
                       capture_output=True, timeout=30)
        os.link(os.path.join(self.bridge.directory, "origin.pem"), self.file("origin.pem"))

    def _sections(self):
        """The guide's lines: both kinds of listeners, and every kind of front."""
        own, cdn = self.guide.block("One bridge", "[[listen]]"), self.guide.block("A CDN", "[[listen]]")
        fronts = [own, cdn, self.guide.block("A front name", '[[front]]\nhost = "cdn.example.org"\nsni = "www'),
                  self.guide.block("A front name", '[[front]]\nhost = "cdn.example.org"\nsni = "none"'),
                  self.guide.block("A path", "[[front]]")]
        return [listener(own, self.plain_port), listener(cdn, self.tls_port), *(front(one, 443) for one in fronts)]

    def port_for(self, edge_type):
        return self.tls_port if edge_type.tls else self.plain_port

    def client_to(self, port, number=0, bridge=None, **variables):
        """A client's SOCKS5 port, whose edge is at `port`. `number`: of the guide's front."""
        link = (bridge or self.bridge).link(self.USER, number)
        return self.client_by(changed(link, ("t=fronted:443:", f"t=fronted:{port}:")), **variables)

    def client_by(self, link, **variables):
        proxy = free_port()
        variables = {"SSL_CERT_FILE": self.authority.certificate} | variables
        self.clients[proxy] = self.client(f"{proxy}", proxy, f'link = "{link}"', **variables)
        self.daemons.append(self.clients[proxy])
        return proxy
