"""What Prometheus is told: read from the ledger when it asks, so it is the same whichever process
of whichever host is asked, and a restart forgets nothing.
"""

from dicom_node.metrics.exposition import CONTENT_TYPE, SCRAPE_WITHIN_S, exposition

__all__ = ["CONTENT_TYPE", "SCRAPE_WITHIN_S", "exposition"]
