-- The rule: from `inventory_events`, the usable inventory events that reading.sql makes, to alerts. Each view `alerts_X`
-- is the policy X. {{threshold}}, {{thresholds}} (a map of products) and {{rearm_margin}} are settings;
-- {{field(NAME)}} is the text of any other field of the event. docs/changing-the-rule.md shows how to change it.

CREATE TEMPORARY VIEW with_threshold AS
SELECT *, CAST(COALESCE({{thresholds}}[product_id], {{threshold}}) AS BIGINT) AS threshold
FROM inventory_events;

-- The line `certainly not low` names the events that can never matter to the policy below it. They are dropped by
-- their text, before they are parsed, which makes the job fast. Whoever changes the rule changes this line too, to
-- `inventory >= threshold`, `inventory > threshold` or `none`; tests/jobs/test_prefilter.py fails where it is wrong.

-- certainly not low: inventory >= threshold
CREATE TEMPORARY VIEW alerts_every AS
SELECT product_id, inventory, ts, 'LOW_STOCK' AS reason
FROM with_threshold
WHERE inventory < threshold;

-- One alert when a product goes below; the next only after it has been at or above the threshold and the margin. (An
-- event above the threshold matters here, since it arms the next alert.)
-- certainly not low: none
CREATE TEMPORARY VIEW alerts_crossing AS
SELECT product_id, inventory, ts, 'LOW_STOCK' AS reason
FROM (
  SELECT *, LAG(is_low) OVER (PARTITION BY product_id ORDER BY seen_at) AS was_low
  FROM (
    SELECT *, inventory < threshold AS is_low
    FROM with_threshold
    WHERE inventory < threshold OR inventory >= threshold + {{rearm_margin}}
  )
)
WHERE is_low AND was_low IS NOT TRUE;
