"""A rack's places for other machines, over HTTP: list, lease, exchange, events.

pcsc-lite knows 16 readers and no more, so a large bench is several machines with an agent each and
one rack file that names them. `bench` has the places and their leases, `app` the routes, `wire` the
bytes, `serve` the process. The other end is `hil.readers.agent`.
"""
