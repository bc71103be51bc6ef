"""Algorithm 1 of the paper: a network learns.

start ► what it begins with     feed, augmentation ► what a step is shown
losses ► what it minimises      recipes, schedule  ► how a run goes
loop, checkpoint, history ► the run    held_out, calibrate ► which epoch, and its threshold
train, export ► weights with their card
"""
