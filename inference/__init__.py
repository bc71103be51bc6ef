"""Pixels in, findings out. Knows nothing of connections, databases or brokers: see `analyze`.

analyze ► the table of contents                findings, pipeline, header ► what others may read
decode (decoding, gray) ► a Radiograph         resize ► the networks' square
networks, weights, engines ► probabilities     direction, lungs ► which way up, and the lungs
postprocess, extent ► masks                    quantify ► Findings
datasets, training, evaluation ► where the networks come from, and what they are worth
"""
