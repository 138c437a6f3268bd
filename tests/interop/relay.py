"""A relay between two programs, which keeps all bytes of either direction, and passes ends and resets on as what they are."""
import socket
import struct
import threading


class Relay:
    def __init__(self, to):
        self.to, self.lock = to, threading.Lock()
        self.forth, self.back = [], []  # of each connection, a bytearray
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.close()

    def seen(self):
        return b"\0".join(bytes(part) for part in (*self.forth, *self.back))

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to), 5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            kept = bytearray(), bytearray()
            with self.lock:
                self.forth.append(kept[0])
                self.back.append(kept[1])
            for one, other, into in ((near, far, kept[0]), (far, near, kept[1])):
                threading.Thread(target=self._carry, args=(one, other, into), daemon=True).start()

    @staticmethod
    def _carry(one, other, kept):
        try:
            while part := one.recv(1 << 16):
                kept += part
                other.sendall(part)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (one, other):
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RD)  # wakes who reads here
                    end.close()
                except OSError:
                    pass
