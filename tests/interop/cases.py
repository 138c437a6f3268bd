"""The cases: each a function of the rig that returns what it saw, or fails an assertion. `localhost` is ruled
into the tunnel, 127.0.0.1 goes directly."""
import hashlib
import os
import socket

from lab.processes import sh
from rig import COVER, Rig  # noqa: F401

CASES = []


def case(name):
    def register(function):
        CASES.append((name, function))
        return function
    return register


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def curl(rig, url, *options):
    """(exit code, status, body)."""
    body = rig.file("body")
    if os.path.exists(body):
        os.unlink(body)
    done = sh("curl", "-q", "-s", "-o", body, "-w", "%{http_code} %{http_connect} %{num_connects}\n", "--max-time", 15,
              "--cacert", rig.authority.certificate, *options, url, check=False)
    content = b""
    if os.path.exists(body):
        with open(body, "rb") as file:
            content = file.read()
    return done.returncode, done.stdout.split(), content


def loads(rig, url, *options, body):
    code, words, content = curl(rig, url, *options)
    expect(code == 0 and words[0] == "200", f"{url}: curl exit {code}, {words}")
    expect(content == body, f"{url}: other bytes, {content[:60]!r}")


FLAVOURS = [("SOCKS4", "socks4://127.0.0.1", False), ("SOCKS4a", "socks4a://127.0.0.1", True),
            ("SOCKS5", "socks5://127.0.0.1", False), ("SOCKS5 with names", "socks5h://127.0.0.1", True),
            ("SOCKS5 on ::1", "socks5h://[::1]", True), ("HTTP", "http://127.0.0.1", True),
            ("HTTP on ::1", "http://[::1]", True)]
for flavour, proxy, by_name in FLAVOURS:
    def go(rig, proxy=proxy, by_name=by_name):
        via = ["--proxy", f"{proxy}:{rig.proxy}"]
        loads(rig, f"http://127.0.0.1:{rig.http}/", *via, body=b"plain\n")
        loads(rig, f"https://127.0.0.1:{rig.https}/", "-k", *via, body=b"localhost\n")
        if not by_name:
            return "directly"
        loads(rig, f"https://localhost:{rig.https}/", *via, body=b"localhost\n")
        loads(rig, f"http://localhost:{rig.http}/", *via, body=b"plain\n")
        return "directly and by the tunnel"
    case(f"curl by {flavour}")(go)


@case("curl by HTTP, CONNECT for plain HTTP too")
def connect_plain(rig):
    loads(rig, f"http://localhost:{rig.http}/", "--proxytunnel", "--proxy", f"http://127.0.0.1:{rig.proxy}",
          body=b"plain\n")


@case("curl by HTTP, keep-alive over several requests")
def keep_alive(rig):
    url = f"http://127.0.0.1:{rig.http}/"
    done = sh("curl", "-q", "-s", "-w", "%{num_connects}\n", "-o", os.devnull, "-o", os.devnull, "-o", os.devnull,
              "--max-time", 10, "--proxy", f"http://127.0.0.1:{rig.proxy}", url, url, url)
    expect(done.stdout.split() == ["1", "0", "0"], f"connections made: {done.stdout.split()}")


@case("curl with user and password, SOCKS5 and HTTP Basic")
def password(rig):
    url = f"http://127.0.0.1:{rig.http}/"
    for scheme in ("socks5h", "http"):
        proxy = ["--proxy", f"{scheme}://127.0.0.1:{rig.guarded}"]
        loads(rig, url, *proxy, "--proxy-user", "me:pass word", body=b"plain\n")
        code, words, _ = curl(rig, url, *proxy, "--proxy-user", "me:wrong")
        expect(code == 97 if scheme == "socks5h" else words[0] == "407", f"{scheme}, wrong password: {code} {words}")
        code, words, _ = curl(rig, url, *proxy)
        expect(code == 97 if scheme == "socks5h" else words[0] == "407", f"{scheme}, no password: {code} {words}")
    code, words, _ = curl(rig, f"https://localhost:{rig.https}/", "--proxy", f"http://127.0.0.1:{rig.guarded}")
    expect(words[1] == "407", f"CONNECT without a password: {words}")


@case("curl by every flavour, 3 MiB down and up, right bytes")
def large(rig):
    with open(rig.file("object"), "rb") as file:
        wanted = file.read()
    for proxy in ("socks5h", "socks4a", "http"):
        via = ["--proxy", f"{proxy}://127.0.0.1:{rig.proxy}"]
        for url in (f"https://localhost:{rig.https}", f"http://127.0.0.1:{rig.http}"):
            loads(rig, url + "/object", *via, body=wanted)
            # nginx answers an HTTP/2 upload without reading it, for which curl waits in vain: HTTP/1.1.
            upload = ["--http1.1", "--data-binary", "@" + rig.file("object")]
            loads(rig, url + "/post", *via, *upload, body=b"posted\n")
            loads(rig, url + "/post", *via, *upload, "-H", "Transfer-Encoding: chunked", body=b"posted\n")
    return hashlib.sha256(wanted).hexdigest()[:12]


@case("curl, a refused destination is an error in each protocol")
def refused(rig):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        seen = []
        for proxy in ("socks5h", "socks4a", "http"):
            code, words, _ = curl(rig, f"https://127.0.0.1:{port}/", "--proxy", f"{proxy}://127.0.0.1:{rig.proxy}")
            expect(code != 0 and words[0] == "000", f"{proxy}: {code} {words}")
            seen.append(str(code))
    return "curl exits " + ", ".join(seen)


@case("curl, the proxy does not proxy to itself")
def itself(rig):
    code, words, _ = curl(rig, f"http://127.0.0.1:{rig.proxy}/", "--proxy", f"http://127.0.0.1:{rig.proxy}")
    expect(code != 0 or words[0][0] in "45", f"{code} {words}")
    code, words, _ = curl(rig, f"http://localhost:{rig.proxy}/", "--proxy", f"socks5h://127.0.0.1:{rig.proxy}")
    expect(code != 0 or words[0][0] in "45", f"{code} {words}")


def shown_certificate(port, name, *options):
    done = sh("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, *options, check=False,
              input="")
    return [line for line in done.stdout.splitlines() if line.startswith("subject=")]


@case("openssl s_client sees the cover site's certificate")
def s_client(rig):
    for options in ([], ["-tls1_2"], ["-alpn", "h2"]):
        shown = shown_certificate(rig.bridge, COVER, *options)
        expect(shown == shown_certificate(rig.cover, COVER, *options) and COVER in shown[0], f"{options}: {shown}")
    return shown[0]


@case("curl sees the cover site's page on the bridge's port")
def cover_page(rig):
    loads(rig, f"https://{COVER}:{rig.bridge}/", "--resolve", f"{COVER}:{rig.bridge}:127.0.0.1",
          body=COVER.encode() + b"\n")


@case("HAProxy with send-proxy-v2 in front of the bridge")
def haproxy(rig):
    shown = shown_certificate(rig.front, COVER)
    expect(shown and COVER in shown[0], f"{shown}")
    with open(rig.file("object"), "rb") as file:
        wanted = file.read()
    loads(rig, f"https://localhost:{rig.https}/object", "--proxy", f"socks5h://127.0.0.1:{rig.by_front}", body=wanted)
    return "cover and tunnel"


@case("a listener that expects PROXY v2 says nothing useful without it")
def no_proxy_header(rig):
    shown = shown_certificate(rig.behind, COVER)
    expect(not shown, f"{shown}")
