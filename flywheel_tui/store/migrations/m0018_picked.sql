-- The labels of pairs that an order picked because of what judges say or where doubt is: in no estimate.
CREATE INDEX label_event_picked ON label_event (dataset_id, id)
  WHERE policy IN ('most informative', 'judges disagree', 'near threshold', 'score');
