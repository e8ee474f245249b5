"""The engine's thread: the newest scene wins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cnnviz.engine.computation import Computation
from cnnviz.engine.delivery import Delivery, Request
from cnnviz.engine.failures import FailuresHub, plain_words
from cnnviz.engine.panel import ComputeCancelled, PanelSpec
from cnnviz.engine.refillable_network import may_be_of_one_run
from cnnviz.scene.models import Scene

if TYPE_CHECKING:
    from cnnviz.data.pipeline import InputPipeline

Post = Callable[[Callable[[], None]], None]


class Engine:
    """Computes scenes off the UI thread.

    A newer request replaces the waiting one and never cancels a running pass: a hand that draws faster than the
    network runs still sees every finished pass. Only another network, or closing, cancels.

    Parameters
    ----------
    post : callable
        Runs a function on the receiving thread: a queued signal in the window, a direct call elsewhere.
    deliver : callable
        Gets each :class:`Delivery`, through ``post``.
    synchronous : bool
        No thread: ``request`` returns when everything is delivered. For tests, screenshots and the command line.
    """

    def __init__(
        self,
        specs: tuple[PanelSpec, ...],
        pipeline: InputPipeline,
        post: Post,
        deliver: Callable[[Delivery], None],
        failures: FailuresHub,
        *,
        synchronous: bool = False,
    ) -> None:
        self._computation = Computation(specs, pipeline, failures)
        self._post = post
        self._deliver = deliver
        self._failures = failures
        self._condition = threading.Condition()
        self._waiting: Request | None = None
        self._running: Request | None = None
        self._cancel = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        if not synchronous:
            self._thread = threading.Thread(target=self._loop, name="cnnviz-engine", daemon=True)
            self._thread.start()

    def request(self, scene: Scene, version: int, visible: frozenset[str]) -> None:
        """Ask for ``scene``; returns at once, unless the engine is synchronous."""
        request = Request(scene, version, visible)
        if self._thread is None:
            self._work_through(request)
            return
        with self._condition:
            if self._closing:
                return
            if self._running is not None and _is_useless(self._running.scene, scene):
                self._cancel.set()
            self._waiting = request
            self._condition.notify_all()

    @property
    def idle(self) -> bool:
        with self._condition:
            return self._waiting is None and self._running is None

    def wait_until_idle(self, timeout: float) -> bool:
        """Block until every request was computed and its deliveries were posted; False when ``timeout`` s passed."""
        end = time.monotonic() + timeout
        with self._condition:
            while self._waiting is not None or self._running is not None:
                left = end - time.monotonic()
                if left <= 0 or not self._condition.wait(left):
                    return False
        return True

    def close(self, timeout: float = 2.0) -> bool:
        """Cancel, and wait for the thread; False when it is still inside a forward pass after ``timeout`` s."""
        with self._condition:
            self._closing = True
            self._waiting = None
            self._cancel.set()
            self._condition.notify_all()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        while True:
            with self._condition:
                self._running = None
                self._condition.notify_all()
                while self._waiting is None and not self._closing:
                    self._condition.wait()
                if self._closing:
                    return
                self._running, self._waiting = self._waiting, None
                self._cancel.clear()
                request = self._running
            assert request is not None
            self._work(request)

    def _work_through(self, request: Request) -> None:
        """Without a thread: ``request``, and after it what its own deliveries ask for."""
        self._waiting = request
        if self._running is not None or self._closing:
            return
        while self._waiting is not None:
            self._running, self._waiting = self._waiting, None
            try:
                self._work(self._running)
            finally:
                self._running = None

    def _work(self, request: Request) -> None:
        try:
            for delivery in self._computation.run(request, self._cancel.is_set, self._is_superseded):
                self._post(lambda delivery=delivery: self._deliver(delivery))  # type: ignore[misc]
        except ComputeCancelled:
            return
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the thread must outlive whatever went wrong
            self._computation.forget()
            self._failures.report(error, "Computing what is shown")
            message = f"This could not be computed: {plain_words(error)}"
            broken = Delivery(request.version, {}, dict.fromkeys(request.visible, message))
            self._post(lambda: self._deliver(broken))

    def _is_superseded(self) -> bool:
        with self._condition:
            return self._waiting is not None or self._closing


def _is_useless(running: Scene, scene: Scene) -> bool:
    """Whether nobody waits any more for what is computed of ``running``: the network is another by now.

    The checkpoints of one run follow each other as fast as strokes do, and each is wanted as they are.
    """
    if running.changes != scene.changes:
        return True
    return running.network != scene.network and not may_be_of_one_run(running.network, scene.network)
