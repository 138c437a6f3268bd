"""What Wireshark's dissectors take datagrams for. Heuristics that it leaves off are switched on, so that some take random
bytes for theirs now and then: what they say counts beside what they say to as many random datagrams of the same sizes."""
import collections
import subprocess

from datagram_tap import Datagram, write_capture
from flights import dice

# What a datagram of ours may never be taken for, not once.
NEVER = {"quic", "gquic", "tls", "dtls", "wg", "stun", "openvpn", "isakmp", "esp", "l2tp", "ssh", "http", "socks"}
# Those that look for what ours might be taken for, on by default or not.
HEURISTICS = ["quic", "gquic", "dtls_udp", "stun_udp", "wg", "rtp_udp", "rtcp_udp", "bittorrent_dht_udp", "bt_utp_udp"]
PLAIN = {"raw", "ip", "udp", "data"}
CHANCE = 0.01  # a share of all datagrams, by which two random captures differ at most
VERSIONS = ["0x00000001", "0x6b3343cf", "0x709a50c4", "0x00000000"] + [f"0xff0000{draft:02x}" for draft in range(17, 35)]


def tshark(capture, *words):
    done = subprocess.run(["tshark", "-n", "-r", capture, *words], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"tshark: {done.stderr.strip()[-300:]}")
    return done.stdout


def taken_for(capture, *words):
    """How many packets have each protocol inside UDP, and how many packets there are."""
    lines = tshark(capture, "-T", "fields", "-e", "frame.protocols", *words).split()
    return collections.Counter(protocol for line in lines for protocol in set(line.split(":")) - PLAIN), len(lines)


def by_heuristics(capture):
    return taken_for(capture, *(word for name in HEURISTICS for word in ("--enable-heuristic", name)))


def as_quic(capture, port):
    """With that port declared to be QUIC: how many packets have a version of it that exists, and how many a TLS message."""
    declared = ["-d", f"udp.port=={port},quic", "-T", "fields"]
    versions = tshark(capture, *declared, "-e", "quic.version").replace(",", "\n").split()
    messages = tshark(capture, *declared, "-e", "tls.handshake.type").split()
    return sum(version.lower() in VERSIONS for version in versions), len(messages)


def random_like(seen):
    return [Datagram(one.at, one.up, one.client, dice.randbytes(len(one.data))) for one in seen]


def unlike_random(path, port, seen):
    """What tells these datagrams from random ones, in words; empty when nothing does."""
    write_capture(path, port, seen)
    write_capture(path + ".random", port, random_like(seen))
    (ours, count), (chance, _) = by_heuristics(path), by_heuristics(path + ".random")
    found = [f"{ours[name]} of {count} are taken for {name}" for name in sorted(NEVER) if ours[name]]
    found += [f"{number} of {count} are taken for {name}, of random ones {chance[name]}" for name, number in ours.items()
              if name not in NEVER and number > 1 + chance[name] + count * CHANCE]
    versions, messages = as_quic(path, port)
    if versions or messages:
        found.append(f"declared to be QUIC, {versions} have a version of it and {messages} a TLS message")
    return found


def uneven_bytes(seen, first=32):
    """Positions among the first bytes whose values are not all equally frequent: [(position, chi squared)]."""
    out = []
    for position in range(first):
        values = collections.Counter(one.data[position] for one in seen if len(one.data) > position)
        expected = sum(values.values()) / 256
        if expected >= 4:
            chi = sum((values[value] - expected) ** 2 / expected for value in range(256))
            if chi > 255 + 6 * (2 * 255) ** 0.5:  # six standard deviations
                out.append((position, round(chi)))
    return out
