"""The peers over UDP. All live in a pair of namespaces (spaces.py) and go through the same path, so that what a tunnel costs is
all that they differ by."""
import subprocess
import uuid

from lab.ports import free_port
from peers import Peer, SurangBridged
from processes import in_space, wait_for_port
from spaces import ip, wait_for

WIREGUARD_NET = "10.202.0"


class InSpaces(Peer):
    """`place.spaces` is where."""

    def __init__(self, place, site):
        super().__init__()
        self.space = place.spaces.near


class RawPath(InSpaces):
    """TCP by the path itself."""
    name, via = "raw path", "direct"

    def __init__(self, place, site):
        super().__init__(place, site)
        self.load_arguments = ["--address", place.spaces.host]


class RawBbr(RawPath):
    """The same, from a site that sends by BBR."""
    name = "raw bbr"

    def __init__(self, place, site):
        super().__init__(place, site)
        self.load_arguments += ["--port", str(place.start_site("0.0.0.0", "bbr", "site-bbr"))]


class WireguardGo(InSpaces):
    """A wireguard-go at each end; TCP goes through its devices."""
    name, via = "wireguard-go", "direct"

    def __init__(self, place, site):
        super().__init__(place, site)
        spaces = place.spaces
        ends = {"client": (spaces.near, f"wgn{spaces.tag}", 1), "server": (spaces.far, f"wgf{spaces.tag}", 2)}
        port, keys = free_port(), {}
        for end, (space, device, _) in ends.items():
            log = f"wireguard-{end}"
            process = self.ends[end] = place.start(log, in_space(space, ["wireguard-go", "-f", device]))
            wait_for(lambda: self._wg(space, "show", device).returncode == 0, log, process)
            keys[end] = [subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout.strip()]
            keys[end].append(subprocess.run(["wg", "pubkey"], input=keys[end][0], capture_output=True, text=True,
                                            check=True).stdout.strip())
        for end, other in (("client", "server"), ("server", "client")):
            space, device, number = ends[end]
            private = place.write(f"wireguard-{end}.key", keys[end][0])
            said = self._wg(space, "set", device, "private-key", private,
                            *(["listen-port", str(port)] if end == "server" else []),
                            "peer", keys[other][1], "allowed-ips", f"{WIREGUARD_NET}.0/24",
                            *(["endpoint", f"{spaces.host}:{port}"] if end == "client" else []))
            if said.returncode:
                raise RuntimeError(f"wg set: {said.stderr.strip()}")
            ip("-n", space, "addr", "add", f"{WIREGUARD_NET}.{number}/24", "dev", device)
            ip("-n", space, "link", "set", "dev", device, "up")
        self.load_arguments = ["--address", f"{WIREGUARD_NET}.2"]

    @staticmethod
    def _wg(space, *words):
        return subprocess.run(in_space(space, ["wg", *words]), capture_output=True, text=True, stdin=subprocess.DEVNULL)


class SurangQuic(SurangBridged, InSpaces):
    name, transport = "surang quic", "quic"


class V2rayQuic(InSpaces):
    """VMess, whose own encryption is off, in v2ray's QUIC, which has its own."""
    name = "v2ray quic"

    def __init__(self, place, site):
        super().__init__(place, site)
        self.port, server_port = free_port(), free_port()
        user = f'"id": "{uuid.uuid4()}"'
        told = '"log": {"loglevel": "warning", "access": "none"}'
        stream = ('"streamSettings": {"network": "quic", "quicSettings": {"security": "none", "key": "", '
                  '"header": {"type": "none"}}}')
        server = place.write("v2ray-quic-server.json", f"""{{{told}, "inbounds": [{{"listen": "0.0.0.0", "port": {server_port},
"protocol": "vmess", "settings": {{"clients": [{{{user}}}]}}, {stream}}}], "outbounds": [{{"protocol": "freedom"}}]}}""")
        client = place.write("v2ray-quic-client.json", f"""{{{told}, "inbounds": [{{"listen": "127.0.0.1", "port": {self.port},
"protocol": "socks"}}], "outbounds": [{{"protocol": "vmess", "settings": {{"vnext": [{{"address": "{place.spaces.host}",
"port": {server_port}, "users": [{{{user}, "security": "none"}}]}}]}}, {stream}}}]}}""")
        for end, space, config in (("server", place.spaces.far, server), ("client", place.spaces.near, client)):
            log = "v2ray-quic-" + end
            process = self.ends[end] = place.start(log, in_space(space, ["v2ray", "-config", config]))
            wait_for(lambda: " started" in place.log(log), log, process)
        wait_for_port(self.port, self.ends["client"], space=place.spaces.near)


OVER_VETH = [RawPath, WireguardGo, SurangQuic]
OVER_LONG_PATH = [RawBbr, V2rayQuic, SurangQuic]
