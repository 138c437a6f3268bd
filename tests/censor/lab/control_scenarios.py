"""What the bridge says of a site when it is asked: blocked here, down for everybody, or led astray by the name server."""
import json

from .processes import wait_until
from .sites import DOH, address4
from .block_scenarios import loads
from .surang import SOCKS, Client
from .table import expect, scenario


def checked(client, name):
    return json.loads(client.command("check", name, "--json").stdout)


def means(client, name, word):
    report = checked(client, name)
    expect(report.get("means") == word, f"{name}: {report.get('means')} instead of {word}: {report['text']}")
    return report


@scenario("control: check tells a block from a site that is down", "surang")
def check_tells(lab):
    lab.a.add("sni-reset reset.example")
    with Client(lab) as client:
        report = means(client, "reset.example", "blocked")
        bridge = report["bridge"]
        expect(bridge["reaches"] and bridge["saw"]["tls"]["verified"], f"the bridge does not reach it: {bridge}")
        expect(address4("reset.example") in bridge["saw"]["addresses"], f"elsewhere: {bridge}")
        expect("certificate verifies" in client.command("check", "reset.example").stdout, "it is not said in words")
        for name in ("x.refused.example", "x.silent.example"):
            down = means(client, name, "site_down")
            expect(down["bridge"]["reaches"] is False, f"{name}: {down['bridge']}")
        means(client, "open.example", "open")
        expect(not client.convictions(), "checking convicted somebody")
    return report["bridge"]["text"]


@scenario("control: check without a running client asks as well", "surang")
def check_offline(lab):
    lab.a.add("sni-drop drop.example")
    client = Client(lab)
    report = means(client, "drop.example", "blocked")
    return report["bridge"]["text"]


@scenario("control: a lying name server is named, whatever stands at the address it gives", "surang")
def check_lie(lab):
    lab.a.add("dns-poison poison.example 10.10.34.35")
    lab.a.add("dns-poison bogus.example nxdomain")
    lab.a.add(f"dns-poison late.example {address4('calm.example')}")
    for address in DOH.values():
        lab.a.add("ip-drop " + address)
    with Client(lab) as client:
        for name in ("poison.example", "bogus.example", "late.example"):
            report = means(client, name, "addresses_differ")
            expect(report["bridge"]["reaches"], f"{name}: {report['bridge']}")
    return report["bridge"]["text"]


@scenario("control: a lie that leads to another web server is learnt as one without encrypted DNS", "surang")
def learnt_lie(lab):
    lab.a.add(f"dns-poison poison.example {address4('calm.example')}")
    lab.watch.add("ip-drop 94.140.1.0/24")  # nor through the bridge
    for address in DOH.values():
        lab.a.add("ip-drop " + address)
    with Client(lab) as client:
        loads(lab.visitor.curl("https://poison.example/", proxy=SOCKS), "the visit")
        wait_until(client.convictions, 12, "convicted")
        signal = client.convictions()[0]["signal"]
        expect(signal == "dns_differs", f"learnt as {signal}")
        return client.command("why", "poison.example").stdout.splitlines()[0]


@scenario("control: blocked plain HTTP is told by the bridge's page", "surang")
def check_page(lab):
    lab.a.add("http-block-page page.example redirect=http://blocked.isp.example/")
    with Client(lab) as client:
        report = means(client, "page.example:80", "blocked")
        page = report["bridge"]["saw"]["http"]
        expect(page["status"] == 200 and page["title"] == "page.example", f"{page}")
    return report["bridge"]["text"]


@scenario("control: a POST to a site that is down is followed by no probe", "surang")
def no_probe(lab):
    with Client(lab) as client:
        loads(lab.visitor.curl("https://calm.example/", proxy=SOCKS), "an open site")
        checked(client, "calm.example")  # the session with the bridge is up
        mark = lab.a.mark()
        lab.visitor.curl("http://x.refused.example/", "-d", "once", proxy=SOCKS, limit=5)
        dials = len(lab.a.events(mark, "open", settle=3, proto="tcp", address="93.184.200.1"))
        expect(dials == 1, f"{dials} direct connections for one request")
        expect(not client.convictions(), "convicted")
    return f"{dials} direct connection"
