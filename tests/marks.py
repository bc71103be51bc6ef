"""Marks that several test files share."""

import pytest

#: pynetdicom drops the socket of a refused connection without closing it; CPython closes it.
refused_connection = pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <socket\.socket:pytest.PytestUnraisableExceptionWarning"
)
