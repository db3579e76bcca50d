"""Commands: `python3 -m dev.cluster up|images|down|programs|kubeconfig`, from the root of a checkout."""

import argparse
import sys
from concurrent import futures

from dev.cluster import addons, containers, current, host, images, lifecycle, locks, programs
from dev.cluster import layout as layouts
from dev.cluster.errors import ClusterError
from dev.cluster.layout import Layout
from dev.cluster.progress import say


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m dev.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring the cluster up, or complete it")
    ours = commands.add_parser(
        "images", help="build our images, load them into the cluster, print their names"
    )
    ours.add_argument("names", nargs="*", choices=[[], *containers.CONTEXTS], metavar="NAME")
    down = commands.add_parser("down", help="remove the cluster and all that it made, caches apart")
    down.add_argument("identifier", nargs="?", help="another checkout's cluster, as its refusal names it")
    find = commands.add_parser("programs", help="print where programs are, building those that are nowhere")
    find.add_argument("names", nargs="*", choices=[[], *programs.PROGRAMS], metavar="NAME")
    commands.add_parser("kubeconfig", help="print the path of the administrator's kubeconfig")
    return parser.parse_args()


def _up(layout: Layout) -> None:
    if current.chosen():
        current.up()
        say("ready; next: make demo CLUSTER=current")
        return
    host.check_able()
    programs.find_all([*lifecycle.NODE_PROGRAMS, *images.PROGRAM_IMAGES])
    every = addons.needed_images()
    with locks.exclusive(layout.network):
        plane = lifecycle.up(layout)
        with futures.ThreadPoolExecutor(max_workers=1) as beside:
            defined = beside.submit(addons.define, plane.client)
            images.load(layout, list(every.values()))
            defined.result()
        addons.install(plane.client, addons.every_manifest(), every)
    say(f"ready; next: export KUBECONFIG={layout.kubeconfig}")
    say("then kubectl get pods -A (kubectl, where you have none: python3 -m dev.cluster programs kubectl)")


def _down(layout: Layout) -> None:
    if current.chosen():
        say("the cluster of the current context is not ours to take down")
        return
    with locks.exclusive(layout.network):
        lifecycle.down(layout)


def _images(layout: Layout, names: list[str]) -> None:
    built = containers.build(names or containers.CONTEXTS)
    if current.chosen():
        current.load(built)
    elif layout.state.exists():
        images.load(layout, built)
    for image in built:
        sys.stdout.write(f"{image.reference}\n")


def main() -> int:
    """Run one command; return the exit code."""
    arguments = _arguments()
    layout = layouts.of_checkout()
    try:
        match arguments.command:
            case "up":
                _up(layout)
            case "images":
                _images(layout, arguments.names)
            case "down":
                identifier = arguments.identifier or layout.identifier
                _down(Layout(identifier, layout.root))
            case "programs":
                every = [name for name in programs.PROGRAMS if name not in programs.BENCHMARK_PROGRAMS]
                for file in programs.find_all(arguments.names or every).values():
                    sys.stdout.write(f"{file}\n")
            case "kubeconfig":
                sys.stdout.write(f"{layout.kubeconfig}\n")
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
