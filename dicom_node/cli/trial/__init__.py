"""What `cxr-node acceptance` says of the silent weeks.

`reports` reads what the site's readers said, `figures` counts, `page` writes it down.
"""
