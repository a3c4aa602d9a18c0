"""Workers without chance: in turn, or in an order that a test draws."""

import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Self, TypeVar

from tag_policy.aws.threads import Workers
from tests.support.calls import Call

Result = TypeVar("Result")
AnyWork = TypeVar("AnyWork", bound="Future[Any]")


class InTurn(Workers):
    """Do each piece of work at once, in the thread that asks for it."""

    def __init__(self, most: int) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def start(self, work: Callable[[], Result]) -> "Future[Result]":
        """Do it, and return what came of it."""
        done: Future[Result] = Future()
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)
        return done

    def first_of(self, under_way: Iterable[AnyWork]) -> AnyWork:
        """Return the first: all are done."""
        return next(iter(under_way))


class Late(InTurn):
    """Do nothing until it is waited for, and then one piece of work: the newest, or the oldest."""

    def __init__(self, *, newest_first: bool = False) -> None:
        self._newest_first = newest_first
        self.waiting: dict[Future[Any], Callable[[], Any]] = {}
        self.most = 0

    def start(self, work: Callable[[], Result]) -> "Future[Result]":
        """Remember it."""
        piece: Future[Result] = Future()
        self.waiting[piece] = work
        self.most = max(self.most, len(self.waiting))
        return piece

    def first_of(self, under_way: Iterable[AnyWork]) -> AnyWork:
        """Do one of them."""
        pieces = list(under_way)
        piece = pieces[-1 if self._newest_first else 0]
        try:
            piece.set_result(self.waiting.pop(piece)())
        except BaseException as error:
            piece.set_exception(error)
        return piece


class Interleaving:
    """Has the calls of threads reach AWS in an order that is drawn: the same for the same seed.

    One thread goes on at a time, to its next call. Another one may have its turn at each call, of
    the run itself, too, and whenever the run waits. To be told of each call, before it is carried
    out (see ``tests.support.calls.acting``).
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._here = threading.local()
        self.under_way: list[_Piece] = []
        self.most = 0

    def workers(self, most: int) -> "Interleaved":
        """Return workers whose turns are drawn here; in the place of ``Workers``."""
        return Interleaved(self, most)

    def call(self, _: Call) -> None:
        """Wait for the turn of a call, or let others have theirs."""
        piece: _Piece | None = getattr(self._here, "piece", None)
        if piece is not None:
            piece.pause()
            return
        while self.under_way and self._chance.random() < 0.6:
            self.one_goes_on()

    def begin(self, piece: "_Piece") -> None:
        """Take in a piece of work, which waits for its first turn."""
        self.under_way.append(piece)
        self.most = max(self.most, len(self.under_way))

    def one_goes_on(self) -> None:
        """Let one of those under way go on, to its next call or to its end."""
        self.goes_on(self._chance.choice(self.under_way))

    def goes_on(self, piece: "_Piece") -> None:
        """Let this one go on."""
        if piece.goes_on():
            self.under_way.remove(piece)

    def one_of(self, pieces: list[AnyWork]) -> AnyWork:
        """Return one of them by chance."""
        return self._chance.choice(pieces)

    def in_thread(self, piece: "_Piece") -> None:
        """Remember which piece of work this thread does."""
        self._here.piece = piece


class _Piece:
    """A piece of work in a thread of its own, which goes on only when it is told to."""

    def __init__(self, interleaving: Interleaving, work: Callable[[], Any]) -> None:
        self.future: Future[Any] = Future()
        self.has_begun = False
        self._interleaving = interleaving
        self._work = work
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def goes_on(self) -> bool:
        """Go on to the next call, or to the end; tell whether that was the end."""
        if not self.has_begun:
            self.has_begun = True
            self._thread.start()
        self._turn.release()
        self._back.acquire()
        return self.future.done()

    def pause(self) -> None:
        """Give the turn back, and wait for the next one."""
        self._back.release()
        self._turn.acquire()

    def _run(self) -> None:
        self._turn.acquire()
        self._interleaving.in_thread(self)
        try:
            self.future.set_result(self._work())
        except BaseException as error:
            self.future.set_exception(error)
        self._back.release()


class Interleaved(InTurn):
    """The workers of an interleaving; no more than ``most`` pieces of work have begun."""

    def __init__(self, interleaving: Interleaving, most: int) -> None:
        self._interleaving = interleaving
        self._most = most
        self._pieces: list[_Piece] = []

    def __exit__(self, *_: object) -> None:
        for piece in self._pieces:
            if not piece.has_begun:
                self._interleaving.under_way.remove(piece)
            while piece.has_begun and not piece.future.done():
                self._interleaving.goes_on(piece)

    def start(self, work: Callable[[], Result]) -> "Future[Result]":
        """Take it in; it begins when its turn is drawn."""
        self._pieces = [piece for piece in self._pieces if not piece.future.done()]
        assert len(self._pieces) < self._most, "more than there are workers"
        piece = _Piece(self._interleaving, work)
        self._pieces.append(piece)
        self._interleaving.begin(piece)
        return piece.future

    def first_of(self, under_way: Iterable[AnyWork]) -> AnyWork:
        """Let them go on, in a drawn order, until one is done."""
        pieces = list(under_way)
        while not (done := [piece for piece in pieces if piece.done()]):
            self._interleaving.one_goes_on()
        return self._interleaving.one_of(done)
