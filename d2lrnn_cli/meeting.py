"""The machines of a training: they meet, and watch each other until its end.

MXNet's parameter server does not notice if a process ends or a machine is cut
off; the others would wait for ever. So the machines hold a connection each to
that of rank 0, on which they say twice a second that they are there. Messages
are lines of JSON, and nothing that arrives is executed. Use a trusted network:
whoever can reach the port can take part.
"""
import json
import socket
import time
from contextlib import suppress

__all__ = ["Meeting", "TogetherError", "address_of", "free_port",
           "is_name", "own_address"]

BEAT = 0.5  # seconds between two signs of life
SILENCE = 8  # seconds after which a machine counts as cut off
WAIT = 600  # seconds to wait for the other machines
LATE = SILENCE / 2  # seconds until one who comes too late is told so
PARTING = 1  # seconds for the others to hear the last message
LONGEST = 10_000  # characters in a message


class TogetherError(Exception):
    """Why the training ends, as a sentence; ``code`` is the exit code.

    ``again`` says whether another try may succeed.
    """

    def __init__(self, sentence, code=1, again=False):
        super().__init__(sentence)
        self.code, self.again = code, again


class Peer:
    """The connection to another machine."""

    def __init__(self, connection):
        connection.setblocking(False)
        with suppress(OSError):  # nothing waits for an answer to the last
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection, self.unread = connection, b""
        self.heard = time.monotonic()
        self.is_done, self.is_closed = False, False

    def send(self, **message):
        """Send a message; one that cannot be sent now is left out."""
        with suppress(OSError):
            self.connection.send(json.dumps(message).encode() + b"\n")

    def messages(self):
        """Return the messages that have arrived; note if it has closed."""
        try:
            data = self.connection.recv(65536)
            self.is_closed = not data
        except BlockingIOError:
            return []
        except OSError:
            self.is_closed = True
            return []
        self.heard = time.monotonic()
        *lines, self.unread = (self.unread + data).split(b"\n")
        try:
            messages = [json.loads(line) for line in lines]
            if not all(isinstance(message, dict) for message in messages) or (
                    len(self.unread) > LONGEST):
                raise ValueError
        except (ValueError, RecursionError):
            self.is_closed = True  # not one of us
            return []
        return messages

    def is_lost(self):
        """Return whether it has closed, or been silent for too long."""
        return self.is_closed or time.monotonic() - self.heard > SILENCE


class Meeting:
    """The machines of one attempt to train, as this one sees them.

    ``host`` and ``port`` are those of rank 0. ``peers`` holds the connection
    to each other machine by its rank; only rank 0 is connected to all.
    ``is_over`` says that all have finished, ``stopped`` is the exit code with
    which one was asked to stop.
    """

    def __init__(self, workers, rank, host, port):
        self.workers, self.rank, self.host = workers, rank, host
        self.port, self.peers, self._beat = port, {}, 0.0
        self._listener = listen(host, port) if rank == 0 else None
        self._strangers, self._late = [], []
        self.is_over, self.stopped = False, 0

    def close(self):
        """Leave the meeting, once the others have heard the last message.

        To close a connection at once may take back what was sent on it.
        """
        if self._listener:
            self._listener.close()
        peers = [peer for peer in self.peers.values() if not peer.is_lost()]
        for peer in peers:
            with suppress(OSError):
                peer.connection.shutdown(socket.SHUT_WR)
        end = time.monotonic() + PARTING
        while time.monotonic() < end and not all(
                peer.is_closed for peer in peers):
            time.sleep(0.01)
            for peer in peers:
                peer.messages()
        for peer in [*self.peers.values(), *self._strangers,
                     *(late for late, _ in self._late)]:
            peer.connection.close()

    def gather(self):
        """Wait until all machines are here; return the scheduler's port.

        A generator, so that the caller can be interrupted: it yields while it
        waits. Raise ``TogetherError`` if another machine is missing.
        """
        end = time.monotonic() + WAIT
        steps = self._welcome() if self.rank == 0 else self._join()
        for port in steps:
            if port:
                return port
            if time.monotonic() > end:
                missing = "worker 0" if self.rank else ", ".join(
                    f"worker {rank}" for rank in range(self.workers)
                    if rank and rank not in self.peers)
                raise TogetherError(
                    f"{missing} did not come to {self.host}:{self.port} "
                    f"within {WAIT} seconds: start the same command there, "
                    f"with its own --rank")
            yield

    def _welcome(self):
        """Let the others in; yield 0, and at last the scheduler's port."""
        while len(self.peers) < self.workers - 1:
            yield 0
            for peer, message in self._callers():
                self._let_in(peer, message)
            self.check()
        port = free_port(self.host)
        self.tell(start=port)
        yield port

    def _callers(self):
        """Return those who have come, each with the first message."""
        with suppress(OSError):
            self._strangers.append(Peer(self._listener.accept()[0]))
        callers = []
        for peer in [*self._strangers]:
            if messages := peer.messages():
                callers.append((peer, messages[0]))
                self._strangers.remove(peer)
            elif peer.is_lost():
                self._strangers.remove(peer)
                peer.connection.close()
        return callers

    def _turn_away(self):
        """Tell those who come too late that all workers are here.

        They wait before, since a machine that starts anew may be faster than
        this one, which does so too.
        """
        self._late += self._callers()
        while self._late and (
                time.monotonic() - self._late[0][0].heard > LATE):
            self._let_in(*self._late.pop(0))

    def _let_in(self, peer, message):
        """Take a machine in, or send it away with a sentence."""
        rank, workers = message.get("rank"), message.get("workers")
        if workers != self.workers:
            problem = (f"worker 0 expects {self.workers} workers, and worker "
                       f"{rank} {workers}: give all the same --workers")
        elif rank not in range(1, self.workers):
            problem = (f"there is no worker {rank} among {workers}: give a "
                       f"--rank from 0 to {workers - 1}")
        elif rank in self.peers:
            problem = (f"there are two workers {rank}: give each machine its "
                       f"own --rank")
        else:
            self.peers[rank] = peer
            return
        peer.send(end=problem)
        peer.connection.close()

    def _join(self):
        """Go to rank 0; yield 0, and at last the scheduler's port."""
        while True:
            yield 0
            if not (connection := connected(self.host, self.port)):
                continue
            if self.peers:
                self.peers[0].connection.close()
            peer = self.peers[0] = Peer(connection)
            peer.send(rank=self.rank, workers=self.workers)
            while not peer.is_lost():  # as if rank 0 starts anew
                for message in peer.messages():
                    raise_if_ended(message)
                    if isinstance(message.get("start"), int):
                        yield message["start"]
                self._say_here()
                yield 0

    def tell(self, **message):
        """Send a message to the machines that are connected to this one."""
        for peer in self.peers.values():
            peer.send(**message)

    def check(self):
        """Say that this machine is here, and note what the others say.

        Raise ``TogetherError`` if one says that it has failed, or is lost.
        """
        self._say_here()
        if self._listener and len(self.peers) == self.workers - 1:
            self._turn_away()
        for rank, peer in self.peers.items():
            for message in peer.messages():
                raise_if_ended(message)
                peer.is_done |= message.get("done") is True
                self.is_over |= message.get("over") is True
                if isinstance(message.get("stopped"), int):
                    self.stopped = self.stopped or message["stopped"]
            # rank 0 has the server, which the others need until all are done
            if peer.is_lost() and not (self.is_over or self.stopped or (
                    peer.is_done and self.rank == 0)):
                raise TogetherError(
                    f"the machine of worker {rank} "
                    f"{'has ended' if peer.is_closed else 'is cut off'}",
                    again=True)

    def _say_here(self):
        """Tell the others, now and then, that this machine is here."""
        if time.monotonic() - self._beat > BEAT:
            self._beat = time.monotonic()
            self.tell()


def raise_if_ended(message):
    """Raise a ``TogetherError`` if another machine says that it has failed."""
    if isinstance(message.get("end"), str):
        raise TogetherError(message["end"], again=message.get("again") is True)


def listen(host, port):
    """Return a listening socket at an address of this machine."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise TogetherError(
            f"worker 0 cannot listen at {host}:{port} ({error.strerror}): "
            f"give --at an address of worker 0's own machine, and a port "
            f"that is free") from None
    listener.listen()
    listener.setblocking(False)
    return listener


def connected(host, port):
    """Return a connection to an address, or None if nothing answers there."""
    try:
        connection = socket.create_connection((host, port), timeout=1)
    except socket.gaierror:
        raise TogetherError(f"there is no machine called {host}: check --at"
                            ) from None
    except OSError:
        return None
    # a port that nobody listens at may have been given to this very end
    if connection.getsockname() == connection.getpeername():
        connection.close()
        return None
    return connection


def address_of(host):
    """Return the address of a host in numbers, which is all ZeroMQ takes."""
    try:
        return socket.gethostbyname(host)
    except OSError:
        raise TogetherError(f"there is no machine called {host}: check --at"
                            ) from None


def is_name(host):
    """Return whether a host may have this name, or address.

    >>> is_name("10.0.0.1"), is_name("a..b"), is_name("é..b")
    (True, False, False)
    """
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def free_port(host="127.0.0.1"):
    """Return the number of a port that is free on this machine."""
    with socket.socket() as trial:
        trial.bind((host, 0))
        return trial.getsockname()[1]


def own_address(host="192.0.2.1"):
    """Return the address under which this machine reaches another one.

    The default is an address that is reserved for examples, so it stands for
    any machine beyond this network. Nothing is sent.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect((host, 9))
        except (OSError, TypeError):  # the latter for é..b
            return "127.0.0.1"
        return trial.getsockname()[0]
