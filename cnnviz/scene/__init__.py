"""The document: everything that a person can set, as one frozen, serialisable scene."""
