# SPDX-License-Identifier: Apache-2.0
"""The rows that expressions are computed over: the values with which databases differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

#: Type of each column, by its name in Polaris; ``__time`` is a timestamp.
COLUMNS: Final = {
    "id": "long",
    "g": "string",  # groups of aggregates
    "s": "string",  # text of any kind
    "u": "string",  # another
    "x": "string",  # text that is, or resembles, a number
    "w": "string",  # text that is, or resembles, a time
    "n": "long",  # any long
    "i": "long",  # small, for counts and positions
    "m": "long",  # milliseconds since 1970
    "d": "double",
    "e": "double",  # small, so that sums don't depend on the order of rows
    "f": "float",
    "mv": "string",  # several values in a row
    "sa": "stringArray",
    "la": "longArray",
    "da": "doubleArray",
    "j": "json",
    "t": "string",  # text that is, or resembles, JSON
    "a": "string",  # text that is, or resembles, an IPv4 address
    "b": "string",  # base64 of UTF-8
}

_MAX: Final = 2**63 - 1
_MIN: Final = -(2**63)

_S: Final = (
    "a", "", " ", None, "Hello World", "  both  ", "Gießen ﬁx", "ΟΔΟΣ ΣΑΣ", "İzmir ıI", "😀", "a😀b", "e\u0301té",
    "naïve Ünï", "\t tab\n", "100%", "a_b", "a.b*c", "it's", "x\\y", "aaaa", "日本語", "ŉ ǰ ΐ", "ab", "A", "\u00a0nb",
    "aXbXc", "0", "null", "true", "Z" * 40,
)  # fmt: skip
_U: Final = (
    "a",
    "l",
    "",
    None,
    " ",
    "o",
    "ß",
    "Σ",
    "i",
    "😀",
    "b",
    "\u0301",
    "ï",
    "\t",
    "%",
    "_",
    ".",
    "'",
    "\\",
    "aa",
)
_X: Final = (
    "12", "-1.5", " 7", "7 ", "1e3", "abc", "", None, "0x10", "+5", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "NaN", "Infinity", "-Infinity", "1_000", "１２", ".5", "5.", "-0", "1e400",
    "1E-400", "0.1", "00012", "1,5", "1d", "2f", "3L", "true", "1.9999999999999999", "--1", "1e", "0b1", "1.0",
)  # fmt: skip
_W: Final = (
    "2024-03-10T06:30:00Z", "2024-03-10 06:30:00", "2024-02-30", "June", "", None, "2024", "2024-3", "2024-03-10",
    "2024-02-29T23:59:59.999Z", "0001-01-01", "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999",
    "2024-03-10T06:30:00+05:30", "2024-03-10T06:30:00-0800", "2024-W10-1", "2024-060", "2024-03-10T06", "20240310",
    "2024-03-10T06:30", "2024-03-10T24:00:00", "2024-03-10T06:30:60Z", " 2024-03-10", "1710052200000", "2023-02-29",
    "2024-03-10T06:30:00.1234567Z", "2024-03-10T2:05:07", "+2024-03-10", "-0001-01-01", "2024-03-31T02:30:00",
)  # fmt: skip
_N: Final = (
    0, 1, -1, 2, 7, -7, 10, 100, None, _MAX, _MIN, _MAX - 1, _MIN + 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**31, 2**31 - 1,
    -(2**31), 2**32, 255, 256, 1250, -1250, 999_999, 123_456_789_012_345_678, 3, 5, 15, 64,
)  # fmt: skip
_I: Final = (0, 1, 2, 3, -1, None, 4, 5, 7, 12, -2, 10, 62, 63, 64, 65, 31, 20)
_T: Final = (
    "2024-03-10T06:30:00.000Z", "2024-02-29T23:59:59.999Z", "1970-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z",
    "0001-01-02T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2024-03-10T10:00:00.000Z", "2024-03-10T09:59:59.999Z",
    "2024-11-03T05:30:00.000Z", "2024-11-03T06:30:00.000Z", "2024-03-31T01:00:00.000Z", "2024-10-27T00:30:00.000Z",
    "2024-10-27T01:30:00.000Z", "2024-12-31T12:00:00.000Z", "2025-01-01T00:00:00.000Z", "2021-01-03T13:14:15.016Z",
    "2020-12-31T23:59:59.999Z", "1900-02-28T12:00:00.000Z", "1883-11-18T17:00:00.000Z", "2000-02-29T00:00:00.001Z",
    "1582-10-10T00:00:00.000Z", "2038-01-19T03:14:08.000Z", "2024-01-31T00:00:00.000Z", "2024-05-31T10:20:30.400Z",
    "2023-01-29T23:00:00.000Z", "2100-02-28T06:07:08.009Z", "1969-12-31T00:00:00.000Z", "1904-01-01T00:00:00.001Z",
    "2024-04-01T12:00:00.000Z", "2015-06-30T23:59:59.500Z",
)  # fmt: skip
_M: Final = (
    1_710_052_200_000, 0, -1, None, 1, 999, 1000, 86_399_999, 86_400_000, -86_400_001, 1_709_251_199_999,
    -62_135_596_800_000, 253_402_300_799_999, 1_710_064_800_000, 1_730_615_400_000, 951_782_400_000, -2_208_988_800_000,
)  # fmt: skip
_D: Final = (
    0.0, -0.0, 1.0, -1.0, 0.1, 0.5, -0.5, 1.5, 2.5, -2.5, 2.675, 1.005, None, 1e300, -1e300, 5e-324, 1e-7, 123456.789,
    1e7, 9999999.0, 1e15, 9.007199254740993e15, 1e16, 1e19, -1e19, 9.223372036854776e18, 0.001, 0.0009999, 3.14159,
    1e22, 100.0, 1.7976931348623157e308,
)  # fmt: skip
_E: Final = (0.0, 0.25, 0.5, -0.75, 1.0, 2.0, -3.5, None, 4.0, 8.125, 16.0)
_F: Final = (0.0, 0.1, -0.1, 1.5, None, 16777216.0, 3.4e38, 1e-40, 0.3, 2.5, -7.25, 1e10, 123456.79, 100.0, 0.001, 1e7)
_MV: Final = (
    ["a", "b"], "b", None, [], [None], [None, "a", "a", "c"], ["", ""], "x", ["x y", "é😀"], "", ["a", None],
    ["b", "a,b"], ["A", "a"],
)  # fmt: skip
_SA: Final = (
    ["a", "b"], ["b"], [], None, [None], ["c", None, "a", "a"], ["", ""], ["x"], ["é😀", "x y"], ["b", "a"],
    ["l", "null", "12", "A"],
)  # fmt: skip
_LA: Final = ([1, 2], [2], [], None, [None], [3, None, 1, 1], [0, 0], [2**53 + 1, _MAX], [_MIN, -1, 7])
_DA: Final = (
    [1.5, 2.5],
    [2.0],
    [],
    None,
    [None],
    [3.5, None, 1.0, 1.0],
    [0.0, -0.0],
    [0.1, 1e300],
    [-2.5, 5e-324, 1e7],
)
_J: Final = (
    {"a": 1, "b": {"c": [1, 2, 3], "d": "x"}}, {"a": "text", "n": 1.5}, {"a": True}, {"a": None, "n": 2}, None, {},
    {"a": "12", "b": {"c": [{"d": "e"}, {"d": 5}], "d": None}}, {"a": 2.0, "n": 10**18}, {"a": {"x": [1]}, "b": 7},
    {"a": [1, "2"], "b": {"c": []}}, [1, "x", {"a": "b"}], [], "root", 12, -1.5, True, {"a": "", "é😀": "ü\n\"q\""},
    {"a": -0.0, "n": 1e-7}, {"n": 123456789.5, "a": -3}, {"a b": 1, "n": "1e3"}, {"b": {"c": [[1, 2], [3]]}, "n": 0.5},
    {"a": "true", "n": False}, {"z": 1, "y": {"x": 2}, "a": 9007199254740993},
)  # fmt: skip
_J_TEXT: Final = (
    '{"a":1}', '{"a": {"b": [1, 2.50, null]}}', "[]", "[1,2,3]", "12", "-1.50", '"x"', "true", "null", "", None, "{",
    "{'a':1}", '{"a":1,}', "nope", " {} ", '{"b":"\\u00e9"}', '[{"a":"x"},{"a":"y"}]', "1e5", "NaN", "-0", "01", '"a',
    '{"a":1} x', '{"a":1,"a":2}', "12345678.5",
)  # fmt: skip
_A: Final = (
    "192.168.0.1", "10.0.0.255", "0.0.0.1", "255.255.255.255", "256.0.0.1", "1.2.3", " 10.1.2.3", "10.1.2.3 ", "", None,
    "010.001.000.009", "::1", "1.2.3.4.5", "a.b.c.d", "3232235521", "192.168.255.254", "1.2.3.4/8", "1..2.3",
)  # fmt: skip
_B: Final = ("aGVsbG8=", "aGVsbG8", "", None, "8J+YgA==", "w6k=", "YQ==", "YWI", "IA==", "4pyT", "AA==")
_G: Final = ("p", "q", None, "")

COUNT: Final = 96
"""Number of rows: the longest list three times, each time beside other values."""


def make_rows() -> list[dict[str, Any]]:
    """Build the rows; lists of different lengths put each value beside several others."""
    lists: dict[str, Sequence[Any]] = {
        "g": _G,
        "s": _S,
        "u": _U,
        "x": _X,
        "w": _W,
        "n": _N,
        "i": _I,
        "m": _M,
        "d": _D,
        "e": _E,
        "f": _F,
    }
    lists |= {"mv": _MV, "sa": _SA, "la": _LA, "da": _DA}
    lists |= {"j": _J, "t": _J_TEXT, "a": _A, "b": _B}
    rows: list[dict[str, Any]] = []
    for number in range(COUNT):
        lap = number // len(_T)
        row = {"__time": _shift(_T[number % len(_T)], lap), "id": number}
        rows.append(row | {name: values[(number + lap) % len(values)] for name, values in lists.items()})
    return rows


def _shift(text: str, lap: int) -> str:
    """Change the milliseconds of a time, so that no two rows have the same; EARLIEST of two would be either."""
    millis = int(text[-4:-1])
    return f"{text[:-4]}{millis - lap if millis == 999 else millis + lap:03}Z"
