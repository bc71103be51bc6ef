"""What another pipeline, tried in the shadow of the one that is sent, says of the same images."""
