"""The two programs under test, in their namespaces."""
import contextlib
import json
import os
import re
import tempfile

from .cdn import bridge_toml
from .links import by_transport
from .network import BRIDGE
from .processes import Daemon, sh
from .sites import DOH, address4, address6

SOCKS, HTTP = "socks5h://127.0.0.1:1080", "http://127.0.0.1:1080"


OBFS4_PORT = 9443


class Bridge:
    """One bridge on its host, made by `init` as a person would. `link` is by https alone, `full_link` as `init` made it,
    `link_with_fronts` what is written once the bridge is behind the CDN, too."""

    def __init__(self, lab):
        self.lab, self.directory = lab, os.path.join(lab.directory, "bridge")
        os.makedirs(self.directory)
        self.binary = os.path.join(lab.build_dir, "bridge-server/surang-bridge")
        self.config = os.path.join(self.directory, "bridge.toml")
        self.log = os.path.join(self.directory, "bridge.log")
        self.namespace = lab.network.ns["br"]
        self.environment = {"SSL_CERT_FILE": lab.authority.certificate}
        made = self.command("init", "--host", BRIDGE.host4, "--cover", "cover.example:443", "--listen",
                            BRIDGE.host4 + ":443", "--obfs4-port", OBFS4_PORT, "--state-dir", os.path.join(self.directory, "state"), "--user",
                            "tester")
        self.full_link = re.search(r"surang://\S+", made.stdout).group(0)
        self.link = by_transport(self.full_link, "https")
        with open(self.config, "a") as file:
            file.write(bridge_toml())
        self.link_with_fronts = re.search(r"surang://\S+", self.command("link", "tester").stdout).group(0)
        self.daemon = None

    def command(self, *words, check=True):
        return sh("ip", "netns", "exec", self.namespace, self.binary, "--config", self.config, *words, check=check,
                  env={**os.environ, **self.environment})

    def link_of_new_user(self, name):
        return re.search(r"surang://\S+", self.command("user", "add", name).stdout).group(0)

    def start(self):
        open(self.log, "w").close()
        self.daemon = Daemon([self.binary, "--config", self.config, "run"], self.log, self.namespace,
                             self.environment)
        self.daemon.wait_for("listening on")

    def kill(self):
        self.daemon.kill()

    def stop(self):
        if self.daemon:
            self.daemon.stop()


class Client:
    """A fresh client; `settings` are of [detection], `state` an earlier client's to go on with; `link` False: no bridge;
    another `port` for one beside others. `top` and `bottom`: lines of its configuration; `without`: a command that runs it with
    fewer rights."""

    def __init__(self, lab, state=None, link=None, rules=(), top=(), bottom=(), without=(), port=1080, **settings):
        self.lab, self.port, self.without = lab, port, without
        self.socks, self.http = f"socks5h://127.0.0.1:{port}", f"http://127.0.0.1:{port}"
        self.directory = tempfile.mkdtemp(dir=lab.directory, prefix="client-")
        self.state = state or os.path.join(self.directory, "state")
        self.binary = os.path.join(lab.build_dir, "client/surang")
        self.config = os.path.join(self.directory, "client.toml")
        lines = [f'listen = ["127.0.0.1:{port}", "[::1]:{port}"]', f'state_dir = "{self.state}"', 'log_level = "debug"',
                 f'extra_ca_file = "{lab.authority.certificate}"', *top]
        if link is not False:
            lines += ["[[bridge]]", f'link = "{link or lab.bridge.link}"']
        for name, address in DOH.items():
            lines += ["[[doh]]", f'name = "{name}"', f'host = "{name}"', f'addresses = ["{address}"]']
        for action, pattern in rules:
            lines += ["[[rule]]", f'action = "{action}"', f'pattern = "{pattern}"']
        settings.setdefault("captive_probe", "http://probe.example/generate_204")
        lines += ["[detection]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items()), *bottom]
        with open(self.config, "w") as file:
            file.write("\n".join(lines) + "\n")
        self.log = os.path.join(self.directory, "surang.log")
        # A CDN's certificates are those of authorities that the system knows.
        self.environment = {"SSL_CERT_FILE": lab.authority.certificate} if link and "t=fronted:" in link else {}
        self.daemon = None

    def __enter__(self):
        self.daemon = Daemon([*self.without, self.binary, "--config", self.config, "run"], self.log,
                             self.lab.network.ns["cl"], self.environment)
        self.daemon.wait_for(f"listening on 127.0.0.1:{self.port}")
        return self

    def __exit__(self, *_):
        self.daemon.stop()

    def command(self, *words, check=True):
        return sh("ip", "netns", "exec", self.lab.network.ns["cl"], self.binary, "--config", self.config, *words,
                  check=check)

    def pid(self):
        """The program's own: `ip netns exec` has become it."""
        return self.daemon.pid

    def status(self):
        return json.loads(self.command("status", "--json").stdout)

    def convictions(self):
        return self.status()["convictions"]


@contextlib.contextmanager
def clients_for(lab, names, **settings):
    """A client for each, side by side, each on a port of its own."""
    with contextlib.ExitStack() as running:
        yield {name: running.enter_context(Client(lab, port=1080 + n, **settings)) for n, name in enumerate(names)}


def is_site(event, name):
    return event.get("address") in (address4(name), address6(name))


class Traffic:
    """What went where since it was made: directly by the ISP's censor, and out of the bridge."""

    def __init__(self, lab, isp=None):
        self.lab, self.isp = lab, isp or lab.a
        self.direct_mark, self.tunnel_mark = self.isp.mark(), lab.watch.mark()

    def direct(self, name):
        return [e for e in self.isp.events(self.direct_mark, "open", proto="tcp") if is_site(e, name)]

    def dialled(self, address):
        """Direct connections to an address, whosever it is."""
        return self.isp.events(self.direct_mark, "open", proto="tcp", address=address)

    def tunnel(self, name):
        return [e for e in self.lab.watch.events(self.tunnel_mark, "open", proto="tcp") if is_site(e, name)]
