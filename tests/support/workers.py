"""Workers without chance: in turn, or in an order that a test draws."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from tag_policy.aws.threads import Workers

Result = TypeVar("Result")
AnyWork = TypeVar("AnyWork", bound="Future[Any]")


class InTurn(Workers):
    """Do each piece of work at once, in the thread that asks for it."""

    def __init__(self, most: int) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
