-- Each session of the day, with the longest session of its city as of now.
REPLACE INTO "Koalas Shares"
OVERWRITE WHERE {{ macros.polaris.within(data_interval_start, data_interval_end) }}
WITH longest AS (
  SELECT "city", MAX("session_length") AS "longest"
  FROM "Koalas Source"
  GROUP BY "city"
)
SELECT
  s."__time",
  s."city",
  s."session_length",
  100.0 * s."session_length" / l."longest" AS "percent_of_longest"
FROM "Koalas Source" s
JOIN longest l ON s."city" = l."city"
WHERE {{ macros.polaris.within(data_interval_start, data_interval_end, 's."__time"') }}
  AND s."session_length" > ?
PARTITIONED BY DAY
CLUSTERED BY "city"
