-- The rule: from `inventory_events`, the usable inventory events that reading.sql makes, to alerts. Each view `alerts_X`
-- is the policy X. {{threshold}}, {{thresholds}} (a map of products) and {{rearm_margin}} are settings;
-- {{field(NAME)}} is the text of any other field of the event, and {{in_order}} is in_stream_order
-- where the connector tells sequence numbers, otherwise with_threshold. docs/changing-the-rule.md shows how to change it.

CREATE TEMPORARY VIEW with_threshold AS
SELECT *, CAST(COALESCE({{thresholds}}[product_id], {{threshold}}) AS BIGINT) AS threshold
FROM inventory_events;

-- The line `certainly not low` names the events that can never matter to the policy below it. They are dropped by
-- their text, before they are parsed, which makes the job fast. Whoever changes the rule changes this line too, to
-- `inventory >= threshold`, `inventory > threshold` or `none`; tests/jobs/sql/test_prefilter.py fails where it is wrong.

-- certainly not low: inventory >= threshold
CREATE TEMPORARY VIEW alerts_every AS
SELECT product_id, inventory, ts, 'LOW_STOCK' AS reason
FROM with_threshold
WHERE inventory < threshold;

-- Around a split or a merge of shards the connector can read newer events of a product before older ones. An event that
-- is older in the stream than the newest one seen of its product is passed over. (Sequence numbers of one partition key
-- grow, also from a shard to its children; with their length before them they compare as text.)
CREATE TEMPORARY VIEW in_stream_order AS
SELECT *
FROM (
  SELECT *, MAX(place) OVER (PARTITION BY product_id ORDER BY seen_at) AS newest_place
  FROM (
    SELECT *, CONCAT(LPAD(CAST(CHAR_LENGTH(sequence_number) AS STRING), 3, '0'), sequence_number) AS place
    FROM with_threshold
  )
)
WHERE place = newest_place;

-- One alert when a product goes below; the next only after it has been at or above the threshold and the margin. (An
-- event above the threshold matters here, since it arms the next alert.)
-- certainly not low: none
CREATE TEMPORARY VIEW alerts_crossing AS
SELECT product_id, inventory, ts, 'LOW_STOCK' AS reason
FROM (
  SELECT *, LAG(is_low) OVER (PARTITION BY product_id ORDER BY seen_at) AS was_low
  FROM (
    SELECT *, inventory < threshold AS is_low
    FROM {{in_order}}
    WHERE inventory < threshold OR inventory >= threshold + {{rearm_margin}}
  )
)
WHERE is_low AND was_low IS NOT TRUE;
