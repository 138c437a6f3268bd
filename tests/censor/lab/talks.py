"""Small programs that say something by sockets, for `python3 -c`."""

# Says where each datagram is from, and gives it back.
ECHO = """import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    here.bind(('%s', 5000))
    print('ready', flush=True)
    while True:
        said, whom = here.recvfrom(2000)
        print('from', *whom, flush=True)
        here.sendto(said, whom)
"""

# A talk that goes on, whoever answers or not.
TALK = """import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    here.connect(('%s', 5000))
    here.settimeout(0.3)
    while True:
        here.send(b'word')
        try:
            print(here.recv(2000).decode(), flush=True)
        except OSError:
            pass
        time.sleep(0.1)
"""

# A call: as many answers as it has got when it ends.
CALL = """import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    here.connect(('%s', 5000))
    here.settimeout(1)
    got = 0
    for number in range(80):
        here.send(b'%%d' %% number)
        try:
            got += here.recv(2000) == b'%%d' %% number
        except TimeoutError:
            pass
        time.sleep(0.03)
    print('got', got)
"""

# What comes back from a fake: to a connection at two ports, to a question, to any other datagram.
STRANGER = """import socket, sys
question = bytes.fromhex('000101000001000000000000046f70656e07') + b'example' + bytes.fromhex('0000010001')
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
for port in (53, 443):
    with socket.socket(family, socket.SOCK_STREAM) as here:
        here.settimeout(1)
        try:
            here.connect((sys.argv[1], port))
            print('connected', port)
        except OSError as e:
            print('' if isinstance(e, TimeoutError) else e)
for port in (53, 5000):
    with socket.socket(family, socket.SOCK_DGRAM) as here:
        here.settimeout(1)
        here.connect((sys.argv[1], port))
        try:
            here.send(question)
            here.recv(2000)
            print('answered', port)
        except OSError as e:
            print('' if isinstance(e, TimeoutError) else e)
"""
