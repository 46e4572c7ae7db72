"""The front end of a piped peer: it speaks gRPC for an executable that knows pipes alone.

::

    client.py         cluster.py (three peers, their logs, Ctrl-C)
        |  Kv             |  starts, watches
        v                 v
    +------------------ peer.py ------------------+               +--- peer.py of another ---+
    | services.py  <---- futures ----  child.py   |    stream     |  services.py             |
    |   tickets          packets --->  link.py  --|-------------->|    one write to its pipe |
    +-----------------------|--^------------------+               +--------------------------+
                      stdin |  | stdout     (framing.py: varint length | kind | rest)
                            v  |
                        target/{debug,release}/grpc

Nothing here looks inside a packet, and nothing decides: Raft lives behind the pipe.
"""

VERSION = "0.1.0"
