"""A small HTTP/1.1 server for trio on h11, shared by the metrics and the control interface, and a smaller client.

It knows nothing of mirrord: no routes, no JSON, no policy.  ``unix`` needs the standard library
alone, so that the command line can use it without loading trio.
"""
