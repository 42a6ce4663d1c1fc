"""`PullRequests`: brings the environment of a pull request in line with the pull request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from orchestrator.api import Orchestrator
from orchestrator.config.assignments import Assignment, make_assignment
from orchestrator.config.pull_request_settings import PullRequestSettings
from orchestrator.errors import OrchestratorError, RefusedError, UnknownStackError
from orchestrator.lifecycle import CreateEnv, DestroyEnv, Job, UpdateEnv
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import RunReport, Status
from orchestrator.operations.health.verdicts import Verdict
from orchestrator.pull_requests import comment as comments
from orchestrator.pull_requests import orphans, policy, previews, template_secrets
from orchestrator.pull_requests.change import Change, DeploymentState, Forge
from orchestrator.pull_requests.previews import Preview
from orchestrator.pull_requests.results import (
    Kept,
    Orphan,
    Outcome,
    Reaped,
    ReapReason,
    ReapResult,
    SyncResult,
)

CarryOut = Callable[[Job], RunReport]
Build = Callable[[CreateEnv], Mapping[str, str]]
"""Builds and pushes the images of a request from the working copy, and returns their references by name."""


class PullRequests:
    """Environments of pull requests.

    Args:
        orchestrator: the settings and the engine.
        forge: the forge of the pull requests.
        carry_out: carries out jobs; the default is `orchestrator.run_job`.

    A failure of the forge after the environment was changed is a note of the result: the next run reports again. A
    failure before is an error, and nothing is changed.
    """

    def __init__(self, orchestrator: Orchestrator, forge: Forge, carry_out: CarryOut | None = None) -> None:
        self._orchestrator = orchestrator
        self._forge = forge
        self._carry_out = carry_out or orchestrator.run_job
        self._settings: PullRequestSettings = orchestrator.settings.pull_requests

    def sync(
        self,
        number: int,
        commit: str | None = None,
        *,
        images: dict[str, str] | None = None,
        build: Build | None = None,
    ) -> SyncResult:
        """Create the environment of a pull request, or update it to the newest commit.

        `commit` is the commit for which the pipeline runs: a run for an older commit does nothing. `images` replace those
        of the settings, and `build` builds images from the working copy, which must be that commit. Raises
        UnknownStackError, RefusedError, and the errors of `Orchestrator.create_env`.
        """
        change = self._forge.change(number)
        existing = previews.find(self._orchestrator.context, self._settings.name)
        name = policy.environment_name(change, self._settings.name, [each.name for each in existing])
        skipped = SyncResult(number=number, environment=name, outcome=Outcome.SKIPPED, commit=change.commit)
        if commit is not None and commit != change.commit:
            return replace(skipped, reason=_outdated(commit, change))
        files = self._forge.files(number) if self._settings.paths else None
        why = policy.why_not(change, self._settings, files)
        if why is not None:
            present = any(each.name == name for each in existing)
            return self._end(change, name, why) if present and _gone(change) else replace(skipped, reason=why)
        try:
            request, surplus = self._request(change, name, images), self._surplus(existing, name)
            if build is not None:
                request = self._built(change, request, build)
                latest = self._forge.change(number)
                if latest.commit != change.commit or not latest.is_open:
                    reason = _outdated(change.commit, latest) if latest.is_open else "it was closed during the build"
                    return replace(skipped, reason=reason)
            # A request that cannot work puts no other environment to sleep.
            job = self._orchestrator.prepare(request)
            if surplus:
                self._sleep(surplus)
        except OrchestratorError as error:
            self._report_refusal(change, replace(skipped, outcome=Outcome.FAILED), error)
            raise
        return self._updated(change, name, job, surplus, new=all(each.name != name for each in existing))

    def close(self, number: int, reason: str = "The pull request is closed.") -> SyncResult:
        """Destroy the environment of a pull request. Without an environment nothing happens."""
        change = self._forge.change(number)
        existing = previews.find(self._orchestrator.context, self._settings.name)
        name = policy.environment_name(change, self._settings.name, [each.name for each in existing])
        if all(each.name != name for each in existing):
            notes = self._report_end(change, name, reason)
            return SyncResult(number=number, environment=name, outcome=Outcome.ABSENT, notes=notes)
        return self._end(change, name, reason)

    def reap(self, *, execute: bool = False) -> ReapResult:
        """Find the environments of closed pull requests, expired ones, and those beyond the largest number.

        With `execute` the first two are destroyed and the last are put to sleep. Orphans are reported and stay: what no
        command of the orchestrator created for a pull request.
        """
        open_numbers = self._forge.open_numbers()
        existing = previews.find(self._orchestrator.context, self._settings.name)
        expired = {found.name for found in self._orchestrator.reap().expired}
        destroy: list[Reaped] = []
        keep: list[Kept] = []
        strangers = [found for each in existing if (found := orphans.of_environment(each, open_numbers, self._forge))]
        unknown = {found.name for found in strangers}
        existing = tuple(each for each in existing if each.name not in unknown)
        for each in existing:
            reason = ReapReason.CLOSED if each.number not in open_numbers else None
            reason = reason or (ReapReason.EXPIRED if each.name in expired else None)
            if reason is None:
                continue
            if each.deployment.record.pinned:
                keep.append(Kept(environment=each.name, number=each.number, reason=f"it is pinned, although {reason}"))
            else:
                destroy.append(Reaped(environment=each.name, number=each.number, reason=reason))
        left = [each for each in existing if each.name not in {found.environment for found in destroy}]
        asleep = previews.surplus(left, self._settings.most)
        entries, notes = self._orphaned_entries(open_numbers)
        result = ReapResult(
            executed=execute,
            destroy=tuple(destroy),
            sleep=tuple(each.name for each in asleep),
            keep=tuple(keep),
            orphans=(*strangers, *entries),
            notes=notes,
        )
        return self._reaped(result) if execute else result

    def _orphaned_entries(self, open_numbers: frozenset[int]) -> tuple[tuple[Orphan, ...], tuple[str, ...]]:
        """The deployment entries without an environment, and the failure to list them."""
        listed: list[str] = []
        notes = self._quietly(lambda: listed.extend(self._forge.entries()))
        environments = self._orchestrator.registry().environments
        return orphans.of_entries(listed, environments, open_numbers, self._settings.name), notes

    def _request(self, change: Change, name: str, images: dict[str, str] | None) -> CreateEnv:
        filled = {image: policy.filled(text, change) for image, text in self._settings.images.items()}
        values = tuple(make_assignment(key, value) for key, value in self._settings.values.items())
        left_out = template_secrets.left_out(self._orchestrator.settings, self._settings.secrets)
        awake = Assignment(namespace=None, path=("asleep",), value=None)
        return CreateEnv(
            names=(name,),
            base=self._settings.base,
            images={**filled, **(images or {})},
            assignments=(*left_out, *values, awake),
            owner=change.author,
            ttl=self._settings.ttl,
        )

    def _built(self, change: Change, request: CreateEnv, build: Build) -> CreateEnv:
        """The request with the images of the working copy. Raises RefusedError for another commit than the newest."""
        here = self._orchestrator.context.checkout().commit
        if here != change.commit:
            found = f"the working copy is at {here[:12]}" if here else "the working copy has no commit"
            raise RefusedError(
                f"nothing was built: {found}, and the newest commit of the pull request is {change.commit[:12]}",
                "check out that commit, not the result of a merge",
            )
        return replace(request, images={**request.images, **build(request)})

    def _surplus(self, existing: tuple[Preview, ...], name: str) -> tuple[str, ...]:
        """The environments that have to sleep before one more may be awake. Raises RefusedError."""
        others = [each for each in existing if each.name != name]
        most = self._settings.most - 1
        awake = [each for each in others if each.awake]
        surplus = previews.surplus(others, most)
        if len(awake) <= most:
            return ()
        if self._settings.at_most == "refuse" or len(awake) - len(surplus) > most:
            oldest = min(awake, key=lambda it: (it.deployment.last_update is not None, it.deployment.last_update))
            owner = oldest.deployment.record.owner or "an unknown owner"
            raise RefusedError(
                f"{name} was not created: the largest number of awake environments of pull requests is {self._settings.most}",
                f"destroy one or put it to sleep; {oldest.name} of {owner} was updated longest ago",
            )
        return tuple(each.name for each in surplus)

    def _sleep(self, names: tuple[str, ...]) -> None:
        asleep = Assignment(namespace=None, path=("asleep",), value=True)
        report = self._carry_out(self._orchestrator.prepare(UpdateEnv(names=names, assignments=(asleep,))))
        if report.exit_code:
            raise RefusedError(
                f"there is no room: {' and '.join(names)} could not be put to sleep", "see the errors of the update"
            )

    def _updated(self, change: Change, name: str, job: Job, slept: tuple[str, ...], *, new: bool) -> SyncResult:
        notes = self._quietly(
            lambda: self._forge.comment(change.number, comments.marker(name), comments.begun(change, name))
        )
        notes += self._entry(change, name, "in_progress", None)
        try:
            report = self._carry_out(job)
        except OrchestratorError as error:
            failed = SyncResult(number=change.number, environment=name, outcome=Outcome.FAILED, commit=change.commit)
            self._report_refusal(change, failed, error)
            raise
        result = SyncResult(
            number=change.number,
            environment=name,
            outcome=Outcome.FAILED if report.exit_code else Outcome.CREATED if new else Outcome.UPDATED,
            reason=_failure(report),
            commit=change.commit,
            put_to_sleep=slept,
            notes=notes,
            exit_code=report.exit_code,
        )
        if not report.exit_code:
            result = self._seeded(result) if new and self._settings.seed else result
            result = self._smoked(result) if self._settings.smoke and not result.exit_code else result
        result = self._described(result)
        return self._reported(change, result, report)

    def _seeded(self, result: SyncResult) -> SyncResult:
        """The result after the seed command of a new environment."""
        seeded = self._orchestrator.operations.run(result.environment, self._settings.seed)
        if not seeded.code or self._orchestrator.engine.notice:
            return result
        reason = f"the seed command failed: task {seeded.task} {seeded.reason}"
        return replace(result, outcome=Outcome.FAILED, reason=reason, exit_code=1)

    def _smoked(self, result: SyncResult) -> SyncResult:
        """The result after the checks of `smoke`."""
        failed = [
            f"{check.name}: {check.evidence}"
            for check in self._orchestrator.operations.smoke(result.environment, patience="5m")
            if check.verdict is Verdict.FAIL
        ]
        if not failed:
            return result
        return replace(result, outcome=Outcome.FAILED, reason="\n".join(["smoke checks failed", *failed]), exit_code=1)

    def _described(self, result: SyncResult) -> SyncResult:
        """The result with address, expiry and cost, if the environment exists."""
        found: Deployment | None = self._orchestrator.registry().environments.get(result.environment)
        if found is None:
            return result
        estimate = self._orchestrator.cost(result.environment).get(result.environment)
        cost = None if estimate is None else estimate.dollars_per_month
        return replace(result, url=found.url, expires=found.record.expires, monthly_cost=cost)

    def _reported(self, change: Change, result: SyncResult, report: RunReport) -> SyncResult:
        """Report to the forge. An environment whose pull request was closed meanwhile is destroyed."""
        latest: list[Change] = []
        notes = self._quietly(lambda: latest.append(self._forge.change(change.number)))
        if latest and not latest[0].is_open:
            return self._end(latest[0], result.environment, "The pull request was closed during the update.")
        state: DeploymentState = "failure" if result.exit_code else "success"
        notes += self._entry(change, result.environment, state, result.url)
        written: list[str | None] = []
        marker, notice = comments.marker(result.environment), self._orchestrator.engine.notice
        noted = replace(result, notes=(*result.notes, *notes))
        text = comments.ended(change, noted, report, notice)
        notes += self._quietly(lambda: written.append(self._forge.comment(change.number, marker, text)))
        notes = tuple(dict.fromkeys((*result.notes, *notes)))
        return replace(result, notes=notes, comment=written[0] if written else None)

    def _report_refusal(self, change: Change, result: SyncResult, error: OrchestratorError) -> None:
        """Report a run that was refused before anything changed. A failure of the forge adds nothing to that error."""
        reason = error.message if error.hint is None else f"{error.message}\n{error.hint}"
        text = comments.ended(change, replace(result, reason=reason), None, self._orchestrator.engine.notice)
        self._quietly(lambda: self._forge.comment(change.number, comments.marker(result.environment), text))
        self._entry(change, result.environment, "failure", None)

    def _end(self, change: Change, name: str, reason: str) -> SyncResult:
        """Destroy an environment and report it. Another run may destroy it first: a sync whose request was closed, or a close."""
        outcome = Outcome.DESTROYED
        try:
            report = self._carry_out(self._orchestrator.prepare(DestroyEnv(names=(name,))))
        except UnknownStackError:
            report, outcome = None, Outcome.ABSENT
        if report is not None and report.exit_code and self._exists(name):
            return SyncResult(
                number=change.number,
                environment=name,
                outcome=Outcome.FAILED,
                reason=_failure(report),
                exit_code=report.exit_code,
            )
        notes = self._report_end(change, name, reason)
        return SyncResult(number=change.number, environment=name, outcome=outcome, reason=reason, notes=notes)

    def _exists(self, name: str) -> bool:
        try:
            return name in self._orchestrator.registry().environments
        except OrchestratorError:
            return True

    def _report_end(self, change: Change, name: str, reason: str) -> tuple[str, ...]:
        text = comments.destroyed(name, reason)
        marker = comments.marker(name)
        notes = self._quietly(lambda: self._forge.comment(change.number, marker, text, create=False))
        return notes + self._entry(change, name, "inactive", None)

    def _reaped(self, result: ReapResult) -> ReapResult:
        code = 0
        for each in result.destroy:
            try:
                ended = self._end(self._forge.change(each.number), each.environment, f"It was reaped: {each.reason}.")
                code = code or ended.exit_code
            except OrchestratorError:
                code = 1
        if result.sleep:
            self._sleep(result.sleep)
        return replace(result, exit_code=code)

    def _entry(self, change: Change, name: str, state: DeploymentState, url: str | None) -> tuple[str, ...]:
        return self._quietly(lambda: self._forge.deployment(change, name, state, url))

    def _quietly(self, call: Callable[[], object]) -> tuple[str, ...]:
        """Call the forge; a failure becomes a note."""
        try:
            call()
        except OrchestratorError as error:
            return (error.message,)
        return ()


def _outdated(commit: str, newest: Change) -> str:
    return f"commit {commit[:12]} is not the newest: {newest.commit[:12]} has a run of its own"


def _gone(change: Change) -> bool:
    """Whether the environment of a pull request that no longer gets one is destroyed immediately."""
    return not change.is_open


def _failure(report: RunReport) -> str | None:
    """The reasons of the units that failed; None when none did."""
    failed = [found for found in report.results if found.status in (Status.FAILED, Status.CANCELLED)]
    return "\n".join(f"{found.unit.stack}: {found.reason or found.status.value}" for found in failed) or None
