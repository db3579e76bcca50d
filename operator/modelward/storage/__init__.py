"""The model's fetch: the init container that copies a model from its store into the pod.

`modelward-fetch` copies one file or everything under a prefix, resumes what was cut off, checks the
content's digest, and says in one line and in the termination message how it went.
"""
