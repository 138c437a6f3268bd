"""The tables and the PASS and FAIL lines of the groups over UDP."""
from over_udp import LOSS, ONE_WAY_MS, RATE_MBIT, WARM_UP
from report import AT_LEAST, AT_MOST, BELOW, cpu, failed, rate, ratio, worst

LATE = 1.05  # the most that a busy machine may add to the round trip


def mbit(by, measure):
    return "-" if rate(by, measure) is None else f"{rate(by, measure) * 8 / 1e6:.1f}" + failed(by[measure])


def table(results):
    lines = []
    if "veth" in results:
        lines += ["By a veth pair between two network namespaces, one stream.", "",
                  "| peer | down, Mbit/s | up, Mbit/s | CPU s/GB |", "| --- | ---: | ---: | ---: |"]
        for name, by in results["veth"].items():
            used = "-" if cpu(by) is None else f"{cpu(by):.2f}"
            lines.append(f"| {name} | {mbit(by, 'down1')} | {mbit(by, 'up1')} | {used} |")
        lines.append("")
    if "far" in results:
        lost = results.get("loss", {})
        lines += [f"By a long path: {2 * ONE_WAY_MS} ms there and back, {LOSS:.0%} lost each way"
                  + "".join(f" ({way} {share:.2%})" for way, share in lost.items())
                  + f", {RATE_MBIT} Mbit/s, one stream after {WARM_UP:g} s.", "", "| peer | down, Mbit/s |", "| --- | ---: |"]
        lines += [f"| {name} | {mbit(by, 'down1')} |" for name, by in results["far"].items()] + [""]
    if first := results.get("first"):
        lines += [f"First byte by that path without loss, in round trips of {first['round_trip'] * 1000:.1f} ms: "
                  + ", ".join(f"{what} {first[key]:.2f}" for what, key in (
                      ("warm", "warm"), ("cold", "cold")) if key in first), ""]
    return "\n".join(lines)


def judge(verdicts, results):
    veth, far = results.get("veth", {}), results.get("far", {})
    first, lost = results.get("first", {}), results.get("loss", {})
    verdicts.judge("quic throughput to wireguard-go's, one stream, the slower direction",
                   worst(veth.get("surang quic", {}), veth.get("wireguard-go", {}), ["down1", "up1"]), 1.5, AT_LEAST)
    quic = far.get("surang quic", {})
    # One round of six seconds says too little of this: a quick run tells it in the table and judges it by half.
    verdicts.judge("quic on the long path to TCP with BBR", ratio(rate(quic, "down1"), rate(far.get("raw bbr", {}), "down1")),
                   0.9, AT_LEAST, miss=0.5 if verdicts.slack else 0)
    verdicts.judge("quic on the long path to v2ray's QUIC", ratio(rate(quic, "down1"), rate(far.get("v2ray quic", {}), "down1")),
                   10, AT_LEAST)
    for what, name, limit in (("on a session that is there", "warm", 1.3), ("of a client just started", "cold", 2.4)):
        verdicts.judge(f"quic's first byte {what}, round trips", first.get(name), limit, AT_MOST, miss=0)
    # The path itself: without these the ratios say nothing.
    for way in ("up", "down"):
        verdicts.judge(f"the long path, share lost on the way {way}, to what is said",
                       ratio(lost.get(way), LOSS), 0.8, AT_LEAST, miss=0)
        verdicts.judge(f"the long path, share lost on the way {way}, to what is said",
                       ratio(lost.get(way), LOSS), 1.2, AT_MOST, miss=0)
    round_trip = first["round_trip"] * 1000 / (2 * ONE_WAY_MS) if "round_trip" in first else None
    verdicts.judge("the long path, its round trip to what is said", round_trip, 0.999, AT_LEAST, miss=0)
    verdicts.judge("the long path, its round trip to what is said", round_trip, LATE, AT_MOST, miss=0)
    for group, peers in (("by a veth pair", veth), ("on the long path", far)):
        if "surang quic" in peers:
            verdicts.judge(f"surang quic {group}, failed connections",
                           sum(by["failed"] for by in peers["surang quic"].values()), 1, BELOW, miss=0)
