-- What the low-inventory job does with each record of the table `events`, which has two columns: `record`, the text as
-- it came, and `seen_at`, the processing time. Names in double braces are settings, put in as SQL literals by
-- statements.py.

-- Only a record in which the word `inventory` can stand (a `\u` escape could spell it) can matter, and of these most
-- plainly need nothing: one look at their text tells. What is left is parsed here, once. The closing mark, which no
-- record can know, is lost or moved when a record is not one JSON value. (REGEXP finds a long word, and SPLIT_INDEX a
-- short one, faster than LIKE does.)
CREATE TEMPORARY VIEW candidates AS
SELECT
  record,
  CHAR_LENGTH(record) > 1000 AND REGEXP(record, {{unwieldy}}) AS is_unwieldy,
  CONCAT('[', record, ',{"type":"', {{mark}}, '"}]') AS marked,
  seen_at
FROM events
WHERE (REGEXP(record, 'inventory') OR SPLIT_INDEX(record, '\u', 1) IS NOT NULL)
  AND NOT REGEXP(record, {{needs_nothing}});

-- A record that would cost the parser minutes (a number of a million digits) or its stack (thousands of brackets in a
-- field that is read) goes another way to the same fields. (An array or an object has a length, a scalar has none.)
CREATE TEMPORARY VIEW parsed AS
SELECT
  record,
  CASE
    WHEN is_unwieldy THEN
      CONCAT(
        '[{"type":',
        COALESCE(JSON_STRING(CASE WHEN JSON_VALUE(tame, '$[0].type.length()') IS NULL THEN JSON_VALUE(tame, '$[0].type') END), 'null'),
        ',"product_id":',
        COALESCE(JSON_STRING(CASE WHEN JSON_VALUE(tame, '$[0].product_id.length()') IS NULL THEN JSON_VALUE(tame, '$[0].product_id') END), 'null'),
        ',"inventory":',
        COALESCE(JSON_STRING(CASE WHEN JSON_VALUE(tame, '$[0].inventory.length()') IS NULL THEN JSON_VALUE(tame, '$[0].inventory') END), 'null'),
        ',"timestamp":',
        COALESCE(JSON_STRING(CASE WHEN JSON_VALUE(tame, '$[0].timestamp.length()') IS NULL THEN JSON_VALUE(tame, '$[0].timestamp') END), 'null'),
        '},{"type":',
        COALESCE(JSON_STRING(CASE WHEN JSON_VALUE(tame, '$[1].type.length()') IS NULL THEN JSON_VALUE(tame, '$[1].type') END), 'null'),
        '}]')
    ELSE JSON_QUERY(tame, '$[*]["type","product_id","inventory","timestamp"]')
  END AS fields,
  seen_at
FROM (
  SELECT
    record,
    is_unwieldy,
    CASE WHEN is_unwieldy THEN REGEXP_REPLACE(marked, {{overlong}}, '') ELSE marked END AS tame,
    seen_at
  FROM candidates
);

-- The fields as text: NULL for one that is missing, null, an array or an object. (Flink copies the expression of a
-- column to every place that uses the column; one that comes out of UNNEST is computed once.)
CREATE TEMPORARY VIEW readings AS
SELECT record, is_utf8, is_object, is_inventory, product_id, inventory_text, time_text, seen_at
FROM parsed
CROSS JOIN UNNEST(ARRAY[ROW(
  ENCODE(DECODE(CAST(record AS BYTES), 'UTF-8'), 'UTF-8') = CAST(record AS BYTES),
  COALESCE(JSON_VALUE(fields, '$[1].type') = {{mark}}, FALSE) AND REGEXP(record, '^[ \t\r\n]*+\{(?s:.*)\}[ \t\r\n]*+\z'),
  fields LIKE '[{"type":"inventory"%',
  JSON_VALUE(fields, '$[0].product_id'),
  JSON_VALUE(fields, '$[0].inventory'),
  JSON_VALUE(fields, '$[0].timestamp')
)]) AS field (is_utf8, is_object, is_inventory, product_id, inventory_text, time_text);

-- The number, and the time in UTC with milliseconds: NULL where they are not what an event should hold. Most times
-- come as they go out; the others are shifted by their offset.
CREATE TEMPORARY VIEW inventory_readings AS
SELECT record, is_utf8, is_object, is_inventory, product_id, inventory, ts, seen_at
FROM readings
CROSS JOIN UNNEST(ARRAY[ROW(
  CASE WHEN REGEXP(inventory_text, '^-?(0|[1-9][0-9]*+)\z') THEN TRY_CAST(inventory_text AS INT) END,
  CASE
    WHEN NOT REGEXP(time_text, {{timestamp}}) THEN CAST(NULL AS STRING)
    WHEN CHAR_LENGTH(time_text) = 24 AND time_text LIKE '%Z' THEN REPLACE(time_text, ',', '.')
    ELSE CONCAT(
      DATE_FORMAT(
        TIMESTAMPADD(
          MINUTE,
          -60 * COALESCE(CAST(REGEXP_EXTRACT(time_text, '([+-]\d\d)(?::?\d\d)?\z', 1) AS INT), 0)
            - COALESCE(CAST(CONCAT(
                REGEXP_EXTRACT(time_text, '([+-])\d\d:?\d\d\z', 1),
                REGEXP_EXTRACT(time_text, '[+-]\d\d:?(\d\d)\z', 1)) AS INT), 0),
          TO_TIMESTAMP(LEFT(time_text, 19), 'yyyy-MM-dd''T''HH:mm:ss')),
        'uuuu-MM-dd''T''HH:mm:ss'),
      '.',
      RPAD(COALESCE(REGEXP_EXTRACT(time_text, '[.,](\d{1,3})', 1), ''), 3, '0'),
      'Z')
  END
)]) AS reading (inventory, ts);

-- Why a record is a dead letter: the first reason that applies, or NULL.
CREATE TEMPORARY VIEW judged AS
SELECT
  *,
  CASE
    WHEN NOT is_utf8 THEN 'not_utf8'
    WHEN NOT is_object THEN 'not_a_json_object'
    WHEN NOT is_inventory THEN CAST(NULL AS STRING)
    WHEN COALESCE(CHAR_LENGTH(product_id), 0) NOT BETWEEN 1 AND 64 THEN 'bad_product_id'
    WHEN inventory IS NULL THEN 'bad_inventory'
    -- An offset can lead out of the years that four digits can say.
    WHEN ts IS NULL OR CHAR_LENGTH(ts) <> 24 OR ts LIKE '0000%' THEN 'bad_timestamp'
  END AS reason
FROM inventory_readings;

CREATE TEMPORARY VIEW stock AS
SELECT
  product_id,
  inventory,
  ts,
  CAST(COALESCE({{thresholds}}[product_id], {{threshold}}) AS BIGINT) AS threshold,
  seen_at
FROM judged
WHERE is_inventory AND reason IS NULL;

CREATE TEMPORARY VIEW alerts_every AS
SELECT product_id, inventory, ts, 'LOW_STOCK' AS reason
FROM stock
WHERE inventory < threshold;

-- One alert when a product goes below; the next only after it has been at or above the threshold and the margin.
CREATE TEMPORARY VIEW alerts_crossing AS
SELECT product_id, inventory, ts, 'LOW_STOCK' AS reason
FROM (
  SELECT *, LAG(is_low) OVER (PARTITION BY product_id ORDER BY seen_at) AS was_low
  FROM (
    SELECT *, inventory < threshold AS is_low
    FROM stock
    WHERE inventory < threshold OR inventory >= threshold + {{rearm_margin}}
  )
)
WHERE is_low AND was_low IS NOT TRUE;

-- A payload whose JSON text would not fit the record that carries it is cut, so that it cannot stop the job.
CREATE TEMPORARY VIEW refused AS
SELECT
  reason,
  CASE
    WHEN CHAR_LENGTH(DECODE(ENCODE(JSON_STRING(payload), 'UTF-8'), 'ISO-8859-1')) <= {{payload_bytes}} THEN payload
    ELSE LEFT(payload, {{payload_bytes}} / 6)
  END AS payload,
  DATE_FORMAT(CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)), 'yyyy-MM-dd''T''HH:mm:ss.SSS''Z''') AS failed_at
FROM (
  SELECT
    reason,
    CASE WHEN reason = 'not_utf8' THEN DECODE(CAST(record AS BYTES), 'ISO-8859-1') ELSE record END AS payload
  FROM judged
  WHERE reason IS NOT NULL
);
