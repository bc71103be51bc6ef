"""What `cxr-node doctor` looks at: `check` is what each look came to, `places` where state is,
`networks` what analyses, `outside` what is around the node.
"""
