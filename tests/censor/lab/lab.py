"""Everything together: the network, the censors, the sites, a visitor. Built once by each worker, rules cleared between
scenarios."""
import os
import shutil
import tempfile

from .authority import Authority
from .cdn import Cdn
from .censor import Censor
from .network import A, B, BRIDGE, Network
from .sites import Sites
from .surang import Bridge
from .visit import Visitor

ONE_WAY_MS = 20


class Lab:
    def __init__(self, build_dir, keep, tag):
        """`tag` tells its names from those of other labs on this machine."""
        self.build_dir, self.keep = build_dir, keep
        self.directory = tempfile.mkdtemp(prefix="surang-censor-")
        self.network = Network(self.directory, tag)
        self.censors = {}
        self.usual = {}  # URL and proxy -> seconds that a visit takes when nothing is blocked
        self.sites = self.cdn = self.bridge = None

    def build(self):
        self.network.build()
        ns = self.network.ns
        binary = os.path.join(self.build_dir, "tests/censor/censor")
        for link in (A, B, BRIDGE):
            self.censors[link.name] = Censor(binary, ns[link.name], link, self.directory)
        self.a, self.b, self.watch = (self.censors[link.name] for link in (A, B, BRIDGE))
        self.authority = Authority(self.directory)
        self.sites = Sites(ns["net"], self.directory, self.authority)
        self.sites.start()
        self.cdn = Cdn(ns["cdn"], self.directory, self.authority)
        self.cdn.start()
        self.visitor = Visitor(ns["cl"], self.authority, self.directory)
        self.calm()

    def start_programs(self):
        """What scenarios with Surang need beside the network."""
        if not self.bridge:
            self.bridge = Bridge(self)
            self.visitor.trust_authority()
        if not self.bridge.daemon or not self.bridge.daemon.alive():
            self.bridge.start()

    def calm(self):
        """No rules, 40 ms round trips through both ISPs, the client on ISP A."""
        for censor in self.censors.values():
            censor.clear()
        for censor in (self.a, self.b):
            censor.delay(ONE_WAY_MS)
        self.watch.delay(0)
        self.network.use_isp(A)

    def remove(self):
        """Everything, whatever of it was built: what does not end by itself ends with its namespace."""
        try:
            if self.bridge:
                self.bridge.stop()
            if self.cdn and self.cdn.daemon:
                self.cdn.daemon.stop()
            for daemon in [*(self.sites.daemons if self.sites else []), *(c.daemon for c in self.censors.values())]:
                daemon.stop()
        finally:
            self.network.remove()
            if not self.keep:
                shutil.rmtree(self.directory, ignore_errors=True)
