"""A file's bytes to the stored values of one frame; what is damaged or no single image is refused.

part10 ► data set    pixel_description ► whether it is one image    decoders ► its values
soundness, codestream, jpeg_lossless, jpeg_steps, flat_rows ► whether they are whole
transfer_syntaxes ► which libraries read what
"""
