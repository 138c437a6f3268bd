"""What every edge is put through: each case is a function of the edge, which has a client of its own."""
import re
import time

import edge_programs as programs
from cases import expect
from far import Load, download, echo, half_closes, upload
from lab.processes import at_once, sh

EDGES = {"nginx as installed": programs.NginxAsInstalled, "nginx": programs.NginxShipped,
         "nginx, TLS to the bridge": programs.NginxToTls, "HAProxy": programs.Haproxy, "HAProxy, HTTP/2": programs.HaproxyH2,
         "HAProxy, TLS to the bridge": programs.HaproxyToTls, "nghttpx": programs.Nghttpx,
         "nghttpx, HTTP/2": programs.NghttpxH2}
CASES = []
DOWN, UP = 60_000_000, 25_000_000
FULL_DOWN, FULL_UP = 1_000_000_000, 200_000_000


def case(name):
    def register(function):
        CASES.append((name, function))
        return function
    return register


def page_by_curl(edge, proxy):
    rig = edge.rig
    done = sh("curl", "-q", "-s", "-S", "--max-time", 30, "--cacert", rig.authority.certificate, "--proxy",
              f"socks5h://127.0.0.1:{proxy}", f"https://localhost:{rig.https}/", check=False, timeout=40)
    expect(done.stdout == "localhost\n", f"curl exit {done.returncode}: {done.stdout[:60]!r} {done.stderr.strip()}")


@case("a page by curl")
def page(edge):
    began = time.monotonic()
    page_by_curl(edge, edge.proxy)
    first = time.monotonic() - began
    began = time.monotonic()
    page_by_curl(edge, edge.proxy)
    return f"cold {first * 1000:.0f} ms, warm {(time.monotonic() - began) * 1000:.0f} ms"


@case("browsing in Chromium")
def chromium(edge):
    with edge.rig.one_browser:
        text, loaded = edge.rig.here.browse(f"https://localhost:{edge.rig.https}/pages/many.html", edge.proxy)
    expect("objects=30 " in text, f"not all objects: {text[-300:]!r}")
    return f"30 objects, {loaded:.0f} ms"


@case("100 fetches at once")
def parallel(edge):
    began = time.monotonic()
    at_once(lambda _: download(edge.proxy, edge.rig.far.port, 100_000), range(100))
    return f"100 KB each, {time.monotonic() - began:.1f} s"


@case("download and upload, hashed")
def bulk(edge):
    down, up = (FULL_DOWN, FULL_UP) if edge.rig.full else (DOWN, UP)
    began = time.monotonic()
    download(edge.proxy, edge.rig.far.port, down)
    between = time.monotonic()
    upload(edge.proxy, edge.rig.far.port, up)
    return (f"{down // 1_000_000} MB down at {down / (between - began) / 1e6:.0f} MB/s, {up // 1_000_000} MB up at "
            f"{up / (time.monotonic() - between) / 1e6:.0f} MB/s")


@case("half-closes")
def half(edge):
    for size in (0, 1, 3_000_000):
        half_closes(edge.proxy, edge.rig.far, size)


def under_load(edge, seconds, interrupt):
    """Transfers that take so long, evenly, and what `interrupt` does meanwhile. The longest wait for a new connection."""
    with Load(edge.proxy, edge.rig.far.port) as load:
        for _ in range(2):
            load.begin(download, int(seconds * 3_000_000), seconds)
            load.begin(upload, int(seconds * 1_000_000), seconds)
        load.begin(download, 300_000, seconds)
        interrupt()
        return load.end(seconds + 60)


@case("reloaded under load")
def reloaded(edge):
    pause, times = (10, 6) if edge.rig.full else (2, 3)

    def interrupt():
        for _ in range(times):
            time.sleep(pause)
            edge.reload()

    longest = under_load(edge, pause * times + 1, interrupt)
    return f"{times} times every {pause} s, longest wait for a new connection {longest:.1f} s"


@case("away for 2 s under load")
def restarted(edge):
    def interrupt():
        time.sleep(1.5)
        edge.stop()
        time.sleep(2)
        edge.start()

    longest = under_load(edge, 6, interrupt)
    echo(edge.proxy, edge.rig.far.port)
    return f"longest wait for a new connection {longest:.1f} s"


def fronts_by_name(edge):
    """A name shown that is not the host's, and none; and a path in front of all others."""
    rig = edge.rig
    for number in (2, 3, 4):
        page_by_curl(edge, rig.client_to(edge.port, number))
    # What the guide tells to ask, where the two names differ.
    command = rig.guide.block("A front name", "curl ").strip()
    command += (f" --connect-to www.example.net:443:127.0.0.1:{edge.port} --cacert {rig.authority.certificate} -q "
                "--max-time 20")
    done = sh("bash", "-c", command)
    expect(done.stdout == "404\n", f"a stranger's question is answered {done.stdout!r}")
    return "sni different, sni none with verify, path"


def refused_certificate(edge):
    """A client that verifies another name than the edge's certificate has gets nothing through."""
    rig = edge.rig
    link = rig.bridge.link(rig.USER, 0)
    link = re.sub("t=fronted:443:", f"t=fronted:{edge.port}:verify=other.example:", link)
    proxy = rig.client_by(link)
    done = sh("curl", "-q", "-s", "--max-time", 8, "--cacert", rig.authority.certificate, "--proxy",
              f"socks5h://127.0.0.1:{proxy}", f"https://localhost:{rig.https}/", check=False)
    expect(done.returncode != 0 and not done.stdout, f"loaded: {done.stdout!r}")


NAMES = [("names shown, verified and asked for, and a path", fronts_by_name),
         ("a certificate for another name is refused", refused_certificate)]
