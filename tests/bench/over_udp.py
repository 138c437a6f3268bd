"""The groups over UDP: beside wireguard-go by a veth pair; on a long path that loses packets, beside TCP with BBR and v2ray's
QUIC; and the round trips until a first byte, on a long path that loses nothing."""
import contextlib
import statistics
import sys

import processes
import udp_peers
from measures import measure
from report import middle
from spaces import Spaces

MEASURES = ["veth-down1", "veth-up1", "far-down1", "far-first"]
PEERS = list(dict.fromkeys(kind.name for kind in udp_peers.OVER_VETH + udp_peers.OVER_LONG_PATH))
ONE_WAY_MS, LOSS, RATE_MBIT, QUEUE_MS, SEED = 75, 0.01, 200, 50, 20241
WARM_UP = 3.0  # BBR knows the path by then
FIRST_BYTE_LIMIT = 5.0


class OverUdp:
    def __init__(self, place, load, only, wanted, quick, left_out):
        """`only`: names of peers, or nothing for all. What was measured is in `results`."""
        self.place, self.load, self.only, self.wanted, self.quick, self.left_out = place, load, only, wanted, quick, left_out
        self.results = {}

    def run(self):
        one_stream = [(f"{way}1", way, 1) for way in ("down", "up")]
        by_veth = [m for m in one_stream if "veth-" + m[0] in self.wanted]
        if by_veth:
            with self._spaces("a veth pair", "v") as place:
                place.spaces.join_by_veth()
                self._rounds("veth", udp_peers.OVER_VETH, place, by_veth, 2 if self.quick else 5,
                             0.7 if self.quick else 1.2, 0.3)
        if "far-down1" in self.wanted:
            with self._spaces("a long path", "l") as place:
                self._long_path(place, LOSS)
                self._rounds("far", udp_peers.OVER_LONG_PATH, place, one_stream[:1], 1 if self.quick else 2,
                             6 if self.quick else 10, WARM_UP)
                carried = place.spaces.end_of_long_path()
                self.results["loss"] = {way: by["lost"] / max(1, by["lost"] + by["carried"]) for way, by in carried.items()}
        if "far-first" in self.wanted and self._chosen(udp_peers.SurangQuic):
            with self._spaces("a long path without loss", "f") as place:
                self._long_path(place, 0)
                self._first_bytes(place, self.results.setdefault("first", {}))

    def _chosen(self, kind):
        return not self.only or kind.name in self.only

    @contextlib.contextmanager
    def _spaces(self, what, tag):
        """A place between two namespaces. What fails there is left out, and what comes after it is measured still."""
        try:
            with Spaces(tag) as spaces, processes.Group() as group:
                yield self.place.within("over-udp-" + tag, spaces, group)
        except Exception as why:
            self.left_out(what, why)

    def _long_path(self, place, loss):
        place.spaces.join_by_long_path(place, delay_ms=ONE_WAY_MS, loss=loss, rate_mbit=RATE_MBIT, queue_ms=QUEUE_MS, seed=SEED)

    def _rounds(self, group, kinds, place, measures, rounds, seconds, warm_up):
        site = place.start_site("0.0.0.0")
        running, turns = [], {}
        for kind in filter(self._chosen, kinds):
            try:
                running.append(kind(place, site))
            except Exception as why:
                self.left_out(f"{kind.name}, {group}", why)
        for turn in range(rounds):
            first = turn % max(len(running), 1)
            for peer in running[first:] + running[:first]:
                print(f"{group}, round {turn + 1}/{rounds}: {peer.name}", file=sys.stderr, flush=True)
                try:
                    turns.setdefault(peer.name, []).append(measure(self.load, peer, site, measures, seconds, warm_up))
                except Exception as why:
                    self.left_out(f"{peer.name}, {group}", why)
        self.results[group] = {name: middle(of) for name, of in turns.items()}

    def _first_bytes(self, place, out):
        """In round trips; the round trip itself in seconds."""
        site = place.start_site("0.0.0.0")
        print("first bytes on the long path", file=sys.stderr, flush=True)
        pings = [("ping1", "ping", 1)]
        by_tcp = measure(self.load, udp_peers.RawPath(place, site), site, pings, 1.5, 0.5)["ping1"]
        round_trip = by_tcp["p50_us"] / 2e6  # one to connect, one for the byte
        out["round_trip"] = round_trip
        peer = udp_peers.SurangQuic(place, site)
        warm = measure(self.load, peer, site, pings, 2 if self.quick else 4, 1.5)["ping1"]
        out["warm"] = warm["p50_us"] / 1e6 / round_trip
        cold = []
        for n in range(3 if self.quick else 9):
            processes.end(peer.ends["client"])
            peer.start_client(place, f"first-{n}")
            cold.append(self._once(peer, site))
        out["cold"] = statistics.median(cold) / round_trip

    def _once(self, peer, site):
        said = processes.run_json(processes.in_space(peer.space, [
            self.load, "once", "--via", peer.via, "--port", str(peer.port), "--target", str(site), "--seconds",
            str(FIRST_BYTE_LIMIT)] + peer.load_arguments), FIRST_BYTE_LIMIT + 10)
        if said["failed"]:
            raise RuntimeError(f"{peer.name}: no first byte within {FIRST_BYTE_LIMIT:g} s")
        return said["first_byte_us"] / 1e6
