"""Reads the time strip of the test pattern (docs/test_pattern.md) from the luma of a picture, and looks at its flash."""

COLUMNS, ROWS, HEIGHT_DIVISOR = 16, 4, 6
MIDDLE_GREY = 128


def checksum(data):
    """CRC-16/CCITT-FALSE."""
    crc = 0xffff
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xffff if crc & 0x8000 else crc << 1
    return crc


def mean(luma, width, left, top, right, bottom):
    """Of the middle of a block: its border is smeared."""
    margin_x, margin_y = (right - left) // 4, (bottom - top) // 4
    rows = [luma[y * width + left + margin_x:y * width + right - margin_x] for y in range(top + margin_y, bottom - margin_y)]
    return sum(map(sum, rows)) / sum(map(len, rows))


def read(luma, width, height):
    """Milliseconds since 1970, or None where there is no strip or a bit is wrong."""
    strip = height // HEIGHT_DIVISOR
    top = height - strip
    bits = 0
    for row in range(ROWS):
        for column in range(COLUMNS):
            block = (width * column // COLUMNS, top + strip * row // ROWS, width * (column + 1) // COLUMNS, top + strip * (row + 1) // ROWS)
            bits = bits << 1 | (mean(luma, width, *block) >= MIDDLE_GREY)
    milliseconds, given = bits >> 16, bits & 0xffff
    return milliseconds if checksum(milliseconds.to_bytes(6, "big")) == given else None


def is_flashing(luma, width, height):
    return mean(luma, width, width * 7 // 8, 0, width, height // 4) >= MIDDLE_GREY
