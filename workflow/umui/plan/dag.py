"""Ask Snakemake's API for the jobs of a dry run, and print them as JSON: ``python -m umui.plan.dag``.

It takes arguments of Snakemake's command line, and so finds the profiles that this would find.
"""

import contextlib
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.cli import parse_args, parse_config
from snakemake.exceptions import CliException, MissingInputException, RuleException, WorkflowError
from snakemake.settings.enums import Quietness, RerunTrigger
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    DeploymentSettings,
    ExecutionSettings,
    OutputSettings,
    ResourceSettings,
    WorkflowSettings,
)
from snakemake_interface_common.exceptions import ApiError

from umui.plan.dry_run import ANSWER, DryRun, Files, Job, Record, Why

LOCKED = (
    "another Snakemake works in this directory, or was killed here: wait for it to end; "
    "if none runs, `snakemake --unlock` and try again"
)
MISSING_INPUT = "put these files there, or name others in the configuration"


def main() -> None:
    """Plan the run that the command line asks for; what the workflow itself prints goes to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        answer = _answer(sys.argv[1:])
    sys.stdout.write(ANSWER.dump_json(answer).decode())


def _answer(arguments: Sequence[str]) -> DryRun:
    try:
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, enable_file_logging=False)) as api:
            workflow = _planned(api, _options(arguments))
            if workflow.persistence.locked:
                return DryRun(fault=LOCKED)
            return DryRun(jobs=tuple(_jobs(workflow)), config=workflow.config)
    except (WorkflowError, RuleException, ApiError, CliException) as error:
        return DryRun(fault=_words(error))


def _options(arguments: Sequence[str]) -> Any:
    """Read options as the command line does, those of its profiles among them.

    Raises WorkflowError when there is no such option.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return parse_args(["--dry-run", *arguments])[1]
    except SystemExit:
        raise WorkflowError(said.getvalue().strip()) from None


def _planned(api: SnakemakeApi, options: Any) -> Any:
    """Make a dry run, and return Snakemake's workflow with its graph of jobs.

    The API shows neither: ``_workflow`` is its own, and may be named otherwise in another version than 9.27.
    """
    workflow = api.workflow(
        resource_settings=ResourceSettings(cores=1),
        config_settings=ConfigSettings(config=parse_config(options.config), configfiles=options.configfile or ()),
        workflow_settings=WorkflowSettings(
            consider_ancient=options.consider_ancient,
            persistence_backend=options.persistence_backend,
            persistence_backend_db_url=options.persistence_backend_db_url,
        ),
        deployment_settings=DeploymentSettings(deployment_method=options.software_deployment_method),
        snakefile=options.snakefile,
    )
    graph = workflow.dag(
        DAGSettings(
            targets=options.targets,
            forcerun=options.forcerun,
            force_incomplete=options.rerun_incomplete,
            rerun_triggers=options.rerun_triggers,
            max_checksum_file_size=options.max_checksum_file_size,
        )
    )
    graph.execute_workflow(pseudo_executor="dryrun", execution_settings=ExecutionSettings(lock=False))
    return workflow._workflow


def _jobs(workflow: Any) -> Iterator[Job]:
    """Yield the jobs that would run, each after those that it follows."""
    order = {rule.name: place for place, rule in enumerate(workflow.rules)}
    would_run = set(workflow.dag.needrun_jobs(exclude_finished=False))
    for level in workflow.dag.toposorted():
        for job in sorted(would_run.intersection(level), key=lambda job: (order[job.rule.name], list(job.output))):
            if job.output:
                yield _job(workflow, job)


def _job(workflow: Any, job: Any) -> Job:
    record = workflow.persistence.metadata(job.output[0])
    parameters = {name: repr(value) for name, value in job.params.items()}
    recorded = set(map(repr, job.non_derived_params))
    return Job(
        rule=job.rule.name,
        wildcards={name: str(value) for name, value in job.wildcards.items()},
        input=_files(job.input),
        output=_files(job.output),
        benchmark=str(job.benchmark) if job.benchmark else None,
        parameters=parameters,
        unrecorded=frozenset(name for name, literal in parameters.items() if literal not in recorded),
        why=_why(workflow, job),
        record=record
        and Record(
            template=record.code or "",
            command=record.shellcmd or "",
            parameters=tuple(record.params or ()),
            inputs=tuple(record.input or ()),
        ),
    )


def _why(workflow: Any, job: Any) -> Why:
    """Return why a job would run.

    Of a job that follows others Snakemake looks no further; whether its own parameters, inputs, command or environment
    are others than at its last run is looked up here.
    """
    reason, records = workflow.dag.reason(job), workflow.persistence
    half_written = workflow.async_run(records.incomplete(job))
    known = records.has_metadata(job) and not records.has_outdated_metadata(job)
    triggers = workflow.rerun_triggers if known else ()
    parameters = records.params_changed(job) if RerunTrigger.PARAMS in triggers else None
    return Why(
        missing=_sorted(reason.missing_output),
        half_written=_sorted(half_written),
        changed=_sorted(reason.updated_input - reason.updated_input_run),
        remade=_sorted(reason.updated_input_run),
        parameters_before=frozenset(parameters.only_old) if parameters else frozenset(),
        parameters_now=frozenset(parameters.only_new) if parameters else frozenset(),
        other_inputs=RerunTrigger.INPUT in triggers and any(records.input_changed(job)),
        other_command=RerunTrigger.CODE in triggers and any(records.code_changed(job)),
        other_environment=RerunTrigger.SOFTWARE_ENV in triggers and any(records.software_stack_changed(job)),
        forced=reason.forced and not half_written,
    )


def _files(files: Any) -> Files:
    named = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in files.items()}
    n_named = sum(map(len, named.values()))
    unnamed = {"": tuple(files)[: len(files) - n_named]} if n_named < len(files) else {}
    return {name: tuple(map(str, some)) for name, some in (unnamed | named).items()}


def _sorted(files: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted(map(str, files)))


def _words(error: Exception) -> str:
    """Return what Snakemake or the workflow says of a fault, and what to do where they do not say it."""
    words = "\n".join(dict.fromkeys(error.messages)) if isinstance(error, RuleException) else str(error)
    return f"{words}\n{MISSING_INPUT}" if isinstance(error, MissingInputException) else words


if __name__ == "__main__":
    main()
