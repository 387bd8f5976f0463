"""Arguments at the edges of what is permitted, for every public function.

``python -m tests.edges SEED DRAWS`` runs in a process of its own, since a fault of compiled code
may end it.  It prints each call that broke the promise: a result without NaN, or a ValueError that
names an argument, within ten seconds.
"""
