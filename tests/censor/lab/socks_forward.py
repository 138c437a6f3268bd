#!/usr/bin/python3
"""A local port whose datagrams and connections go to one place through a SOCKS5 proxy, by PySocks: for one program that knows
no SOCKS.  socks_forward.py PROXY_PORT PORT HOST HOST_PORT"""
import socket
import sys
import threading

import socks


def through(proxy, kind, **credentials):
    out = socks.socksocket(socket.AF_INET, kind)
    out.set_proxy(socks.SOCKS5, "127.0.0.1", proxy, rdns=True, **credentials)
    out.settimeout(10)
    return out


class Forward:
    def __init__(self, proxy, port, to):
        self.proxy, self.port, self.to = proxy, port, to
        self.near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.near.bind(("127.0.0.1", port))
        self.listening = socket.create_server(("127.0.0.1", port))
        self.far = through(proxy, socket.SOCK_DGRAM)
        self.far.bind(("", 0))  # associates
        self.far.settimeout(None)
        self.program = None
        for function in (self._up, self._down, self._accept):
            self._in_background(function)

    def _in_background(self, function, *arguments):
        threading.Thread(target=self._guarded, args=(function, *arguments), daemon=True).start()

    @staticmethod
    def _guarded(function, *arguments):
        try:
            function(*arguments)
        except (OSError, socks.ProxyError):
            pass  # at the end

    def _up(self):
        while True:
            payload, self.program = self.near.recvfrom(1 << 16)
            self.far.sendto(payload, self.to)

    def _down(self):
        while True:
            payload, _ = self.far.recvfrom(1 << 16)
            if self.program:
                self.near.sendto(payload, self.program)

    def _accept(self):
        while True:
            near, _ = self.listening.accept()
            far = through(self.proxy, socket.SOCK_STREAM)
            far.connect(self.to)
            far.settimeout(None)
            for pair in ((near, far), (far, near)):
                self._in_background(self._carry, *pair)

    @staticmethod
    def _carry(source, target):
        while part := source.recv(1 << 16):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in (self.near, self.listening, self.far):
            sock.close()


if __name__ == "__main__":
    proxy_port, own_port, host, host_port = sys.argv[1:]
    with Forward(int(proxy_port), int(own_port), (host, int(host_port))):
        print("forwarding", flush=True)
        threading.Event().wait()
