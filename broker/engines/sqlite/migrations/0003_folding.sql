-- What a digest stands for, and what was told of an incident, found without reading everything.

CREATE INDEX progress_into ON progress (by) WHERE state IN ('folded', 'cancelled');
CREATE INDEX deliveries_incident ON deliveries (incident) WHERE incident <> '';
