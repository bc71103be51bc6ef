"""What comes in, and whether it is for us.

listener ► received, kept, answered    acceptance, store_requests ► who may come in, and with what
eligibility, vocabulary ► may it be analysed    rejection ► what takes an image back
"""
