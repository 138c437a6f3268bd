"""A certificate authority that lives as long as the run (openssl)."""
import concurrent.futures
import os

from .processes import sh


class Authority:
    def __init__(self, directory):
        self.directory = os.path.join(directory, "ca")
        os.makedirs(self.directory)
        self.certificate = os.path.join(self.directory, "ca.pem")
        self.key = os.path.join(self.directory, "site.key")
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
           "30", "-subj", "/CN=Surang test authority", "-keyout", self._file("ca.key"), "-out",
           self.certificate, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        sh("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key)

    def _file(self, name):
        return os.path.join(self.directory, name)

    def issue(self, names):
        """One certificate a name, all at once; their files are `of(name)`."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(self._issue, names))

    def _issue(self, name):
        request, extensions = self._file(name + ".csr"), self._file(name + ".ext")
        with open(extensions, "w") as file:
            file.write(f"subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n"
                       "extendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n")
        sh("openssl", "req", "-new", "-key", self.key, "-subj", "/CN=" + name, "-out", request)
        sh("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._file("ca.key"),
           "-days", "20", "-extfile", extensions, "-out", self.of(name), "-set_serial",
           str(int.from_bytes(os.urandom(8), "big") >> 1))

    def of(self, name):
        return self._file(name + ".pem")
