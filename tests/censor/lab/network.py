"""The namespaces: a client with two ISPs to choose from, the outside with the sites, a CDN, a bridge host. Every
packet between an ISP's customers and the outside goes through that ISP's censor; the bridge host hangs behind
one without rules, which only watches; the CDN is of the outside."""
import collections
import fcntl
import os
import shutil
import signal
import tempfile
import time

from .processes import sh

RUN = "/run/surang-censor"
SITES4, SITES6 = "93.184.0.0/16", "2a00:93::/32"
DEAD4, DEAD6 = "93.185.0.0/16", "2a00:95::/32"
HOUSEHOLD4, HOUSEHOLD6 = "192.168.7", "fd07:7"
RESOLVER4, RESOLVER6 = "80.1.1.53", "2a00:80::53"


class Link:
    """An access network: customers on one side, the outside on the other, a TUN device between."""

    def __init__(self, name, inside4, inside6, outer4, outer6):
        self.name, self.inside4, self.inside6 = name, inside4, inside6
        self.gateway4, self.gateway6 = inside4 + ".1", inside6 + "::1"
        self.host4, self.host6 = inside4 + ".10", inside6 + "::10"
        self.outer4, self.outer6 = outer4, outer6


A = Link("a", "10.1.0", "2a0a:1", "172.16.1", "2a0f:1")
B = Link("b", "10.2.0", "2a0a:2", "172.16.2", "2a0f:2")
BRIDGE = Link("t", "45.76.1", "2a00:45", "172.16.3", "2a0f:3")


# Its first address is the outside's.
CDN = collections.namedtuple("Cdn", "network4 network6")("104.16.1", "2a00:104")


def _names(tag):
    return {part: f"srg{tag}-{part}" for part in ("cl", "a", "b", "t", "net", "br", "cdn", "hm")}


def _remove(tag):
    for name in _names(tag).values():
        if os.path.exists(f"/run/netns/{name}"):
            for _ in range(20):
                pids = sh("ip", "netns", "pids", name, check=False).stdout.split()
                for pid in pids:
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                if not pids:
                    break
                time.sleep(0.05)
            sh("ip", "netns", "del", name, check=False)
        shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)


def remove_leftovers():
    """What runs that died left behind; a living run holds the lock on its file."""
    os.makedirs(RUN, exist_ok=True)
    for tag in os.listdir(RUN):
        if tag.startswith("."):
            continue
        path = os.path.join(RUN, tag)
        try:
            with open(path) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(tag)
                directory = file.read().strip()
                if directory.startswith(tempfile.gettempdir()):
                    shutil.rmtree(directory, ignore_errors=True)
                os.unlink(path)
        except (BlockingIOError, FileNotFoundError):
            continue  # it lives, or has been removed meanwhile


class Network:
    def __init__(self, directory, tag):
        """`directory` holds its files; a later run removes it should this one be killed."""
        os.makedirs(RUN, exist_ok=True)
        self.tag = tag
        hidden = os.path.join(RUN, "." + self.tag)  # until it is locked
        self.lock = open(hidden, "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.lock.write(directory)
        self.lock.flush()
        os.rename(hidden, os.path.join(RUN, self.tag))
        self.ns = _names(self.tag)

    def ip(self, part, *words):
        sh("ip", "-n", self.ns[part], *words)

    def build(self):
        # `ip netns exec` mounts our files over these, through links (systemd-resolved's), but not over nothing.
        if not os.path.exists("/etc/resolv.conf"):
            raise RuntimeError(f"/etc/resolv.conf leads to {os.path.realpath('/etc/resolv.conf')}, which does not exist: "
                               "the lab's own cannot be put in its place")
        for name in self.ns.values():
            sh("ip", "netns", "add", name)
            os.makedirs(f"/etc/netns/{name}", exist_ok=True)
            if os.path.exists("/etc/nsswitch.conf"):
                with open(f"/etc/netns/{name}/nsswitch.conf", "w") as file:
                    file.write("hosts: files dns\n")  # no daemon of this machine answers for the lab's resolver
            sh("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0",
               "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.router_solicitations=0",
               "net.ipv4.ip_nonlocal_bind=1", "net.ipv6.ip_nonlocal_bind=1")
            sh("ip", "-n", name, "link", "set", "lo", "up")
        for part in ("a", "b", "t", "net"):
            # Unreachable is said each time: what a site meets must not hang upon who was there just before.
            sh("ip", "netns", "exec", self.ns[part], "sysctl", "-qw", "net.ipv4.ip_forward=1",
               "net.ipv6.conf.all.forwarding=1", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
        for site in (SITES4, RESOLVER4 + "/32", "94.140.0.0/16"):
            self.ip("net", "route", "add", "local", site, "dev", "lo")
        for site in (SITES6, RESOLVER6 + "/128", "2a00:94::/32"):
            self.ip("net", "-6", "route", "add", "local", site, "dev", "lo")
        self.ip("net", "route", "add", "blackhole", DEAD4)
        self.ip("net", "-6", "route", "add", "blackhole", DEAD6)
        for address in (RESOLVER4 + "/32", RESOLVER6 + "/128"):
            self.ip("net", "addr", "add", address, "dev", "lo")
        self._link(A, "cl", "wlan0")
        self._link(B, "cl", "wwan0")
        self._link(BRIDGE, "br", "eth0")
        self._cdn()
        self.use_isp(A)
        self._default("br", BRIDGE, "eth0")
        self.set_resolver("br")

    def _link(self, link, host, device):
        """host --device/in0-- link --out0/link.name-- net, with the policy routes through the TUN device."""
        self.ip(link.name, "link", "add", "in0", "type", "veth", "peer", "name", device, "netns", self.ns[host])
        self.ip(link.name, "link", "add", "out0", "type", "veth", "peer", "name", link.name, "netns",
                self.ns["net"])
        self.ip(link.name, "tuntap", "add", "dev", "tun0", "mode", "tun")
        self.ip(link.name, "link", "set", "tun0", "txqueuelen", "10000", "mtu", "1500")
        ends = [(link.name, "in0", link.gateway4 + "/24", link.gateway6 + "/64"),
                (host, device, link.host4 + "/24", link.host6 + "/64"),
                (link.name, "out0", link.outer4 + ".2/24", link.outer6 + "::2/64"),
                ("net", link.name, link.outer4 + ".1/24", link.outer6 + "::1/64")]
        for part, dev, four, six in ends:
            self.ip(part, "addr", "add", four, "dev", dev)
            self.ip(part, "-6", "addr", "add", six, "dev", dev, "nodad")
            self.ip(part, "link", "set", "dev", dev, "up")
        self.ip(link.name, "link", "set", "tun0", "up")
        for family in ("-4", "-6"):
            for device_in in ("in0", "out0"):
                self.ip(link.name, family, "rule", "add", "iif", device_in, "lookup", "100")
            self.ip(link.name, family, "route", "add", "default", "dev", "tun0", "table", "100")
        self.ip(link.name, "route", "add", "default", "via", link.outer4 + ".1")
        self.ip(link.name, "-6", "route", "add", "default", "via", link.outer6 + "::1")
        self.ip("net", "route", "add", link.inside4 + ".0/24", "via", link.outer4 + ".2")
        self.ip("net", "-6", "route", "add", link.inside6 + "::/64", "via", link.outer6 + "::2")

    def _cdn(self):
        self.ip("net", "link", "add", "cdn", "type", "veth", "peer", "name", "eth0", "netns", self.ns["cdn"])
        for part, device, last in (("net", "cdn", "1"), ("cdn", "eth0", "2")):
            self.ip(part, "addr", "add", f"{CDN.network4}.{last}/24", "dev", device)
            self.ip(part, "-6", "addr", "add", f"{CDN.network6}::{last}/64", "dev", device, "nodad")
            self.ip(part, "link", "set", "dev", device, "up")
        for last in ("10", "11"):
            self.ip("cdn", "addr", "add", f"{CDN.network4}.{last}/24", "dev", "eth0")
            self.ip("cdn", "-6", "addr", "add", f"{CDN.network6}::{last}/64", "dev", "eth0", "nodad")
        self.ip("cdn", "route", "add", "default", "via", CDN.network4 + ".1")
        self.ip("cdn", "-6", "route", "add", "default", "via", CDN.network6 + "::1")

    def _default(self, part, link, device):
        for family, gateway in (("-4", link.gateway4), ("-6", link.gateway6)):
            self.ip(part, family, "route", "replace", "default", "via", gateway, "dev", device)

    def use_isp(self, link):
        """Moves the client to another access network, as from Wi-Fi to a SIM: route, resolver, all."""
        device, other = ("wlan0", "wwan0") if link is A else ("wwan0", "wlan0")
        self.ip("cl", "link", "set", "dev", other, "down")
        self.ip("cl", "link", "set", "dev", device, "up")
        self.ip("cl", "-6", "addr", "replace", link.host6 + "/64", "dev", device, "nodad")
        self._default("cl", link, device)
        self.set_resolver("cl")

    def change_address(self, last):
        """The client on ISP A gets another IPv4 address from it, as when a lease ends; 10 is the one that it has."""
        held = sh("ip", "-n", self.ns["cl"], "-4", "-br", "addr", "show", "dev", "wlan0").stdout.split()[2:]
        for address in held:
            self.ip("cl", "addr", "del", address, "dev", "wlan0")
        self.ip("cl", "addr", "add", f"{A.inside4}.{last}/24", "dev", "wlan0")
        self.ip("cl", "route", "replace", "default", "via", A.gateway4, "dev", "wlan0")

    def household(self):
        """Another computer, behind the client's, which is its router: with addresses of its own network, that the client
        puts its own in the place of."""
        self.ip("cl", "link", "add", "lan0", "type", "veth", "peer", "name", "eth0", "netns", self.ns["hm"])
        for part, device, last in (("cl", "lan0", "1"), ("hm", "eth0", "10")):
            self.ip(part, "addr", "add", f"{HOUSEHOLD4}.{last}/24", "dev", device)
            self.ip(part, "-6", "addr", "add", f"{HOUSEHOLD6}::{last}/64", "dev", device, "nodad")
            self.ip(part, "link", "set", "dev", device, "up")
        self.ip("hm", "route", "add", "default", "via", HOUSEHOLD4 + ".1")
        self.ip("hm", "-6", "route", "add", "default", "via", HOUSEHOLD6 + "::1")
        self.set_resolver("hm")
        self._in("cl", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for family, source in (("ip", HOUSEHOLD4 + ".0/24"), ("ip6", HOUSEHOLD6 + "::/64")):
            self._in("cl", "nft", f"table {family} router {{ chain out {{ type nat hook postrouting priority srcnat; "
                                  f"{family} saddr {source} masquerade; }}; }}")

    def no_household(self):
        self.ip("cl", "link", "del", "lan0")
        self._in("cl", "sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")
        for family in ("ip", "ip6"):
            self._in("cl", "nft", "delete", "table", family, "router")

    def _in(self, part, *words):
        sh("ip", "netns", "exec", self.ns[part], *words)

    def set_resolver(self, part):
        self.name_server_of(part, RESOLVER4)

    def name_server_of(self, part, address):
        # Written in place: a running program sees the file through a bind mount.
        with open(f"/etc/netns/{self.ns[part]}/resolv.conf", "w") as file:
            file.write(f"nameserver {address}\noptions timeout:2 attempts:2\n")

    def remove(self):
        _remove(self.tag)
        try:
            os.unlink(os.path.join(RUN, self.tag))
        except FileNotFoundError:
            pass
