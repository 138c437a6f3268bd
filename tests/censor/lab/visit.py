"""The person's programs, run in the client namespace: curl, dig, Chromium."""
import os
import re
import shutil
import tempfile

from .processes import Daemon, sh

FORMAT = "%{exitcode} %{http_code} %{time_namelookup} %{time_connect} %{time_appconnect} " \
         "%{time_starttransfer} %{time_total} %{size_download} %{remote_ip} %{url}\\n"


class Fetched:
    def __init__(self, line):
        words = line.split(" ")
        self.exit, self.status = int(words[0]), int(words[1])
        (self.lookup, self.connect, self.tls, self.first_byte, self.total) = map(float, words[2:7])
        self.size, self.address, self.url = int(words[7]), words[8], words[9].strip()

    def __repr__(self):
        return f"curl exit {self.exit}, status {self.status}, {self.total:.3f} s"


class Visitor:
    def __init__(self, namespace, authority, directory):
        self.namespace, self.authority, self.directory = namespace, authority, directory
        self.home = os.path.join(directory, "home")
        os.makedirs(os.path.join(self.home, ".pki/nssdb"))

    def run(self, *words, timeout=60, env=None):
        return sh("ip", "netns", "exec", self.namespace, *words, check=False, timeout=timeout,
                  env={**os.environ, **(env or {})})

    def curl(self, url, *options, proxy=None, limit=30, output="/dev/null"):
        via = ["--proxy", proxy] if proxy else []
        done = self.run("curl", "-s", "-q", "-o", output, "-w", FORMAT, "--cacert", self.authority.certificate,
                        "--max-time", limit, *via, *options, url, timeout=limit + 10)
        return Fetched(done.stdout.splitlines()[-1])

    def begin(self, url, proxy=None):
        """A download that goes on until it is stopped, or over."""
        via = ["--proxy", proxy] if proxy else []
        return Daemon(["curl", "-s", "-q", "-o", "/dev/null", "--cacert", self.authority.certificate, *via, url],
                      os.devnull, self.namespace)

    def curl_many(self, urls, *options, proxy=None, limit=30, at_once=20):
        """Each URL once, `at_once` in flight."""
        via = ["--proxy", proxy] if proxy else []
        with tempfile.NamedTemporaryFile("w", dir=self.directory) as config:
            for url in urls:
                config.write(f'url = "{url}"\noutput = "/dev/null"\n')
            config.flush()
            done = self.run("curl", "-s", "-q", "-Z", "--parallel-max", at_once, "-w", FORMAT, "--cacert",
                            self.authority.certificate, "--max-time", limit, *via, *options, "-K", config.name,
                            timeout=limit * (len(urls) // at_once + 2))
        return [Fetched(line) for line in done.stdout.splitlines()]

    def dig(self, name, kind="A", server=None, timeout=2):
        """(status, [answers]) or ("timeout", [])."""
        words = ["dig", "+tries=1", f"+time={timeout}", "+nocookie", name, kind]
        text = self.run(*words, *([f"@{server}"] if server else [])).stdout
        status = re.search(r"status: (\w+)", text)
        answers = re.findall(rf"^{re.escape(name)}\.\s+\d+\s+IN\s+{kind}\s+(\S+)", text, re.M)
        return (status.group(1) if status else "timeout"), answers

    def trust_authority(self):
        """Chromium reads the NSS database of its HOME."""
        database = "sql:" + os.path.join(self.home, ".pki/nssdb")
        sh("certutil", "-d", database, "-N", "--empty-password")
        sh("certutil", "-d", database, "-A", "-t", "C,,", "-n", "test", "-i", self.authority.certificate)

    def chromium(self, url, proxy=None, limit=40, flags=()):
        """(page text, milliseconds until the page was there as the browser itself measured, or None)."""
        profile = tempfile.mkdtemp(dir=self.directory, prefix="profile-")
        flags = [*flags, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-dev-shm-usage", "--disable-default-apps", "--no-default-browser-check",
                 "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
                 f"--user-data-dir={profile}", "--dump-dom"]
        if proxy:
            flags.append(f"--proxy-server={proxy}")
        try:
            done = self.run("timeout", "-k", "1", limit, "chromium", *flags, url, timeout=limit + 10,
                            env={"HOME": self.home, "DBUS_SESSION_BUS_ADDRESS": "disabled:"})
        finally:
            shutil.rmtree(profile, ignore_errors=True)
        loaded = re.search(r"loaded=([\d.]+)", done.stdout)
        return done.stdout, float(loaded.group(1)) if loaded else None
