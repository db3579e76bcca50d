"""Gates: what a candidate passes before it gets traffic, measured through its own endpoint.

`runner` runs each gate in a process of its own, with a limit on its time and memory; `measure` is that
process. The same code runs in the operator's Job, on a laptop and in CI.
"""
