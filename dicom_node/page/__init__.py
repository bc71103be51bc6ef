"""The status page: how the node stands, in a browser, and what a person does about it.

Read on: `access` (who may come in, and that nobody else does it in their name), `site` (what every
view stands on), `views` (one module each), `app` (the table of routes), `serving` (the server).
"""
