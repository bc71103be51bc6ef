"""Whether the images of a device have become otherwise: a week of them beside the weeks before."""
