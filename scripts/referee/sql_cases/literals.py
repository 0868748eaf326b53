# SPDX-License-Identifier: Apache-2.0
"""Columns and literals of each kind of argument."""

from __future__ import annotations

from typing import Final

import collection_signatures as collections

SCALARS: Final = ("string", "long", "double", "float", "timestamp")

COLUMNS: Final = {
    "string": ["s", "u", "x", "w"],
    "long": ["n", "i", "m"],
    "double": ["d", "e"],
    "float": ["f"],
    "timestamp": ["__time", "MILLIS_TO_TIMESTAMP(m)"],
    "number_text": ["x"],
    "time_text": ["w"],
    "millis": ["m"],
    "count": ["i"],
    "stable": ["e"],
    "unique_time": ["__time"],
    "json": ["j"],
    "json_text": ["t"],
    "ip": ["a"],
    "ip_number": ["m", "n"],
    "base64": ["b"],
    **collections.COLUMNS,
}

LITERALS: Final = {
    "string": [
        "'a'", "''", "' '", "'l'", "'ß'", "'12'", "'😀'", "'it''s'", "'O%'", "'abc'", "NULL",
        "U&'d\\0061t\\+01F600'", "U&'!00e9\\' UESCAPE '!'",
    ],
    "long": ["0", "1", "-1", "2", "7", "10", "-3", "64", "2147483648", "9223372036854775807", "NULL"],
    "double": ["0.5", "-1.5", "2.0", "1e300", "1e-7", "100.25", "3e0"],
    "float": ["CAST(0.1 AS FLOAT)", "CAST(2 AS FLOAT)"],
    "timestamp": [
        "TIMESTAMP '2024-03-10 06:30:00'", "TIMESTAMP '1969-12-31 23:59:59.999'", "TIMESTAMP '2024-02-29'",
        "DATE '2024-03-10'", "TIMESTAMP '0001-01-01 00:00:00'",
    ],
    "boolean": ["TRUE", "FALSE"],
    "number_text": ["'12'", "'-1.5'"],
    "time_text": ["'2024-03-10T06:30:00Z'", "'2024-03-10 06:30:00'"],
    "millis": ["0", "1710052200000", "-1"],
    "count": ["0", "1", "2", "3", "5", "-1"],
    "width": ["0", "1", "3", "6", "10"],
    "start": ["1", "2", "3", "4", "50"],
    "length": ["0", "1", "2", "5"],
    "digits": ["0", "1", "2", "5", "-1", "-2", "-3"],
    "shift": ["0", "1", "2", "31", "62", "63"],
    "find": ["'a'", "'l'", "'ß'", "'ΣΑΣ'", "'X'", "'😀'", "' '", "'é'", "'%'", "''"],
    "pad": ["'*'", "'ab'", "'ß'", "'😀'", "' '"],
    "trimmed": ["' '", "'a'", "'Z'", "' \t'", "'Za '", "'é😀'"],
    "pattern": [
        "'a'", "'[a-z]+'", "'^\\s*(\\w+)'", "'l+'", "'(.)b(.)'", "'\\d+'", "'.'", "'X'", "'^$'", "'a|b'", "'[^a-z ]'",
        "'(?i)HELLO'", "'(a)|(b)'", "'o$'", "'(?<=a)b'", "'a*'", "'\\S'", "'[日本]'", "'\\.'", "''",
    ],
    "group_number": ["0", "1"],
    "replacement": ["''", "'-'", "'<$0>'", "'\\\\'", "'é'"],
    "like": ["'a%'", "'%l%'", "'_'", "'%'", "''", "'A_B'", "'%ß%'", "'a\\_b'", "'Hello_World'", "'😀'", "'100\\%'"],
    "escape": ["'\\'", "'!'", "'%'"],
    "period": [
        "'PT1S'", "'PT1M'", "'PT1H'", "'P1D'", "'P1W'", "'P1M'", "'P3M'", "'P1Y'", "'PT15M'", "'PT6H'", "'P2D'",
        "'P2W'", "'P2M'", "'P5Y'", "'P7D'", "'PT24H'", "'PT0.001S'",
    ],
    "shift_period": [
        "'PT1H'", "'P1D'", "'P1W'", "'P1M'", "'P1Y'", "'PT15M'", "'P1M1D'", "'P1DT12H'",
        "'P1Y2M10DT2H30M'",
    ],
    "step": ["1", "-1", "2", "0", "-13"],
    "origin": ["NULL", "TIMESTAMP '2024-01-01 00:00:00'", "TIMESTAMP '2024-01-03 06:00:00'"],
    "zone": ["'UTC'", "'America/New_York'", "'Europe/Berlin'", "'Asia/Kolkata'", "'+05:30'", "'Etc/UTC'"],
    "joda": [
        "'yyyy-MM-dd'", "'yyyy-MM-dd''T''HH:mm:ss.SSS'", "'HH:mm'", "'dd/MM/yyyy hh:mm a'", "'EEE, d MMM yyyy'",
        "'xxxx-ww-e'", "'yyyyMMddHHmmss'", "'MMMM'", "'y'", "'yy'", "'D'", "'DDD'", "'S'", "'SS'", "'H'", "'s'",
        "'EEEE'", "'w'", "'x'", "'Y'",
    ],
    "joda_utc": ["'HH:mm:ssZ'", "'yyyy-MM-dd''T''HH:mm:ss.SSSZZ'", "'z ZZZ'"],
    "joda_read": [
        "'yyyy-MM-dd'", "'yyyy-MM-dd''T''HH:mm:ss''Z'''", "'yyyyMMdd'", "'yyyy'", "'yyyy-MM-dd HH:mm:ss'", "'yyyy-MM'",
        "'yyyy-MM-dd''T''HH:mm:ssZ'", "'yyyy-M-d'",
    ],
    "extracted": [
        "'EPOCH'", "'SECOND'", "'MINUTE'", "'HOUR'", "'DAY'", "'DOW'", "'ISODOW'", "'DOY'", "'WEEK'", "'MONTH'",
        "'QUARTER'", "'YEAR'", "'ISOYEAR'", "'MILLISECOND'", "'CENTURY'", "'DECADE'", "'MILLENNIUM'", "'MICROSECOND'",
    ],
    "extracted_word": [
        "EPOCH", "SECOND", "MINUTE", "HOUR", "DAY", "DOW", "ISODOW", "DOY", "WEEK", "MONTH", "QUARTER", "YEAR",
        "ISOYEAR", "MILLISECOND", "CENTURY", "DECADE", "MILLENNIUM", "MICROSECOND",
    ],
    "truncated": [
        "'second'", "'minute'", "'hour'", "'day'", "'week'", "'month'", "'quarter'", "'year'", "'milliseconds'",
        "'decade'", "'century'", "'millennium'", "'microseconds'", "'DAY'",
    ],
    "unit": ["SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "DECADE", "CENTURY", "MILLENNIUM"],
    "interval": [
        "'2024-03-10/P1D'", "'2024-01-01T00:00:00/2024-06-01T00:00:00'", "'1969-01-01/1971'", "'P1M/2024-04-01'",
        "'0000/3000'",
    ],
    "span": [
        "INTERVAL '1' DAY", "INTERVAL '2' HOUR", "INTERVAL '1' MONTH", "INTERVAL '-1' DAY", "INTERVAL '1' YEAR",
        "INTERVAL '90' SECOND", "INTERVAL '5' MINUTE",
    ],
    "bytes": ["1024", "10"],
    "target": ["VARCHAR", "BIGINT", "DOUBLE"],
    "lgk": ["12"],
    "hll": ["'HLL_8'"],
    "k": ["64", "128", "32768"],
    "fraction": ["0", "0.1", "0.25", "0.5", "0.75", "0.9", "0.99", "1", "1.0"],
    "point": ["0", "0.5", "2", "7", "100.25", "1e10"],
    "json": [
        """PARSE_JSON('{"a":1,"b":{"c":[1,{"d":"e"}]}}')""", """PARSE_JSON('[1, "2", 3.5, true, null, {"a": "x"}]')""",
        """PARSE_JSON('"text"')""", "PARSE_JSON('12')", """PARSE_JSON('{"a":[],"b":{}, "é😀":"\\u00e9\\n\\"/"}')""",
    ],
    "json_text": ["""'{"a":{"b":1}}'""", "'[1,2]'", "'x'"],
    "json_valid": [
        """'{"a": 1, "b": [1.0, 2e3, -0.0, 1e-7]}'""", "' [ ] '", "'null'", """'"a"'""", "'1.50'", "'true'", "'{}'",
        """'{"z":1,"a":{"y":null},"b":"\\u0041\\t"}'""",
    ],
    "path": [
        "'$'", "'$.a'", "'$.b'", "'$.b.c'", "'$.b.c[0]'", "'$.b.c[1].d'", "'$.b.c[-1]'", "'$.missing.x'", "'$[0]'",
        "'$[5].a'", "'$[-1]'", "'$.é😀'", """'$["a"]'""", "'$[''a'']'", "'$.b[''c''][0]'", "''",
        "'$.a[0]'", "'$.a b'", "'$[*]'", "'$.n'", "'$.b.d'",
    ],
    "bad_path": ["'a'", "'.a'", "'$.a.'", "'$..a'", "'$.a[x]'", "'$.'", "'$['", "'$.a''b'"],
    "key": ["'a'", "'b'", "'é😀'", "''", "'a.b'", "'x y'", "'it''s'", "'\"'"],
    "ip": ["'192.168.0.1'", "'10.0.0.255'", "'0.0.0.0'", "'256.1.1.1'", "'::1'"],
    "ip_number": ["0", "3232235521", "4294967295", "4294967296", "-1"],
    "subnet": [
        "'192.168.0.0/16'", "'10.0.0.0/8'", "'0.0.0.0/0'", "'192.168.0.1/32'", "'10.0.0.0/31'",
        "'192.168.0.0/255.255.0.0'",
    ],
    "bad_subnet": ["'192.168.0.1'", "'10.1.2.3/33'", "'x/8'", "'1.2.3/8'", "''"],
    "base64": ["'aGVsbG8='", "'8J+YgA'", "''", "'w6k='"],
    "digit_text": [
        "'ff'", "'0xFF'", "'-0x1'", "'z'", "'+7'", "'-101'", "'FFFFFFFFFFFFFFFF'", "'7fffffffffffffff'", "'0'", "'-'",
        "'1y2p0ij32e8e7'", "'12 '",
    ],
    "base": ["2", "8", "10", "16", "36", "0", "1", "37"],
    "precision": ["0", "1", "2", "3"],
    "format_text": ["'%s'", "'<%5s>'", "'%-8s|'", "'%s %s'", "'%1$s-%1$s'", "'%S'", "'100%%'", "'%.2s'", "'%n%s'"],
    "format_whole": ["'%d'", "'%05d'", "'%,d'", "'%+d'", "'%x'", "'%X'", "'%(d'", "'% d'", "'%-6d|'", "'%o'", "'%08x'"],
    "format_real": ["'%f'", "'%.2f'", "'%,.1f'", "'%+.3f'", "'%10.2f'", "'%e'", "'%.0f'", "'%010.1f'", "'%g'"],
    "format_three": ["'%s: %d of %.1f'", "'%3$.2f %2$d %1$s'", "'%s%%'"],
    **collections.LITERALS,
}  # fmt: skip
