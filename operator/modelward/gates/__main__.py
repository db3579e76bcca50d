"""Command `modelward-gates`: runs gates as `modelward gate run` does, without the rest of the command line.

It is the program of images/gates. Exit codes: 0 passed, 3 failed, 1 no answer, 2 a wrong command line. With
--pod-verdict it is the program of a gate's pod: it runs the one gate of its file, and its exit code is that
gate's own, whatever onFailure says.
"""

import argparse
import sys
from pathlib import Path

from modelward.api.gateverdict import ErrorReason, GateResult
from modelward.gates import outcome, pod
from modelward.gates.configuration import GateFileError, read_gate_file
from modelward.gates.findings import told
from modelward.gates.process import end_on_sigterm
from modelward.gates.runner import DEFAULT_MEMORY_MIB, Finished, Run, run_gates, verdict
from modelward.gates.task import Comparisons


def main() -> None:
    """Run the command line."""
    arguments = _parser().parse_args()
    end_on_sigterm()
    in_pod = arguments.pod_verdict is not None
    try:
        file = read_gate_file(arguments.file, arguments.file_sha256)
    except GateFileError as error:
        print(f"modelward-gates: {error}", file=sys.stderr)  # noqa: T201 - a program's own error
        if in_pod:
            pod.write_error(arguments.pod_verdict, ErrorReason.INVALID_DATA, str(error))
        sys.exit(outcome.EXIT_ERROR)
    run = Run(
        file=file,
        folder=arguments.file.parent,
        endpoint=arguments.endpoint,
        stable_endpoint=arguments.stable_endpoint,
        comparisons=arguments.comparisons,
        model_uri=arguments.model,
        seed=arguments.seed,
        memory_mib=arguments.memory_mib - (pod.OWN_MEMORY_MIB if in_pod else 0),
    )
    finished = []
    for each in run_gates(run):
        finished.append(each)
        _say(each)
    said = verdict(run, finished)
    outcome.write(arguments.output, said, finished)
    if in_pod:
        sys.exit(_leave(arguments, finished[0].result))
    sys.exit(outcome.EXIT_CODES[said.result])


def _leave(arguments: argparse.Namespace, result: GateResult) -> int:
    """Leave verdict and report of a pod's one gate where they are kept; return the exit code."""
    problem = ""
    if arguments.report_uri is not None:
        problem = pod.upload(arguments.output, arguments.report_uri)
    if arguments.print_report:
        pod.print_files(arguments.output, sys.stdout)
    if problem:
        print(f"the report is not kept: {problem}", flush=True)  # noqa: T201 - the pod's log
    pod.write_verdict(arguments.pod_verdict, result, problem)
    return outcome.EXIT_CODES.get(result.result, outcome.EXIT_ERROR)


def _say(each: Finished) -> None:
    result = each.result
    lines = [f"{result.name}: {result.result}: {result.message}"]
    lines += [f"  {told(check)}" for check in result.checks if not check.passed]
    print("\n".join(lines), flush=True)  # noqa: T201 - the pod's log


def _parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="modelward-gates", description=__doc__)
    result.add_argument("--file", type=Path, required=True, help="gates, and what they are measured by")
    result.add_argument("--file-sha256", help="of that file, in hexadecimal digits: another one is an error")
    result.add_argument(
        "--endpoint", required=True, help="base address of the model server: http://HOST:PORT"
    )
    result.add_argument("--stable-endpoint", help="of the revision that serves, to compare with")
    result.add_argument("--model", help="address of the model's file, or of what inference.modelFile is in")
    result.add_argument("--seed", type=int, default=0, help="of every draw")
    result.add_argument("--memory-mib", type=float, default=DEFAULT_MEMORY_MIB, help="most memory of a gate")
    result.add_argument(
        "--output", type=Path, default=Path("gate-report"), help="folder for verdict.json and report.html"
    )
    result.add_argument(
        "--comparisons",
        type=Comparisons,
        choices=list(Comparisons),
        default=Comparisons.NEEDED,
        help="limits beside stable, without --stable-endpoint: an error, or left out",
    )
    result.add_argument("--pod-verdict", type=Path, help="where the pod's termination message is taken from")
    result.add_argument("--report-uri", help="with --pod-verdict: keep verdict and report below this address")
    result.add_argument(
        "--print-report", action="store_true", help="with --pod-verdict: print them for the operator to keep"
    )
    return result


if __name__ == "__main__":
    main()
