"""The peers: how each is started, and how the load goes through it."""
import copy
import os
import pwd
import re
import shutil
import subprocess
import time
import uuid

import processes
from edge import Edge
from lab.links import by_transport
from lab.ports import free_port
from processes import in_space, wait_for_port


class Place:
    """The directory of a run, its certificate, and the group its processes belong to."""

    def __init__(self, directory, build_dir, group):
        self.directory, self.build_dir, self.group = directory, build_dir, group
        self.edge_of_all = self.spaces = None
        self.certificate, self.key = self.path("cert.pem"), self.path("key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)

    def beside(self, name, group):
        """A directory and group of its own, with the same certificate."""
        other = copy.copy(self)
        other.directory, other.group, other.edge_of_all = self.path(name), group, None
        os.mkdir(other.directory)
        return other

    def within(self, name, spaces, group):
        """The same, with the near ends in one network namespace and the far ones in another."""
        other = self.beside(name, group)
        other.spaces = spaces
        return other

    def edge(self):
        """The one nginx that all peers behind an edge go through."""
        if not self.edge_of_all:
            self.edge_of_all = Edge(self)
        return self.edge_of_all

    def trusting(self):
        """The environment of a program that verifies the certificate of the run."""
        return dict(os.environ, SSL_CERT_FILE=self.certificate)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def start(self, name, command, **options):
        return self.group.start(command, self.path(name + ".log"), **options)

    def log(self, name):
        with open(self.path(name + ".log"), errors="replace") as f:
            return f.read()

    def start_site(self, address="127.0.0.1", congestion="", log="site"):
        """`congestion`: the algorithm by which it sends, if not the kernel's usual one."""
        server = [os.path.join(self.build_dir, "tests", "bench", "bench_server"), address, congestion]
        process = self.start(log, in_space(self.spaces and self.spaces.far, server), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
        port = process.stdout.readline()
        if not port:
            raise RuntimeError(f"the site does not start: {self.log(log).strip()}")
        return int(port)


class Peer:
    name = ""
    via = "socks5"
    port = None
    grants_connect = False  # an HTTP proxy, too
    load_arguments = []
    edge = None  # somebody else's process on the way, which is no end of it
    space = None  # the network namespace that the load is in

    def __init__(self):
        self.ends = {}  # "client", "server" or "proxy" -> process

    def cpu_seconds(self):
        return sum(processes.cpu_seconds(p.pid) for p in self.ends.values())

    def edge_cpu_seconds(self):
        return processes.cpu_seconds(self.edge.process.pid) if self.edge else 0

    def memory(self):
        return {end: processes.memory_bytes(p.pid) for end, p in self.ends.items()}


class Raw(Peer):
    name, via = "raw loopback", "direct"

    def __init__(self, place, site):
        super().__init__()


class Microsocks(Peer):
    name = "microsocks"

    def __init__(self, place, site):
        super().__init__()
        self.port = free_port()
        self.ends["proxy"] = place.start("microsocks", ["microsocks", "-i", "127.0.0.1", "-p", self.port])
        wait_for_port(self.port, self.ends["proxy"])


class Dante(Peer):
    name = "dante"

    def __init__(self, place, site):
        super().__init__()
        self.port = free_port()
        user = pwd.getpwuid(os.getuid()).pw_name  # another one would free it from dying with the run
        config = place.write("danted.conf", f"""logoutput: {place.path("danted.out")}
internal: 127.0.0.1 port = {self.port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: {user}
user.unprivileged: {user}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
""")
        self.ends["proxy"] = place.start("dante", ["/usr/sbin/danted", "-f", config, "-p", place.path("danted.pid")])
        wait_for_port(self.port, self.ends["proxy"])


class Trojan(Peer):
    name = "trojan"

    def __init__(self, place, site):
        super().__init__()
        server_port, self.port = free_port(), free_port()
        tcp = '"tcp": {"no_delay": true, "keep_alive": true, "reuse_port": false, "fast_open": false}'
        tls13 = '"cipher_tls13": "TLS_AES_128_GCM_SHA256", "reuse_session": true, "session_ticket": true'
        server = place.write("trojan-server.json", f"""{{"run_type": "server", "local_addr": "127.0.0.1",
"local_port": {server_port}, "remote_addr": "127.0.0.1", "remote_port": {site}, "password": ["secret"], "log_level": 3,
"ssl": {{"cert": "{place.certificate}", "key": "{place.key}", "alpn": ["http/1.1"], {tls13}}}, {tcp}}}""")
        client = place.write("trojan-client.json", f"""{{"run_type": "client", "local_addr": "127.0.0.1",
"local_port": {self.port}, "remote_addr": "127.0.0.1", "remote_port": {server_port}, "password": ["secret"],
"log_level": 3, "ssl": {{"verify": true, "verify_hostname": true, "cert": "{place.certificate}", "sni": "localhost",
"alpn": ["http/1.1"], {tls13}}}, {tcp}}}""")
        self.ends["server"] = place.start("trojan-server", ["trojan", "-c", server])
        wait_for_port(server_port, self.ends["server"])
        self.ends["client"] = place.start("trojan-client", ["trojan", "-c", client])
        wait_for_port(self.port, self.ends["client"])


class Stunnel(Peer):
    name, via = "stunnel", "direct"

    def __init__(self, place, site):
        super().__init__()
        server_port, self.port = free_port(), free_port()
        common = "foreground = yes\nsyslog = no\ndebug = 3\npid =\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
        suite = "ciphersuites = TLS_AES_128_GCM_SHA256\n"
        server = place.write("stunnel-server.conf", f"""{common}[site]
accept = 127.0.0.1:{server_port}
connect = 127.0.0.1:{site}
cert = {place.certificate}
key = {place.key}
{suite}""")
        client = place.write("stunnel-client.conf", f"""{common}[site]
client = yes
accept = 127.0.0.1:{self.port}
connect = 127.0.0.1:{server_port}
CAfile = {place.certificate}
verifyChain = yes
{suite}""")
        self.ends["server"] = place.start("stunnel-server", ["stunnel4", server])
        wait_for_port(server_port, self.ends["server"])
        self.ends["client"] = place.start("stunnel-client", ["stunnel4", client])
        wait_for_port(self.port, self.ends["client"])


class Nghttpx(Peer):
    """A forward proxy whose connections share one HTTP/2 session over TLS. The site grants the CONNECT itself."""
    name, via, grants_connect = "nghttpx", "connect", True

    def __init__(self, place, site):
        super().__init__()
        server_port, self.port = free_port(), free_port()
        empty = place.write("nghttpx.conf", "")
        common = ["nghttpx", f"--conf={empty}", "--http2-proxy", "--workers=1", "--errorlog-file=/dev/stderr",
                  "--log-level=ERROR", "--accesslog-file=/dev/null", "--backend-connections-per-host=4000"]
        self.ends["server"] = place.start("nghttpx-server", common + [
            f"--frontend=127.0.0.1,{server_port}", f"--backend=127.0.0.1,{site}",
            "--frontend-http2-max-concurrent-streams=2000", "--tls13-ciphers=TLS_AES_128_GCM_SHA256",
            place.key, place.certificate])
        wait_for_port(server_port, self.ends["server"])
        self.ends["client"] = place.start("nghttpx-client", common + [
            f"--frontend=127.0.0.1,{self.port};no-tls", f"--backend=127.0.0.1,{server_port};;proto=h2;tls;sni=localhost",
            f"--cacert={place.certificate}", "--tls13-client-ciphers=TLS_AES_128_GCM_SHA256"])
        wait_for_port(self.port, self.ends["client"])


class Obfs4(Peer):
    """Client and server as managed pluggable transports, whatever program speaks so."""
    def __init__(self, place, site):
        super().__init__()
        server_log, client_log = self.name.replace(" ", "-") + "-server", self.name.replace(" ", "-") + "-client"
        command = self.program(place)
        environment = dict(os.environ, TOR_PT_MANAGED_TRANSPORT_VER="1", TOR_PT_EXIT_ON_STDIN_CLOSE="0")
        server_port = free_port()
        self.ends["server"] = place.start(server_log, command, env=dict(
            environment, TOR_PT_STATE_LOCATION=place.path(server_log + "-state"), TOR_PT_SERVER_TRANSPORTS="obfs4",
            TOR_PT_SERVER_BINDADDR=f"obfs4-127.0.0.1:{server_port}", TOR_PT_ORPORT=f"127.0.0.1:{site}"))
        certificate = self.said(place, server_log, r"SMETHOD obfs4 \S+ ARGS:cert=([^,\s]+)")
        self.ends["client"] = place.start(client_log, command, env=dict(
            environment, TOR_PT_STATE_LOCATION=place.path(client_log + "-state"), TOR_PT_CLIENT_TRANSPORTS="obfs4"))
        self.port = int(self.said(place, client_log, r"CMETHOD obfs4 socks5 127\.0\.0\.1:(\d+)"))
        # The SOCKS destination is the server here; what it forwards to is its own configuration.
        self.load_arguments = ["--user", f"cert={certificate};iat-mode=0", "--target", str(server_port)]

    def program(self, place):
        return [self.name]

    @staticmethod
    def said(place, log, pattern):
        for _ in range(100):
            if found := re.search(pattern, place.log(log)):
                return found[1]
            time.sleep(0.05)
        raise RuntimeError(f"{log} did not start: {place.log(log).strip()[-200:]}")


class Obfs4proxy(Obfs4):
    name = "obfs4proxy"


class Lyrebird(Obfs4):
    """Not in every suite of the distribution."""
    name = "lyrebird"


class SurangPt(Obfs4):
    name = "surang pt"

    def program(self, place):
        return [os.path.join(place.build_dir, "client", "surang"), "pt"]


NO_PROBE = 'captive_probe = ""\n'


def surang(place, name, client_toml, **options):
    """The client with that configuration, and its port."""
    config = place.write(name + ".toml",
                         f'listen = ["127.0.0.1:0"]\nstate_dir = "{place.path(name)}-state"\n' + client_toml)
    command = [os.path.join(place.build_dir, "client", "surang"), "--config", config, "run"]
    process = place.start(name, in_space(place.spaces and place.spaces.near, command), **options)
    return process, listening_port(place, name, process)


def listening_port(place, log, process):
    for _ in range(200):
        if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", place.log(log)):
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{log} did not start: {place.log(log).strip()[-300:]}")


class SurangDirect(Peer):
    name, grants_connect = "surang direct", True

    def __init__(self, place, site):
        super().__init__()
        detection = "[detection]\nbackground_probes = false\n" + NO_PROBE
        self.ends["proxy"], self.port = surang(place, "surang-direct", detection)


class SurangBridged(Peer):
    """Client and bridge, by one transport of the link that `init` makes."""
    grants_connect = True

    def more_toml(self, place):
        """What the bridge is told beside what `init` writes."""
        return ""

    def __init__(self, place, site):
        Peer.__init__(self)
        spaces = place.spaces
        self.space, far, host = (spaces.near, spaces.far, spaces.host) if spaces else (None, None, "127.0.0.1")
        bridge = os.path.join(place.build_dir, "bridge-server", "surang-bridge")
        port, obfs4_port = free_port(), free_port()
        log = self.name.replace(" ", "-")
        config = place.path(log + ".toml")
        subprocess.run(in_space(far, [bridge, "--config", config, "init", "--host", host, "--cover", f"127.0.0.1:{site}",
                                      "--sni", "www.example.org", "--listen", f"{host}:{port}", "--obfs4-port",
                                      str(obfs4_port), "--state-dir", place.path(log + "-bridge-state"), "--user", "bench"]),
                       check=True, capture_output=True, timeout=30)
        with open(config) as f:
            text = f.read()
        text = re.sub(r"(?m)^#?\s*allow_egress.*\n", "", text)
        place.write(log + ".toml", 'allow_egress = ["127.0.0.0/8"]\n' + text + self.more_toml(place))
        link = subprocess.run([bridge, "--config", config, "link", "bench"], check=True, capture_output=True, text=True,
                              timeout=30).stdout
        self.link = by_transport(re.search(r"surang://\S+", link)[0], self.transport)
        self.ends["server"] = place.start(log + "-bridge", in_space(far, [bridge, "--config", config, "run"]))
        wait_for_port(port, self.ends["server"], space=far)
        self.start_client(place, log + "-client")

    def start_client(self, place, name):
        self.ends["client"], self.port = surang(place, name, f"""[[bridge]]
link = "{self.link}"
[[rule]]
action = "always-tunnel"
pattern = "127.0.0.0/8"
[detection]
""" + NO_PROBE, env=place.trusting() if self.edge else None)


class SurangHttps(SurangBridged):
    name, transport = "surang https", "https"


class SurangObfs4(SurangBridged):
    name, transport = "surang obfs4", "obfs4"


class SurangFronted(SurangBridged):
    name, transport = "surang fronted", "fronted"

    def more_toml(self, place):
        self.edge = place.edge()
        return f"""
[[listen]]
address = "127.0.0.1:{self.edge.bridge_port}"
transport = "fronted"
edges = ["127.0.0.1"]
[[front]]
host = "localhost"
port = {self.edge.port}
at = ["127.0.0.1"]
"""


class V2ray(Peer):
    """VMess, whose own encryption keeps what is said from the edge, in a WebSocket over TLS."""
    name, protocol = "v2ray ws", "vmess"

    def __init__(self, place, site):
        super().__init__()
        self.edge, self.port = place.edge(), free_port()
        log = self.name.replace(" ", "-")
        user = f'"id": "{uuid.uuid4()}"'
        quiet = '"log": {"loglevel": "warning", "access": "none"}'
        stream = f'"network": "ws", "wsSettings": {{"path": "{self.edge.PATHS[self.protocol]}"}}'
        server_port = self.edge.websocket_ports[self.protocol]
        server = place.write(log + "-server.json", f"""{{{quiet}, "inbounds": [{{"listen": "127.0.0.1", "port": {server_port},
"protocol": "{self.protocol}", "settings": {{"clients": [{{{user}}}], "decryption": "none"}}, "streamSettings": {{{stream}}}}}],
"outbounds": [{{"protocol": "freedom"}}]}}""")
        client = place.write(log + "-client.json", f"""{{{quiet}, "inbounds": [{{"listen": "127.0.0.1", "port": {self.port},
"protocol": "socks"}}], "outbounds": [{{"protocol": "{self.protocol}", "settings": {{"vnext": [{{"address": "127.0.0.1",
"port": {self.edge.port}, "users": [{{{user}, {self.ENCRYPTION[self.protocol]}}}]}}]}},
"streamSettings": {{{stream}, "security": "tls", "tlsSettings": {{"serverName": "localhost"}}}}}}]}}""")
        self.ends["server"] = place.start(log + "-server", ["v2ray", "-config", server])
        wait_for_port(server_port, self.ends["server"])
        self.ends["client"] = place.start(log + "-client", ["v2ray", "-config", client], env=place.trusting())
        wait_for_port(self.port, self.ends["client"])

    ENCRYPTION = {"vmess": '"security": "aes-128-gcm"', "vless": '"encryption": "none"'}


class V2rayOpen(V2ray):
    """VLESS, which the edge can read."""
    name, protocol = "v2ray ws vless", "vless"


ALL = [Raw, Microsocks, Dante, SurangDirect, Trojan, Stunnel, Nghttpx, Obfs4proxy, SurangPt, SurangHttps, SurangObfs4,
       SurangFronted]
if shutil.which("lyrebird"):
    ALL.append(Lyrebird)
if shutil.which("v2ray"):
    ALL += [V2ray, V2rayOpen]
