"""HTTP/3 by SOCKS5's UDP ASSOCIATE: ngtcp2's client and server, with a relay between that client and the proxy."""
import contextlib
import os
import tempfile

from .block_scenarios import loads
from .network import BRIDGE
from .processes import Daemon
from .sites import address4
from .surang import SOCKS, Client
from .table import expect, scenario

FORWARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "socks_forward.py")
LOCAL_PORT = 4443


@contextlib.contextmanager
def quic_site(lab, name):
    """The same objects as the site has otherwise, at UDP 443."""
    server = Daemon(["gtlsserver", "-q", "-d", os.path.dirname(lab.sites.object("1m")), address4(name), "443", lab.authority.key, lab.authority.of(name)],
                    os.path.join(lab.directory, "gtlsserver.log"), lab.network.ns["net"])
    try:
        yield
    finally:
        server.stop()


def fetch(lab, name):
    """A megabyte, to the site's address as a program resolves it itself."""
    relay = Daemon(["/usr/bin/python3", FORWARD, "1080", str(LOCAL_PORT), address4(name), "443"],
                   os.path.join(lab.directory, "forward.log"), lab.network.ns["cl"])
    with tempfile.TemporaryDirectory(dir=lab.directory) as directory:
        try:
            relay.wait_for("forwarding")
            with open(os.path.join(directory, "hosts"), "w") as file:
                file.write(f"127.0.0.1 {name}\n")
            # It says that it is for the host that it is sent to, which is the relay. The mount is of this command alone.
            lab.visitor.run("sh", "-c", f"mount --bind {directory}/hosts /etc/hosts && exec gtlsclient -q "
                            f"--exit-on-all-streams-close --download={directory} {name} {LOCAL_PORT} https://{name}/1m",
                            timeout=20)
        finally:
            relay.stop()
        same_megabyte(lab, directory, name)
    os.unlink(relay.log)


def same_megabyte(lab, directory, name):
    with open(lab.sites.object("1m"), "rb") as sent, open(os.path.join(directory, "1m"), "rb") as got:
        expect(got.read() == sent.read(), f"{name}: other bytes")


def by_their_ways(lab, bring):
    """`bring(lab, NAME)` both sites by HTTP/3: the blocked one by the bridge, the open one directly."""
    names = ("reset.example", "open.example")
    mark, at_bridge = lab.a.mark(), lab.watch.mark()
    for name in names:
        bring(lab, name)
    here = {name: flows(lab.a, mark, name) for name in names}
    there = {name: flows(lab.watch, at_bridge, name) for name in names}
    expect(here == {"reset.example": 0, "open.example": 1}, f"seen by the ISP: {here}")
    expect(there == {"reset.example": 1, "open.example": 0}, f"from {BRIDGE.host4}: {there}")


def flows(censor, mark, name):
    return len(censor.events(mark, "open", settle=0.5, proto="udp", address=address4(name)))


@scenario("udp: HTTP/3 of a site that is blocked goes by the bridge, that of others directly", "surang")
def http3(lab):
    with quic_site(lab, "reset.example"), quic_site(lab, "open.example"), Client(lab) as client:
        mark = lab.a.mark()
        fetch(lab, "reset.example")
        expect(flows(lab.a, mark, "reset.example") == 1, "before the block it does not go directly")
        lab.a.add("sni-reset reset.example")
        loads(lab.visitor.curl("https://reset.example/", proxy=SOCKS), "by TCP")
        expect(client.convictions(), "no conviction")
        by_their_ways(lab, fetch)
    return "1 MiB each"
