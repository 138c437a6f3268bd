"""What the quic prober looks at, on loopback: nginx as a site, a bridge, and a client whose datagrams to the bridge pass a tap; and
beside them QUIC that is none of ours, ngtcp2's, which must be found and must answer, or the prober sees nothing."""
import json
import os
import re
import subprocess
import time

from datagram_tap import DatagramTap
from lab.links import by_transport
from lab.ports import free_port
from lab.processes import Daemon, sh, wait_until
from rig import SITE, Rig


class QuicRig(Rig):
    kept = 0  # flights

    def start(self):
        self.authority_and_site()
        self._start_foreign()

    def start_own(self):
        self._bridge()
        self.own_link = by_transport(self.link, "quic")
        self.udp_port = int(re.search(r"[?&]t=quic:(\d+)", self.own_link)[1])
        self.bridge_tap = DatagramTap(self.udp_port)
        self.tapped_link = self.own_link.replace(f"t=quic:{self.udp_port}", f"t=quic:{self.bridge_tap.port}")

    def stop(self):
        for name in ("bridge_tap", "foreign_tap"):
            if hasattr(self, name):
                getattr(self, name).stop()
        super().stop()

    def quic_client(self, name):
        """One whose sessions go by the tap."""
        return self.client(name, self.proxy, f'link = "{self.tapped_link}"')

    def page(self, path="", limit=15):
        """Seconds that a page takes; an AssertionError if it does not come."""
        done = sh("curl", "-q", "-s", "-f", "-o", self.file("page"), "-w", "%{time_total}", "--max-time", limit, "--cacert",
                  self.authority.certificate, "--proxy", f"socks5h://127.0.0.1:{self.proxy}", f"https://{SITE}:{self.https}/{path}",
                  check=False)
        if done.returncode:
            raise AssertionError(f"the page does not come: curl exit {done.returncode}")
        return float(done.stdout)

    def counters(self):
        """The bridge's numbers about datagrams that it gave no answer."""
        said = json.loads(sh(os.path.join(self.build_dir, "bridge-server/surang-bridge"), "--config", self.file("bridge.toml"),
                             "status", "--json").stdout)
        return {name: said[name] for name in ("quic_strangers", "quic_replays")}

    def _start_foreign(self):
        """ngtcp2's server, and a tap before it."""
        self.foreign = free_port()
        daemon = Daemon(["gtlsserver", "-q", "-d", self.directory, "127.0.0.1", str(self.foreign), self.authority.key,
                         self.authority.of(SITE)], self.file("gtlsserver.log"))
        self.daemons.append(daemon)
        wait_until(lambda: f":{self.foreign} " in sh("ss", "-Hlun").stdout, 5, "gtlsserver listens")
        self.foreign_tap = DatagramTap(self.foreign)

    def foreign_visit(self, path="object"):
        done = sh("gtlsclient", "-q", "--exit-on-all-streams-close", SITE, self.foreign_tap.port,
                  f"https://{SITE}:{self.foreign_tap.port}/{path}", check=False, timeout=20)
        if done.returncode:
            raise AssertionError(f"gtlsclient: exit {done.returncode}: {(done.stderr or done.stdout)[-200:]}")

    def foreign_initials(self, count=20):
        """First datagrams of that many of its clients, which a port that never answers has taken."""
        silent = DatagramTap(1)
        silent.deliver = False
        clients = [subprocess.Popen(["gtlsclient", "-q", "127.0.0.1", str(silent.port), f"https://{SITE}/"],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for _ in range(count)]
        try:
            wait_until(lambda: len({one.client for one in silent.seen}) == count, 10, "every gtlsclient begins")
        finally:
            for client in clients:
                client.kill()
                client.wait()
            silent.stop()
        first = {}
        for one in silent.seen:
            first.setdefault(one.client, one.data)
        return list(first.values())

    def kept_flight(self):
        """First datagrams of a client that the bridge never got: as many as come before the client waits."""
        self.bridge_tap.deliver = False
        mark = len(self.bridge_tap.seen)
        self.kept += 1
        client = self.quic_client(f"kept-{self.kept}")
        browser = subprocess.Popen(["curl", "-q", "-s", "-o", os.devnull, "--max-time", "5", "--proxy",
                                    f"socks5h://127.0.0.1:{self.proxy}", f"https://{SITE}:{self.https}/"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: len(self.bridge_tap.seen) > mark, 5, "the client begins")
            time.sleep(0.05)
            return [one.data for one in self.bridge_tap.seen[mark:] if one.client == self.bridge_tap.seen[mark].client]
        finally:
            browser.kill()
            browser.wait()
            client.kill()
            del self.bridge_tap.seen[mark:]
            self.bridge_tap.deliver = True
