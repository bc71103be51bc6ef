"""What `cxr-node doctor` looks at.

`check` is what each look came to, `lines` where the configuration says it; `places` where state is,
`clocks` what time it is there, `networks` what analyses, `outside` what is around the node,
`destinations` who gets results, `round_trip` all of it at work.
"""
