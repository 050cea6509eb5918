"""vLLM's engine on an event loop of its own, in a thread: whoever asks may come and go with theirs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Running:
    """Holds a `vllm.v1.engine.async_llm.AsyncLLM` until it is closed."""

    def __init__(self, start: Callable[[], Any]) -> None:
        """`start()` makes the AsyncLLM, on the loop where it then works; what it raises is raised here."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm-engine", daemon=True)
        self._thread.start()
        self._numbers = itertools.count()
        self._asked = 0
        self._busy = 0.0
        self._since = 0.0
        self.closed = False

        async def begin() -> Any:  # noqa: ANN401 - vLLM has no types here
            return start()

        try:
            self._llm = self.call(begin()).result()
        except BaseException:
            self._end()
            raise

    @property
    def busy_seconds(self) -> float:
        """Seconds in which something was asked of it."""
        return self._busy + (time.perf_counter() - self._since if self._asked else 0.0)

    def call(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run `work` on the engine's loop. Cancelling the future cancels it there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def tokens(self, prompt: Sequence[int], params: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        """What vLLM gives for `prompt`, piece by piece. Runs on the engine's loop; leaving it aborts the request."""
        if not self._asked:
            self._since = time.perf_counter()
        self._asked += 1
        number = str(next(self._numbers))
        try:
            outputs = self._llm.generate({"prompt_token_ids": list(prompt)}, params, number)
            async with contextlib.aclosing(outputs):
                async for output in outputs:
                    yield output.outputs[0]
        finally:
            self._asked -= 1
            if not self._asked:
                self._busy += time.perf_counter() - self._since

    async def in_workers(self, method: str, *arguments: object) -> list[Any]:
        """Call a method of every worker process. To be run on the engine's loop."""
        found: list[Any] = await self._llm.collective_rpc(method, args=arguments)
        return found

    def close(self) -> None:
        """End vLLM's processes; what is in flight is cancelled."""
        if self.closed:
            return
        self.closed = True
        self.call(self._cancel()).result()
        self._llm.shutdown()
        del self._llm  # or it would be shut down once more when Python itself is half gone
        self._end()

    async def _cancel(self) -> None:
        """Cancel all that is in flight, and vLLM's own task that hands out tokens."""
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
