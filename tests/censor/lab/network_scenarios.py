"""The client changes networks: another ISP and back, two at once and one lost, one that wants a sign-in first.
Without evasion, whose trials behind a verdict touch the direct way."""
from .block_scenarios import loads
from .network import A, B
from .processes import sh, wait_until
from .sites import DOH
from .surang import SOCKS, Client, Traffic
from .table import expect, scenario


def visit(lab, name="reset.example", path="", **options):
    return lab.visitor.curl(f"https://{name}/{path}", proxy=SOCKS, **options)


def carries(lab, link):
    """A link just up carries nothing until the kernel has noticed at both ends. Nothing is sent to find out."""
    device = "wlan0" if link is A else "wwan0"
    ends = [(lab.network.ns["cl"], device), (lab.network.ns[link.name], "in0")]
    wait_until(lambda: all("state UP" in sh("ip", "-n", ns, "link", "show", "dev", dev).stdout for ns, dev in ends), 5,
               "the link is up")


def move(lab, link):
    lab.network.use_isp(link)
    carries(lab, link)


def convicted_here(lab, client):
    loads(visit(lab), "on the blocking ISP")
    wait_until(client.convictions, 5, "convicted")


def goes_directly(lab, isp, what):
    traffic = Traffic(lab, isp)
    taken = loads(visit(lab), what)
    expect(traffic.direct("reset.example") and not traffic.tunnel("reset.example"), f"{what}: not direct")
    return taken


def goes_by_tunnel(lab, isp, what):
    traffic = Traffic(lab, isp)
    taken = loads(visit(lab), what)
    expect(not traffic.direct("reset.example"), f"{what}: the direct way was touched")
    expect(traffic.tunnel("reset.example"), f"{what}: not in the tunnel")
    return taken


@scenario("networks: ISP A to ISP B and back, right from the first connection each time", "surang")
def there_and_back(lab):
    lab.a.add("sni-reset reset.example records")
    there, back = [], []
    with Client(lab, evasion=False) as client:
        convicted_here(lab, client)
        for _ in range(5):
            move(lab, B)
            there.append(goes_directly(lab, lab.b, "on the other ISP"))
            move(lab, A)
            back.append(goes_by_tunnel(lab, lab.a, "back on the first"))
    return f"slowest: {max(there) * 1000:.0f} ms there, {max(back) * 1000:.0f} ms back"


class BothUp:
    """Wi-Fi and mobile at once, the Wi-Fi preferred by its metric."""

    def __init__(self, lab):
        self.lab, self.network = lab, lab.network

    def _join(self, link, device, metric):
        self.network.ip("cl", "link", "set", "dev", device, "up")
        self.network.ip("cl", "-6", "addr", "replace", link.host6 + "/64", "dev", device, "nodad")
        for family, gateway in (("-4", link.gateway4), ("-6", link.gateway6)):
            self.network.ip("cl", family, "route", "replace", "default", "via", gateway, "dev", device, "metric",
                            metric)

    def join_wifi(self):
        self._join(A, "wlan0", "100")

    def lose_wifi(self):
        self.network.ip("cl", "link", "set", "dev", "wlan0", "down")

    def __enter__(self):
        self.lose_wifi()  # and its route, which has no metric
        self._join(B, "wwan0", "600")
        self.join_wifi()
        for link in (A, B):
            carries(self.lab, link)
        return self

    def __exit__(self, *_):
        self.lose_wifi()
        self.network.use_isp(A)


@scenario("networks: Wi-Fi and mobile both up, the Wi-Fi lost and found", "surang")
def both_up(lab):
    lab.a.add("sni-reset reset.example records")
    with BothUp(lab) as both, Client(lab, evasion=False) as client:
        convicted_here(lab, client)
        both.lose_wifi()
        there = goes_directly(lab, lab.b, "with the Wi-Fi lost")
        both.join_wifi()
        carries(lab, A)
        back = goes_by_tunnel(lab, lab.a, "with the Wi-Fi back")
    return f"{there * 1000:.0f} ms by mobile, {back * 1000:.0f} ms back on Wi-Fi"


PORTAL = ["http-block-page * redirect=http://login.portal.example/", "ip-drop 0.0.0.0/0 port=443",
          "ip-drop ::/0 port=443"]


@scenario("networks: a captive portal, all directly until it is open, nothing learnt", "surang")
def captive_portal(lab):
    lab.a.add("sni-reset reset.example records")
    with Client(lab, evasion=False) as client:
        convicted_here(lab, client)
        before = [c["subject"] for c in client.convictions()]
        walls = [lab.a.add(rule) for rule in PORTAL]
        move(lab, B)
        move(lab, A)
        wait_until(lambda: client.status()["captive_portal"], 5, "the portal noticed")
        expect("Sign in first" in client.command("status").stdout, "status does not say so")

        traffic = Traffic(lab)
        page = lab.visitor.curl("http://open.example/", proxy=SOCKS)
        expect(page.status == 302, f"the sign-in page did not come through: {page}")
        walled = visit(lab, "open.example", limit=4)
        expect(walled.exit != 0, f"loaded behind a portal: {walled}")
        hidden = visit(lab, limit=8)
        expect(hidden.exit != 0 and not traffic.direct("reset.example"), "a blocked site was shown to the portal")
        asked = [name for name, address in DOH.items() if traffic.dialled(address)]
        expect(not asked, f"encrypted DNS was asked: {asked}")
        now = [c["subject"] for c in client.convictions()]
        expect(now == before, f"learnt behind a portal: {now}")

        for wall in walls:
            lab.a.remove(wall)
        taken = wait_until(lambda: not client.status()["captive_portal"], 40, "open after the sign-in") and \
            loads(visit(lab, "open.example"), "an open site after the sign-in")
        goes_by_tunnel(lab, lab.a, "the blocked site after the sign-in")
    return f"page after {page.total * 1000:.0f} ms, open site afterwards {taken * 1000:.0f} ms"
