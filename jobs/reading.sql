-- How a record becomes an inventory event or a dead letter. The table `events` has the columns `record`, the text as
-- it came, `sequence_number`, its place in the stream or NULL, and `seen_at`, the processing time. Text in double braces
-- is filled in by alerting/sql.py: settings as SQL literals, and macros.
--
-- Flink merges a query with the one that it reads from, and then copies the expression of a column to every place that
-- uses the column. It does not merge them if such a column may differ from one evaluation to the next. So each view that
-- computes what others use often has `WHEN RAND() < 0`, which is never true, and its columns are computed once.

-- Only records in which the word `inventory` can stand (a `\u` escape could spell it) matter, and the text of most of
-- these shows that they are certainly not low. (SPLIT_INDEX finds a word faster than REGEXP and LIKE do, and DECODE makes
-- a Java text of the bytes, which all three need, faster than Flink itself does.)
CREATE TEMPORARY VIEW candidates AS
SELECT *
FROM (SELECT *, DECODE(CAST(record AS BYTES), 'UTF-8') AS text FROM events)
WHERE (SPLIT_INDEX(text, 'inventory', 1) IS NOT NULL OR SPLIT_INDEX(text, '\u', 1) IS NOT NULL)
  AND NOT REGEXP(text, {{certainly_not_low}});

-- What the text of a record tells: a plain one is a usable inventory event and a flat one an inventory event with scalars
-- alone, whose fields can be cut out of their text; only what may be another JSON object needs the parser. (In the
-- text of a record that is not UTF-8 other characters replace the bad bytes: it is not plain, and it is not used further.)
CREATE TEMPORARY VIEW with_form AS
SELECT
  *,
  CASE
    WHEN RAND() < 0 THEN CAST(NULL AS STRING)
    WHEN REGEXP(text, {{plain}}) THEN 'plain'
    WHEN ENCODE(text, 'UTF-8') <> CAST(record AS BYTES) THEN 'not_utf8'
    WHEN NOT REGEXP(text, '^[ \t\r\n]*+\{(?s:.*)\}[ \t\r\n]*+\z') THEN 'not_a_json_object'
    WHEN REGEXP(text, {{flat}}) THEN 'flat'
    WHEN REGEXP(text, {{perhaps_beyond}}) THEN 'perhaps_beyond'
    ELSE 'json'
  END AS form
FROM candidates;

-- Each record is wrapped with a random token: if that is not second after parsing, the record was not one JSON value. A
-- record beyond the limits of the contract is not parsed: Flinks differ in what they make of it, and some take minutes.
CREATE TEMPORARY VIEW wrapped AS
SELECT
  *,
  CASE WHEN form IN ('json', 'perhaps_beyond') THEN CONCAT('[', text, ',{"type":"', {{token}}, '"}]') END AS json,
  CASE form
    WHEN 'json' THEN TRUE
    WHEN 'perhaps_beyond' THEN
      NOT REGEXP(text, {{long_name}}) AND NOT REGEXP(skeleton, {{long_number}}) AND NOT {{too_deep}}
  END AS is_parsed
FROM (
  SELECT *, CASE form WHEN 'perhaps_beyond' THEN REGEXP_REPLACE(text, {{text}}, '') END AS skeleton
  FROM with_form
);

-- The four fields as JSON, and the token.
CREATE TEMPORARY VIEW parsed AS
SELECT
  *,
  CASE
    WHEN RAND() < 0 THEN CAST(NULL AS STRING)
    WHEN is_parsed THEN JSON_QUERY(json, '$[*]["type","product_id","inventory","timestamp"]')
  END AS fields
FROM wrapped;

-- The fields as text: NULL for one that is missing, null, an array or an object.
CREATE TEMPORARY VIEW with_texts AS
SELECT
  *,
  form IN ('plain', 'flat') OR COALESCE(JSON_VALUE(fields, '$[1].type') = {{token}}, FALSE) AS is_object,
  form IN ('plain', 'flat') OR COALESCE(JSON_VALUE(fields, '$[0].type') = 'inventory', FALSE) AS is_inventory,
  CASE form
    WHEN 'plain' THEN SPLIT_INDEX(SPLIT_INDEX(text, '"product_id":', 1), '"', 1)
    WHEN 'flat' THEN {{cut(product_id)}}
    -- (Half a surrogate pair becomes `?`, as it does wherever a text becomes bytes.)
    ELSE DECODE(ENCODE(JSON_VALUE(fields, '$[0].product_id'), 'UTF-8'), 'UTF-8')
  END AS product_id,
  CASE form
    WHEN 'plain' THEN
      TRIM(BOTH ' "' FROM SPLIT_INDEX(SPLIT_INDEX(SPLIT_INDEX(text, '"inventory":', 1), ',', 0), '}', 0))
    WHEN 'flat' THEN {{cut(inventory)}}
    ELSE JSON_VALUE(fields, '$[0].inventory')
  END AS inventory_text,
  CASE
    WHEN RAND() < 0 THEN CAST(NULL AS STRING)
    WHEN form = 'plain' THEN SPLIT_INDEX(SPLIT_INDEX(text, '"timestamp":', 1), '"', 1)
    WHEN form = 'flat' THEN {{cut(timestamp)}}
    ELSE JSON_VALUE(fields, '$[0].timestamp')
  END AS time_text
FROM parsed;

-- The number, and the time in UTC with milliseconds: NULL where they are not what an event should hold. Most times
-- already have the form that they are given; the others are shifted by their offset. A number can be a product only if
-- it is an integer, which is written in one way. The JSON functions give -0 as 0, and 1e999 as the text Infinity: these
-- are told apart by what the product becomes when such numbers in the record are replaced.
CREATE TEMPORARY VIEW with_values AS
SELECT
  *,
  CASE WHEN form = 'plain' OR REGEXP(inventory_text, '^-?(0|[1-9][0-9]*+)\z') THEN TRY_CAST(inventory_text AS INT) END
    AS inventory,
  CASE
    WHEN RAND() < 0 THEN CAST(NULL AS STRING)
    WHEN form <> 'plain' AND NOT REGEXP(time_text, {{timestamp}}) THEN CAST(NULL AS STRING)
    WHEN CHAR_LENGTH(time_text) = 24 AND time_text LIKE '%Z' THEN
      CASE form WHEN 'plain' THEN time_text ELSE REPLACE(time_text, ',', '.') END
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
  END AS ts,
  CASE
    WHEN form = 'plain' THEN FALSE
    WHEN form = 'flat' THEN
      REGEXP(text, '"product_id": ?[-0-9]') AND NOT REGEXP(product_id, '^(0|-?[1-9][0-9]{0,17})\z')
    WHEN product_id IN ('Infinity', '-Infinity') THEN
      JSON_VALUE(
        REGEXP_REPLACE(json, '(?<=[: \t\r\n])-?[0-9][-+.eE0-9]*+(?=[ \t\r\n]*+[,}])', '0'),
        '$[0].product_id') = '0'
    WHEN NOT REGEXP(fields, '"product_id":[-0-9]') THEN FALSE
    WHEN NOT REGEXP(JSON_QUERY(fields, '$[0].product_id' WITH UNCONDITIONAL ARRAY WRAPPER), '^\[[-0-9]') THEN FALSE
    WHEN product_id = '0' AND REGEXP(text, '-0') THEN
      JSON_VALUE(REGEXP_REPLACE(json, '(?<=[: \t\r\n])-0(?=[ \t\r\n]*+[,}])', '-0.5'), '$[0].product_id') <> '0'
    ELSE NOT REGEXP(product_id, '^-?[0-9]{1,18}\z')
  END AS is_other_number
FROM with_texts;

-- Why a record is a dead letter: the first reason that applies, or NULL. Flink copies each row for one of the two views
-- below, so it has only what they need: the text of an event only if the rule uses more of its fields.
CREATE TEMPORARY VIEW with_reason AS
SELECT
  product_id,
  inventory,
  ts,
  sequence_number,
  seen_at,
  is_inventory,
  {{event}} AS event,
  CASE WHEN form <> 'plain' THEN record END AS record,
  CASE
    WHEN form = 'plain' THEN CAST(NULL AS STRING)
    WHEN form = 'not_utf8' THEN form
    WHEN NOT is_object THEN 'not_a_json_object'
    WHEN NOT is_inventory THEN CAST(NULL AS STRING)
    WHEN COALESCE(CHAR_LENGTH(product_id), 0) NOT BETWEEN 1 AND 64 OR is_other_number THEN 'bad_product_id'
    WHEN inventory IS NULL THEN 'bad_inventory'
    -- An offset can lead out of the years that four digits can say.
    WHEN ts IS NULL OR CHAR_LENGTH(ts) <> 24 OR ts LIKE '0000%' THEN 'bad_timestamp'
  END AS reason
FROM with_values;

-- What the rule is about.
CREATE TEMPORARY VIEW inventory_events AS
SELECT product_id, inventory, ts, event, sequence_number, seen_at
FROM with_reason
WHERE is_inventory AND reason IS NULL;

-- A payload whose JSON text would not fit the record that carries it is cut, so that it cannot stop the job.
CREATE TEMPORARY VIEW refused AS
SELECT
  reason,
  CASE
    WHEN CHAR_LENGTH(payload) <= {{payload_bytes}} / 6 THEN payload
    WHEN CHAR_LENGTH(DECODE(ENCODE(JSON_STRING(payload), 'UTF-8'), 'ISO-8859-1')) <= {{payload_bytes}} THEN payload
    ELSE LEFT(payload, {{payload_bytes}} / 6)
  END AS payload,
  DATE_FORMAT(CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)), 'yyyy-MM-dd''T''HH:mm:ss.SSS''Z''') AS failed_at
FROM (
  SELECT
    reason,
    CASE WHEN reason = 'not_utf8' THEN DECODE(CAST(record AS BYTES), 'ISO-8859-1') ELSE record END AS payload
  FROM with_reason
  WHERE reason IS NOT NULL
);
