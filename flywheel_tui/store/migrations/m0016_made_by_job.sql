-- The rows of one job among hundreds of thousands: what Live labels exactly.
CREATE INDEX made_by_job ON made (job_id);
