"""What a reader draws on the page: what is drawn on, and the Segmentation that comes of it.

raster ► pixels, large and small    desk ► what an editor opens with, and keeps
"""
