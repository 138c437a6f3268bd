"""Block pages over plain HTTP: known by a list, by what unrelated sites show, by coming too soon; and pages that are
nobody's block page."""
import contextlib
import os
import signal
import time

from .processes import wait_until
from .surang import SOCKS, Client, Traffic
from .table import expect, scenario

KNOWN, PLAIN = "Surf Safely!", "Reference desk 4"


@contextlib.contextmanager
def far_censor(lab):
    """As far away as the sites, so that its forged answers do not come sooner than theirs."""
    lab.a.say("near 40")
    try:
        yield
    finally:
        lab.a.say("near 4")


def page_of(lab, name):
    """The text that a visit to its front page shows."""
    output = os.path.join(lab.directory, "page")
    found = lab.visitor.curl(f"http://{name}/", proxy=SOCKS, output=output)
    expect(found.exit == 0 and found.status in (200, 302), f"the visit to {name}: {found}")
    with open(output, errors="replace") as file:
        return file.read()


def opens(lab, name, what):
    text = page_of(lab, name)
    expect(f"Hello from {name}" in text, f"{what} to {name} did not show the site: {text[:200]!r}")


def convicted(client, names, signals):
    def all_there():
        found = {v["subject"]: v["signal"] for v in client.convictions()}
        return found if set(names) <= set(found) else None
    found = wait_until(all_there, 8, f"convicted: {names}, not {client.convictions()}")
    wrong = {name: found[name] for name in names if found[name] not in signals}
    expect(not wrong, f"convicted for another reason than {signals}: {wrong}")


def blocked(lab, names, option=""):
    for name in names:
        lab.a.add(f"http-block-page {name} {option}")


@scenario("page: a 200 with known words is passed by at the first visit", "surang")
def known_words(lab):
    with far_censor(lab), Client(lab) as client:
        blocked(lab, ["page.example"])
        opens(lab, "page.example", "the first visit")
        convicted(client, ["page.example"], {"http_block_page"})
        traffic = Traffic(lab)
        opens(lab, "page.example", "the second visit")
        expect(not traffic.direct("page.example"), "the second visit still dialled the site directly")
    return ""


@scenario("page: a 200 that no list knows is passed by from the second unrelated site on", "surang")
def unknown_page(lab):
    names = ["page.example", "post.example", "slow.example"]
    with far_censor(lab), Client(lab) as client:
        blocked(lab, names, "body=plain")
        expect(PLAIN in page_of(lab, names[0]), "nobody could know the first")
        expect(not client.convictions(), f"convicted on one page alone: {client.convictions()}")
        for name in names[1:] + names[:1]:
            opens(lab, name, "the visit")
        convicted(client, names, {"http_shared_page"})
        opens(lab, "open.example", "a visit")
        expect(len(client.convictions()) == 3, f"{client.convictions()}")
    return "three sites"


@scenario("page: a 200 that came sooner than the site could answer is passed by at the first visit", "surang")
def early_page(lab):
    with Client(lab) as client:
        blocked(lab, ["page.example"], "body=plain")
        opens(lab, "page.example", "the first visit")
        convicted(client, ["page.example"], {"http_block_page"})
    return "4 ms of a round trip of 40"


@scenario("page: a person's own list makes the first visit right, beside the configuration or named in it", "surang")
def own_list(lab):
    own = '[[page]]\ncountry = "Labland"\nphrases = ["Reference desk 4"]\n'
    with far_censor(lab):
        named = Client(lab, top=['block_pages = ["mine.toml"]'])
        with open(os.path.join(named.directory, "mine.toml"), "w") as file:
            file.write(own)
        with named:
            blocked(lab, ["page.example"], "body=plain")
            opens(lab, "page.example", "the first visit")
            convicted(named, ["page.example"], {"http_block_page"})
        with Client(lab) as client:
            expect(PLAIN in page_of(lab, "page.example"), "known without a list")
            for text, words in ((own.replace("page", "pages", 1), "not reloaded: block_pages.toml:1: "),
                                (own, "info reloaded ")):
                with open(os.path.join(client.directory, "block_pages.toml"), "w") as file:
                    file.write(text)
                client.daemon.process.send_signal(signal.SIGHUP)
                client.daemon.wait_for(words)
            opens(lab, "page.example", "the first visit after the reload")
    return ""


@scenario("page: a redirect to another site is passed by, and to one that unrelated sites are sent to", "surang")
def redirects(lab):
    with far_censor(lab), Client(lab) as client:
        blocked(lab, ["page.example"], "redirect=http://notice.unknown-isp.example/")
        opens(lab, "page.example", "the first visit")
        convicted(client, ["page.example"], {"http_redirect"})
        blocked(lab, ["slow.example"], "redirect=http://notice.unknown-isp.example/")
        opens(lab, "slow.example", "the first visit")
        convicted(client, ["slow.example"], {"http_redirect", "http_shared_page"})
    return ""


@scenario("page: sites that really show one page are convicted of nothing, and asked about once", "surang")
def really_shared(lab):
    # The lab's sites are such: but for the site's own name, which does not count, their pages are the same.
    names = ["page.example", "post.example", "slow.example", "open.example"]
    with Client(lab) as client:
        traffic = Traffic(lab)
        for name in names * 2:
            opens(lab, name, "a visit")
        asked = sum(len(traffic.tunnel(name)) for name in names)
        expect(asked <= 1, f"the tunnel was asked {asked} times")
        expect(all(len(traffic.direct(name)) == 2 for name in names), "not every visit went directly")
        time.sleep(0.5)
        expect(not client.convictions(), f"convicted: {client.convictions()}")
    return f"asked {asked} time(s)"


@scenario("page: a retest returns a site to direct only when the block page is gone", "surang")
def retested(lab):
    with far_censor(lab), Client(lab, first_expiry_s=5) as client:
        blocked(lab, ["page.example", "post.example"], "body=plain")
        page_of(lab, "page.example")
        opens(lab, "post.example", "the visit")
        convicted(client, ["post.example"], {"http_shared_page"})
        state = client.state
    # One that has not seen the page on any other site.
    with far_censor(lab), Client(lab, state=state, first_expiry_s=5) as client:
        began = time.monotonic()
        while time.monotonic() - began < 9:
            opens(lab, "post.example", "a visit while it is blocked")
            time.sleep(1)
        convicted(client, ["post.example"], {"http_shared_page"})
        lab.a.clear()
        wait_until(lambda: not client.convictions(), 60, "the site is direct again")
        traffic = Traffic(lab)
        opens(lab, "post.example", "the visit afterwards")
        expect(traffic.direct("post.example") and not traffic.tunnel("post.example"), "it did not go directly")
    return f"direct again {time.monotonic() - began - 9:.0f} s after"
