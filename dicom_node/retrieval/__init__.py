"""What the node fetches: a patient's earlier radiographs, of the archives that it may ask.

archive ► what an archive is asked for    web, dicom ► the two ways to ask it
candidates ► which of what it shows is wanted    taking ► one image that it gave
inquiring ► what is asked when, again and until when
"""
