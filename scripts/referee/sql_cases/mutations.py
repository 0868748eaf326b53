# SPDX-License-Identifier: Apache-2.0
r"""
What people write who come from another database: replacements in the text of a valid expression.

Each entry maps a regular expression to the texts that may stand in its place; ``\1`` is its first group.
"""

from __future__ import annotations

from typing import Final

OPERATORS: Final = {
    r" = ": (" == ", " === ", " <=> ", " := ", " IS ", " != ", " ~ ", " =", " EQ "),
    r" <> ": (" != ", " ^= ", " ~= ", " NE ", " IS NOT "),
    r" (<=|>=|<|>) ": (" =< ", " !< ", " <<= ", r" \1 ALL "),
    r" \+ ": (" % ", " & ", " | ", " ^ ", " << ", " || ", " MOD ", " ++ "),
    r" - ": (" % ", " -- ", " ~ ", " MINUS "),
    r" / ": (" DIV ", " // ", " % ", " \\\\ "),
    r" \* ": (" ** ", " × ", " % "),
    r" \|\| ": (" + ", " & ", " . ", " CONCAT ", " | "),
    r" AND ": (" && ", " & ", " , ", " XOR "),
    r" OR ": (" | ", " XOR ", " ORELSE "),
    r"NOT ": ("! ", "~", "NOT NOT ", "¬"),
    r" LIKE ": (" ILIKE ", " RLIKE ", " REGEXP ", " SIMILAR TO ", " GLOB ", " ~ ", " ~* ", " NOT LIKE ",
    " LIKE ANY "),
    r" IS NULL": (" ISNULL", " NOTNULL", " = NULL", " IS NOT NULL", " IS EMPTY", " IS NIL"),
    r" IS (TRUE|FALSE)": (" = TRUE", " IS 1", " IS NOT TRUE", " IS UNKNOWN", " IS T"),
    r" IS (NOT )?DISTINCT FROM ": (" IS DIFFERENT FROM ", " <=> ", " IS "),
    r" BETWEEN ": (" BETWEEN SYMMETRIC ", " BETWEEN ASYMMETRIC ", " IN BETWEEN ", " NOT BETWEEN "),
    r" IN \(([^()]*)\)": (r" IN [\1]", r" IN {\1}", r" IN \1", r" = ANY (\1)", r" NOT IN (\1)", " IN ()",
    r" IN (\1,)"),
    r"CASE WHEN (\S+) THEN": (r"CASE \1 THEN", r"CASE IF \1 THEN", r"IF(\1,", r"CASE WHEN \1 :"),
    r" ELSE ": (" ELSEIF ", " DEFAULT ", " ELSE IF "),
    r" END$": (" END CASE", "", " ENDIF"),
    r" ESCAPE ('[^']*')": ("", r" ESC \1", " ESCAPE", r" ESCAPE (\1)", " ESCAPE 'ab'", " ESCAPE ''"),
}  # fmt: skip

TYPES: Final = {
    r" AS (VARCHAR|BIGINT|INTEGER|DOUBLE|FLOAT|DECIMAL|TIMESTAMP|DATE|BOOLEAN)\)": tuple(
        f" AS {word})"
        for word in (
            "STRING", "LONG", "TEXT", "INT", "INTEGER", "INT8", "INT64", "SMALLINT", "TINYINT", "NUMERIC",
            "NUMBER", "REAL",
            "DOUBLE PRECISION", "VARCHAR(10)", "CHAR", "CHAR(3)", "CHARACTER VARYING(5)", "NVARCHAR", "BOOL",
            "BOOLEAN",
            "DATE", "TIME", "DATETIME", "TIMESTAMP(3)", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE",
            "TIMESTAMP WITH LOCAL TIME ZONE", "FLOAT8", "FLOAT(10)", "DEC", "DECIMAL(10)", "DECIMAL(10, 2)",
            "BIGINT ARRAY", "BIGINT[]", "ARRAY<BIGINT>", "JSON", "UUID", "BINARY", "VARBINARY", "ANY", "UNSIGNED",
            "BIGINT UNSIGNED", "INTERVAL DAY", "'BIGINT'", "\"BIGINT\"", "bigint", "BigInt", "LONGTEXT", "CLOB",
            "UINT32",
        )
    ),
    r"CAST\((.*) AS (\w+)\)": (
        r"TRY_CAST(\1 AS \2)", r"SAFE_CAST(\1 AS \2)", r"CONVERT(\1, \2)", r"CAST(\1, \2)", r"(\1)::\2", r"\2(\1)",
        r"CAST(\1 \2)", r"CAST(\1 AS \2 NOT NULL)", r"CAST(\1 AS \2 FORMAT 'x')", r"cast(\1 as \2)", r"TO_\2(\1)",
    ),
}  # fmt: skip

LITERALS: Final = {
    r"'([^']*)'": (
        r'"\1"', r"`\1`", r"''\1''", r"$$\1$$", r"E'\1'", r"N'\1'", r"U&'\1'", r"X'41'", r"_utf8'\1'", r"'\1", r"\1",
        r"('\1')", r"'\1' 'x'", r"r'\1'", r"‘\1’", r"b'\1'",
    ),
    r"(?<![\w.'])(\d+)(?![\w.'])": (
        r"\1L", r"1_000", r"0x1F", r"\1.", r".5", r"\1e2", r"\1f", r"0\1", r"+\1", r"--\1", r"1e400",
        r"99999999999999999999",
        r"'\1'", r"\1.0", r"- \1", r"1,000", r"\1n", r"0b1", r"\1E", r"1e-400", r"(\1)", r"\1.5.5",
    ),
    r"\bNULL\b": ("null", "NIL", "NONE", "''", "NAN", "UNDEFINED", "CAST(NULL AS BIGINT)"),
    r"\bTRUE\b": ("true", "T", "YES", "1", "'true'", "ON"),
    r"(TIMESTAMP|DATE) '([^']*)'": (
        r"\1('\2')", r'\1 "\2"', r"'\2'::\1", r"{ts '\2'}", r"{d '2024-03-10'}", r"TIMESTAMP '2024-03-10T06:30:00'",
        r"TIMESTAMP '2024-03-10 06:30:00Z'", r"TIMESTAMP '2024-3-1'", r"TIMESTAMP '2024-03-10 06:30'",
        r"TIMESTAMP '2024'",
        r"TIMESTAMP '2024-03-10 06:30:00.123456'", r"TIMESTAMP '2024-02-30 00:00:00'",
        r"TIMESTAMP '2024-03-10 24:00:00'",
        r"DATE '2024-03-10 00:00:00'", r"DATE '20240310'", r"DATE '2024-02-30'", r"DATETIME '\2'", r"TIME '10:00:00'",
        r"TIMESTAMP '\2 '", r"TIMESTAMP ' \2'", r"TIMESTAMP '2024-03-10 6:30:00'", r"TIMESTAMP ''", r"timestamp '\2'",
        r"TIMESTAMP '2024-03-10 06:30:00 UTC'", r"TIMESTAMP WITH TIME ZONE '\2'", r"TO_TIMESTAMP('\2')", r"'\2'",
        r"DATE '2024-3-1'", r"TIMESTAMP '10000-01-01'", r"TIMESTAMP '-0001-01-01'", r"TIMESTAMP '0000-01-01'",
    ),
    r"INTERVAL '(-?\d+)' (\w+)": (
        r"INTERVAL \1 \2", r"INTERVAL '\1 \2'", r"INTERVAL '\1' \2S", r"INTERVAL '\1' WEEK", r"INTERVAL '\1' QUARTER",
        r"INTERVAL '\1.5' \2", r"INTERVAL -'\1' \2", r"INTERVAL '1:30' HOUR TO MINUTE",
        r"INTERVAL '1-2' YEAR TO MONTH",
        r"INTERVAL 'P1D'", r"INTERVAL '1 2' DAY TO HOUR", r"\1", r"'\1' \2", r"INTERVAL('\1' \2)",
        r"INTERVAL '\1' MILLISECOND",
        r"INTERVAL '\1' \2(3)", r"INTERVAL ' \1' \2", r"INTERVAL '+1' \2", r"INTERVAL '123' \2", r"INTERVAL '' \2",
        r"INTERVAL '1.5' SECOND", r"INTERVAL i \2",
    ),
}  # fmt: skip

UNITS: Final = {
    r"\b(SECOND|MINUTE|HOUR|DAY|WEEK|MONTH|QUARTER|YEAR)\b": (
        r"\1S", r"'\1'", r'"\1"', "SEC", "HH", "ISOWEEK", "MILLISECOND", "MICROSECOND", "DECADE", "CENTURY",
        "MILLENNIUM",
        "SQL_TSI_DAY", "day", "D", "NANOSECOND", "DOW", "EPOCH", "ISOYEAR", "TIMEZONE", "JULIAN", "WEEKDAY",
    ),
    r"'(second|minute|hour|day|week|month|quarter|year|milliseconds)'": (
        r"'\1s'", r"\1", "'ms'", "'dd'", "'DAY'", "'millisecond'", "'isoweek'", "''", "' day'", "NULL", r'"\1"',
        "'week(monday)'",
    ),
    r"'(P\w+)'": (
        "'P0D'", "'1 day'", "'P-1D'", "'-P1D'", "'p1d'", "'P1D '", "'PT'", "'P'", "''", "'P1.5D'", "'PT1.5H'",
        "'P1DT'", "'P1H'",
        "'day'", "NULL", "P1D", "'PT1H30M'", "'P1M1D'", "'P1Y2M'", "'P3W'",
    ),
    r"'(UTC|America/New_York|Europe/Berlin|Asia/Kolkata|\+05:30|Etc/UTC)'": (
        "'EST'", "'Nowhere/X'", "'+5'", "'-08:00'", "'utc'", "'america/new_york'", "''", "NULL", "'GMT+1'", "'Z'",
        "'+0530'",
        "'CET'", "'+25:00'", "'US/Pacific'", "'local'", "'UTC+1'", "'PST'",
    ),
}  # fmt: skip

FUNCTIONS: Final = {
    r"\b([A-Z][A-Z0-9_]+)\(": (
        r"\1 (",
        r'"\1"(',
        r"druid.\1(",
        r"sys.\1(",
        r"\1X(",
        r"\1((",
        r"\1(DISTINCT ",
        r"\1(ALL ",
        r"@\1(",
        r"{fn \1(",
        r"\1(,",
        r"NOT \1(",
        r"-\1(",
    ),
    r"\bUPPER\(": ("UCASE(", "upper(", "Upper(", "INITCAP(", "TO_UPPER("),
    r"\bLENGTH\(": ("LEN(", "OCTET_LENGTH(", "BIT_LENGTH(", "ARRAY_LENGTH("),
    r"\bNVL\(": ("IFNULL(", "ISNULL(", "NVL2(", "ZEROIFNULL("),
    r"\bCOALESCE\(": ("IFNULL(", "GREATEST(", "FIRST_VALUE(", "COALESCE(NULL, "),
    r"\bSUBSTRING\(": ("MID(", "SUBSTRB(", "SUBSTRING_INDEX("),
    r"\bSTRPOS\(": ("INSTR(", "LOCATE(", "CHARINDEX(", "POSITION("),
    r"\bCONCAT\(": ("CONCAT_WS('-', ", "STRING_CONCAT(", "||("),
    r"\bBTRIM\(": ("TRIM(", "STRIP(", "LTRIM("),
    r"\bPOWER\(": ("POW(", "POWER2("),
    r"\bLN\(": ("LOG(", "LOG2(", "LOG1P("),
    r"\bDATE_TRUNC\(": ("TRUNC(", "TIMESTAMP_TRUNC(", "TIME_FLOOR("),
    r"\bTIME_FORMAT\(": ("TO_CHAR(", "DATE_FORMAT(", "STRFTIME("),
    r"\bTIME_PARSE\(": ("TO_TIMESTAMP(", "STR_TO_DATE(", "PARSE_TIMESTAMP(", "TIMESTAMP("),
    r"\bTIMESTAMPADD\(": ("DATEADD(", "DATE_ADD(", "TIMESTAMP_ADD("),
    r"\bTIMESTAMPDIFF\(": ("DATEDIFF(", "DATE_DIFF(", "TIMESTAMP_DIFF("),
    r"\bEXTRACT\((\w+) FROM ": (r"EXTRACT(\1, ", r"DATE_PART('\1', ", r"\1(", r"EXTRACT('\1' FROM "),
    r"\bTRIM\((BOTH|LEADING|TRAILING) (\S+) FROM ": (r"TRIM(\2 FROM ", r"TRIM(\1 FROM ", r"TRIM(\1 ", r"TRIM(\2, "),
    r"\bPOSITION\((\S+) IN ": (r"POSITION(\1, ", r"INSTR(\1, ", r"POSITION(\1 OF "),
    r"\bPI\b": ("PI()", "pi", "E", "M_PI"),
    r"COUNT\(\*\)": ("COUNT()", "COUNT(1)", "COUNT(ALL *)", "COUNT(DISTINCT *)"),
}

SHAPES: Final = {
    r"^(.*)$": (
        r"\1;", r"(\1", r"\1)", r"\1 -- x", r"\1 /* x */", r"\1 # x", r"/*+ hint */ \1", r"\1,", r"(\1, 1)",
        r"ROW(\1)",
        r"[\1]", r"{\1}", r"\1 AS x", r"\1 COLLATE \"C\"", r"\1 AT TIME ZONE 'UTC'", r"(\1).x", r"(\1)[1]", r"ALL \1",
        r"NOT (\1)", r"-(\1)", r"+(\1)", r"(\1) IS TRUE", r"(\1) + 1", r"(\1) || 'x'", r"(\1) = 1", r"(\1) > 'a'",
        r"CAST(\1 AS VARCHAR)", r"CAST(\1 AS BIGINT)", r"UPPER(\1)", r"ABS(\1)", r"COALESCE(\1, 'x')",
        r"COALESCE(\1, 0)",
        r"CASE WHEN \1 THEN 1 END", r"MAX(\1)", r"EXISTS (\1)", r"(SELECT \1)", r"TIME_FLOOR(\1, 'P1D')", r"\1 \1",
    ),
}  # fmt: skip

#: Groups of replacements by name; each is used equally often.
GROUPS: Final = {
    "operator": OPERATORS,
    "type": TYPES,
    "literal": LITERALS,
    "unit": UNITS,
    "function": FUNCTIONS,
    "shape": SHAPES,
}
