"""Algorithms 1 and 2 of the paper, and its tables: train, evaluate, benchmark.

dataset, dicom_pairs ► Cases        duplicates ► what may not be split between two sides
feed ► what a step is shown: transplant, style, augment; losses ► what it minimises
recipes, schedule    ► how a run goes
train, checkpoint    ► a network    held_out, calibrate ► which epoch of it, and its threshold
                                    evaluate, metrics, tables, pictures ► what it is worth
"""
