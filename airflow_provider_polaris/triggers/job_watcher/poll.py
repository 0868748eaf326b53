"""
One tick of the watcher: ask Polaris about all jobs that are waited for, in as few requests as possible.

Runs in the poll thread; knows neither asyncio nor Airflow, and logs nothing. Only a terminal status that was *seen* is
an end: a job that is missing from a list may have ended, or the list lags behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import (
    CONNECTION_WIDE_ERRORS,
    PolarisApiError,
    PolarisError,
    PolarisProtocolError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.status.state import ACTIVE_STATUSES, TERMINAL_STATUSES, JobState, normalize_status
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, parse_instant
from airflow_provider_polaris.triggers.job_watcher import request_budget
from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollAbandonedError, PollOwnership
from airflow_provider_polaris.triggers.job_watcher.poll_result import (
    _LONGEST_REST,
    _TICKS_REMEMBERED,
    PollResult,
    PollTime,
    fail,
    is_for_all,
)
from airflow_provider_polaris.triggers.job_watcher.progress import ProgressPoller
from airflow_provider_polaris.triggers.job_watcher.single_status import (
    ask,
    brief_state,
    broken,
    is_of_service,
    missed,
    saw,
)
from airflow_provider_polaris.triggers.job_watcher.waiter import Group, Observation, Waiter, WaitersByJob
from airflow_provider_polaris.triggers.polling.schedule import is_due

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient


#: Everything but streaming jobs, which don't end (polaris-sdk 20250425.14.0).
_TYPES: Final = ("batch", "sql", "delete_data", "restore_data", "drop_table")


_ACTIVE: Final = tuple(sorted(ACTIVE_STATUSES))


_ENDED: Final = tuple(sorted(TERMINAL_STATUSES))


#: A page has a whole number of these, so that the date is looked at just before the next page is asked for.
_DATE_EVERY: Final = request_budget.OVERLAP


#: What a tick needs of a row; whole rows only where somebody asked for the whole state.
_FIELDS: Final = ("id", "executionStatus", "createdTimestamp")


#: Single requests that fail in a row before the tick ends: where no job was answered before, and where one was.
_FAILURES_OF_ALL: Final = 2


_FAILURES_IN_A_ROW: Final = 5


def poll(
    client: PolarisClient,
    waiters: Sequence[Waiter],
    memory: PollState,
    moment: PollTime,
    *,
    turn: PollOwnership | None = None,
    apart: Collection[str] = (),
) -> PollResult:
    """
    Ask Polaris; a failure that concerns all is a finding, not an exception.

    :param client: Asks.
    :param waiters: Those that had joined before.
    :param memory: From the tick before; is updated.
    :param moment: When this tick is.
    :param turn: The event loop takes it to end a tick that hangs in a request. Then nothing is changed any more, and
        the findings up to that request are those of the turn.
    :param apart: Jobs that are asked for elsewhere, and here only looked for in lists.
    """
    tick = _Tick(client, waiters, memory, moment, turn or PollOwnership(), apart)
    try:
        tick.run()
    except PollAbandonedError:
        pass
    except PolarisError as error:
        tick.fail(error)
    except Exception as error:
        # Ours, then. What was found before must still be told, and nobody may wait for ever.
        tick.fail(broken("the poll for all waiting tasks broke", error))
    return tick.findings


class _Tick:
    def __init__(
        self,
        client: PolarisClient,
        waiters: Sequence[Waiter],
        memory: PollState,
        moment: PollTime,
        turn: PollOwnership,
        apart: Collection[str],
    ) -> None:
        self.findings = turn.findings
        self._client = client
        self._waiters = waiters
        self._memory = memory
        self._moment = moment
        self._now = moment.now
        self._turn = turn
        self._apart = apart
        self._requests = 0
        self._failed: set[str] = set()
        #: Jobs whose requests failed since the last one that was answered, and whether one ever was.
        self._in_a_row = 0
        self._has_answers = False
        #: Jobs that failed before any was answered.
        self._doubtful: list[str] = []
        self._plain: dict[str, Observation] = {}

    def run(self) -> None:
        due = WaitersByJob(waiter for waiter in self._waiters if self._is_due(waiter))
        jobs = len(due)
        if request_budget.asks_each(jobs, self._memory.list_pages or request_budget.pages_of(jobs)):
            self._memory.fade()
            self._ask_all(due, jobs)
        elif not self._memory.can_read_lists():
            self._ask_all(due, request_budget.MOST_WITHOUT_LISTS)
        else:
            del due  # the lists are about all, and both together take twice the room
            self._read_lists()
        if request_budget.has_request_for_progress(len(self._waiters), jobs, self._requests):
            self._memory.progress.ask(self._client, WaitersByJob(self._waiters), self.findings, self._turn)

    def fail(self, error: PolarisError) -> None:
        """Note a failure that concerns everybody who is still due; who has an answer of this tick is not."""
        self._memory.end_rest()  # it isn't the lists
        others = (waiter for waiter in self._waiters if waiter.job_id not in self._failed)
        failed = fail((waiter for waiter in others if waiter.job_id not in self._apart), error, self._moment)
        self.findings.failure = failed.failure
        self.findings.news += failed.news
        self.findings.heed(error)

    def _is_due(self, waiter: Waiter) -> bool:
        return waiter.job_id not in self._apart and is_due(waiter, self._now, self._moment.pace)

    def _ask_all(self, groups: WaitersByJob, most: int) -> None:
        """Ask for each of so many; the turn is with those that had none for longest, for a request may always fail."""
        waiting = (group for group in groups if group[0].job_id not in self._apart)
        for group in sorted(waiting, key=lambda group: group[0].attempted)[:most]:
            self._ask(group)

    def _ask(self, group: Group) -> None:
        """Ask for one job. What goes wrong with this job alone is its own failure, the rest is everybody's."""
        job_id = group[0].job_id
        for waiter in group:
            waiter.attempted = self._now
        self._requests += 1
        with self._turn.request(job_id, is_status=True):
            reply = ask(self._client, job_id, whole=any(waiter.wants_state for waiter in group))
        error = reply.error
        if error is None:
            self._answered()
            self._saw(group, str(reply.status), reply.state)
            return
        if is_for_all(error):
            raise error
        if is_of_service(error):
            self._in_a_row += 1
            if self._in_a_row >= (_FAILURES_IN_A_ROW if self._has_answers else _FAILURES_OF_ALL):
                raise error  # it isn't the job
        self._failed.add(job_id)
        self.findings.news += missed(group, error)
        self._suspect(job_id, error)

    def _answered(self) -> None:
        self._in_a_row, self._has_answers = 0, True
        for job_id in self._doubtful:
            self.findings.suspects.setdefault(job_id, 0.0)
        self._doubtful.clear()

    def _suspect(self, job_id: str, error: PolarisError) -> None:
        """Have a job asked for apart from the others if the service works for them, or asked to leave it alone."""
        if not is_of_service(error):
            self._answered()
            return
        wait = error.retry_after if isinstance(error, PolarisApiError) else None
        if wait or self._has_answers:
            self.findings.suspects[job_id] = wait or 0.0
        else:
            self._doubtful.append(job_id)

    def _saw(self, group: Group, status: str, state: JobState | None) -> None:
        plain = self._plain.setdefault(status, Observation(status))
        self.findings.news += saw(group, status, state, self._now, plain=plain)

    def _read_lists(self) -> None:
        """Look for all jobs in the lists, and ask for a few that are in none; for more where lists don't work."""
        self.findings.has_read_lists = True
        wanted = WaitersByJob(self._waiters)
        try:
            self._search_lists(wanted)
        except PolarisApiError as error:
            self._memory.lists_refused = 400 <= error.status < 500 and not isinstance(error, CONNECTION_WIDE_ERRORS)
            self.findings.heed(error, of_all=True)
            raise
        except (PolarisTransportError, PolarisProtocolError):
            # Endless, odd, or too slow. If single requests fail as well, that is told.
            self._memory.rest_lists()
            self._ask_all(wanted, request_budget.MOST_WITHOUT_LISTS)
            return
        self._has_answers = True
        self._ask_all(wanted, request_budget.singles_left(self._requests))
        for group in wanted:
            for waiter in group:
                waiter.unlisted = waiter.unlisted or waiter.asked == self._now

    def _search_lists(self, wanted: WaitersByJob) -> None:
        rows = self._find(wanted, self._list(_ACTIVE, "ASC", request_budget.most_pages(len(self._waiters))))
        self._requests = request_budget.pages_of(rows)
        self._memory.keep(self._requests)
        hinted = [group[0] for group in wanted if not group[0].unlisted]
        if hinted and not request_budget.follows_each(len(wanted), self._requests):
            self._search_ended(wanted, min(_creation(waiter, self._moment.today) for waiter in hinted))

    def _search_ended(self, wanted: WaitersByJob, oldest: float) -> None:
        """Look for the missing among the jobs that have ended, back to the oldest of them."""
        most = request_budget.pages_left(len(self._waiters), self._requests)
        rows = self._find(wanted, self._list(_ENDED, "DESC", most), oldest=oldest, most=request_budget.rows_of(most))
        self._requests += request_budget.pages_of(rows)
        for group in wanted:
            for waiter in group:
                waiter.misses += 1

    def _list(self, statuses: Sequence[str], order: str, most_pages: int) -> Iterator[dict[str, Any]]:
        # What shifts past while jobs end by the hundred is found at the next tick; the tick keeps its budget.
        whole = any(waiter.wants_state for waiter in self._waiters)
        return self._client.iter_jobs(
            type=_TYPES,
            execution_status=statuses,
            sort_order=order,
            page_size=request_budget.PAGE_ROWS,
            most_pages=most_pages,
            complete=False,
            fields=None if whole else _FIELDS,
        )

    def _find(
        self,
        wanted: WaitersByJob,
        rows: Iterator[dict[str, Any]],
        *,
        oldest: float | None = None,
        most: int | None = None,
    ) -> int:
        """
        Take those out of ``wanted`` that a list has; stop when all are found.

        :return: Rows read.
        """
        count = 0
        for count, row in enumerate(self._in_turn(rows), 1):
            status = row.get("executionStatus")
            if row["id"] in wanted and isinstance(status, str) and status.strip():
                self._found(wanted.take(row["id"]), normalize_status(status), row)
                if not wanted:
                    break
            if count == most:
                break
            if oldest is not None and count % _DATE_EVERY == 0 and (_created(row) or oldest) < oldest:
                break
        return count

    def _in_turn(self, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Give the turn away while rows are read; a few at a time, which a page has a whole number of."""
        count = _DATE_EVERY
        while count == _DATE_EVERY:
            with self._turn.request():
                some = list(islice(rows, _DATE_EVERY))
            count = len(some)
            yield from some

    def _found(self, group: Group, status: str, row: dict[str, Any]) -> None:
        for waiter in group:
            waiter.unlisted = False
            if waiter.created is None:
                waiter.created = _created(row)
        state = brief_state(row) if any(waiter.wants_state for waiter in group) else None
        self._saw(group, status, state)


def _creation(waiter: Waiter, today: float) -> float:
    if waiter.created is not None:
        return waiter.created
    return request_budget.oldest_creation(waiter.started, waiter.misses, today)


def _created(row: dict[str, Any]) -> float | None:
    text = row.get("createdTimestamp")
    try:
        return parse_instant(text).timestamp() if isinstance(text, str) else None
    except (UnreadableInstantError, OverflowError, ValueError):
        return None


@dataclass
class PollState:
    """
    What lasts from tick to tick, besides what each waiter keeps.

    :param list_pages: Pages that the list of active jobs took last; None if that is not known or long ago.
    :param lists_refused: Polaris finds fault with the question for a list, so it isn't asked again.
    :param progress: Asks how far jobs are.
    """

    list_pages: int | None = None
    lists_refused: bool = False
    progress: ProgressPoller = field(default_factory=ProgressPoller)
    _ticks: int = 0
    _rest: int = 0
    _next_rest: int = 1

    def keep(self, list_pages: int) -> None:
        """Note how long the list is."""
        self.list_pages, self._ticks, self._next_rest = list_pages, 0, 1

    def rest_lists(self) -> None:
        """Do without lists in the next tick, because they don't end or can't be read; in twice as many each time."""
        self._rest, self._next_rest = self._next_rest, min(2 * self._next_rest, _LONGEST_REST)

    def end_rest(self) -> None:
        """Read lists again in the next tick: single requests don't work either."""
        self._rest = 0

    def can_read_lists(self) -> bool:
        """Say whether this tick may read lists; counts the tick."""
        self._rest -= 1
        return not self.lists_refused and self._rest < 0

    def fade(self) -> None:
        """Forget in time how long it was: it may have become shorter."""
        self._ticks += 1
        if self._ticks >= _TICKS_REMEMBERED:
            self.list_pages = None
