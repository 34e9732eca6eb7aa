"""Every bound on what comes from outside, in one place: nothing larger is read into memory or kept."""

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

#: What `Source.recognises` gets to see of a content.
HEAD_BYTES = 64 * KIB
#: A longer line of text is refused without being read into memory (real rows have some 200 bytes).
LINE_BYTES_MAX = 64 * KIB
#: Lines are gathered to pieces of at most about this size, whatever `rows_max` says.
PIECE_BYTES_MAX = 32 * MIB
#: A JSON content is read as a whole, so it must fit in memory comfortably.
JSON_BYTES_MAX = 256 * MIB
#: A content, after decompression.
CONTENT_BYTES_MAX = 8 * GIB
#: A .gz may grow this much when unpacked (detections shrink about tenfold); checked from EXPANSION_FREE_BYTES on.
EXPANSION_RATIO_MAX = 150
EXPANSION_FREE_BYTES = 64 * MIB
#: What is kept of a rejected row, or of a content that is rejected as a whole.
RAW_BYTES_MAX = 4 * KIB
#: One quarantine record holds at most this much; more rejections make more records.
REJECTED_ROWS_MAX = 10_000
REJECTED_BYTES_MAX = 8 * MIB
#: Values longer than this are shown shortened in explanations.
SHOWN_CHARS_MAX = 60

#: No feed of satellites read here is older; an earlier date is a damaged one.
DETECTION_MS_MIN = 946_684_800_000  # 2000-01-01
#: A time may lie this far ahead of the moment of receipt (clocks differ, dates of the running day are rounded up).
AHEAD_MS_MAX = 24 * 3_600_000

#: A download that is larger is broken off.
DOWNLOAD_BYTES_MAX = 1 * GIB

#: What is kept of a peer's answer to a delivery, and of the reason of a failed one.
RECEIPT_CHARS_MAX = 200
