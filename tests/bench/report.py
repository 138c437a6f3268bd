"""The Markdown table and the PASS and FAIL lines."""
import statistics

COLUMNS = [("1 down", "down1"), ("1 up", "up1"), ("8 down", "down8"), ("8 up", "up8")]
OURS = ("surang direct", "surang https", "surang obfs4", "surang fronted", "surang pt")
V2RAYS = ("v2ray ws", "v2ray ws vless")  # through the same nginx as surang fronted
# Ours, theirs and the measure: what is decided by many short turns of one beside the other.
CONNECTS, HANDSHAKES = DUELS = ("surang https", "nghttpx", "connect32"), ("surang pt", "obfs4proxy", "ping32")


def middle(turns):
    """The median of the rounds, measure by measure; of failures the worst, because one is too many."""
    return {m: {key: (max if key == "failed" else statistics.median)(t[m][key] for t in turns if key in t[m])
                for key in set().union(*(t[m] for t in turns))} for m in turns[0]}


def table(medians, memories, missing):
    raw = medians.get("raw loopback", {})
    lines = ["Throughput as a share of raw loopback; elsewhere the ratio to it in brackets. CPU seconds a GB (mean of both"
             " directions, one stream) and CPU microseconds a connection are of all the peer's processes.", "",
             "| peer | 1 down | 1 up | 8 down | 8 up | CPU s/GB | conn/s at 32 | by CONNECT | CPU us/conn | first byte p50, ms |"
             " p99, ms | KiB a tunnel |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]
    for name, by in medians.items():
        cells = [name]
        for _, m in COLUMNS:
            share = ratio(rate(by, m), rate(raw, m))
            cells.append("-" if share is None else f"{share:.3f}" + failed(by[m]))
        cells.append("-" if cpu(by) is None else f"{cpu(by):.2f}")
        cells.append(beside_raw(by, raw, "ping32", "per_s", 1, ".0f"))
        cells.append(beside_raw(by, raw, "connect32", "per_s", 1, ".0f"))
        each = value(by, "ping32", "cpu_us_each")
        cells.append("-" if each is None else f"{each:.0f}")
        cells.append(beside_raw(by, raw, "ping1", "p50_us", 1e-3, ".2f"))
        cells.append(beside_raw(by, raw, "ping1", "p99_us", 1e-3, ".2f"))
        kept = memories.get(name, {})
        cells.append(", ".join(f"{end} {kib:.1f}" for end, kib in kept.items() if end != "held")
                     or (f"only {kept['held']} stood" if kept else "-"))
        lines.append("| " + " | ".join(cells) + " |")
    if rate(raw, "down1"):
        lines += ["", f"Raw loopback, one stream: {rate(raw, 'down1') / 1e9:.2f} GB/s down, "
                      f"{(rate(raw, 'up1') or 0) / 1e9:.2f} GB/s up."]
    by_edge = {name: cpu(by, "edge_cpu_per_gb") for name, by in medians.items()}
    if shares := [f"{name} {used:.2f}" for name, used in by_edge.items() if used]:
        lines += ["", f"nginx between the ends of these, CPU s/GB beside theirs: {', '.join(shares)}."]
    lines += [f"Left out: {name}: {' '.join(why.split())}" for name, why in missing.items()]
    return "\n".join(lines) + "\n"


def beside_raw(by, raw, measure, key, scale, form):
    own = value(by, measure, key)
    if own is None:
        return "-"
    share = ratio(own, value(raw, measure, key))
    return f"{own * scale:{form}}" + ("" if share is None else f" ({share:.2f})") + failed(by[measure])


def failed(said):
    return f" ({said['failed']:.0f} failed)" if said["failed"] else ""


def value(by, measure, key):
    return by.get(measure, {}).get(key)


def rate(by, measure):
    return value(by, measure, "bytes_per_s")


def ratio(ours, theirs):
    return ours / theirs if ours is not None and theirs else None


def cpu(by, whose="cpu_per_gb"):
    """None unless both directions were measured."""
    known = [value(by, m, whose) for m in ("down1", "up1")]
    return None if None in known else sum(known) / len(known)


def worst(ours, theirs, measures):
    known = [ratio(rate(ours, m), rate(theirs, m)) for m in measures]
    return None if None in known else min(known)


AT_LEAST = ("at least", lambda value, limit: value >= limit)
ABOVE = ("above", lambda value, limit: value > limit)
BELOW = ("below", lambda value, limit: value < limit)
AT_MOST = ("at most", lambda value, limit: value <= limit)


class Verdicts:
    """(passed, text) for every threshold, in `out`. `whole`: the run was to measure everything, so a threshold whose two sides
    were not both measured has failed; otherwise it is left out. `slack`: by how much ratios may miss theirs, of short rounds."""

    def __init__(self, missing, whole, slack=0.0):
        self.whole, self.slack = whole, slack
        self.out = [(False, f"FAIL {name} was not measured: {' '.join(why.split())}") for name, why in missing.items()]

    def judge(self, what, value, limit, relation, miss=None):
        words, holds = relation
        miss = self.slack if miss is None else miss
        limit = round(limit * (1 + miss if relation in (BELOW, AT_MOST) else 1 - miss), 3)
        if value is not None:
            ok = holds(value, limit)
            self.out.append((ok, f"{'PASS' if ok else 'FAIL'} {what}: {value:.3f} ({words} {limit:g})"))
        elif self.whole:
            self.out.append((False, f"FAIL {what}: not measured ({words} {limit:g})"))


def judge_peers(verdicts, medians, memories, duels, tunnels):
    """What is measured on loopback."""
    https, direct, judge = medians.get("surang https", {}), medians.get("surang direct", {}), verdicts.judge

    def peer(name):
        return medians.get(name, {})

    judge("https throughput to trojan's, one stream, the slower direction",
          worst(https, peer("trojan"), ["down1", "up1"]), 1.3, AT_LEAST)
    judge("https throughput to stunnel's, one stream, the slower direction",
          worst(https, peer("stunnel"), ["down1", "up1"]), 1.0, AT_LEAST)
    judge("https CPU a GB to stunnel's", ratio(cpu(https), cpu(peer("stunnel"))), 1.0, BELOW)
    def judge_duel(what, pair, limit, relation):
        fought = duels.get(pair)
        spread = ", {turns} turns of {pairs} pairs, {low:.2f} to {high:.2f}".format(**fought) if fought else ""
        judge(what + spread, fought["ratio"] if fought else None, limit, relation)

    judge_duel("https connections a second to nghttpx's, both by CONNECT", CONNECTS, 1.0, ABOVE)
    for end in ("client", "server"):
        judge(f"https memory a tunnel, {end}, KiB", memories.get("surang https", {}).get(end), 12, BELOW, miss=0)
    judge("direct throughput to dante's, one stream, the slower direction",
          worst(direct, peer("dante"), ["down1", "up1"]), 1.0, AT_LEAST)
    judge("direct CPU a GB to dante's", ratio(cpu(direct), cpu(peer("dante"))), 0.5, BELOW)
    pt, obfs4proxy = peer("surang pt"), peer("obfs4proxy")
    judge("obfs4 throughput to obfs4proxy's, one stream, the slower direction",
          worst(pt, obfs4proxy, ["down1", "up1"]), 3.0, AT_LEAST)
    judge("obfs4 CPU a GB to obfs4proxy's", ratio(cpu(pt), cpu(obfs4proxy)), 0.25, BELOW)
    judge_duel("obfs4 handshakes a second to obfs4proxy's, 32 at a time", HANDSHAKES, 3.0, AT_LEAST)
    if "lyrebird" in medians:
        judge("obfs4 throughput to lyrebird's, one stream, the slower direction",
              worst(pt, peer("lyrebird"), ["down1", "up1"]), 2.0, AT_LEAST)
    fronted = peer("surang fronted")
    for name in V2RAYS:
        if name in medians:
            judge(f"fronted throughput to {name}'s, one stream, the slower direction",
                  worst(fronted, peer(name), ["down1", "up1"]), 2.0, AT_LEAST)
            judge(f"fronted CPU a GB to {name}'s", ratio(cpu(fronted), cpu(peer(name))), 0.5, AT_MOST)
    for name in OURS:
        if name in medians:
            failures = sum(by["failed"] for by in medians[name].values())
            failures += sum(fought["failed"] for pair, fought in duels.items() if name in pair)
            judge(f"{name}, failed connections", failures, 1, BELOW, miss=0)
        if name in memories:
            judge(f"{name}, tunnels that stood", memories[name]["held"], tunnels, AT_LEAST, miss=0)
