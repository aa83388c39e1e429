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

__all__ = ["Meeting", "TogetherError", "free_port", "own_address"]

BEAT = 0.5  # seconds between two signs of life
SILENCE = 8  # seconds after which a machine counts as cut off
WAIT = 600  # seconds to wait for the other machines
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
        self.is_over, self.stopped = False, 0

    def close(self):
        """Leave the meeting."""
        for peer in self.peers.values():
            peer.connection.close()
        if self._listener:
            self._listener.close()

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
        strangers = []
        while len(self.peers) < self.workers - 1:
            yield 0
            with suppress(BlockingIOError):
                strangers.append(Peer(self._listener.accept()[0]))
            for peer in [*strangers]:
                for message in peer.messages():
                    strangers.remove(peer)
                    self._let_in(peer, message)
                    break
                else:
                    if peer.is_lost():
                        strangers.remove(peer)
                        peer.connection.close()
            self.check()
        for peer in strangers:
            peer.connection.close()
        port = free_port(self.host)
        self.tell(start=port)
        yield port

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
            peer = self.peers[0] = Peer(connection)
            peer.send(rank=self.rank, workers=self.workers)
            while not peer.is_lost():  # as if rank 0 starts anew
                for message in peer.messages():
                    raise_if_ended(message)
                    if isinstance(message.get("start"), int):
                        yield message["start"]
                yield 0

    def tell(self, **message):
        """Send a message to the machines that are connected to this one."""
        for peer in self.peers.values():
            peer.send(**message)

    def check(self):
        """Say that this machine is here, and note what the others say.

        Raise ``TogetherError`` if one says that it has failed, or is lost.
        """
        if time.monotonic() - self._beat > BEAT:
            self._beat = time.monotonic()
            self.tell()
        for rank, peer in self.peers.items():
            for message in peer.messages():
                raise_if_ended(message)
                peer.is_done |= message.get("done") is True
                self.is_over |= message.get("over") is True
                self.stopped |= message.get("stopped") or 0
            if peer.is_lost() and not (
                    self.is_over or self.stopped or peer.is_done):
                raise TogetherError(
                    f"the machine of worker {rank} "
                    f"{'has ended' if peer.is_closed else 'is cut off'}",
                    again=True)


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
        return socket.create_connection((host, port), timeout=1)
    except socket.gaierror:
        raise TogetherError(f"there is no machine called {host}: check --at"
                            ) from None
    except OSError:
        return None


def free_port(host):
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
        except OSError:
            return "127.0.0.1"
        return trial.getsockname()[0]
