"""Exercise worlds by file name: each module here holds one `SCENARIO`."""
